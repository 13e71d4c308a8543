package core

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/weakbus/weakbus/internal/lists"
)

// Bus is all of a bus. It has a topic for each type of events.
type Bus struct {
	OnPanic func(*Panic) // nil: panics reach the publisher; set before the bus is shared
	Own     *Scope       // lives as long as the bus

	topics     atomic.Pointer[byType]
	interfaces atomic.Pointer[interfaces] // nil until there is a topic of one
	closed     atomic.Bool
	armed      atomic.Bool   // a sweep is due after the next collection, or under way
	still      atomic.Bool   // no sweep comes any more; see Vanished
	done       chan struct{} // closed with the bus
	mu         sync.Mutex    // serialises writers of topics and closed
	running    runners       // mailboxes at work
	ties       *ties         // outlives the bus, to be pruned when it is gone
	tracer     tracer
	queues     []weak.Pointer[Queue] // guarded by mu
}

// Init makes the bus ready.
func (b *Bus) Init() {
	b.ties, b.done = &ties{}, make(chan struct{})
	b.topics.Store(&byType{})
}

// Ready reports whether Init was called.
func (b *Bus) Ready() bool { return b.done != nil }

// Closed reports whether the bus was closed.
func (b *Bus) Closed() bool { return b.closed.Load() }

// guarded reports whether panics of handlers are caught, be it to be reported and go on.
func (b *Bus) guarded() bool { return b != nil && (b.OnPanic != nil || b.observed()) }

// Few returns the typed topics of the first event types, for those who know the type to look for
// theirs.
func (b *Bus) Few() []any {
	ts := b.topics.Load()
	if ts == nil {
		Misuse("Bus", "a zero Bus; make one with New")
	}
	return ts.few
}

// Find returns the typed topic of an event type, or nil.
func (b *Bus) Find(event reflect.Type) any {
	if t := b.topics.Load().find(event); t != nil {
		return t.(*member).face
	}
	return nil
}

// member is a topic of the bus, with its typed face.
type member struct {
	face  any
	topic *Topic
}

// find returns the topic of an event type, or nil.
func (b *Bus) find(event reflect.Type) *Topic {
	if t := b.topics.Load().find(event); t != nil {
		return t.(*member).topic
	}
	return nil
}

// all calls do for each topic, in the order in which they came.
func (b *Bus) all(do func(*Topic)) {
	for _, m := range b.topics.Load().all {
		do(m.(*member).topic)
	}
}

// FindOrAdd returns the typed topic of an event type, which it makes if there is none.
func (b *Bus) FindOrAdd(typ *Type) any {
	if face := b.Find(typ.Event); face != nil {
		return face
	}

	b.mu.Lock()
	defer b.tracer.pump()
	defer b.mu.Unlock()
	if face := b.Find(typ.Event); face != nil {
		return face
	}
	var j Job
	face := typ.do(NewTopic, nil, &j)
	t := j.Topic
	t.Bus, t.closed = b, b.closed.Load()
	t.Init(typ)
	b.register(face, t)
	return face
}

// register adds a topic. The caller holds mu.
func (b *Bus) register(face any, t *Topic) {
	typ := t.typ.Event
	if typ.Kind() == reflect.Interface {
		i := &interfaces{topics: []*Topic{t}}
		if old := b.interfaces.Load(); old != nil {
			i.topics = append(slices.Clip(old.topics), t)
		}
		b.all(func(other *Topic) {
			if e := other.typ.Event; e.Kind() != reflect.Interface && e.Implements(typ) {
				other.addListenerTopics([]*Topic{t})
			}
		})
		b.interfaces.Store(i)
	} else if i := b.interfaces.Load(); i != nil {
		t.addListenerTopics(i.of(typ))
	}
	next := b.topics.Load().with(typ, face, &member{face, t})
	b.topics.Store(&next)
}

// Close ends all subscriptions and refuses new ones. It waits until the mailboxes have delivered
// what they accepted, or ctx is done: then it drops the rest, and says how much that was. limit says
// in words how long that took, where it was not the caller who set it.
func (b *Bus) Close(ctx context.Context, limit string) error {
	b.mu.Lock()
	if !b.closed.Swap(true) {
		close(b.done)
	}
	all := b.topics.Load().all
	b.mu.Unlock()
	lists.Finish(all, func(m any) { m.(*member).topic.close() })
	defer b.Own.Close()
	if insideHandler() {
		return nil
	}
	if b.Wait(ctx) == nil {
		return nil
	}
	lost, boxes := b.running.abandon(b)
	if boxes == 0 {
		return nil
	}
	if limit != "" {
		return fmt.Errorf("weakbus: Close: %d handlers of Async still running after %s; %d events were dropped", boxes, limit, lost)
	}
	return fmt.Errorf("weakbus: Shutdown: %d handlers of Async still running; %d events were dropped: %w", boxes, lost, context.Cause(ctx))
}

// CloseLimit bounds how long Close waits for mailboxes, where the caller does not say.
const CloseLimit = 5 * time.Second

// Wait waits until no mailbox has anything left.
func (b *Bus) Wait(ctx context.Context) error { return b.running.wait(ctx) }

// addQueue notes a queue of the bus.
func (b *Bus) addQueue(w weak.Pointer[Queue]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queues = append(b.queues, w)
	b.arm()
}

// pruneQueues forgets the queues that were collected, and reports whether any is left.
func (b *Bus) pruneQueues() (some bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queues = slices.DeleteFunc(b.queues, func(w weak.Pointer[Queue]) bool { return w.Value() == nil })
	if cap(b.queues) > 4*len(b.queues)+4 {
		b.queues = slices.Clone(b.queues)
	}
	return len(b.queues) > 0
}

// addListenerTopics has topics of interfaces hear what is published to t.
func (t *Topic) addListenerTopics(topics []*Topic) {
	if len(topics) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*Topic
	if old := t.rare().listeners.Load(); old != nil {
		all = slices.Clip(*old)
	}
	all = append(all, topics...)
	t.makeRare().listeners.Store(&all)
	t.remode()
}

// interfaces is the topics of interface types that a bus has, in the order in which they came.
type interfaces struct {
	topics []*Topic
	memo   sync.Map // from a dynamic type without a topic to those it implements, as []*Topic
}

// of returns those that typ implements.
func (i *interfaces) of(typ reflect.Type) (implemented []*Topic) {
	for _, t := range i.topics {
		if typ.Implements(t.typ.Event) {
			implemented = append(implemented, t)
		}
	}
	return implemented
}

// memoised is of for a dynamic type without a topic.
func (i *interfaces) memoised(typ reflect.Type) []*Topic {
	if i == nil {
		return nil
	}
	memo, ok := i.memo.Load(typ)
	if !ok {
		checkByValue(typ)
		memo, _ = i.memo.LoadOrStore(typ, i.of(typ))
	}
	return memo.([]*Topic)
}

// HasInterfaces reports whether there is a topic of an interface type.
func (b *Bus) HasInterfaces() bool { return b.interfaces.Load() != nil }

// PublishAny publishes an event by its dynamic type: to the topic of that type if there is one, or
// else to those of the interfaces that it implements. A nil interface has no type and reaches nobody.
func (b *Bus) PublishAny(o *Outcome, event any) {
	if event == nil || b.closed.Load() {
		return
	}
	if t := b.find(reflect.TypeOf(event)); t != nil {
		o.runBoxed(&boxedLeg{Leg{Topic: t}, event})
		return
	}
	if b.observed() {
		b.publishObserved(o, event)
	} else {
		b.publishBoxed(o, event)
	}
}

// publishObserved is publishBoxed where somebody observes the bus.
func (b *Bus) publishObserved(o *Outcome, event any) {
	p := publication{bus: b, info: TopicInfo{Event: reflect.TypeOf(event)}, event: event}
	p.observe(o)
	defer p.end(o)
	p.start(o)
	b.publishBoxed(o, event)
	p.returned = true
}

// publishBoxed publishes an event whose dynamic type has no topic.
func (b *Bus) publishBoxed(o *Outcome, event any) {
	var room [4]boxedLeg
	legs := b.plan(o, room[:0], event)
	defer leaveBoxed(legs)
	before := o.Ran
	o.run(legs)
	o.reached = o.Ran == before && reached(nil, legs)
}

// PublishAnyReported is PublishAny for a publisher that gets no errors; they are reported.
func (b *Bus) PublishAnyReported(event any) (int, Registers) {
	var j Job
	defer j.ReportTo(b) // also when a handler panics
	b.PublishAny(&j.Outcome, event)
	return j.Ran, Registers{}
}

// plan adds the legs of an event by its dynamic type.
func (b *Bus) plan(o *Outcome, legs []boxedLeg, event any) []boxedLeg {
	if event == nil {
		return legs
	}
	typ := reflect.TypeOf(event)
	var listeners []*Topic
	if t := b.find(typ); t == nil {
		listeners = b.interfaces.Load().memoised(typ)
	} else {
		legs = t.beginBoxed(o, legs, event)
		if all := t.rare().listeners.Load(); all != nil {
			listeners = *all
		}
	}
	for _, t := range listeners {
		if t.head.Load() != nil || t.rare().kept.Load() != nil {
			legs = t.beginBoxed(o, legs, event)
		}
	}
	return legs
}

// runners is the mailboxes of a bus that are at work.
type runners struct {
	mu    sync.Mutex
	boxes map[*Box]struct{}
	idle  chan struct{} // closed when there are none; nil while nobody waits
}

func (r *runners) add(box *Box) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.boxes == nil {
		r.boxes = make(map[*Box]struct{})
	}
	r.boxes[box] = struct{}{}
}

func (r *runners) remove(box *Box) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.boxes, box)
	if len(r.boxes) == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// wait waits until no mailbox is at work.
func (r *runners) wait(ctx context.Context) error {
	r.mu.Lock()
	if len(r.boxes) == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// abandon drops what the mailboxes have left of a closed bus, and returns how much that was.
func (r *runners) abandon(bus *Bus) (lost, boxes int) {
	r.mu.Lock()
	left := slices.Collect(maps.Keys(r.boxes))
	r.mu.Unlock()
	for _, box := range left { // outside mu, which comes after that of a mailbox
		lost += box.abandon(bus)
	}
	return lost, len(left)
}
