package core

import (
	"context"
	"runtime"
	"slices"
)

// batchSize is how many events are delivered with one upgrade of the receiver.
const batchSize = 64

// Box is a mailbox: events that wait to be delivered one at a time. It has a goroutine while there
// are any; see M1.
type Box struct {
	line
	running bool          // guarded by mu, as all below
	current *lane         // whose event is being delivered
	woken   []*lane       // whose gates are to be looked at
	homes   []*Bus        // those that wait for the goroutine when they are closed
	idle    chan struct{} // closed when it is at rest; nil while nobody waits
}

// NewBox returns an empty mailbox for any number of subscriptions.
func NewBox(capacity int, overflow Overflow) *Box {
	b := &Box{}
	b.capacity, b.overflow = capacity, overflow
	return b
}

// lane returns a lane of the box for a subscription.
func (b *Box) lane(g *Guard, e *Entry, typ *Type) *lane {
	return &lane{line: &b.line, store: typ.newStore(), event: typ.Event, box: b, guard: g, entry: e}
}

// put puts an event into the mailbox, and reports whether it will be delivered. recv is kept alive
// meanwhile, so a publisher that waits for room need not be woken when a receiver is collected.
func (l *lane) put(t *Topic, recv any, ctx context.Context, h *Hand) (accepted bool, err error) {
	defer runtime.KeepAlive(recv)
	b := l.box
	b.mu.Lock()
	accepted, lost, err := b.makeRoom(l, t, ctx)
	if accepted {
		_, _ = h.Do(Push, l.store, noteOf(lasting(ctx), l.guard.stamp()), nil)
		b.push(l)
		b.start(t)
	}
	b.pass()
	lost.total = b.dropped
	b.mu.Unlock()
	lost.report(t)
	return accepted, err
}

// note is what a letter in a store has to say beside the event; nil stands for the zero one.
type note struct {
	ctx context.Context
	seq uint64
}

func noteOf(ctx context.Context, seq uint64) any {
	if ctx == nil && seq == 0 {
		return nil
	}
	return &note{ctx, seq}
}

// Note tells a job the note of its letter.
func (j *Job) Note(n any) {
	if n, ok := n.(*note); ok && j.letter != nil {
		j.letter.ctx, j.letter.seq = n.ctx, n.seq
	}
}

// losses are the events that were dropped for one, or that one itself. They are reported outside
// the mutex.
type losses struct {
	lane  *lane
	n     int
	more  []losses // of other lanes
	total int      // that the line has dropped so far
}

func (s *losses) add(l *lane, n int) {
	l.dropped += n
	switch {
	case n == 0:
	case s.n == 0 || s.lane == l:
		s.lane, s.n = l, s.n+n
	default:
		for i := range s.more {
			if s.more[i].lane == l {
				s.more[i].n += n
				return
			}
		}
		s.more = append(s.more, losses{lane: l, n: n})
	}
}

func (s *losses) report(t *Topic) {
	if s.n == 0 {
		return
	}
	t.dropped(s.lane, s.n, s.total)
	for _, m := range s.more {
		t.dropped(m.lane, m.n, s.total)
	}
}

// makeRoom sees to it that there is room for one more event, and reports whether it is accepted.
// The caller holds mu.
func (b *Box) makeRoom(l *lane, t *Topic, ctx context.Context) (accepted bool, lost losses, err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	for !l.gone && !b.over && b.full() {
		switch b.overflow {
		case Block:
			if err = b.await(ctx, nil, func() { t.stalled(l.entry) }); err != nil {
				return false, lost, err
			}
		case DropNewest:
			b.dropped++
			lost.add(l, 1)
			return false, lost, nil
		case DropOldest:
			b.dropped++
			lost.add(b.dropOldest(), 1)
		default:
			for b.n > 0 {
				b.dropped++
				lost.add(b.dropOldest(), 1)
			}
		}
	}
	if b.over && b.only == nil { // a mailbox that its owner closed
		b.dropped++
		lost.add(l, 1)
	}
	return !b.over && !l.gone, lost, nil
}

// start makes sure that a goroutine is under way. The caller holds mu.
func (b *Box) start(t *Topic) {
	if t.Bus != nil && !slices.Contains(b.homes, t.Bus) {
		b.homes = append(b.homes, t.Bus)
		t.Bus.running.add(b)
	}
	if !b.running {
		b.running = true
		go b.run()
	}
}

// wake has the gate of a lane looked at, after a pause.
func (l *lane) wake(t *Topic) {
	b := l.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.woken, l) {
		b.woken = append(b.woken, l)
	}
	b.start(t)
}

// run delivers until the mailbox is at rest.
func (b *Box) run() {
	atRest := false
	defer func() {
		if atRest {
			return
		}
		if value := recover(); value != nil {
			panic(value) // nobody takes it: the program ends
		}
		go b.run() // a Goexit in the handler ends the goroutine, not the mailbox
	}()
	if b.only != nil {
		for b.only.batch() {
		}
	} else {
		for b.one() {
		}
	}
	atRest = true
}

// batch delivers some events of a mailbox that has one subscription, with one upgrade of the
// receiver, and reports whether there may be more. It is a frame of its own, so that nothing keeps
// the receiver afterwards.
//
//go:noinline
func (l *lane) batch() (more bool) {
	recv, t := l.entry.value(), l.guard.topic.Value()
	if recv == nil {
		l.entry.Gone() // which discards what waits
	}
	for range batchSize {
		if m, ok := l.guard.missed(l.entry); ok {
			l.deliver(t, recv, m) // older than what is in the mailbox, from where it came
		} else if l.next() {
			l.deliver(t, recv, letter{})
		} else {
			return false
		}
	}
	return true
}

// next claims the next event, and reports whether there is one; if not, the mailbox is at rest.
func (l *lane) next() bool {
	b := l.box
	if int(b.started.Load()) < b.lent { // only this goroutine writes either
		b.started.Add(1)
		if b.blocked.Load() > 0 {
			b.mu.Lock()
			b.pass()
			b.mu.Unlock()
		}
		return true
	}
	b.mu.Lock()
	ok := l.refill()
	b.mu.Unlock()
	if ok {
		return true
	}
	runtime.Gosched() // for a publisher that is at it: to start anew would cost more
	b.mu.Lock()
	if ok = l.refill(); ok || len(b.woken) > 0 {
		b.woken = nil
		b.mu.Unlock()
		return ok || l.next()
	}
	b.rest(l)
	return false
}

// refill takes what waits to the consumer's side, and claims the first. With Block and DropNewest,
// which drop nothing that was accepted, it takes all there is, so that the consumer meets publishers
// at the mutex once for many events: see M2. The caller holds mu.
func (l *lane) refill() bool {
	b := l.box
	b.lent = 0
	b.started.Store(0)
	if l.n == 0 {
		return false
	}
	n := 1
	if b.overflow == Block || b.overflow == DropNewest {
		n = l.n
	}
	b.lent = n
	b.started.Store(1)
	l.shift(n)
	b.pass()
	return true
}

// shift moves the oldest n events to the consumer's side. The caller holds mu.
func (l *lane) shift(n int) {
	l.store.Do(Shift, n, nil)
	l.n -= n
	l.line.n -= n
}

// one delivers the oldest event of a mailbox that several subscriptions share, and reports whether
// there was one.
//
//go:noinline
func (b *Box) one() bool {
	l, event := b.pick()
	if l == nil {
		return false
	}
	recv, t := l.entry.value(), l.guard.topic.Value()
	if recv == nil {
		l.entry.Gone()
	}
	if m, ok := l.guard.missed(l.entry); ok {
		l.deliver(t, recv, m)
	}
	if event {
		l.deliver(t, recv, letter{})
	}
	return true
}

// pick returns the lane whose turn it is, and whether an event of it is on the consumer's side, or
// only its gate is to be looked at. It returns nil if the mailbox is at rest.
func (b *Box) pick() (l *lane, event bool) {
	b.mu.Lock()
	past := b.current
	switch {
	case len(b.woken) > 0:
		l, b.woken = b.woken[0], b.woken[1:]
	case b.n > 0:
		l, event = b.oldest(), true
		l.shift(1)
		b.pass()
	}
	b.current = l
	if l == nil {
		b.rest(past)
		return nil, false
	}
	last := past.last()
	b.mu.Unlock()
	if last {
		past.entry.kind.extra.letGo()
	}
	return l, event
}

// rest ends the goroutine; past is the lane that it delivered to. It unlocks mu.
func (b *Box) rest(past *lane) {
	b.running = false
	homes := b.homes
	b.homes = nil
	if b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
	last := past.last()
	b.mu.Unlock()
	if last {
		past.entry.kind.extra.letGo()
	}
	for _, bus := range homes {
		bus.running.remove(b)
	}
}

// last reports whether the lane of a closed subscription has delivered its last event, so that what
// that needed is to be let go. The caller holds mu.
func (l *lane) last() bool {
	if l == nil || !l.closing || l.n > 0 {
		return false
	}
	l.closing = false
	return true
}

// deliver delivers a letter, or else the oldest event on the consumer's side.
func (l *lane) deliver(t *Topic, recv any, m letter) {
	if p := l.guard.pace; p != nil && m.event == nil && p.coalesces() {
		l.store.Do(Take, 1, nil) // which kept its place
		if m, _ = p.take(); m.event == nil {
			return
		}
	}
	m.guard, m.entry, m.topic, m.recv = l.guard, l.entry, t, recv
	switch {
	case recv == nil || t == nil || l.discard.Load():
		if m.event == nil {
			l.store.Do(Take, 1, nil)
		}
	case m.event != nil:
		m.deliver()
	default:
		l.store.Do(Take, 1, &Job{letter: &m})
	}
}

// end has the lane accept no more, and reports whether it is still at work on what it accepted: with
// Closed as the cause it delivers that, else it lets go of it.
func (l *lane) end(cause State) (busy bool) {
	b := l.box
	b.mu.Lock()
	defer b.mu.Unlock()
	l.gone = true
	if cause != Closed {
		l.discard.Store(true)
		b.dropLane(l)
	}
	b.wakeAll()
	busy = cause == Closed && b.running && (b.only == l || b.current == l || l.n > 0)
	l.closing = l.closing || busy
	return busy
}

// abandon drops what waits for subscriptions that are closed, and returns how much that was.
func (b *Box) abandon() (lost int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.only; l != nil {
		if l.gone && !l.discard.Swap(true) {
			lost = b.waits()
			b.dropLane(l)
		}
		return lost
	}
	for i := range b.in.Len() {
		if l := b.in.At(i); l.gone && !l.discard.Swap(true) {
			lost += l.n
			l.drop(l.n)
		}
	}
	purge(&b.in, func(l *lane) bool { return l.discard.Load() })
	return lost
}

// Len returns the number of events that wait.
func (b *Box) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waits()
}

// Dropped returns the number of events that were dropped for want of room, or after Close.
func (b *Box) Dropped() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}

// Close has the mailbox accept no more.
func (b *Box) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.wakeAll()
}

// Wait waits until the mailbox is at rest.
func (b *Box) Wait(ctx context.Context) error {
	b.mu.Lock()
	if !b.running {
		b.mu.Unlock()
		return nil
	}
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
