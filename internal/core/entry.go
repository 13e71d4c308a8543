package core

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/grace"
)

// State says where a subscription is in its life. All but Active and Paused are final.
type State uint8

// The states, in the order of package weakbus.
const (
	Active State = iota
	Paused
	Cancelled
	Collected
	Spent
	Closed
)

// Entry is one subscription. It reaches neither the receiver nor the handler nor the topic strongly.
type Entry struct {
	state atomic.Uint32 // 0: to be called; low byte: the final state; the rest: why it is paused
	heard atomic.Bool   // an event; noted only while somebody observes
	kind  *kind
	ref   any // a weak pointer to the receiver; boxing one takes no allocation
}

const (
	finalMask     = 0xff
	pausedBySelf  = 1 << 8
	pausedByScope = 1 << 9
	catchingUp    = 1 << 10 // is being handed an event that the gate kept; see gate
)

// kind is what the entries of one sort of handler in one topic have in common. An entry with more
// to it than a receiver and a handler has a kind of its own, with an extra.
type kind struct {
	ops    *Ops
	ledger *ledger
	extra  *extra
}

// Ops is what the core cannot do itself with one sort of handler.
type Ops struct {
	Receiver *Receiver
	One      any                                // calls the handler of a chunk of one: func(*Chunk, E) bool; nil for guarded ones
	Run      any                                // the loop that calls the handlers of a chunk; nil for guarded ones
	Upgrade  func(s *Snapshot, c *Chunk, n int) // appends the first n subscribers to a snapshot
}

// Receiver is what the core knows of a type of receivers. There is one for each.
type Receiver struct {
	Type    reflect.Type                          // for reports; of a function without a receiver its own
	Value   func(e *Entry) any                    // the receiver of e, or nil
	Release func(e *Entry)                        // lets go of what only the subscription needs; may be nil
	Backlog func(e *Entry) (waiting, dropped int) // of events; may be nil
}

// extra is what few entries have.
type extra struct {
	entry    *Entry
	receiver *Receiver // where the ops are those of guarded handlers
	guard    weak.Pointer[Guard]
	expiry   weak.Pointer[Expiry] // zero without Until
	label    string
	priority int
	site     uintptr // of the call that subscribed; 0: not known
	told     atomic.Int32
	exempt   atomic.Bool // see Observer
}

// ledger is the part of a topic that its entries share. It reaches the topic only weakly, so that a
// kept Subscription carries nothing of it.
type ledger struct {
	// epoch counts the changes of state that a delivery has to notice. It is incremented after the
	// state was stored; see "State and the epoch" in docs/design.md.
	// It comes first, so that it is aligned on 32-bit platforms. (An atomic.Uint64 would have each loop
	// carry the records of a call that was inlined, for each type of event.)
	epoch uint64
	ended atomic.Int32 // ended entries that the topic's list still holds
	size  atomic.Int32 // entries in the topic's list
	topic weak.Pointer[Topic]
	calls atomic.Pointer[grace.Domain] // in progress; nil until an entry is under a scope
	ends  [Closed - Cancelled + 1]atomic.Uint32
	first kind     // the first of the topic's kinds
	kinds *[]*kind // the others; guarded by Topic.mu

	// Of the last list before the topic was empty, so that no later list is taken for an earlier one;
	// guarded by Topic.mu.
	generation, added uint64

	// Of the topic's snapshots.
	building atomic.Bool   // somebody has walks, and may build one
	walks    uint32        // weak walks since the last one was built
	patience atomic.Uint32 // how many there are to be; see minPatience

	cursor atomic.Uint32 // of sampleDead
}

// now returns the epoch.
func (l *ledger) now() uint64 { return atomic.LoadUint64(&l.epoch) }

// raise has deliveries look at the states. It is called after a state was stored.
func (l *ledger) raise() { atomic.AddUint64(&l.epoch, 1) }

// Ref returns the weak pointer to the receiver, for those who know its type.
func (e *Entry) Ref() any { return e.ref }

// Active reports whether a delivery may call the handler now.
func (e *Entry) Active() bool { return e.state.Load() == 0 }

func (e *Entry) final() bool { return e.state.Load()&finalMask != 0 }

func (k *kind) receiver() *Receiver {
	if k.extra != nil && k.extra.receiver != nil {
		return k.extra.receiver
	}
	return k.ops.Receiver
}

func (e *Entry) alive() bool { return e.value() != nil }

// value returns the receiver, or nil.
func (e *Entry) value() any { return e.kind.receiver().Value(e) }

func (e *Entry) label() string {
	if x := e.kind.extra; x != nil {
		return x.label
	}
	return ""
}

// guard returns the entry's guard, or nil.
func (e *Entry) guard() *Guard {
	if x := e.kind.extra; x != nil {
		return x.guard.Value()
	}
	return nil
}

// State returns the state at some moment during the call.
func (e *Entry) State() State {
	w := e.state.Load()
	switch final := State(w & finalMask); {
	case final != Active:
		return final
	case e.expired():
		return Cancelled
	case !e.alive():
		return Collected
	case e.kind.ledger.topic.Value() == nil:
		return Closed
	case w&^catchingUp != 0:
		return Paused
	default:
		return Active
	}
}

// Describe returns what the entry is, for print.
func (e *Entry) Describe(state string) string {
	event := "a topic that is gone"
	if t := e.kind.ledger.topic.Value(); t != nil {
		event = t.info().String()
	}
	s := fmt.Sprintf("%v on %s", e.kind.receiver().Type, event)
	if label := e.label(); label != "" {
		s += " (" + label + ")"
	}
	return s + ": " + state
}

// Cancel ends the subscription and reports whether this call did.
func (e *Entry) Cancel() bool {
	switch e.State() {
	case Active, Paused:
		if e.end(Cancelled) {
			return true
		}
	case Collected:
		e.Gone()
	}
	// Another goroutine stored the final state, and may not have come to the epoch yet. This call
	// promises that no handler is called any more, so it sees to that itself.
	e.kind.ledger.raise()
	e.unwanted()
	return false
}

// unwanted discards what the mailbox of an entry has accepted before the bus was closed.
func (e *Entry) unwanted() {
	if g := e.guard(); g != nil && State(e.state.Load()&finalMask) == Closed {
		g.ended(e, Cancelled)
	}
}

// Pause has every publish skip the entry until Resume.
func (e *Entry) Pause() { e.pause(pausedBySelf) }

// Resume ends a pause, and hands the subscriber what it missed.
func (e *Entry) Resume() {
	if e.resume(pausedBySelf) {
		e.resumed()
	}
}

func (e *Entry) pause(why uint32) {
	e.state.Or(why)
	e.kind.ledger.raise() // also if it was paused, or had ended: see Cancel
}

// resume ends a reason for a pause, and reports whether that was the last one and resumed is to be
// called, outside all locks.
func (e *Entry) resume(why uint32) (due bool) {
	g := e.guard()
	due = g != nil && g.gate != nil && why != catchingUp
	for {
		old := e.state.Load()
		if old&finalMask != 0 || old&why == 0 {
			return false
		}
		next := old &^ why
		if next == 0 && due && g.gate.catchUp && g.lane == nil {
			next = catchingUp
		}
		if e.state.CompareAndSwap(old, next) {
			e.kind.ledger.raise()
			// Whoever is catching up already goes on with it.
			return due && next&^catchingUp == 0 && old&catchingUp == 0
		}
	}
}

// resumed hands the subscriber what it missed.
func (e *Entry) resumed() {
	if g := e.guard(); g != nil && g.gate != nil {
		if t := e.kind.ledger.topic.Value(); t != nil {
			g.catch(t, e)
		}
	}
}

// mark moves the entry into a final state and reports whether this call did. The caller owes it a
// settle.
func (e *Entry) mark(final State) bool {
	for {
		w := e.state.Load()
		if w&finalMask != 0 {
			return false
		}
		if e.state.CompareAndSwap(w, w|uint32(final)) {
			return true
		}
	}
}

// settle tells the topic, the scope's function and the observers that the entry has ended.
func (e *Entry) settle() {
	l := e.kind.ledger
	l.raise()
	e.count()
	if l.ended.Add(1)*2 >= l.size.Load() {
		if t := l.topic.Value(); t != nil {
			defer t.compact() // also when a hook panics
		}
	}
	e.release()
}

// conclude is settle for an entry that the topic's list does not hold any more.
func (e *Entry) conclude() {
	e.count()
	e.release()
}

// count counts the entry among those that ended.
func (e *Entry) count() {
	e.kind.ledger.ends[State(e.state.Load()&finalMask)-Cancelled].Add(1)
}

// end moves the entry into a final state and reports whether this call did.
func (e *Entry) end(final State) bool {
	if !e.mark(final) {
		return false
	}
	e.settle()
	return true
}

// Gone notes that the receiver was collected. It leaves the epoch alone: nobody holds a strong
// pointer to a collected receiver, so no snapshot can contain one.
func (e *Entry) Gone() {
	if e.mark(Collected) {
		e.count()
		e.kind.ledger.ended.Add(1)
		e.release()
	}
}

// Expire ends the entry as if its receiver had been collected, and reports whether this call did.
// Unlike Gone it raises the epoch: the receiver is alive, and a snapshot may well hold it.
func (e *Entry) Expire() bool {
	switch e.State() {
	case Active, Paused:
		return e.end(Collected)
	case Collected:
		e.Gone()
	}
	return false
}

// Examine reports whether the entry can still be called, and notes it where the receiver was
// collected or the context of Until is done.
func (e *Entry) Examine() bool {
	if e.final() || e.expired() {
		return false
	}
	if !e.alive() {
		e.Gone()
		return false
	}
	return true
}

// expired ends the entry if its context is done, and reports whether it is. The context's own
// callback may be on its way, but not here yet.
func (e *Entry) expired() bool {
	if x := e.kind.extra; x != nil {
		if y := x.expiry.Value(); y != nil && y.ctx.Err() != nil {
			e.end(Cancelled)
			return true
		}
	}
	return false
}

// release lets go of what the subscription needed. It is called once, outside all locks, when the
// entry has ended.
func (e *Entry) release() {
	x := e.kind.extra
	if x == nil {
		e.letGo()
		if t := e.kind.ledger.topic.Value(); t != nil && t.Bus.observed() {
			t.Bus.tracer.tellEnded(t, e)
		}
		return
	}
	if g := x.guard.Value(); g == nil || !g.ended(e, State(e.state.Load()&finalMask)) {
		x.letGo()
	}
	if t := e.kind.ledger.topic.Value(); t != nil && t.Bus.observed() {
		t.Bus.tracer.ended(t, e)
	}
}

// letGo has the receiver's type let go of what only the subscription needs.
func (e *Entry) letGo() {
	if r := e.kind.receiver(); r.Release != nil {
		r.Release(e)
	}
}

// letGo is Entry.letGo, and leaves the context of Until. A mailbox that is still delivering what it
// accepted before the bus was closed puts it off until it is done.
func (x *extra) letGo() {
	x.entry.letGo()
	if y := x.expiry.Value(); y != nil {
		y.leave()
	}
}
