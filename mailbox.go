package weakbus

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Overflow says what happens to an event that finds no room.
type Overflow uint8

const (
	// Block waits for room. The publisher waits too, and everybody behind it.
	Block Overflow = iota
	// DropNewest drops the new event.
	DropNewest
	// DropOldest drops the event that has waited longest, to make room for the new one.
	DropOldest
	// Latest drops everything that waits and keeps the new event: for states, of which only the
	// present one matters.
	Latest
)

// String returns the policy's name as it is written in Go.
func (o Overflow) String() string {
	names := [...]string{"Block", "DropNewest", "DropOldest", "Latest"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}

// stalledAfter is how long a publisher waits for room before that is reported.
const stalledAfter = 5 * time.Second

// batchSize is how many events are delivered with one upgrade of the receiver.
const batchSize = 64

// Executor runs task somewhere else or later: once, or not at all. A function of a user
// interface that runs something on its main goroutine fits as it is. What it does with the tasks
// decides about their order and concurrency.
type Executor func(task func())

// Via has the handler called by exec: the publisher hands over a task and does not wait for it.
// Whether the subscriber is alive, active and not cancelled is looked at when the task runs. A
// task keeps neither the receiver nor the bus alive, but it does keep the event; it is
// no trouble to drop it. exec itself is kept: like a handler it must not capture the receiver, as a
// method value of it does. Filter is called by the publisher, before.
//
// For Publish, a handler whose task was handed over counts as run. Its errors are reported as
// those of Publish are, its panics reach exec unless the bus has OnPanic. A handler that takes a
// context gets one with the values of the publisher's, but not its end. Via and Async exclude
// each other; Via panics if exec is nil.
func Via(exec Executor) SubscribeOption {
	if exec == nil {
		misuse("Via", "nil Executor; leave the option out to be called by the publisher")
	}
	return func(o *options) {
		if o.via != nil || o.capacity > 0 {
			misuse("Via", "the subscription has a Via or Async already; events can take one way only")
		}
		o.via, o.guards = exec, true
	}
}

// Async gives the subscriber a mailbox and has its handler called on a goroutine of its own:
// the publisher puts the event into the mailbox and goes on. Calls come one at a time, in the
// order in which the events were put in. The goroutine starts when there is something to
// deliver and ends when there is not; a mailbox at rest has none.
//
// At most capacity events wait; overflow says what becomes of one more. With Block the publisher
// waits for room, until its context is done or the subscription ends; a handler that
// publishes to its own full mailbox waits for itself. A publisher that has waited for five seconds
// is reported once, to the bus's logger or slog.Default(). What DropNewest, DropOldest and Latest
// drop is counted in Stats and told to the Trace.
//
// For Publish, a handler whose mailbox took the event counts as run. Filter is called by the
// publisher, before. Errors are reported as those of Publish are. A panic is reported to OnPanic;
// without that it ends the program, as in any goroutine. A handler that takes a
// context gets one with the values of the publisher's, but not its end.
//
// Events in the mailbox do not keep the receiver alive. They are let go when the
// subscription is cancelled or the receiver is collected; those that a Pause meets are
// missed. Close of the bus waits for them. Async panics if capacity is less than one.
func Async(capacity int, overflow Overflow) SubscribeOption {
	checkCapacity("Async", capacity, overflow)
	return func(o *options) {
		if o.via != nil || o.capacity > 0 {
			misuse("Async", "the subscription has a Via or Async already; events can take one way only")
		}
		o.capacity, o.overflow, o.guards = capacity, overflow, true
	}
}

func checkCapacity(function string, capacity int, overflow Overflow) {
	if capacity < 1 {
		misuse(function, fmt.Sprintf("capacity %d; it takes at least 1", capacity))
	}
	checkOverflow(function, overflow)
}

func checkOverflow(function string, overflow Overflow) {
	if overflow > Latest {
		misuse(function, fmt.Sprintf("%v is none of Block, DropNewest, DropOldest, Latest", overflow))
	}
}

// buffer is a bounded queue of events for one consumer. The consumer takes all there is at once and
// claims it one by one, so that it meets publishers at the mutex once for many events. What it
// has not claimed still counts as waiting, and may be dropped.
type buffer[V any] struct {
	mu       sync.Mutex
	capacity int
	overflow Overflow
	ring     ring[V]
	lent     int           // the length of taken
	over     bool          // accepts no more
	room     chan struct{} // a baton for those who wait for room; closed when over
	waiting  int           // how many those are
	dropped  int

	_       [64]byte     // what the consumer writes is on another cache line than what publishers do
	taken   ring[V]      // older than the ring; exchanged for it by the consumer, under mu
	next    atomic.Int64 // the first of taken that is not claimed
	blocked atomic.Int32 // who waits for room, or is about to, without mu
}

// put adds v and reports whether it was accepted, and how many others were dropped for it. It
// returns with mu held. stalled is called if it has to wait for long.
func (b *buffer[V]) put(ctx context.Context, v V, stalled func()) (accepted bool, dropped int, err error) {
	b.mu.Lock()
	for !b.over && b.full() {
		n := 0
		switch b.overflow {
		case Block:
			if err := b.await(ctx, stalled); err != nil {
				return false, dropped, err
			}
		case DropNewest:
			b.dropped++
			return false, 1, nil
		default:
			n = b.makeRoom(b.overflow == Latest)
		}
		dropped += n
		b.dropped += n
	}
	if b.over {
		return false, dropped, nil
	}
	b.ring.push(v)
	b.pass()
	return true, dropped, nil
}

// full reports whether capacity events wait. The caller holds mu.
func (b *buffer[V]) full() bool {
	return b.ring.n+b.lent >= b.capacity && b.waits() >= b.capacity
}

// waits returns how many events wait. The caller holds mu.
func (b *buffer[V]) waits() int { return b.ring.n + max(0, b.lent-int(b.next.Load())) }

// makeRoom drops the oldest event, or all, and returns how many that was: none if the consumer
// has claimed one meanwhile, so that there is room. The caller holds mu.
func (b *buffer[V]) makeRoom(all bool) (n int) {
	var none V
	for {
		first := b.next.Load()
		lent := max(0, b.lent-int(first))
		switch n = 1; {
		case b.ring.n+lent < b.capacity:
			return 0
		case all:
			n = b.ring.n + lent
		}
		mine := min(n, lent)
		if mine > 0 && !b.next.CompareAndSwap(first, first+int64(mine)) { // claimed in one step
			continue
		}
		for i := range mine {
			b.taken.swap(int(first)+i, none)
		}
		if all {
			b.ring.clear()
		} else if mine == 0 {
			b.ring.pop()
		}
		return n
	}
}

// clear drops everything and returns how much that was. The caller holds mu.
func (b *buffer[V]) clear() (n int) {
	n = b.ring.n
	b.ring.clear()
	for {
		if _, ok := b.claim(); !ok {
			return n
		}
		n++
	}
}

// claim takes the first of taken, if there is one. It is for the consumer, and for whoever holds mu.
func (b *buffer[V]) claim() (v V, ok bool) {
	i := int(b.next.Add(1) - 1)
	if i >= b.taken.n {
		return v, false
	}
	return b.taken.swap(i, v), true // lets go of what it points to
}

// take removes the oldest event. It is for the consumer only.
func (b *buffer[V]) take() (v V, ok bool) {
	if v, ok = b.claim(); ok {
		if b.blocked.Load() > 0 {
			b.mu.Lock()
			b.pass()
			b.mu.Unlock()
		}
		return v, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refill()
}

// refill exchanges taken, of which nothing is left, for the ring, and claims the first. The
// caller holds mu.
func (b *buffer[V]) refill() (v V, ok bool) {
	b.taken.head, b.taken.n = 0, 0
	b.taken, b.ring = b.ring, b.taken
	b.ring.trim(b.taken.n)
	b.lent = b.taken.n
	b.next.Store(0)
	v, ok = b.claim()
	b.pass()
	return v, ok
}

// await waits, without mu, for a sign that there may be room.
func (b *buffer[V]) await(ctx context.Context, stalled func()) error {
	b.blocked.Add(1)
	defer b.blocked.Add(-1)
	if !b.full() { // the consumer did not see that it was to give a sign
		return nil
	}
	if b.room == nil {
		b.room = make(chan struct{}, 1)
	}
	b.waiting++
	room := b.room
	b.mu.Unlock()
	err := wait(ctx, room, nil, stalled)
	b.mu.Lock()
	b.waiting--
	if err != nil {
		b.pass() // the baton may have been meant for this one
	}
	return err
}

// wait waits for room, or until closed is, or ctx is done.
func wait(ctx context.Context, room, closed <-chan struct{}, stalled func()) error {
	patience := time.NewTimer(stalledAfter)
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

// pass wakes one of those who wait, if there is room.
func (b *buffer[V]) pass() {
	if b.waiting > 0 && !b.over && !b.full() {
		notify(b.room) // who takes it passes it on
	}
}

// close has the buffer accept no more, and returns how many events it let go of: all if discard,
// or else none.
func (b *buffer[V]) close(discard bool) (lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.over = true
		if b.room != nil {
			close(b.room)
		}
	}
	if discard {
		lost = b.clear()
	}
	return lost
}

// backlog returns how many events wait, and how many were dropped.
func (b *buffer[V]) backlog() (waiting, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waits(), b.dropped
}

// mailbox is the events that wait for one subscriber. It has a goroutine while there are any.
type mailbox[E any] struct {
	buffer[letter[E]]
	running bool // guarded by mu
}

// put puts an event into the mailbox, and reports whether it will be delivered.
func (m *mailbox[E]) put(t *Topic[E], h *optionedHandler[E], sub *Subscription, ctx context.Context, event E) (bool, error) {
	accepted, dropped, err := m.buffer.put(ctx, letter[E]{event: event, ctx: lasting(ctx), seq: h.stamp()}, func() { t.stalled(sub, h.label) })
	if accepted {
		m.start(t, h, sub)
	}
	total := m.dropped
	m.mu.Unlock()
	if dropped > 0 {
		t.dropped(sub, dropped, total)
	}
	return accepted, err
}

// start makes sure that a goroutine is under way. The caller holds mu.
func (m *mailbox[E]) start(t *Topic[E], h *optionedHandler[E], sub *Subscription) {
	if !m.running {
		m.running = true
		if t.bus != nil {
			t.bus.running.add(m)
		}
		go m.run(t, h, sub)
	}
}

// wake has the gate looked at, after a pause.
func (m *mailbox[E]) wake(t *Topic[E], h *optionedHandler[E], sub *Subscription) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.start(t, h, sub)
}

// run delivers until the mailbox is empty. It keeps the topic alive for so long, but the receiver
// for no more than a batch.
func (m *mailbox[E]) run(t *Topic[E], h *optionedHandler[E], sub *Subscription) {
	empty := false
	defer func() {
		if empty {
			return
		}
		if value := recover(); value != nil {
			panic(value) // nobody takes it: the program ends
		}
		go m.run(t, h, sub) // a Goexit in the handler ends the goroutine, not the mailbox
	}()
	for m.batch(t, h, sub) {
	}
	empty = true
	if r, ok := sub.anchor.(*rigged); ok && sub.isFinal() {
		r.anchor.release() // which release left to the last event
	}
}

// batch delivers some events with one upgrade of the receiver, and reports whether there may be
// more. It is a frame of its own, so that nothing keeps the receiver afterwards.
//
//go:noinline
func (m *mailbox[E]) batch(t *Topic[E], h *optionedHandler[E], sub *Subscription) (more bool) {
	recv := sub.anchor.value()
	if recv == nil {
		sub.collected() // which discards what waits
	}
	for range batchSize {
		l, ok := m.deliverNext(t, h, sub)
		if !ok {
			return false
		}
		if recv != nil {
			h.attempt(t, sub, recv, l)
		}
	}
	return true
}

// deliverNext removes the event to deliver next. If there is none, the mailbox is at rest.
func (m *mailbox[E]) deliverNext(t *Topic[E], h *optionedHandler[E], sub *Subscription) (l letter[E], ok bool) {
	if l, ok = h.missed(sub); ok {
		return l, true // older than what is in the mailbox, from where it came
	}
	if l, ok = m.take(); ok {
		return l, true
	}
	runtime.Gosched() // for a publisher that is at it: to start anew would cost more
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok = m.refill(); ok {
		return l, true
	}
	if l, ok = h.missed(sub); ok { // whoever resumed it may have found the mailbox running
		return l, true
	}
	m.running = false
	if t.bus != nil {
		t.bus.running.remove(m)
	}
	return l, false
}

// missed takes what the gate kept during a pause, when that is over.
func (h *optionedHandler[E]) missed(sub *Subscription) (l letter[E], ok bool) {
	if h.gate == nil {
		return l, false
	}
	if w := sub.state.Load(); !h.mayRun(w) {
		if !h.gate.catchUp { // an event to replay, which met a pause
			h.gate.clear()
		}
		return l, false
	}
	return h.gate.open()
}

// end closes the mailbox, and reports whether it is still at work on what it accepted.
func (m *mailbox[E]) end(cause State) (busy bool) {
	m.close(cause != Closed)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running && cause == Closed
}

// busy reports whether the mailbox is at work.
func (m *mailbox[E]) busy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.running
}

// discard drops what waits and returns how much that was.
func (m *mailbox[E]) discard() int { return m.close(true) }

// task returns what Via hands to the executor.
func (h *optionedHandler[E]) task(sub *Subscription, l letter[E]) func() {
	return func() {
		t, recv := h.topic.Value(), sub.anchor.value()
		switch {
		case recv == nil:
			sub.collected()
		case t != nil:
			h.attempt(t, sub, recv, l)
		}
	}
}

// closeLimit bounds how long Close waits for mailboxes.
const closeLimit = 5 * time.Second

// runners is the mailboxes of a bus that are at work.
type runners struct {
	mu    sync.Mutex
	boxes map[runner]struct{}
	idle  chan struct{} // closed when there are none; nil while nobody waits
}

// runner is a mailbox of any type.
type runner interface{ discard() int }

func (r *runners) add(box runner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.boxes == nil {
		r.boxes = make(map[runner]struct{})
	}
	r.boxes[box] = struct{}{}
}

func (r *runners) remove(box runner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.boxes, box)
	if len(r.boxes) == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// wait waits until no mailbox is at work. When that takes too long it drops what they have left.
func (r *runners) wait() error {
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
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	select {
	case <-idle:
		return nil
	case <-limit.C:
	}
	r.mu.Lock()
	left := slices.Collect(maps.Keys(r.boxes))
	r.mu.Unlock()
	lost := 0
	for _, box := range left { // outside mu, which comes after that of a mailbox
		lost += box.discard()
	}
	return fmt.Errorf("weakbus: Close: %d handlers of Async still running after %v; %d events were dropped", len(left), closeLimit, lost)
}
