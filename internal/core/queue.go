package core

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/ring"
)

// The errors of package weakbus that the core returns.
var (
	ErrClosed = errors.New("weakbus: bus is closed")
	ErrFull   = errors.New("weakbus: queue is full")
)

// Queue is events of any type that wait to be published; see Q1.
type Queue struct {
	line
	Bus      *Bus
	Label    string
	Wake     func() // nil: nobody asked
	lanes    atomic.Pointer[byType]
	draining atomic.Bool   // somebody owns out, and the consumer's side of each lane
	missed   atomic.Bool   // a Drain came meanwhile, and went away
	closed   bool          // guarded by mu
	wake     chan struct{} // for Run
	sleepers int           // how many of those wait

	// Of the Post under way; guarded by mu.
	gone *lane // whose events were dropped for it,
	lost int   // and how many

	out ring.Ring[*lane] // the order of the events that a drain took
	job Job              // for their stores
}

// queueCapacity is the default capacity of a queue; see ADR 7.
const queueCapacity = 65_536

// Init makes the queue ready; opts configure it.
func (q *Queue) Init(b *Bus) {
	q.Bus, q.capacity, q.overflow = b, queueCapacity, DropNewest
	q.job.errand = &errand{bus: b}
	q.wake = make(chan struct{}, 1)
	q.lanes.Store(&byType{})
}

// Register has the bus know of the queue.
func (q *Queue) Register() { q.Bus.addQueue(weak.Make(q)) }

// Limit sets the capacity.
func (q *Queue) Limit(capacity int) { q.capacity = capacity }

// WhenFull sets the policy.
func (q *Queue) WhenFull(o Overflow) { q.overflow = o }

// Few returns the stores of the first event types, for those who know the type to look for theirs.
func (q *Queue) Few() []any { return q.lanes.Load().few }

// Lane is the place of one event type in the queue.
type Lane struct{ lane }

// Side returns the side where events come in.
func (l *Lane) Side() *Side { return l.in }

// More returns the lane of an event type, which it makes if need be.
func (q *Queue) More(typ *Type) *Lane {
	if l := q.lanes.Load().find(typ.Event); l != nil {
		return l.(*Lane)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	old := q.lanes.Load()
	if l := old.find(typ.Event); l != nil {
		return l.(*Lane)
	}
	l := &Lane{lane{line: &q.line, in: newSide(typ), out: newSide(typ), event: typ.Event}}
	next := old.with(typ.Event, l.in.Store, l)
	q.lanes.Store(&next)
	return l
}

// At returns the lane of the i-th of Few.
func (q *Queue) At(i int) *Lane { return q.lanes.Load().all[i].(*Lane) }

// Begin makes room for one event, or says why there is none. The caller pushes the event onto the
// lane's store if the error is nil, and calls End in any case. Between the two it holds the mutex.
func (q *Queue) Begin(l *Lane) (err error) {
	q.mu.Lock()
	q.gone, q.lost, err = q.makeRoom(&l.lane)
	return err
}

// End ends what Begin began, and returns its error.
func (q *Queue) End(l *Lane, err error) error {
	gone, lost, wake := q.gone, q.lost, false
	if err == nil {
		wake = q.n == 0 && lost == 0 && q.Wake != nil
		q.push(&l.lane)
		q.signal()
	}
	total := q.dropped
	q.mu.Unlock()
	if lost > 0 {
		q.Bus.droppedFrom(q, gone.event, lost, total)
	}
	if wake {
		q.Wake()
	}
	return err
}

// makeRoom sees to it that there is room for one more event on lane l, and returns what was dropped
// for that, or why there is none. The caller holds mu, which it gives up while it waits.
func (q *Queue) makeRoom(l *lane) (gone *lane, n int, err error) {
	for {
		switch {
		case q.closed || q.Bus.closed.Load():
			q.pass()
			return nil, 0, ErrClosed
		case q.n < q.capacity:
			return nil, 0, nil
		case q.overflow == Block:
			event := l.event
			_ = q.await(context.Background(), q.Bus.done, func() { q.Bus.stalled("a queue", event.String()) })
			continue
		case q.overflow == DropNewest:
			gone, n, err = l, 1, ErrFull
		case q.overflow == Latest && l.in.n > 0:
			gone, n = l, q.dropLane(l)
		default:
			gone, n = q.dropOldest(), 1
		}
		q.dropped += n
		return gone, n, err
	}
}

// signal wakes whoever waits for what there is now: room, or something to drain. The caller holds
// mu.
func (q *Queue) signal() {
	q.pass()
	if q.sleepers > 0 && (q.n > 0 || q.closed) && !q.draining.Load() { // the end of a drain signals too
		notify(q.wake)
	}
}

// Drain publishes the events that were posted before, and returns how many those were.
func (q *Queue) Drain() (n int) {
	if !q.draining.CompareAndSwap(false, true) {
		// The event that woke this drain may have come too late for the one under way, whose end
		// then wakes once more: it looks at missed after it has ended.
		q.missed.Store(true)
		if !q.draining.CompareAndSwap(false, true) {
			return 0
		}
	}
	q.missed.Store(false)
	q.take()
	defer q.drained()
	for q.out.Len() > 0 && !q.Bus.closed.Load() {
		l := q.out.Pop()
		if countDown(&l.outSkip) {
			continue
		}
		n++
		if l.topic == nil {
			l.topic = q.Bus.find(l.event)
		}
		q.job.Topic = l.topic       // unless the event's note says another
		l.out.take(Publish, &q.job) // which removes it first: it is gone, whatever the handlers do
	}
	return n
}

// take moves what waits to where the drain under way finds it.
func (q *Queue) take() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Bus.closed.Load() {
		q.dropped += q.clear()
		return
	}
	q.in, q.out = q.out, q.in
	q.in.Trim(q.out.Len())
	for _, x := range q.lanes.Load().all {
		l := &x.(*Lane).lane
		l.in, l.out = l.out, l.in
		l.skip, l.outSkip = 0, l.skip
		if l.in.large(l.out.n) {
			l.in.free()
		}
	}
	q.n = 0
	q.signal()
}

// drained ends a drain. What it took and did not publish it puts back: see Q2.
func (q *Queue) drained() {
	q.mu.Lock()
	left := q.out.Len() > 0
	if left {
		q.restore()
	}
	q.draining.Store(false)
	q.signal() // for a Run that came meanwhile
	missed := q.missed.Swap(false)
	again := (left || missed) && q.n > 0 && q.Wake != nil
	q.mu.Unlock()
	if again {
		q.Wake()
	}
}

// restore puts back what a drain took and did not publish. The caller holds mu.
func (q *Queue) restore() {
	purge(&q.in, func(l *lane) bool { return countDown(&l.skip) })
	purge(&q.out, func(l *lane) bool { return countDown(&l.outSkip) })
	q.n += q.out.Len()
	q.in.Prepend(&q.out)
	for _, x := range q.lanes.Load().all {
		l := &x.(*Lane).lane
		l.out.append(l.in)
		l.in, l.out = l.out, l.in
	}
	if q.Bus.closed.Load() {
		q.dropped += q.clear()
	}
}

// Run drains the queue whenever there is something in it, until ctx is done, or the queue or its bus
// was closed.
func (q *Queue) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		q.Drain()
		if q.Bus.closed.Load() {
			return ErrClosed
		}
		if q.sleep(ctx) {
			return nil
		}
	}
	return ctx.Err()
}

// sleep waits until there is something to drain, unless there is. It reports whether there never
// will be. While somebody else drains it waits for the end of that.
func (q *Queue) sleep(ctx context.Context) (closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.draining.Load() && (q.n > 0 || q.closed) { // the end of a drain is seen here, or signals
		return q.n == 0
	}
	q.sleepers++
	q.mu.Unlock()
	select {
	case <-q.wake:
	case <-ctx.Done():
	case <-q.Bus.done:
	}
	q.mu.Lock()
	q.sleepers--
	q.signal() // the sign may have been meant for others too
	return false
}

// Len returns the number of events that wait, without those that a drain under way has taken.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Dropped returns the number of events that the queue has dropped.
func (q *Queue) Dropped() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Clear drops the events that wait, and returns how many those were.
func (q *Queue) Clear() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.clear()
	q.dropped += n
	q.signal()
	return n
}

// Close refuses further events.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.wakeAll()
		q.signal()
	}
}

// byType finds a value by an event type. It is immutable.
type byType struct {
	few  []any // typed values of the first of them: comparing types beats hashing one
	all  []any // what they stand for, in the order in which they came
	of   []reflect.Type
	more map[reflect.Type]any // what those stand for that are not among the few
}

// fewTypes is where a map lookup begins to beat a walk.
const fewTypes = 8

// find returns what stands for an event type, or nil.
func (b *byType) find(event reflect.Type) any {
	if b.more != nil {
		if v, ok := b.more[event]; ok {
			return v
		}
	}
	for i := range b.few {
		if b.of[i] == event {
			return b.all[i]
		}
	}
	return nil
}

// with returns b with one more.
func (b *byType) with(event reflect.Type, typed, v any) (next byType) {
	next = *b
	next.all = append(b.all[:len(b.all):len(b.all)], v)
	next.of = append(b.of[:len(b.of):len(b.of)], event)
	if len(b.few) < fewTypes {
		next.few = append(b.few[:len(b.few):len(b.few)], typed)
		return next
	}
	if next.more = maps.Clone(b.more); next.more == nil {
		next.more = make(map[reflect.Type]any)
	}
	next.more[event] = v
	return next
}
