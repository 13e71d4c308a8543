package core

import (
	"context"
	"sync"
	"time"
)

// pace has a subscription called less often than events are published: it keeps the latest event,
// until the time for its call has come.
type pace struct {
	debounce, throttle time.Duration // one of them

	mu       sync.Mutex
	pending  pending
	replaced int
	resting  bool // of Throttle: the time after a call
	timer    *time.Timer
	due      int // the number of the timer that counts; those before it were too late to stop
	over     bool
}

// pending is an event that a later one may replace.
type pending struct {
	event Parcel // nil: none
	ctx   context.Context
	seq   uint64
}

// take takes the event, for a call that begins.
func (p *pending) take() (l letter, ok bool) {
	l = letter{event: p.event, ctx: p.ctx, seq: p.seq}
	*p = pending{}
	return l, l.event != nil
}

// put takes an event, and reports whether it, or a later one in its place, will be delivered.
func (p *pace) put(t *Topic, g *Guard, e *Entry, recv any, ctx context.Context, h *Hand) (ran bool, err error) {
	next := pending{h.keep(), lasting(ctx), g.stamp()}
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return false, nil
	}
	if p.throttle > 0 && !p.resting {
		p.resting = true
		p.start(g, e, p.throttle)
		p.mu.Unlock()
		return g.hand(t, e, recv, ctx, h, next.seq)
	}
	defer p.mu.Unlock()
	if p.pending.event != nil {
		p.replaced++
	}
	p.pending = next
	if p.debounce > 0 { // the timer of Throttle is running
		p.start(g, e, p.debounce)
	}
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
	l, ok := p.pending.take()
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
	default:
		l.guard, l.entry, l.topic, l.recv = g, e, t, recv
		l.post = g.via != nil || g.lane != nil
		l.deliver()
	}
}

// stop lets go of what is pending. The timer is stopped, unless a collection is the cause: then this
// may be the goroutine of the sweep, outside the bubble of a test that the timer belongs to.
func (p *pace) stop(cause State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over, p.pending = true, pending{}
	if p.timer != nil && cause != Collected {
		p.timer.Stop()
	}
}

// stats returns how many events were replaced, and how many wait for their time.
func (p *pace) stats() (replaced, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending.event != nil {
		waiting = 1
	}
	return p.replaced, waiting
}

// latest has a newer event take the place of one whose call has not begun. What goes into the mailbox, or
// to the executor, is a token: it stands for the event that is the latest when its turn comes.
type latest struct {
	mu       sync.Mutex // comes after that of a mailbox
	pending  pending
	replaced int
}

// put takes an event, and reports whether it, or a later one in its place, will be delivered.
func (p *latest) put(t *Topic, g *Guard, e *Entry, recv any, ctx context.Context, h *Hand, seq uint64) (ran bool, err error) {
	if p.replace(pending{h.keep(), lasting(ctx), seq}) {
		return true, nil
	}
	if g.lane != nil {
		if ran, err = g.lane.put(t, recv, ctx, h); !ran {
			p.take()
		}
		return ran, err
	}
	g.via(func() {
		if l, ok := p.take(); ok {
			g.task(e, l)()
		}
	})
	return true, nil
}

// replace stores an event, and reports whether there was one, whose token will do for this one too.
func (p *latest) replace(next pending) (replaced bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending.event != nil {
		p.replaced++
		replaced = true
	}
	p.pending = next
	return replaced
}

// take takes the event, for a call that begins.
func (p *latest) take() (l letter, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending.take()
}

// stop lets go of the event.
func (p *latest) stop() { p.take() }

func (p *latest) stats() (replaced int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replaced
}

// tokens is the Store of a mailbox's lane for tokens, which have no event.
type tokens struct{}

// Do has nothing to do.
func (tokens) Do(StoreOp, int, *Job) {}
