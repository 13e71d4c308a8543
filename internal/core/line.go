package core

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weakbus/weakbus/internal/ring"
)

// Overflow says what happens to an event that finds no room.
type Overflow uint8

// The policies, in the order of package weakbus.
const (
	Block Overflow = iota
	DropNewest
	DropOldest
	Latest
)

// line is events that wait for one consumer in one order: the bounds and policies that queues,
// mailboxes and loops over Events share.
type line struct {
	mu       sync.Mutex
	capacity int
	overflow Overflow
	only     *lane            // where there is one lane, which needs no order
	in       ring.Ring[*lane] // else: the lanes of what waits, in order; with some to be skipped
	n        int              // events that wait
	over     bool             // accepts no more
	room     chan struct{}    // a baton for those who wait for room; made when somebody does
	waiting  int              // how many those are
	dropped  int

	lent int // what the consumer took in one go; until it starts on an event, that still waits

	_       [64]byte     // what the consumer writes is on another cache line than what publishers do
	started atomic.Int64 // how many of those it has started on
	blocked atomic.Int32 // who waits for room, or is about to, without mu
}

// lane is the events of one type, or for one subscriber, in a line.
type lane struct {
	line *line
	in   *Side // what waits
	out  *Side // what the consumer took in one go
	// The first so many of the lane in the line's order are of events that were dropped; outSkip
	// is the same for those that a drain took.
	skip, outSkip int
	event         reflect.Type
	topic         *Topic // of a queue: the bus's of that type, once there is one

	// Of a mailbox: who it is for.
	box     *Box
	home    *home // guarded by mu
	guard   *Guard
	entry   *Entry
	dropped int         // of its events, or for them
	gone    bool        // its subscription has ended; guarded by mu
	closing bool        // with events that are still delivered; guarded by mu
	discard atomic.Bool // what is on the consumer's side is not wanted
}

// waits returns how many events wait. The caller holds mu.
func (q *line) waits() int { return q.n + max(0, q.lent-int(q.started.Load())) }

// full reports whether capacity events wait. The caller holds mu.
func (q *line) full() bool { return q.n+q.lent >= q.capacity && q.waits() >= q.capacity }

// push counts an event that was put into the lane. The caller holds mu.
func (q *line) push(l *lane) {
	if q.only == nil {
		q.in.Push(l)
	}
	q.n++
}

// drop drops the oldest n events of a lane. What they leave in the order is skipped later. The
// caller holds mu.
func (l *lane) drop(n int) {
	l.in.drop(n)
	l.line.n -= n
	if n > 0 && l.guard != nil && l.guard.latest != nil {
		l.guard.latest.take() // the event whose token that was
	}
	if n > 0 && l.home != nil && l.line.only == nil {
		l.home.n -= n
	}
}

// dropOldest drops the event that has waited longest, and returns its lane. The caller holds mu.
func (q *line) dropOldest() *lane {
	l := q.only
	if l == nil {
		l = q.first()
		q.in.Pop()
	}
	l.drop(1)
	return l
}

// first returns the lane of the oldest event in the order. The caller holds mu.
func (q *line) first() *lane {
	for {
		l := q.in.At(0)
		if !countDown(&l.skip) {
			return l
		}
		q.in.Pop()
	}
}

func countDown(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

// dropLane drops all events of one lane that wait, and returns how many. The caller holds mu.
func (q *line) dropLane(l *lane) int {
	n := l.in.n
	l.drop(n)
	if q.only == nil {
		l.skip += n
		if q.in.Len() >= 2*q.n+ring.Min {
			purge(&q.in, func(l *lane) bool { return countDown(&l.skip) })
		}
	}
	return n
}

// purge removes the entries that are to be skipped from an order.
func purge(order *ring.Ring[*lane], skip func(*lane) bool) {
	for range order.Len() {
		if l := order.Pop(); !skip(l) {
			order.Push(l)
		}
	}
}

// clear drops everything that came in and returns how much that was. The caller holds mu.
func (q *line) clear() (n int) {
	n = q.n
	for q.n > 0 {
		q.dropOldest()
	}
	for q.in.Len() > 0 { // what is to be skipped
		countDown(&q.in.Pop().skip)
	}
	return n
}

// await waits, without mu, for a sign that there may be room.
func (q *line) await(ctx context.Context, closed <-chan struct{}, stalled func()) error {
	q.blocked.Add(1)
	defer q.blocked.Add(-1)
	if !q.full() { // the consumer did not see that it was to give a sign
		return nil
	}
	if q.room == nil {
		q.room = make(chan struct{}, 1)
	}
	q.waiting++
	room := q.room
	q.mu.Unlock()
	err := wait(ctx, room, closed, stalled)
	q.mu.Lock()
	q.waiting--
	if err != nil {
		q.pass() // the baton may have been meant for this one
	}
	return err
}

// StalledAfter is how long a publisher waits for room before that is reported.
const StalledAfter = 5 * time.Second

// wait waits for room, or until closed is, or ctx is done.
func wait(ctx context.Context, room, closed <-chan struct{}, stalled func()) error {
	patience := time.NewTimer(StalledAfter)
	defer patience.Stop()
	for {
		select {
		case <-room:
			return nil
		case <-closed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			stalled()
		}
	}
}

// pass wakes one of those who wait, if there is something for them. Who takes it passes it on. The
// caller holds mu.
func (q *line) pass() {
	if q.waiting > 0 && !q.full() {
		notify(q.room)
	}
}

// wakeAll wakes all who wait for room, to find that there is none to come. If nobody waits it sends
// nothing: the channel may have been made in the bubble of a test that is over. Whoever comes from the
// sweep, which is outside all bubbles, does not call it: a mailbox that somebody waits for is at work, and
// passes the baton when the handler under way has returned. The caller holds mu.
func (q *line) wakeAll() {
	if q.waiting > 0 && q.room != nil { // nil: those who wait are on their way already
		close(q.room)
		q.room = nil
	}
}

// notify sends without waiting: a sign that is there already will do.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// overflowNames are those of the constants of package weakbus.
var overflowNames = [...]string{"Block", "DropNewest", "DropOldest", "Latest"}

// String returns the policy's name as it is written in Go.
func (o Overflow) String() string {
	if int(o) < len(overflowNames) {
		return overflowNames[o]
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}
