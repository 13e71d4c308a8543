package core

import (
	"context"
	"sync/atomic"
	"weak"
)

// Executor runs task somewhere else or later: once, or not at all.
type Executor func(task func())

// Guard is the handler of one subscription, and the options that a delivery has to look at. What
// depends on the event type is in values of type any; functions in there take no allocation.
type Guard struct {
	handle any      // func(recv any, ctx context.Context, event E) error
	filter any      // func(E) bool; nil: all pass
	via    Executor // nil without Via
	lane   *lane    // in a mailbox; nil without Async and Through
	gate   *gate    // nil without Replay and CatchUp
	pace   *pace    // nil without Debounce and Throttle
	latest *latest  // nil without Coalesce
	once   bool
	spent  atomic.Bool // Once has run after the bus was closed

	topic weak.Pointer[Topic] // for calls that no publish makes; they must not keep it alive
}

// guardedOps are those of all guarded handlers, whatever their types. The handlers are guards.
var guardedOps = &Ops{
	Upgrade: func(s *Snapshot, c *Chunk, n int) {
		calls, quick := make([]Callee, n), true
		for i := range calls {
			call, simple := calleeOf(c.Slots[i], c.Handlers[i].(*Guard))
			if call.Recv == nil {
				s.Missed(c.Slots[i])
			}
			calls[i], quick = call, quick && simple
		}
		s.Add(c, n, nil)
		g := &s.Segments[len(s.Segments)-1]
		g.calls, g.quick = calls, quick
	},
}

// call delivers to guarded subscriber i of the segment.
func (g *Segment) call(t *Topic, i int, ctx context.Context, h *Hand) (ran bool, err error) {
	e := g.entry(i)
	var recv any
	if g.calls != nil {
		recv = g.calls[i].Recv
	} else if recv = e.value(); recv == nil {
		e.Gone()
	}
	if recv == nil {
		return false, nil
	}
	return g.Chunk.Handlers[i].(*Guard).publish(t, e, recv, ctx, h)
}

// publish calls the handler, or sees to it that it is called later, unless an option or the state
// forbids it.
func (g *Guard) publish(t *Topic, e *Entry, recv any, ctx context.Context, h *Hand) (ran bool, err error) {
	w := e.state.Load()
	if w&finalMask != 0 || w != 0 && g.gate == nil || e.expired() {
		return false, nil
	}
	if g.filter != nil {
		if !h.passes(g.filter) || e.final() || e.expired() {
			return false, nil // refused, or ended while the filter ran
		}
	}
	if g.pace == nil {
		return g.hand(t, e, recv, ctx, h, g.stamp())
	}
	if !g.accepts(e.state.Load()) {
		return false, nil
	}
	return g.pace.put(t, g, e, recv, ctx, h)
}

// accepts reports whether an event that comes in state w is for the subscriber, now or later.
func (g *Guard) accepts(w uint32) bool {
	return w == 0 || g.gate != nil && w&finalMask == 0 && (g.gate.catchUp || w == catchingUp)
}

// hand has the handler called: at once, by the executor or through the mailbox. seq is the place of the
// event in the order of publishing.
func (g *Guard) hand(t *Topic, e *Entry, recv any, ctx context.Context, h *Hand, seq uint64) (ran bool, err error) {
	switch {
	case g.lane != nil:
		if !g.accepts(e.state.Load()) {
			return false, nil
		}
		if g.latest != nil {
			return g.latest.put(t, g, e, recv, ctx, h, seq)
		}
		return g.lane.put(t, recv, ctx, h) // in order; its gate comes behind it
	case !e.Active() && (g.gate == nil || !g.gate.hold(e, h, false, seq)):
		return false, nil
	case g.latest != nil:
		return g.latest.put(t, g, e, recv, ctx, h, seq)
	case g.via != nil:
		g.via(g.task(e, letter{event: h.keep(), ctx: lasting(ctx), seq: seq}))
		return true, nil
	default:
		return g.perform(t, e, recv, ctx, h, 0, seq)
	}
}

// perform calls the handler of a subscription in state from.
func (g *Guard) perform(t *Topic, e *Entry, recv any, ctx context.Context, h *Hand, from uint32, seq uint64) (ran bool, err error) {
	if g.once {
		if from == uint32(Closed) {
			if g.spent.Swap(true) {
				return false, nil
			}
		} else if !g.spend(e, h, from, seq) {
			return false, nil
		} else {
			defer e.settle() // after the call: it lets go of a SubscribeFunc's function
		}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if observers := t.Bus.observers(); observers != nil {
		return true, g.performObserved(observers, t, e, recv, ctx, h)
	}
	if err := h.call(g.handle, recv, ctx); err != nil {
		return true, t.failure(err, e, h)
	}
	return true, nil
}

// spend takes the one call of a subscription with Once, in state from, and reports whether it could. If a
// pause has come since, the event goes to the gate.
func (g *Guard) spend(e *Entry, h *Hand, from uint32, seq uint64) bool {
	for !e.state.CompareAndSwap(from, from|uint32(Spent)) {
		if e.final() { // another publish was first
			return false
		}
		if !e.Active() && (g.gate == nil || !g.gate.hold(e, h, false, seq)) {
			return false
		}
		from = 0
	}
	return true
}

// letter is an event on its way to one subscriber, outside a publish.
type letter struct {
	guard *Guard
	entry *Entry
	topic *Topic
	recv  any
	event Parcel // nil where a Store has it
	ctx   context.Context
	seq   uint64 // the order of publishing; 0 without a gate
	raw   bool   // the filter has not seen it
	post  bool   // it goes to the executor, or into the mailbox
}

// task returns what Via hands to the executor.
func (g *Guard) task(e *Entry, l letter) func() {
	return func() {
		t, recv := g.topic.Value(), e.value()
		switch {
		case recv == nil:
			e.Gone()
		case t != nil:
			l.guard, l.entry, l.topic, l.recv = g, e, t, recv
			l.deliver()
		}
	}
}

// deliver delivers a letter that has its event with it.
func (l letter) deliver() { l.event(&Job{errand: &errand{letter: &l}}) }

// attempt is one call of the handler outside a publish. Its errors and panics are reported as in
// Publish.
func (l *letter) attempt(h *Hand) {
	g, e, t := l.guard, l.entry, l.topic
	if l.post {
		_, _ = g.hand(t, e, l.recv, l.ctx, h, l.seq) // an error can only be that of ctx, which has no end
		return
	}
	if calls := e.kind.ledger.calls.Load(); calls != nil { // before the state is looked at; see CloseWait
		call := calls.Enter()
		defer call.Leave()
	}
	if t.Bus.guarded() {
		defer t.recovered(e, h)
	}
	for {
		from, ok := l.admits(h)
		if !ok || e.expired() {
			return
		}
		if l.raw && g.filter != nil {
			if !h.passes(g.filter) {
				return
			}
			if l.raw = false; e.expired() || !g.mayRun(e.state.Load()) {
				continue // a pause, or the end, came while the filter ran
			}
		}
		if _, err := g.perform(t, e, l.recv, l.ctx, h, from, l.seq); err != nil {
			t.Bus.failed(err, false)
		}
		return
	}
}

// admits reports whether the handler may be called now that the event has its turn, and in which
// state that finds the subscription. An event that a pause met goes to the gate; one that a pause
// did not meet makes older ones there pointless.
func (l *letter) admits(h *Hand) (from uint32, ok bool) {
	g := l.guard
	for {
		switch from := l.entry.state.Load(); {
		case g.mayRun(from):
			if g.gate != nil && l.seq > 0 {
				g.gate.supersede(l.seq)
			}
			return from, true
		case from&finalMask != 0 || g.gate == nil || !g.gate.hold(l.entry, h, l.raw, l.seq):
			return from, false
		}
	}
}

// mayRun reports whether the handler may be called in state w, for an event that was accepted
// before: by a mailbox also when the bus was closed meanwhile, unless its scope was closed since.
func (g *Guard) mayRun(w uint32) bool {
	return w == 0 || w == catchingUp || w == uint32(Closed) && g.lane != nil && !g.lane.discard.Load()
}

// stamp returns the next number in the order of publishing, for those who need one.
func (g *Guard) stamp() uint64 {
	if g.gate == nil {
		return 0
	}
	return g.gate.last.Add(1)
}

// ended tells the guard that its subscription has ended, and reports whether it is busy: with events
// that a mailbox accepted before the bus was closed.
func (g *Guard) ended(e *Entry, cause State) (busy bool) {
	if g.lane != nil {
		busy = g.lane.end(cause)
	}
	if g.pace != nil {
		g.pace.stop(cause)
	}
	if g.latest != nil && !busy {
		g.latest.stop()
	}
	if g.gate != nil && !busy {
		g.gate.clear()
	}
	return busy
}

// lasting returns the context to hand to a handler that may run after the publish: with the values
// of ctx, but not cancelled with it.
func lasting(ctx context.Context) context.Context {
	if ctx == nil || ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
