package weakbus_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// The model: a bus that does the same with strong references and a sorted slice, and nothing
// clever. A script of operations runs on both and has to leave the same trace.

// system is what a script runs on.
type system interface {
	subscribe(id, priority int, kind kind)
	cancel(id int) bool
	pause(id int)
	resume(id int)
	drop(id int)
	publish(n int) int
	publishAt(key, n int) int
	post(n int)
	drain() int
	last() (int, bool)
	update(n int) int
	clear() int
	flush() // delivers what waits in the mailbox
	end()
	state(id int) weakbus.State
	len() int
	settle() // outside all publishes: collections, as the script asked for
}

type kind uint8

const (
	plainNode kind = iota
	plainOther
	once
	filtered // odd numbers only
	function // SubscribeFunc
	keyed    // by id, modulo 3
	implemented
	catching
	replayed
	through // the mailbox that all of them share
	coalesced
	kinds
)

const modelKeys = 3

// opCodes is how many codes of operations there are; some stand for the same.
const opCodes = 24

// dropCode is that of dropping a receiver, which costs a collection.
const dropCode = 8

// op is one operation. In a script some are done at once, others by the handler of a
// subscriber when it next hears an event.
type op struct {
	code, a, b byte
}

// script runs operations and writes down all that can be observed.
type script struct {
	sys    system
	next   int          // the next subscription's id
	inside map[int][]op // by subscriber: what its handler does
	depth  int
	budget int // of deliveries
	trace  []string
}

func runScript(ops []op, build func(deliver func(id, n int)) system) []string {
	s := &script{inside: map[int][]op{}, budget: 3_000}
	s.sys = build(s.deliver)
	for _, o := range ops {
		s.do(o)
		s.sys.settle()
	}
	s.depth = 1   // no more drops, which need a settle
	for range 3 { // over the states of the snapshot
		s.note("last %d", s.sys.publish(1))
	}
	s.note("drain %d", s.sys.drain())
	for key := range modelKeys {
		s.note("last at %d %d", key, s.sys.publishAt(key, 2))
	}
	s.sys.flush()
	for id := range s.next {
		s.note("%d is %v", id, s.sys.state(id))
	}
	last, ok := s.sys.last()
	s.note("retained %d %v", last, ok)
	s.note("len %d", s.sys.len())
	s.sys.end()
	return s.trace
}

func (s *script) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (s *script) deliver(id, n int) {
	s.note("%*s%d hears %d", s.depth, "", id, n)
	if s.budget--; s.budget < 0 {
		return
	}
	todo := s.inside[id]
	delete(s.inside, id)
	for _, o := range todo {
		s.do(o)
	}
}

func (s *script) do(o op) {
	id := -1
	if s.next > 0 {
		id = int(o.a) % s.next
	}
	switch code := o.code % opCodes; {
	case code < 4 || id < 0:
		s.sys.subscribe(s.next, int(int8(o.b))/50, kind(o.a)%kinds)
		s.next++
	case code < 6:
		s.note("cancel %d %v", id, s.sys.cancel(id))
	case code == 6:
		s.sys.pause(id)
	case code == 7:
		s.sys.resume(id)
	case code == dropCode && s.depth == 0:
		s.sys.drop(id)
	case code < 12:
		s.inside[id] = append(s.inside[id], op{o.b, o.b >> 2, o.a})
	case code == 12:
		s.sys.post(int(o.b))
	case code == 20:
		if s.depth == 0 { // a handler in the mailbox would wait for itself
			s.depth++
			s.note("flush")
			s.sys.flush()
			s.depth--
		}
	case code == 21:
		if o.b%4 == 0 {
			s.note("clear %d", s.sys.clear())
		}
	case s.depth < 3:
		s.depth++
		switch code {
		case 13:
			s.note("drain %d", s.sys.drain())
		case 22, 23:
			s.note("update %d ran %d", o.b, s.sys.update(int(o.b)))
		case 14, 15:
			s.note("publish %d at %d ran %d", o.b, o.a, s.sys.publishAt(int(o.a)%modelKeys, int(o.b)))
		default:
			s.note("publish %d ran %d", o.b, s.sys.publish(int(o.b)))
		}
		s.depth--
	}
}

// naive is the reference.
type naive struct {
	deliver  func(id, n int)
	lists    [modelKeys + 2][]*naiveSub // by key, then the topic's own, then the interface's
	byID     map[int]*naiveSub
	retain   bool
	kept     []int // the last event, if any
	queue    []int
	draining bool
	mailbox  []*naiveLetter
}

// naiveLetter is an event that waits in the mailbox.
type naiveLetter struct {
	sub *naiveSub
	n   int
}

const (
	ownList       = modelKeys
	interfaceList = modelKeys + 1
)

type naiveSub struct {
	id, priority int
	kind         kind
	paused       bool
	busy         bool  // with what it missed
	missed       []int // the latest, if any
	end          weakbus.State
	refused      bool // what its mailbox has is not wanted, though it was Closed
}

func (b *naive) subscribe(id, priority int, kind kind) {
	sub := &naiveSub{id: id, priority: priority, kind: kind}
	b.byID[id] = sub
	at := ownList
	switch kind {
	case keyed:
		at = id % modelKeys
	case implemented:
		at = interfaceList
	}
	b.lists[at] = append(slices.Clone(b.lists[at]), sub)
	slices.SortStableFunc(b.lists[at], func(x, y *naiveSub) int { return y.priority - x.priority })
	if kind == replayed {
		sub.missed = b.kept
		b.catchUp(sub)
	}
}

// catchUp hands a subscriber what it missed, until nothing is left.
func (b *naive) catchUp(sub *naiveSub) {
	sub.busy = true
	for len(sub.missed) > 0 && !sub.paused && sub.end == weakbus.Active {
		n := sub.missed[0]
		sub.missed = nil
		b.deliver(sub.id, n)
	}
	sub.busy = false
	if sub.kind == replayed {
		sub.missed = nil
	}
}

func (b *naive) cancel(id int) bool {
	sub := b.byID[id]
	if sub.end != weakbus.Active {
		sub.refused = true // what a mailbox accepted before
		return false
	}
	sub.end = weakbus.Cancelled
	return true
}

func (b *naive) drop(id int) {
	sub := b.byID[id]
	sub.refused = true
	if sub.end == weakbus.Active {
		sub.end = weakbus.Collected
	}
}

func (b *naive) pause(id int) { b.byID[id].paused = true }
func (b *naive) settle()      {}

func (b *naive) resume(id int) {
	sub := b.byID[id]
	if sub.paused && sub.end == weakbus.Active {
		sub.paused = false
		if !sub.busy {
			b.catchUp(sub)
		}
	}
}

func (b *naive) publish(n int) (ran int) {
	return b.run(n, b.lists[ownList], b.lists[interfaceList])
}

func (b *naive) publishAt(key, n int) (ran int) {
	return b.run(n, b.lists[key], b.lists[ownList], b.lists[interfaceList])
}

func (b *naive) run(n int, lists ...[]*naiveSub) (ran int) {
	if b.retain {
		b.kept = []int{n}
	}
	for _, sub := range slices.Concat(lists...) {
		switch {
		case sub.end != weakbus.Active || sub.kind == filtered && n%2 == 0:
		case sub.kind == through || sub.kind == coalesced:
			if !sub.paused {
				b.put(sub, n)
				ran++
			}
		case sub.paused && sub.kind == catching, sub.busy && !sub.paused:
			sub.missed = []int{n}
		case sub.paused:
		default:
			if sub.kind == once {
				sub.end = weakbus.Spent
			}
			b.deliver(sub.id, n)
			ran++
		}
	}
	return ran
}

func (b *naive) put(sub *naiveSub, n int) {
	for _, l := range b.mailbox {
		if sub.kind == coalesced && l.sub == sub {
			l.n = n
			return
		}
	}
	b.mailbox = append(b.mailbox, &naiveLetter{sub, n})
}

// flush delivers to those that are active, and what Clear found accepted already.
func (b *naive) flush() {
	for len(b.mailbox) > 0 {
		l := b.mailbox[0]
		b.mailbox = b.mailbox[1:]
		wanted := l.sub.end == weakbus.Active || l.sub.end == weakbus.Closed && !l.sub.refused
		if wanted && !l.sub.paused {
			b.deliver(l.sub.id, l.n)
		}
	}
}

func (b *naive) end() {}

func (b *naive) update(n int) int {
	if !b.retain {
		return -1
	}
	last, ok := b.last()
	return b.publish(updated(last, ok, n))
}

// updated is what an update makes of the last event.
func updated(last int, ok bool, n int) int {
	if !ok {
		return n
	}
	return (7*last + n) % 251
}

func (b *naive) clear() (ended int) {
	for _, sub := range b.lists[ownList] {
		if sub.end == weakbus.Active {
			sub.end = weakbus.Closed
			ended++
		}
	}
	return ended
}

func (b *naive) post(n int) { b.queue = append(b.queue, n) }

func (b *naive) drain() int {
	if b.draining {
		return 0
	}
	b.draining = true
	defer func() { b.draining = false }()
	taken := b.queue
	b.queue = nil
	for _, n := range taken {
		b.publish(n)
	}
	return len(taken)
}

func (b *naive) last() (int, bool) {
	if len(b.kept) == 0 {
		return 0, false
	}
	return b.kept[0], true
}

func (b *naive) state(id int) weakbus.State {
	sub := b.byID[id]
	if sub.end == weakbus.Active && sub.paused {
		return weakbus.Paused
	}
	return sub.end
}

func (b *naive) len() (live int) {
	for _, sub := range b.lists[ownList] {
		if sub.end == weakbus.Active {
			live++
		}
	}
	return live
}

// real is the same on a bus.
type real struct {
	deliver func(id, n int)
	bus     *weakbus.Bus
	topic   *weakbus.Topic[modelEvent]
	queue   *weakbus.Queue
	retain  bool
	mailbox *weakbus.Mailbox
	holder  *weakbus.Bus  // of what holds the mailbox up while the script goes on
	release chan struct{} // lets the mailbox go on
	owners  map[int]any
	subs    map[int]*weakbus.Subscription
	dying   []func() []string
	t       testing.TB
}

type modelEvent struct{ n int }

func (e modelEvent) number() int { return e.n }

type modelNode struct {
	bus *real
	id  int
}

func (d *modelNode) hear(e modelEvent) { d.bus.deliver(d.id, e.n) }

func (d *modelNode) hearAny(e interface{ number() int }) { d.bus.deliver(d.id, e.number()) }

type modelOther struct{ modelNode }

func (d *modelOther) hear(e modelEvent) { d.modelNode.hear(e) }

type modelOwner struct {
	modelNode
	subs weakbus.Scope
}

func (b *real) subscribe(id, priority int, kind kind) {
	p := weakbus.Priority(priority)
	switch kind {
	case plainOther:
		d := &modelOther{modelNode{b, id}}
		b.owners[id], b.subs[id] = d, weakbus.Subscribe(b.bus, d, (*modelOther).hear, p)
	case function:
		d := &modelOwner{modelNode: modelNode{b, id}}
		b.owners[id], b.subs[id] = d, weakbus.SubscribeFunc(b.bus, &d.subs, d.hear, p)
	case implemented:
		d := &modelNode{b, id}
		b.owners[id], b.subs[id] = d, weakbus.Subscribe(b.bus, d, (*modelNode).hearAny, p)
	case keyed:
		d := &modelNode{b, id}
		b.owners[id], b.subs[id] = d, weakbus.Subscribe(b.topic.At(id%modelKeys), d, (*modelNode).hear, p)
	default:
		opts := []weakbus.SubscribeOption{p}
		switch kind {
		case once:
			opts = append(opts, weakbus.Once())
		case filtered:
			opts = append(opts, weakbus.Filter(func(e modelEvent) bool { return e.n%2 != 0 }))
		case catching:
			opts = append(opts, weakbus.CatchUp())
		case replayed:
			opts = append(opts, weakbus.Replay())
		case through:
			opts = append(opts, weakbus.Through(b.mailbox))
		case coalesced:
			opts = append(opts, weakbus.Through(b.mailbox), weakbus.Coalesce())
		}
		d := &modelNode{b, id}
		b.owners[id] = d
		b.subs[id] = weakbus.Subscribe(b.bus, d, (*modelNode).hear, opts...)
	}
}

func (b *real) cancel(id int) bool         { return b.subs[id].Cancel() }
func (b *real) pause(id int)               { b.subs[id].Pause() }
func (b *real) resume(id int)              { b.subs[id].Resume() }
func (b *real) state(id int) weakbus.State { return b.subs[id].State() }
func (b *real) len() int                   { return b.topic.Len() }

func (b *real) post(n int) { require.NoError(b.t, weakbus.Post(b.queue, modelEvent{n})) }
func (b *real) drain() int { return b.queue.Drain() }

// modelHold is an event whose handler holds the mailbox up.
type modelHold struct{ entered, release chan struct{} }

func (b *real) hold() {
	h := modelHold{make(chan struct{}), make(chan struct{})}
	b.release = h.release
	weakbus.Publish(b.holder, h)
	<-h.entered
}

func (b *real) flush() {
	b.end()
	b.hold()
}

func (b *real) end() {
	close(b.release)
	require.NoError(b.t, b.mailbox.Wait(b.t.Context()))
}

func (b *real) clear() int { return b.topic.Clear() }

func (b *real) update(n int) int {
	if !b.retain {
		return -1
	}
	return b.topic.Update(func(last modelEvent, ok bool) modelEvent { return modelEvent{updated(last.n, ok, n)} })
}

func (b *real) last() (int, bool) {
	e, ok := b.topic.Last()
	return e.n, ok
}

func (b *real) publishAt(key, n int) int {
	if n%5 == 4 {
		ran, err := b.topic.At(key).PublishContext(b.t.Context(), modelEvent{n})
		require.NoError(b.t, err)
		return ran
	}
	return b.topic.At(key).Publish(modelEvent{n})
}

func (b *real) publish(n int) int {
	if n%5 == 3 {
		return weakbus.Publish[any](b.bus, modelEvent{n}) // by its dynamic type
	}
	if n%5 == 4 { // the other way to deliver
		ran, err := b.topic.PublishContext(b.t.Context(), modelEvent{n})
		require.NoError(b.t, err)
		return ran
	}
	return weakbus.Publish(b.bus, modelEvent{n})
}

func (b *real) drop(id int) {
	name := fmt.Sprint(id)
	switch d := b.owners[id].(type) {
	case *modelNode:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	case *modelOther:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	case *modelOwner:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	}
	delete(b.owners, id)
}

func (b *real) settle() {
	for _, g := range b.dying {
		collect(b.t, g)
	}
	b.dying = nil
}

func compareWithModel(t testing.TB, ops []op) {
	retain := len(ops)%2 != 0
	want := runScript(ops, func(deliver func(id, n int)) system {
		return &naive{deliver: deliver, byID: map[int]*naiveSub{}, retain: retain}
	})
	var owners map[int]any
	got := runScript(ops, func(deliver func(id, n int)) system {
		bus := weakbus.New()
		owners = map[int]any{}
		topic := weakbus.TopicOf[modelEvent](bus)
		if retain {
			topic.Retain()
		}
		sys := &real{deliver: deliver, bus: bus, topic: topic, queue: weakbus.NewQueue(bus), retain: retain,
			mailbox: weakbus.NewMailbox(1<<20, weakbus.Block), holder: weakbus.New(),
			owners: owners, subs: map[int]*weakbus.Subscription{}, t: t}
		weakbus.SubscribeFunc(sys.holder, sys.holder.Scope(), func(h modelHold) {
			close(h.entered)
			<-h.release
		}, weakbus.Through(sys.mailbox))
		sys.hold()
		return sys
	})
	runtime.KeepAlive(owners)
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "line %d of the trace, after %q", i, got[max(0, i-10):i])
	}
	require.Len(t, got, len(want))
}

func TestModel_RandomOperations(t *testing.T) {
	rounds := 60
	switch {
	case full:
		rounds = 300
	case testing.Short():
		rounds = 30
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		ops := make([]op, 20+r.IntN(200))
		for i := range ops {
			ops[i] = op{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { compareWithModel(t, ops) })
	}
}
