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
	homes   []*home       // the buses that it has something of
	idle    chan struct{} // closed when it is at rest; nil while nobody waits

	// Of the consumer, for what it delivers now.
	job    Job
	errand errand
	letter letter
}

// NewBox returns an empty mailbox for any number of subscriptions.
func NewBox(capacity int, overflow Overflow) *Box {
	b := &Box{}
	b.capacity, b.overflow = capacity, overflow
	return b
}

// lane returns a lane of the box for a subscription.
func (b *Box) lane(g *Guard, e *Entry, typ *Type) *lane {
	l := &lane{line: &b.line, event: typ.Event, box: b, guard: g, entry: e}
	if g.latest != nil {
		l.in, l.out = &Side{Store: tokens{}}, &Side{Store: tokens{}}
	} else {
		l.in, l.out = newSide(typ), newSide(typ)
	}
	return l
}

// home is a bus that a mailbox has something of. The bus waits for that when it is closed.
type home struct {
	bus *Bus
	n   int // events and gates, with the one under way; not kept where there is one lane
}

// put puts an event into the mailbox, and reports whether it will be delivered. recv is kept alive
// meanwhile, so a publisher that waits for room need not be woken when a receiver is collected.
func (l *lane) put(t *Topic, recv any, ctx context.Context, h *Hand) (accepted bool, err error) {
	defer runtime.KeepAlive(recv)
	b := l.box
	b.mu.Lock()
	accepted, lost, err := b.makeRoom(l, t, ctx)
	if accepted {
		if l.guard.latest != nil {
			l.in.Put(nil)
		} else {
			h.Do(Push, l.in, noteOf(lasting(ctx), l.guard.stamp()), nil)
		}
		b.push(l)
		b.start(l, t)
	}
	b.pass()
	lost.total = b.dropped
	b.mu.Unlock()
	lost.report()
	return accepted, err
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

func (s *losses) report() {
	if s.n == 0 {
		return
	}
	s.lane.report(s.n, s.total)
	for _, m := range s.more {
		m.lane.report(m.n, s.total)
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

// start counts something for a lane, and makes sure that a goroutine is under way. The caller holds mu.
func (b *Box) start(l *lane, t *Topic) {
	if t.Bus != nil {
		if l.home == nil || l.home.n == 0 {
			l.home = b.homeOf(t.Bus)
		}
		l.home.n++
	}
	if !b.running {
		b.running = true
		go b.run()
	}
}

// homeOf returns the home for a bus. The caller holds mu.
func (b *Box) homeOf(bus *Bus) *home {
	for _, x := range b.homes {
		if x.bus == bus {
			return x
		}
	}
	x := &home{bus: bus}
	b.homes = append(b.homes, x)
	bus.running.add(b)
	return x
}

// leave tells buses that the mailbox has nothing of theirs any more. The caller holds mu.
func (b *Box) leave() {
	b.homes = slices.DeleteFunc(b.homes, func(x *home) bool {
		if x.n == 0 {
			x.bus.running.remove(b)
		}
		return x.n == 0
	})
}

// wake has the gate of a lane looked at, after a pause.
func (l *lane) wake(t *Topic) {
	b := l.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.woken, l) {
		b.woken = append(b.woken, l)
		b.start(l, t)
	}
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
		b.letter = letter{} // or it would keep the receiver
		go b.run()          // a Goexit in the handler ends the goroutine, not the mailbox
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
			l.deliver(t, recv, m, nil) // older than what is in the mailbox, from where it came
			continue
		}
		from, more := l.next()
		if from != nil {
			l.deliver(t, recv, letter{}, from)
		} else if !more {
			return false
		}
	}
	return true
}

// next returns where the next event is. If that is the side where events come in, the mutex is held. It is
// nil if there is no event; with more, gates are to be looked at, else the mailbox is at rest.
//
// With Block and DropNewest, which drop nothing that was accepted, the consumer takes all there is in one
// go, so that it meets publishers at the mutex once for many events: see M2.
func (l *lane) next() (from *Side, more bool) {
	b := l.box
	if l.out.n > 0 { // only this goroutine uses it
		b.started.Add(1)
		if b.blocked.Load() > 0 {
			b.mu.Lock()
			b.pass()
			b.mu.Unlock()
		}
		return l.out, true
	}
	b.mu.Lock()
	if l.in.n == 0 && len(b.woken) == 0 {
		b.mu.Unlock()
		runtime.Gosched() // for a publisher that is at it: to start anew would cost more
		b.mu.Lock()
	}
	b.lent = 0
	b.started.Store(0)
	switch {
	case l.in.n == 0 && len(b.woken) == 0 && l.last():
		b.mu.Unlock()
		l.entry.kind.extra.letGo()
		return nil, true
	case l.in.n == 0 && len(b.woken) == 0:
		b.pass()
		b.rest()
		return nil, false
	case l.in.n == 0:
		b.woken = nil
		b.mu.Unlock()
		return nil, true
	case b.overflow == Block || b.overflow == DropNewest:
		l.exchange()
		b.mu.Unlock()
		return l.out, true
	default:
		b.n--
		return l.in, true
	}
}

// exchange takes what waits to the consumer's side, and counts the first as started. The caller holds mu.
func (l *lane) exchange() {
	b := l.box
	l.in, l.out = l.out, l.in
	if l.in.large(l.out.n) {
		l.in.free()
	}
	b.lent, b.n = l.out.n, 0
	b.started.Store(1)
	b.pass()
}

// one delivers the oldest event of a mailbox that several subscriptions share, and reports whether
// there was one.
//
//go:noinline
func (b *Box) one() bool {
	l, m, from := b.pick()
	if l == nil {
		return false
	}
	recv, t := l.entry.value(), l.guard.topic.Value()
	if m.event != nil || from != nil {
		l.deliver(t, recv, m, from)
	}
	if recv == nil { // not before: it takes the mutex
		l.entry.Gone()
	}
	return true
}

// pick returns the lane whose turn it is, with what its gate kept, which is older than what waits, or with
// the side where its event is; then the mutex is held. It returns no lane if the mailbox is at rest.
func (b *Box) pick() (l *lane, m letter, from *Side) {
	b.mu.Lock()
	past := b.current
	if past != nil && past.home != nil {
		past.home.n--
	}
	if past.last() {
		b.mu.Unlock()
		past.entry.kind.extra.letGo()
		b.mu.Lock()
	}
	b.leave()
	b.pass()
	switch {
	case len(b.woken) > 0:
		l, b.woken = b.woken[0], b.woken[1:]
		m, _ = l.guard.missed(l.entry)
	case b.n > 0:
		l = b.first()
		if missed, ok := l.guard.missed(l.entry); ok {
			m = missed
			if l.home != nil {
				l.home.n++
			}
			break
		}
		b.in.Pop()
		b.n--
		from = l.in
	}
	b.current = l
	if l == nil {
		b.rest()
		return nil, m, nil
	}
	if from == nil {
		b.mu.Unlock()
	}
	return l, m, from
}

// rest ends the goroutine. It unlocks mu, and not before the buses know: one that hears of an event in
// between would have the mailbox forgotten while it is at work.
func (b *Box) rest() {
	defer b.mu.Unlock()
	b.running = false
	for _, x := range b.homes {
		x.n = 0
	}
	b.leave()
	if b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// last reports whether the lane of a closed subscription has delivered its last event, so that what
// that needed is to be let go. The caller holds mu.
func (l *lane) last() bool {
	if l == nil || !l.closing || l.in.n > 0 {
		return false
	}
	l.closing = false
	return true
}

// deliver delivers a letter, or else the oldest event of a side. If that is the one where events come in, it
// unlocks the mutex when it has the event.
func (l *lane) deliver(t *Topic, recv any, m letter, from *Side) {
	b := l.box
	wanted := recv != nil && t != nil && !l.discard.Load()
	if p := l.guard.latest; from != nil && (!wanted || p != nil) {
		from.take(Take, nil)
		if from == l.in {
			b.pass()
			b.mu.Unlock()
		}
		if from = nil; wanted { // it was a token
			m, wanted = p.take()
		}
	}
	if !wanted {
		return
	}
	m.guard, m.entry, m.topic, m.recv = l.guard, l.entry, t, recv
	if from == nil {
		m.deliver()
		return
	}
	b.letter, b.errand.letter, b.job.errand = m, &b.letter, &b.errand
	if from == l.in {
		b.pass()
		b.errand.unlock = &b.mu
	}
	from.take(Take, &b.job)
	b.letter = letter{}
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
	if cause != Collected { // else this may be the goroutine of the sweep; see wakeAll
		b.wakeAll()
	}
	busy = cause == Closed && b.running && (b.only == l || b.current == l || l.in.n > 0)
	l.closing = l.closing || busy
	return busy
}

// abandon drops what waits for subscriptions of a closed bus, and returns how much that was.
func (b *Box) abandon(bus *Bus) (lost int) {
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
		if l := b.in.At(i); l.gone && l.home != nil && l.home.bus == bus && !l.discard.Swap(true) {
			lost += l.in.n
			l.drop(l.in.n)
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
