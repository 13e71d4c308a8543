package weakbus

import (
	"context"

	"github.com/weakbus/weakbus/internal/core"
)

// ErrFull reports that a queue had no room for an event. Test for it with errors.Is.
var ErrFull = core.ErrFull

// Queue collects events of any type, posted from any goroutine, until one goroutine publishes
// them: that of a frame loop or of a user interface calls Drain, any other may call Run. Events
// keep the order in which they were posted, across types. Make one with NewQueue. Its methods,
// and Post, are safe for concurrent use and may be called from handlers.
//
// A queue keeps its bus alive, and the events in it, but no subscriber.
type Queue struct{ core core.Queue }

// QueueOption configures a queue.
type QueueOption func(*Queue)

// Capacity bounds the events that wait in a queue. The default is 65,536. An unbounded queue is asked
// for with math.MaxInt. Memory is taken as it is needed. Capacity panics if n is less than one.
func Capacity(n int) QueueOption {
	checkCapacity("Capacity", n, Block)
	return func(q *Queue) { q.core.Limit(n) }
}

// WhenFull says what becomes of an event that is posted to a full queue. The default is DropNewest, with
// which Post returns ErrFull. With Block, Post waits for a drain; a handler that posts to
// the queue it is being drained from, or the goroutine that drains, may wait for itself, which
// is reported after five seconds. DropOldest drops the event that has waited longest, of any
// type. Latest drops what waits of the same type, and where there is none the event that has
// waited longest.
func WhenFull(overflow Overflow) QueueOption {
	checkOverflow("WhenFull", overflow)
	mayReport()
	return func(q *Queue) { q.core.WhenFull(core.Overflow(overflow)) }
}

// Wake has f called when the queue gets something to drain: when an event is posted to a queue that was
// empty, or that is being drained and has nothing new yet. f runs on the goroutine that posts, outside
// all locks, also concurrently. It must not block, and is where a frame loop or a user interface is told
// to call Drain. If a panic cuts a drain short, f is called for what is left.
func Wake(f func()) QueueOption {
	if f == nil {
		core.Misuse("Wake", "nil function; leave the option out if somebody drains the queue anyway")
	}
	return func(q *Queue) { q.core.Wake = f }
}

// QueueLabel names the queue in Stats and in reports of what it dropped.
func QueueLabel(name string) QueueOption {
	return func(q *Queue) { q.core.Label = name }
}

// NewQueue returns an empty queue for events of the bus. It starts no goroutine.
func NewQueue(b *Bus, opts ...QueueOption) *Queue {
	q := &Queue{}
	q.core.Init(&b.ready("NewQueue").core)
	for _, opt := range opts {
		if opt != nil {
			opt(q)
		}
	}
	q.core.Register()
	return q
}

// Post puts event into the queue, to be published to the queue's bus by the next drain. No
// handler runs. It returns nil if the event was accepted, ErrFull if a queue with DropNewest has
// no room for it, and ErrClosed if the queue or its bus is closed.
func Post[E any](q *Queue, event E) error { return post("Post", q, nil, event) }

// PostTo is Post for an event that is to be published to a topic, such as a keyed sub-topic or a
// topic outside the bus.
func PostTo[E any](q *Queue, t *Topic[E], event E) error {
	return post("PostTo", q, t.base("PostTo"), event)
}

//go:noinline
func post[E any](function string, q *Queue, t *core.Topic, event E) error {
	l := laneOf[E](q.ready(function))
	err := q.core.Begin(l)
	if err == nil {
		var note any
		if t != nil {
			note = t
		}
		put(l.Side(), event, note)
	}
	return q.core.End(l, err)
}

// laneOf returns the queue's lane of type E.
func laneOf[E any](q *core.Queue) *core.Lane {
	for i, x := range q.Few() {
		if _, ok := x.(*store[E]); ok {
			return q.At(i)
		}
	}
	return q.More(typeOf[E]())
}

func (q *Queue) ready(function string) *core.Queue {
	if q == nil || q.core.Bus == nil {
		core.Misuse(function, "nil *Queue or a zero one; make one with NewQueue")
	}
	return &q.core
}

// Drain publishes the events that were posted before this call, in order, on this goroutine, and
// returns how many those were. What handlers post meanwhile waits for the next drain. One drain
// runs at a time: while one does, Drain returns 0 at once, also in a handler.
//
// A panic in a handler reaches the caller, unless the bus has OnPanic. The event is gone then;
// those behind it stay in the queue, before what was posted meanwhile, and the queue may hold
// more than its capacity until it is drained again. On a closed bus Drain drops what waits,
// and counts it as dropped.
func (q *Queue) Drain() (n int) { return q.ready("Drain").Drain() }

// Run drains the queue whenever there is something in it, and sleeps while there is not. It
// returns ctx.Err() when ctx is done, with the rest still in the queue; nil when the queue was
// closed and is empty; ErrClosed when the bus was closed. A panic in a handler ends it as it ends
// Drain.
func (q *Queue) Run(ctx context.Context) error {
	checkContext("Run", ctx)
	return q.ready("Run").Run(ctx)
}

// Len returns the number of events that wait, without those that a drain under way has taken.
func (q *Queue) Len() int { return q.ready("Len").Len() }

// Dropped returns the number of events that the queue has dropped so far: for want of room,
// because the bus was closed, and by Clear.
func (q *Queue) Dropped() int { return q.ready("Dropped").Dropped() }

// Clear drops the events that wait, and returns how many those were. A drain under way keeps
// what it has taken.
func (q *Queue) Clear() int { return q.ready("Clear").Clear() }

// Close refuses further events: Post returns ErrClosed, also where it waits for room. What waits
// can still be drained. Close always returns nil and may be called again.
func (q *Queue) Close() error {
	q.ready("Close").Close()
	return nil
}
