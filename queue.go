package weakbus

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
)

// ErrFull reports that a queue had no room for an event. Test for it with errors.Is.
var ErrFull = errors.New("weakbus: queue is full")

// queueCapacity is the default capacity of a queue; see ADR 7.
const queueCapacity = 65_536

// Queue collects events of any type, posted from any goroutine, until one goroutine publishes
// them: that of a frame loop or of a user interface calls Drain, any other may call Run. Events
// keep the order in which they were posted, across types. Make one with NewQueue. Its methods,
// and Post, are safe for concurrent use and may be called from handlers.
//
// A queue keeps its bus alive, and the events in it, but no subscriber.
type Queue struct {
	bus      *Bus
	capacity int
	overflow Overflow
	lanes    atomic.Pointer[lanes]
	draining atomic.Bool // somebody owns out, and the out of each lane

	mu       sync.Mutex
	in       ring[int32] // by lane, what was posted, in order; with entries that were dropped
	n        int         // events that wait
	dropped  int
	closed   bool
	room     chan struct{} // a baton for posts that wait for room; closed with the queue
	waiting  int           // how many those are
	wake     chan struct{} // for Run
	sleepers int           // how many of those wait

	out ring[int32] // as in, for the events that a drain took
}

// lanes is the lanes of a queue, one for each event type. It is immutable.
type lanes struct {
	byType
	all []anyLane
}

// anyLane is what a queue does with events whose type it does not know. The caller of all but
// event and publish holds the queue's mu.
type anyLane interface {
	event() reflect.Type
	publish(q *Queue, n int) (published int) // the oldest n of those that were taken
	waits() int
	drop(n int, marked bool) // the oldest n; marked: their entries in the order stay behind
	skip() bool              // the next entry in the order is one that stayed behind
	skipOut() bool           // the same for those that were taken
	swap()                   // takes what waits
	restore() (n int)        // takes back what was taken but not published
}

// lane is the events of one type in a queue.
type lane[E any] struct {
	index int32
	in    ring[posted[E]]
	out   ring[posted[E]]
	// The first so many entries of the lane, in the order, are of events that were dropped.
	inSkip, outSkip int
}

// posted is an event in a queue.
type posted[E any] struct {
	event E
	topic *Topic[E] // nil for the bus
}

// QueueOption configures a queue.
type QueueOption func(*Queue)

// Capacity bounds the events that wait in a queue. The default is 65,536. An unbounded queue is asked
// for with math.MaxInt. Memory is taken as it is needed. Capacity panics if n is less than one.
func Capacity(n int) QueueOption {
	checkCapacity("Capacity", n, Block)
	return func(q *Queue) { q.capacity = n }
}

// WhenFull says what becomes of an event that is posted to a full queue. The default is DropNewest, with
// which Post returns ErrFull. With Block, Post waits for a drain; a handler that posts to
// the queue it is being drained from, or the goroutine that drains, may wait for itself, which
// is reported after five seconds. DropOldest drops the event that has waited longest, of any
// type. Latest drops what waits of the same type, and where there is none the event that has
// waited longest.
func WhenFull(overflow Overflow) QueueOption {
	checkOverflow("WhenFull", overflow)
	return func(q *Queue) { q.overflow = overflow }
}

// NewQueue returns an empty queue for events of the bus. It starts no goroutine.
func NewQueue(b *Bus, opts ...QueueOption) *Queue {
	if b == nil {
		misuse("NewQueue", "nil *Bus; make one with New")
	}
	q := &Queue{bus: b, capacity: queueCapacity, overflow: DropNewest,
		room: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	q.lanes.Store(&lanes{})
	for _, opt := range opts {
		if opt != nil {
			opt(q)
		}
	}
	return q
}

// Post puts event into the queue, to be published to the queue's bus by the next drain. No
// handler runs. It returns nil if the event was accepted, ErrFull if a queue with DropNewest has
// no room for it, and ErrClosed if the queue or its bus is closed.
func Post[E any](q *Queue, event E) error {
	return post("Post", q, posted[E]{event: event})
}

// PostTo is Post for an event that is to be published to a topic, such as a keyed sub-topic or a
// topic outside the bus.
func PostTo[E any](q *Queue, t *Topic[E], event E) error {
	if t == nil {
		misuse("PostTo", "nil *Topic; to publish to the bus, use Post")
	}
	return post("PostTo", q, posted[E]{event, t})
}

func post[E any](function string, q *Queue, p posted[E]) error {
	if q == nil || q.bus == nil {
		misuse(function, "nil *Queue or a zero one; make one with NewQueue")
	}
	l := laneOf[E](q)
	q.mu.Lock()
	gone, n, err := q.makeRoom(l)
	if err == nil {
		l.in.push(p)
		q.in.push(l.index)
		q.n++
		q.signal()
	}
	total := q.dropped
	q.mu.Unlock()
	if n > 0 {
		q.bus.tracer.dropped(Drop{Event: gone.event(), Count: n, Total: total})
	}
	return err
}

// laneOf returns the queue's lane of type E.
func laneOf[E any](q *Queue) *lane[E] {
	if l := find[*lane[E], E](&q.lanes.Load().byType); l != nil {
		return l
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	old := q.lanes.Load()
	if l := find[*lane[E], E](&old.byType); l != nil {
		return l
	}
	l := &lane[E]{index: int32(len(old.all))}
	q.lanes.Store(&lanes{old.with(l.event(), l), append(old.all[:len(old.all):len(old.all)], l)})
	return l
}

// makeRoom sees to it that there is room for one more event on lane l, and returns what was
// dropped for that, or why there is none. The caller holds mu, which it gives up while it waits.
func (q *Queue) makeRoom(l anyLane) (gone anyLane, n int, err error) {
	for {
		switch {
		case q.closed || q.bus.closed.Load():
			return nil, 0, ErrClosed
		case q.n < q.capacity:
			return nil, 0, nil
		case q.overflow == Block:
			q.await(l.event())
			continue
		case q.overflow == DropNewest:
			gone, n, err = l, 1, ErrFull
		case q.overflow == Latest && l.waits() > 0:
			gone, n = l, l.waits()
			l.drop(n, true)
			q.n -= n
			q.compact()
		default:
			gone, n = q.oldest(), 1
			gone.drop(1, false)
			q.n--
		}
		q.dropped += n
		return gone, n, err
	}
}

// oldest removes the oldest entry from the order, and returns its lane.
func (q *Queue) oldest() anyLane {
	all := q.lanes.Load().all
	for {
		if l := all[q.in.pop()]; !l.skip() {
			return l
		}
	}
}

// compact removes from the order the entries whose events were dropped, when they are many.
func (q *Queue) compact() {
	if q.in.n < 2*q.n+minRing {
		return
	}
	all := q.lanes.Load().all
	purge(&q.in, func(i int32) bool { return all[i].skip() })
}

// purge removes the entries that are to be skipped from an order.
func purge(order *ring[int32], skip func(lane int32) bool) {
	for range order.n {
		if i := order.pop(); !skip(i) {
			order.push(i)
		}
	}
}

// await waits, without mu, for a sign that there may be room, or that the queue was closed.
func (q *Queue) await(event reflect.Type) {
	q.waiting++
	q.mu.Unlock()
	_ = wait(context.Background(), q.room, q.bus.done, func() { q.bus.stalled("a queue", event.String()) })
	q.mu.Lock()
	q.waiting--
}

// signal wakes whoever waits for what there is now: room, or something to drain. The caller
// holds mu.
func (q *Queue) signal() {
	if q.waiting > 0 && q.n < q.capacity && !q.closed {
		notify(q.room)
	}
	if q.sleepers > 0 && (q.n > 0 || q.closed) && !q.draining.Load() { // the end of a drain signals too
		notify(q.wake)
	}
}

// notify sends without waiting: a sign that is there already will do.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Drain publishes the events that were posted before this call, in order, on this goroutine, and
// returns how many those were. What handlers post meanwhile waits for the next drain. One drain
// runs at a time: while one does, Drain returns 0 at once, also in a handler.
//
// A panic in a handler reaches the caller, unless the bus has OnPanic. The event is gone then;
// those behind it stay in the queue, before what was posted meanwhile, and the queue may hold
// more than its capacity until it is drained again. On a closed bus Drain drops what waits,
// and counts it as dropped.
func (q *Queue) Drain() (n int) {
	if !q.draining.CompareAndSwap(false, true) {
		return 0
	}
	all := q.take()
	published := false
	defer func() {
		if !published {
			q.restore()
		}
		q.draining.Store(false)
		q.mu.Lock()
		q.signal() // for a Run that came meanwhile
		q.mu.Unlock()
	}()
	for q.out.n > 0 {
		i := q.out.at(0)
		l := all[i]
		if l.skipOut() {
			q.out.pop()
			continue
		}
		run := 1
		for run < q.out.n && q.out.at(run) == i {
			run++
		}
		n += l.publish(q, run)
		if q.bus.closed.Load() {
			break // restore counts the rest as dropped
		}
	}
	published = q.out.n == 0
	return n
}

// take moves what waits to where the drain under way finds it, and returns the lanes.
func (q *Queue) take() []anyLane {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.lanes.Load().all
	if q.bus.closed.Load() {
		q.dropped += q.clear()
		return all
	}
	q.in, q.out = q.out, q.in
	q.in.trim(q.out.n)
	for _, l := range all {
		l.swap()
	}
	q.n = 0
	q.signal()
	return all
}

// restore puts back what a drain took and did not publish.
func (q *Queue) restore() {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.lanes.Load().all
	purge(&q.in, func(i int32) bool { return all[i].skip() })
	purge(&q.out, func(i int32) bool { return all[i].skipOut() })
	q.in.prepend(&q.out)
	for _, l := range all {
		q.n += l.restore()
	}
	if q.bus.closed.Load() {
		q.dropped += q.clear()
	}
}

// Run drains the queue whenever there is something in it, and sleeps while there is not. It
// returns ctx.Err() when ctx is done, with the rest still in the queue; nil when the queue was
// closed and is empty; ErrClosed when the bus was closed. A panic in a handler ends it as it ends
// Drain.
func (q *Queue) Run(ctx context.Context) error {
	checkContext("Run", ctx)
	for ctx.Err() == nil {
		q.Drain()
		if q.bus.closed.Load() {
			return ErrClosed
		}
		if q.sleep(ctx) {
			return nil
		}
	}
	return ctx.Err()
}

// sleep waits until there is something to drain, unless there is. It reports whether there
// never will be. While somebody else drains it waits for the end of that.
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
	case <-q.bus.done:
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

// Dropped returns the number of events that the queue has dropped so far: for want of room,
// because the bus was closed, and by Clear.
func (q *Queue) Dropped() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Clear drops the events that wait, and returns how many those were. A drain under way keeps
// what it has taken.
func (q *Queue) Clear() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.clear()
	q.dropped += n
	q.signal()
	return n
}

// clear drops the events that wait. The caller holds mu.
func (q *Queue) clear() (n int) {
	for _, l := range q.lanes.Load().all {
		l.drop(l.waits(), true)
		for l.skip() {
		}
	}
	q.in.clear()
	n, q.n = q.n, 0
	return n
}

// Close refuses further events: Post returns ErrClosed, also where it waits for room. What waits
// can still be drained. Close always returns nil and may be called again.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.room)
		q.signal()
	}
	return nil
}

func (l *lane[E]) event() reflect.Type { return reflect.TypeFor[E]() }
func (l *lane[E]) waits() int          { return l.in.n }

func (l *lane[E]) publish(q *Queue, n int) (published int) {
	for range n {
		if q.bus.closed.Load() {
			break
		}
		published++
		q.out.pop()
		p := l.out.pop() // first: it is gone, whatever the handlers do
		if p.topic != nil {
			p.topic.Publish(p.event)
		} else {
			Publish(q.bus, p.event)
		}
	}
	return published
}

func (l *lane[E]) drop(n int, marked bool) {
	for range n {
		l.in.pop()
	}
	if marked {
		l.inSkip += n
	}
}

func (l *lane[E]) skip() bool    { return countDown(&l.inSkip) }
func (l *lane[E]) skipOut() bool { return countDown(&l.outSkip) }

func countDown(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (l *lane[E]) swap() {
	l.in, l.out = l.out, l.in
	l.in.trim(l.out.n)
	l.inSkip, l.outSkip = 0, l.inSkip
}

func (l *lane[E]) restore() (n int) {
	n = l.out.n
	l.in.prepend(&l.out)
	return n
}
