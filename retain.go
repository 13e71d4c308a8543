package weakbus

import (
	"sync"
	"sync/atomic"
)

// retained is the last event of a topic. Its mutex makes keeping an event and loading the list
// to publish it to one step, and joining the list with the last event known another: so each
// event is either replayed to a subscriber or published to it, never both or neither.
type retained[E any] struct {
	mu   sync.Mutex // comes before Topic.mu
	last E
	has  bool
}

// keep keeps event and returns the list to publish it to.
func (r *retained[E]) keep(t *Topic[E], event E) *list[E] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.bus == nil || !t.bus.closed.Load() {
		r.last, r.has = event, true
	}
	return t.head.Load()
}

// Retain has the topic keep its last event from now on, for Last and for subscribers with Replay.
// The event is kept even if no handler ran, until the next one takes its place: it, and whatever
// it points to, stays alive with the topic. Publishing to such a topic takes a short lock.
//
// A topic keeps what reaches its own subscribers: that of an interface type the last event that
// implements it, the parent of keyed sub-topics also what was published to those. A
// sub-topic that retains stays even when it has no subscribers.
func (t *Topic[E]) Retain() {
	t = t.pin()
	defer t.unpin()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed && t.kept.CompareAndSwap(nil, &retained[E]{}) {
		t.setMode(modeRouted)
	}
}

// Last returns the event that was published last, and whether there is one. Without Retain there
// is none.
func (t *Topic[E]) Last() (event E, ok bool) {
	kept := t.current().kept.Load()
	if kept == nil {
		return event, false
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	return kept.last, kept.has
}

// Replay hands the subscriber the topic's last event before Subscribe returns, if the topic
// retains one (see Topic.Retain), and lets it hear the later ones as usual: none twice, none out
// of order. What is published while it is still busy with the first call is reduced to the
// latest. With Via or Async the event is handed over before Subscribe returns, and the handler
// runs where and when those have it run. A panic of the handler in that call ends the subscription and reaches the caller of
// Subscribe, unless the bus has OnPanic.
func Replay() SubscribeOption {
	return func(o *options) { o.replay, o.guards = true, true }
}

// CatchUp hands the subscriber, when it is resumed, the latest of the events that it missed
// while it was paused, before Resume returns, on that goroutine: for what shows the present state
// of something and may be hidden for a while. Events that Filter refuses are not missed. While
// the subscriber is paused, that one event is kept alive.
func CatchUp() SubscribeOption {
	return func(o *options) { o.catchUp, o.guards = true, true }
}

// gate keeps one event for a subscriber that cannot be called now: paused, or catching up with
// an earlier event.
type gate[E any] struct {
	mu      sync.Mutex
	event   E
	has     bool
	raw     bool          // the filter has not seen it
	seq     uint64        // its place in the order of publishing
	last    atomic.Uint64 // the place that was given out last
	catchUp bool          // keeps what comes during a pause, not only while catching up
}

// hold keeps event if sub cannot be called now and is to have it later. It reports whether sub
// can be called after all. An event that is older than what is kept does not replace it.
func (g *gate[E]) hold(sub *Subscription, event E, raw bool, seq uint64) (call bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := sub.state.Load()
	if g.has && seq < g.seq {
		return w == 0
	}
	if w == catchingUp || g.catchUp && w != 0 && w&finalMask == 0 {
		g.event, g.has, g.raw, g.seq = event, true, raw, seq
	}
	return w == 0
}

// supersede lets go of an event that is older than seq.
func (g *gate[E]) supersede(seq uint64) {
	var none E
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.has && g.seq < seq {
		g.event, g.has = none, false
	}
}

// replay keeps the event that a new subscriber is to begin with.
func (g *gate[E]) replay(event E) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event, g.has, g.raw, g.seq = event, true, true, g.last.Add(1)
}

// take returns the event that is kept, if sub is catching up. If there is none, or sub was
// paused or ended meanwhile, catching up is over: decided under mu, so that an event that comes
// later is either kept for the next time or delivered.
func (g *gate[E]) take(sub *Subscription) (l letter[E], ok bool) {
	var none E
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		w := sub.state.Load()
		if w == catchingUp && g.has {
			l = letter[E]{event: g.event, raw: g.raw, seq: g.seq}
			g.event, g.has = none, false
			return l, true
		}
		if sub.state.CompareAndSwap(w, w&^catchingUp) {
			sub.origin.epoch.Add(1)
			if g.has && (!g.catchUp || w&finalMask != 0) {
				g.event, g.has = none, false
			}
			return l, false
		}
	}
}

// abandon ends catching up, and lets go of what is kept.
func (g *gate[E]) abandon(sub *Subscription) {
	var none E
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event, g.has = none, false
	sub.resume(catchingUp)
}

// clear lets go of what is kept.
func (g *gate[E]) clear() {
	var none E
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event, g.has = none, false
}

// open takes the event that is kept, for a mailbox.
func (g *gate[E]) open() (l letter[E], ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.has {
		return l, false
	}
	l = letter[E]{event: g.event, raw: g.raw, seq: g.seq}
	var none E
	g.event, g.has = none, false
	return l, true
}

// join adds a subscriber to the topic's list. With replay it keeps the last event at the
// gate in the same step, so that no event is lost or comes twice.
func join[E any](t *Topic[E], prio int, s slot[none, *optionedHandler[E]], replay bool) (open bool) {
	if kept := t.kept.Load(); replay && kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		if kept.has {
			s.handle.gate.replay(kept.last)
			if s.handle.box == nil {
				s.sub.state.Or(catchingUp)
			}
		}
	}
	return add[optioned[E]](t, prio, s)
}

// begin hands a new subscriber the event that join kept. If the handler panics, that is the end
// of the subscription.
func (h *optionedHandler[E]) begin(t *Topic[E], sub *Subscription) {
	done := false
	defer func() {
		if !done {
			sub.end(Cancelled)
		}
	}()
	h.catch(t, sub)
	done = true
}

// catch has what the gate keeps delivered.
func (h *optionedHandler[E]) catch(t *Topic[E], sub *Subscription) {
	if h.box != nil {
		h.box.wake(t, h, sub)
	} else if sub.state.Load()&catchingUp != 0 {
		h.catchUp(t, sub)
	}
}

// catchUp delivers what the gate keeps, until nothing is left. sub is marked as catching up:
// all that is published meanwhile comes to the gate, and no other goroutine is here.
func (h *optionedHandler[E]) catchUp(t *Topic[E], sub *Subscription) {
	over := false
	defer func() {
		if !over { // a panic, or the receiver is gone
			h.gate.abandon(sub)
		}
	}()
	for {
		l, ok := h.gate.take(sub)
		if !ok || !h.catchOne(t, sub, l) {
			over = !ok
			return
		}
	}
}

// catchOne is a frame of its own, so that nothing keeps the receiver between two events.
func (h *optionedHandler[E]) catchOne(t *Topic[E], sub *Subscription, l letter[E]) bool {
	recv := sub.anchor.value()
	if recv == nil {
		sub.collected()
		return false
	}
	if h.via != nil {
		h.via(h.task(sub, l))
	} else {
		h.attempt(t, sub, recv, l)
	}
	return true
}
