package weakbusdebug

import (
	"context"
	"fmt"
	"hash/maphash"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weakbus/weakbus"
)

// recorder is told what happens on the bus, and keeps what the page shows of it. Publishers call it, so
// it never waits for anything but short critical sections.
type recorder struct {
	text    func(event any) string
	log     *log
	ids     atomic.Uint64 // of events and calls
	tallies sync.Map      // topicKey -> *tally
	keyed   atomic.Int64  // how many of them are of keyed sub-topics
	open    open

	mu     sync.Mutex
	early  map[earlyKey]int
	others int            // that early had no room for
	unsure map[string]int // by whoAt: subscriptions that may have heard something in a gap; nil: there was none
	seen   int            // how many were published before the gap
}

func newRecorder() *recorder {
	return &recorder{text: written, log: newLog(), early: make(map[earlyKey]int)}
}

// topicKey says which topic it is without keeping anything of the program alive, as its keys would.
type topicKey struct {
	event reflect.Type
	keys  uint64 // a hash, 0 for the topic itself
}

var seed = maphash.MakeSeed()

func keyOf(t weakbus.TopicInfo) topicKey {
	k := topicKey{event: t.Event}
	for _, key := range t.Keys {
		k.keys = maphash.Comparable(seed, [2]any{k.keys, key}) | 1
	}
	return k
}

// String returns the topic's name in addresses.
func (k topicKey) String() string {
	return fmt.Sprintf("%x-%x", maphash.Comparable(seed, k.event), k.keys)
}

// tally is what is counted for a topic.
type tally struct {
	events, ran, nanos, slowest        atomic.Int64
	unheard, panics, errors, unwritten atomic.Int64
	early                              atomic.Int64
	each                               seconds
	writes, notes                      pace
	keyed                              bool
}

// maxKeyed is the number of sub-topics that have tallies of their own. The others count with their topic.
const maxKeyed = 1000

// tally returns the tally of a topic; of a sub-topic that there is no room for: nil.
func (r *recorder) tally(k topicKey) *tally {
	if t, ok := r.tallies.Load(k); ok {
		return t.(*tally)
	}
	if k.keys != 0 && r.keyed.Load() >= maxKeyed {
		return nil
	}
	t, had := r.tallies.LoadOrStore(k, &tally{keyed: k.keys != 0})
	if !had && k.keys != 0 {
		r.keyed.Add(1)
	}
	return t.(*tally)
}

// root returns the tally of the topic of an event type.
func (r *recorder) root(event reflect.Type) *tally { return r.tally(topicKey{event: event}) }

// prune forgets the sub-topics that the bus has forgotten.
func (r *recorder) prune(s *weakbus.Stats) {
	if r.keyed.Load() == 0 {
		return
	}
	there := make(map[topicKey]bool)
	for i := range s.Topics {
		if t := s.Topics[i].TopicInfo; t.Keys != nil {
			there[keyOf(t)] = true
		}
	}
	r.tallies.Range(func(k, _ any) bool {
		if key := k.(topicKey); key.keys != 0 && !there[key] {
			r.tallies.Delete(key)
			r.keyed.Add(-1)
		}
		return true
	})
}

// trace returns what is to be observed.
func (r *recorder) trace() *weakbus.Trace {
	return &weakbus.Trace{
		PublishStart: r.publishStart,
		PublishEnd:   r.publishEnd,
		HandleStart:  r.handleStart,
		HandleEnd:    r.handleEnd,
		Unheard: func(t weakbus.TopicInfo, _ any) {
			for _, x := range r.both(t) {
				x.unheard.Add(1)
			}
			r.note(t, kindUnheard, func() string { return "nobody was there to hear it" })
		},
		Subscribed: func(s weakbus.SubscriptionInfo) {
			r.note(s.Topic, kindSubscribed, func() string { return whoAt(s) })
		},
		Ended: r.ended,
		Panicked: func(e *weakbus.PanicError) {
			r.root(e.Event).panics.Add(1)
			r.note(weakbus.TopicInfo{Event: e.Event}, kindPanic, func() string { return clip(e.Error()) })
		},
		Failed: func(e *weakbus.HandlerError) {
			r.root(e.Event).errors.Add(1)
			r.note(weakbus.TopicInfo{Event: e.Event}, kindError, func() string { return clip(e.Error()) })
		},
		Dropped: func(d weakbus.Drop) {
			t := weakbus.TopicInfo{Event: d.Event}
			if d.Subscription != nil {
				t = d.Subscription.Topic
			}
			r.note(t, kindDrop, func() string { return dropped(d) })
		},
	}
}

func dropped(d weakbus.Drop) string {
	from := "a queue"
	switch {
	case d.Subscription != nil:
		from = "the mailbox of " + who(*d.Subscription)
	case d.Queue != "":
		from = fmt.Sprintf("the queue %q", d.Queue)
	}
	return fmt.Sprintf("%d by %s, %d so far", d.Count, from, d.Total)
}

// both returns the tallies that count for a topic: those of the topic and of the one it is a sub-topic of.
func (r *recorder) both(t weakbus.TopicInfo) []*tally {
	all := append(make([]*tally, 0, 2), r.root(t.Event))
	if t.Keys != nil {
		if x := r.tally(keyOf(t)); x != nil {
			all = append(all, x)
		}
	}
	return all
}

// note writes something down that is no event.
func (r *recorder) note(t weakbus.TopicInfo, kind string, text func() string) {
	now := time.Now()
	if x := r.root(t.Event); !x.notes.take(now) {
		x.unwritten.Add(1)
		return
	}
	r.log.add(&entry{At: now.UnixMicro(), Kind: kind, Topic: t.String(), Text: text()})
}

// earlyKey says where subscribers come from that were collected before they heard anything.
type earlyKey struct{ topic, receiver, label, site string }

// maxEarly is the number of places that are kept.
const maxEarly = 100

func (r *recorder) ended(s weakbus.SubscriptionInfo, cause weakbus.State) {
	if cause != weakbus.Collected || s.Heard || keyDied(s.Topic) || !r.knows(s, true) {
		r.note(s.Topic, kindEnded, func() string { return cause.String() + ": " + whoAt(s) })
		return
	}
	for _, x := range r.both(s.Topic) {
		x.early.Add(1)
	}
	r.note(s.Topic, kindEarly, func() string { return whoAt(s) })
	k := earlyKey{s.Topic.Event.String(), s.Receiver.String(), s.Label, s.Site}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.early[k]; !ok && len(r.early) >= maxEarly {
		r.others++
		return
	}
	r.early[k]++
}

// keyDied reports whether an object has died that the sub-topic is keyed by: with it, its subscribers
// are gone, and are none that somebody forgot to keep.
func keyDied(t weakbus.TopicInfo) bool {
	for _, k := range t.Keys {
		v := reflect.ValueOf(k)
		if !strings.HasPrefix(v.Type().String(), "weak.Pointer[") {
			continue
		}
		if m := v.MethodByName("Value"); m.IsValid() && m.Call(nil)[0].IsNil() {
			return true
		}
	}
	return false
}

// knows reports whether Heard says the truth when it is false. It does for a subscription that was made
// while the bus was observed, which its site shows, unless there was a gap since. ended says that the
// subscription is gone now.
func (r *recorder) knows(s weakbus.SubscriptionInfo, ended bool) bool {
	if s.Heard {
		return true
	}
	if s.Site == "" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name := whoAt(s)
	n := r.unsure[name]
	if n > 0 && ended {
		r.unsure[name]--
	}
	return n == 0
}

// beforeGap is called when the page does not observe any more. What has not heard anything by then may
// hear something before it observes again.
func (r *recorder) beforeGap(s weakbus.Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsure, r.seen = make(map[string]int), published(s)
	for _, t := range s.Topics {
		for _, sub := range t.Subscriptions {
			if !sub.Heard && sub.Site != "" {
				r.unsure[whoAt(sub.SubscriptionInfo)]++
			}
		}
	}
}

// afterGap is called before the page observes again. If the bus has counted meanwhile, somebody else
// observes it, and all is known.
func (r *recorder) afterGap(stats func() weakbus.Stats) {
	r.open.reset()
	if !r.gap() {
		return
	}
	now := published(stats()) // which may call the recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	if now != r.seen {
		r.unsure = nil
	}
}

func (r *recorder) gap() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unsure != nil
}

func published(s weakbus.Stats) (n int) {
	for _, t := range s.Topics {
		if t.Keys == nil {
			n += t.Published
		}
	}
	return n
}

// span is a publish that is under way, or a call of a handler. It is the context that goes on.
type span struct {
	context.Context
	began  time.Time
	story  *story // of the event; nil if it is not written out
	call   *call  // nil: a publish
	parent uint64 // for what is published within it
	thread uint64 // the goroutine it is open on
	outer  *span  // that was open there before
}

// story is what is written down of an event.
type story struct {
	mu    sync.Mutex
	entry *entry
	over  bool // the entry is in the log
}

// maxCalls is the number of calls that are written down for one event.
const maxCalls = 32

type spanKey struct{}

// Value returns the span itself for its key.
func (s *span) Value(key any) any {
	if key == (spanKey{}) {
		return s
	}
	return s.Context.Value(key)
}

func spanOf(ctx context.Context) *span {
	s, _ := ctx.Value(spanKey{}).(*span)
	return s
}

func (r *recorder) publishStart(ctx context.Context, topic weakbus.TopicInfo, event any) context.Context {
	s := &span{Context: ctx, began: time.Now()}
	if outer := spanOf(ctx); outer != nil {
		s.parent = outer.parent
	}
	if x := r.root(topic.Event); x.writes.take(s.began) {
		r.write(s, topic, event)
	} else {
		x.unwritten.Add(1)
	}
	return s
}

// write begins the story of an event.
func (r *recorder) write(s *span, topic weakbus.TopicInfo, event any) {
	r.open.enter(s)
	if s.parent == 0 && s.outer != nil {
		s.parent = s.outer.parent
	}
	e := &entry{At: s.began.UnixMicro(), Kind: kindEvent, Topic: topic.String(), Text: r.value(event), ID: r.ids.Add(1), Parent: s.parent}
	s.story, s.parent = &story{entry: e}, e.ID
}

// value writes an event out.
func (r *recorder) value(event any) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = clip(fmt.Sprintf("(to write it out panicked: %v)", p))
		}
	}()
	return clip(r.text(event))
}

func (r *recorder) publishEnd(ctx context.Context, topic weakbus.TopicInfo, ran int, _ error) {
	s := spanOf(ctx)
	if s == nil || s.call != nil {
		return // another observer has lost it
	}
	took := int64(time.Since(s.began))
	for _, x := range r.both(topic) {
		x.add(s.began, ran, took)
	}
	if s.story == nil {
		return
	}
	r.open.leave(s)
	s.story.mu.Lock()
	defer s.story.mu.Unlock()
	e := s.story.entry
	e.Ran, e.Nanos = ran, took
	s.story.over = true
	r.log.add(e)
}

func (t *tally) add(at time.Time, ran int, took int64) {
	t.events.Add(1)
	t.ran.Add(int64(ran))
	t.nanos.Add(took)
	for old := t.slowest.Load(); took > old && !t.slowest.CompareAndSwap(old, took); old = t.slowest.Load() {
	}
	t.each.count(at)
}

func (r *recorder) handleStart(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
	p := spanOf(ctx)
	if p == nil || p.story == nil {
		return ctx
	}
	s := &span{Context: ctx, began: time.Now(), story: p.story}
	p.story.mu.Lock()
	defer p.story.mu.Unlock()
	if e := p.story.entry; !p.story.over {
		if len(e.Calls) >= maxCalls {
			e.More++
			return ctx
		}
		s.call = &call{}
		e.Calls = append(e.Calls, s.call)
	} else {
		s.call = &call{}
	}
	s.parent = r.ids.Add(1)
	*s.call = call{ID: s.parent, Who: who(sub), Site: sub.Site, At: s.began.UnixMicro(), Nanos: -1}
	r.open.enter(s)
	return s
}

// handleEnd completes a call. What the log has is not changed any more: a call that outlives the publish
// is an entry of its own.
func (r *recorder) handleEnd(ctx context.Context, sub weakbus.SubscriptionInfo, err error) {
	s := spanOf(ctx)
	if s == nil || s.call == nil {
		return
	}
	r.open.leave(s)
	done := *s.call
	done.Nanos = int64(time.Since(s.began))
	if err != nil {
		done.Err = clip(err.Error())
	}
	s.story.mu.Lock()
	defer s.story.mu.Unlock()
	e := s.story.entry
	if !s.story.over {
		*s.call = done
		return
	}
	r.log.add(&entry{At: done.At, Kind: kindLate, Topic: e.Topic, Text: done.Who, Parent: e.ID, Nanos: done.Nanos, Calls: []*call{&done}})
}

// open is the spans that are open on each goroutine. Most handlers take no context, and what they publish
// would have no parent without it.
type open struct {
	mu    sync.Mutex
	spans map[uint64]*span
}

// maxOpen bounds what is left behind where another observer loses contexts.
const maxOpen = 10_000

func (o *open) enter(s *span) {
	s.thread = goroutine()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.spans == nil || len(o.spans) >= maxOpen {
		o.spans = make(map[uint64]*span)
	}
	s.outer = o.spans[s.thread]
	o.spans[s.thread] = s
}

func (o *open) leave(s *span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.outer == nil {
		delete(o.spans, s.thread)
	} else if o.spans != nil {
		o.spans[s.thread] = s.outer
	}
	s.outer = nil
}

func (o *open) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spans = nil
}

// goroutine returns the number of this goroutine, which a stack trace begins with: "goroutine 7 [". The
// runtime offers no other way. It takes about a microsecond, and is done for what is written out only.
func goroutine() (n uint64) {
	var buf [40]byte
	for _, c := range buf[len("goroutine "):runtime.Stack(buf[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + uint64(c-'0')
	}
	return n
}

// pace lets through at most 100 in any second: 50 at once, then 50 a second.
type pace struct{ next atomic.Int64 }

const (
	paceBurst    = 50
	paceInterval = int64(time.Second / 50)
)

var born = time.Now()

func (p *pace) take(at time.Time) bool {
	now := int64(at.Sub(born))
	for {
		old := p.next.Load()
		next := max(old, now)
		if next-now > (paceBurst-1)*paceInterval {
			return false
		}
		if p.next.CompareAndSwap(old, next+paceInterval) {
			return true
		}
	}
}

// seconds counts how many there were in each of the last seconds.
type seconds [64]atomic.Uint64 // the second in the upper half, the count in the lower

func (s *seconds) count(at time.Time) {
	sec := uint64(at.Unix())
	slot := &s[sec%uint64(len(s))]
	for {
		old := slot.Load()
		next := old + 1
		if old>>32 != sec&(1<<32-1) {
			next = sec<<32 | 1
		}
		if slot.CompareAndSwap(old, next) {
			return
		}
	}
}

// shownSeconds is the length of a sparkline.
const shownSeconds = 60

// last returns the counts of the last complete seconds, the latest last.
func (s *seconds) last(now time.Time) (counts [shownSeconds]int) {
	sec := uint64(now.Unix())
	for i := range counts {
		want := sec - uint64(shownSeconds-i)
		if v := s[want%uint64(len(s))].Load(); v>>32 == want&(1<<32-1) {
			counts[i] = int(v & (1<<32 - 1))
		}
	}
	return counts
}

func who(s weakbus.SubscriptionInfo) string {
	if s.Label != "" {
		return s.Label + " (" + s.Receiver.String() + ")"
	}
	return s.Receiver.String()
}

func whoAt(s weakbus.SubscriptionInfo) string {
	if s.Site != "" {
		return who(s) + ", subscribed at " + short(s.Site)
	}
	return who(s)
}

// short returns the last elements of a file's path.
func short(site string) string {
	n := len(site)
	for range 3 {
		if n = strings.LastIndexByte(site[:n], '/'); n < 0 {
			return site
		}
	}
	return site[n+1:]
}
