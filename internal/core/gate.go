package core

import (
	"sync"
	"sync/atomic"
)

// retained is the last event of a topic. Its mutex makes keeping an event and loading the list to
// publish it to one step, and joining the list with the last event known another: so each event is
// either replayed to a subscriber or published to it, never both or neither. See K3.
type retained struct {
	mu    sync.Mutex // comes before Topic.mu
	place any        // of the event, typed; what Hand's Put knows
}

// Retain has the topic keep its last event from now on.
func (t *Topic) Retain(typ *Type) {
	t = t.pin(typ)
	defer t.unpin()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.rare().kept.Load() != nil {
		return
	}
	t.makeRare().kept.Store(&retained{place: typ.do(NewPlace, nil, nil)})
	t.remode()
	if t.Bus != nil && t.Branch != nil { // its key may be an object that dies
		t.Bus.arm()
	}
}

// Look calls look with the place of the retained event, if there is one, under its mutex.
func (t *Topic) Look(look func(place any)) {
	if kept := t.current().rare().kept.Load(); kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		look(kept.place)
	}
}

// Update has change change the retained event, and loads the list to publish it to in the same step.
// It returns the job to do with the event that is there now, and whether there is one: there is none
// on a closed bus.
func (t *Topic) Update(change func(place any)) (j Job, ok bool) {
	t = t.current()
	if t.Bus != nil && t.Bus.closed.Load() {
		return j, false // where Retain may have come too late
	}
	kept := t.rare().kept.Load()
	if kept == nil {
		Misuse("Update", "the topic retains nothing; call Retain first")
	}
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if t.Bus != nil && t.Bus.closed.Load() {
		return j, false
	}
	change(kept.place)
	j.Topic, j.leg = t, t.leg()
	j.leg.Topic = t
	return j, true
}

// Forget lets go of the retained event. The topic goes on retaining.
func (t *Topic) Forget() {
	if kept := t.current().rare().kept.Load(); kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		t.typ.do(ForgetPlace, kept.place, nil)
	}
}

// gate keeps one event for a subscriber that cannot be called now: paused, or catching up with an
// earlier event.
type gate struct {
	mu      sync.Mutex
	event   Parcel        // nil: none
	raw     bool          // the filter has not seen it
	seq     uint64        // its place in the order of publishing
	last    atomic.Uint64 // the place that was given out last
	catchUp bool          // keeps what comes during a pause, not only while catching up
}

// hold keeps the event if the subscriber cannot be called now and is to have it later. It reports
// whether it can be called after all. An event that is older than what is kept does not replace it.
func (g *gate) hold(e *Entry, h *Hand, raw bool, seq uint64) (call bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := e.state.Load()
	if g.event != nil && seq < g.seq {
		return w == 0
	}
	if w == catchingUp || g.catchUp && w != 0 && w&finalMask == 0 {
		g.event, g.raw, g.seq = h.keep(), raw, seq
	}
	return w == 0
}

// replay keeps the event that a new subscriber is to begin with.
func (g *gate) replay(event Parcel) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event, g.raw, g.seq = event, true, g.last.Add(1)
}

// supersede lets go of an event that is older than seq.
func (g *gate) supersede(seq uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.event != nil && g.seq < seq {
		g.event = nil
	}
}

// take returns the event that is kept, if e is catching up. If there is none, or e was paused or
// ended meanwhile, catching up is over: decided under mu, so that an event that comes later is
// either kept for the next time or delivered.
func (g *gate) take(e *Entry) (l letter, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		w := e.state.Load()
		if w == catchingUp && g.event != nil {
			return g.open(), true
		}
		if e.state.CompareAndSwap(w, w&^catchingUp) {
			e.kind.ledger.raise()
			if !g.catchUp || w&finalMask != 0 {
				g.event = nil
			}
			return l, false
		}
	}
}

// open takes the event out. The caller holds mu.
func (g *gate) open() letter {
	l := letter{event: g.event, raw: g.raw, seq: g.seq}
	g.event = nil
	return l
}

// abandon ends catching up, and lets go of what is kept.
func (g *gate) abandon(e *Entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event = nil
	e.resume(catchingUp)
}

// clear lets go of what is kept.
func (g *gate) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.event = nil
}

// missed takes what the gate kept during a pause, when that is over, for a mailbox.
func (g *Guard) missed(e *Entry) (l letter, ok bool) {
	if g.gate == nil {
		return l, false
	}
	may := g.mayRun(e.state.Load())
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	if !may {
		if !g.gate.catchUp { // an event to replay, which met a pause
			g.gate.event = nil
		}
		return l, false
	}
	l = g.gate.open()
	return l, l.event != nil
}

// join adds a guarded subscriber to the topic's list. With replay it keeps the last event at the
// gate in the same step, so that no event is lost or comes twice.
func (t *Topic) join(prio int, e *Entry, g *Guard, replay, scoped bool) (open bool) {
	if kept := t.rare().kept.Load(); replay && kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		var event Parcel
		if t.typ.do(Copy, kept.place, &Job{errand: &errand{parcel: &event}}); event != nil {
			g.gate.replay(event)
			if g.lane == nil {
				e.state.Or(catchingUp)
			}
		}
	}
	return t.add(prio, e, g, scoped)
}

// begin hands a new subscriber the event that join kept. If the handler panics, that is the end of
// the subscription.
func (g *Guard) begin(t *Topic, e *Entry) {
	done := false
	defer func() {
		if !done {
			e.end(Cancelled)
		}
	}()
	g.catch(t, e)
	done = true
}

// catch has what the gate keeps delivered.
func (g *Guard) catch(t *Topic, e *Entry) {
	if g.lane != nil {
		g.lane.wake(t)
	} else if e.state.Load()&catchingUp != 0 {
		g.catchUp(t, e)
	}
}

// catchUp delivers what the gate keeps, until nothing is left. e is marked as catching up: all that
// is published meanwhile comes to the gate, and no other goroutine is here.
func (g *Guard) catchUp(t *Topic, e *Entry) {
	over := false
	defer func() {
		if !over { // a panic, or the receiver is gone
			g.gate.abandon(e)
		}
	}()
	for {
		l, ok := g.gate.take(e)
		if !ok || !g.catchOne(t, e, l) {
			over = !ok
			return
		}
	}
}

// catchOne is a frame of its own, so that nothing keeps the receiver between two events.
//
//go:noinline
func (g *Guard) catchOne(t *Topic, e *Entry, l letter) bool {
	recv := e.value()
	if recv == nil {
		e.Gone()
		return false
	}
	if g.via != nil {
		g.via(g.task(e, l))
		return true
	}
	l.guard, l.entry, l.topic, l.recv = g, e, t, recv
	l.deliver()
	return true
}
