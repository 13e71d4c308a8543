package core

import (
	"context"
	"sync"
	"time"
)

// pace has a subscription called less often than events are published: it keeps the latest event,
// until the time for its call has come.
type pace struct {
	debounce, throttle time.Duration // at most one; neither: Coalesce

	mu       sync.Mutex
	pending  Parcel // nil: none
	ctx      context.Context
	seq      uint64
	replaced int
	resting  bool // of Throttle: the time after a call
	timer    *time.Timer
	due      int // the number of the timer that counts; those before it were too late to stop
	over     bool
}

// put takes an event, and reports whether it, or a later one in its place, will be delivered.
func (p *pace) put(t *Topic, g *Guard, e *Entry, recv any, ctx context.Context, h *Hand) (ran bool, err error) {
	event, seq := h.keep(), g.stamp()
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return false, nil
	}
	if p.throttle > 0 && !p.resting {
		p.resting = true
		p.start(g, e, p.throttle)
		p.mu.Unlock()
		return g.hand(t, e, recv, ctx, h, seq)
	}
	first := p.pending == nil
	if !first {
		p.replaced++
	}
	p.pending, p.ctx, p.seq = event, lasting(ctx), seq
	switch {
	case p.debounce > 0:
		p.start(g, e, p.debounce)
	case p.throttle > 0: // the timer is running
	case first:
		p.mu.Unlock()
		ran, err = g.token(t, e, recv, ctx, h)
		if !ran {
			p.take()
		}
		return ran, err
	}
	p.mu.Unlock()
	return true, nil
}

// start has fire called after d, and not by an earlier timer. The caller holds mu.
func (p *pace) start(g *Guard, e *Entry, d time.Duration) {
	if p.timer != nil {
		p.timer.Stop()
	}
	p.due++
	due := p.due
	p.timer = time.AfterFunc(d, func() { p.fire(g, e, due) })
}

// fire has the pending event delivered.
func (p *pace) fire(g *Guard, e *Entry, due int) {
	p.mu.Lock()
	if p.over || p.due != due {
		p.mu.Unlock()
		return
	}
	l, ok := p.takeLocked()
	if p.throttle > 0 {
		if p.resting = ok; ok {
			p.start(g, e, p.throttle)
		}
	}
	p.mu.Unlock()
	if !ok {
		return
	}
	t, recv := g.topic.Value(), e.value()
	switch {
	case recv == nil:
		e.Gone()
	case t == nil:
	case g.via != nil:
		g.via(g.task(e, l))
	default:
		l.guard, l.entry, l.topic, l.recv = g, e, t, recv
		l.post = g.lane != nil
		l.deliver()
	}
}

// coalesces reports whether an event waits for nothing but its turn.
func (p *pace) coalesces() bool { return p.debounce == 0 && p.throttle == 0 }

// take takes the pending event, for a call that begins.
func (p *pace) take() (l letter, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked()
}

func (p *pace) takeLocked() (l letter, ok bool) {
	l = letter{event: p.pending, ctx: p.ctx, seq: p.seq}
	p.pending, p.ctx = nil, nil
	return l, l.event != nil
}

// stop lets go of what is pending. The timer is stopped, unless a collection is the cause: then this
// may be the goroutine of the sweep, outside the bubble of a test that the timer belongs to.
func (p *pace) stop(cause State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over, p.pending, p.ctx = true, nil, nil
	if p.timer != nil && cause != Collected {
		p.timer.Stop()
	}
}

func (p *pace) stats(waiting int) (replaced, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending != nil && (p.debounce > 0 || p.throttle > 0) {
		waiting++
	}
	return p.replaced, waiting
}

// hand has the handler called as if there were no pace: at once, by the executor or through the
// mailbox.
func (g *Guard) hand(t *Topic, e *Entry, recv any, ctx context.Context, h *Hand, seq uint64) (ran bool, err error) {
	switch {
	case g.lane != nil:
		return g.lane.put(t, recv, ctx, h)
	case g.via != nil:
		g.via(g.task(e, letter{event: h.keep(), ctx: lasting(ctx), seq: seq}))
		return true, nil
	default:
		return g.perform(t, e, recv, ctx, h, 0)
	}
}

// token keeps a place in the mailbox, or with the executor, for the event that is the latest when
// its turn comes.
func (g *Guard) token(t *Topic, e *Entry, recv any, ctx context.Context, h *Hand) (ran bool, err error) {
	if g.lane != nil {
		return g.lane.put(t, recv, ctx, h)
	}
	g.via(func() {
		if l, ok := g.pace.take(); ok {
			g.task(e, l)()
		}
	})
	return true, nil
}
