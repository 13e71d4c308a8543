package weakbus

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"weak"
)

// State says where a subscription is in its life. All but Active and Paused are final.
type State uint8

const (
	// Active subscriptions hear events.
	Active State = iota
	// Paused subscriptions are skipped until they, and their scope, are resumed.
	Paused
	// Cancelled subscriptions were ended by Cancel, by their Scope or by Until.
	Cancelled
	// Collected subscriptions ended because their receiver was garbage collected.
	Collected
	// Spent subscriptions were made with Once and have run.
	Spent
	// Closed subscriptions ended with their bus or topic, or were made on a closed bus.
	Closed
)

// String returns the state's name in lower case.
func (s State) String() string {
	names := [...]string{"active", "paused", "cancelled", "collected", "spent", "closed"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// Subscription is the handle of one subscription. Dropping it changes nothing: the
// subscription lives on with its receiver. Keeping it keeps nothing alive either, neither
// the receiver nor the handler nor the bus. Its methods are safe for concurrent use and may
// be called from handlers.
type Subscription struct {
	// state is zero for a subscription that is to be called. The low byte holds the final
	// state once there is one, the rest the reasons for a pause.
	state  atomic.Uint32
	origin *origin
	anchor anchor
}

const (
	finalMask     = 0xff
	pausedBySelf  = 1 << 8
	pausedByScope = 1 << 9
)

// origin is the part of a topic that its subscriptions share. It reaches the topic only
// weakly, so that a kept Subscription carries nothing of it.
type origin struct {
	// epoch counts the changes of state that a delivery has to notice. It is incremented
	// after the state was stored; see "State and the epoch" in docs/design.md.
	epoch atomic.Uint64
	ended atomic.Int64 // ended subscriptions that the topic's list still holds
	size  atomic.Int64 // subscriptions in the topic's list
	topic interface {
		alive() bool
		compact()
	}
}

// anchor is what a subscription hangs on: its receiver, and what else is to be let go with it.
type anchor interface {
	alive() bool
	receiver() reflect.Type // for reports
	release()               // called once, outside all locks, when the subscription has ended
}

// ref is the anchor of a plain subscription. In an interface it takes no allocation.
type ref[T any] struct{ p weak.Pointer[T] }

func (r ref[T]) alive() bool            { return r.p.Value() != nil }
func (r ref[T]) receiver() reflect.Type { return reflect.TypeFor[*T]() }
func (r ref[T]) release()               {}

// Cancel ends the subscription and reports whether this call ended it: false if it had
// already ended, for whatever reason. After Cancel returns no new call of the handler
// starts, not even in a publish that is under way. Cancel does not wait for a call that is
// already running.
func (s *Subscription) Cancel() bool {
	switch s.State() {
	case Active, Paused:
		return s.end(Cancelled)
	case Collected:
		s.collected()
	}
	return false
}

// State returns the subscription's state at some moment during the call. A receiver that is
// unreachable but not collected yet counts as alive.
func (s *Subscription) State() State {
	w := s.state.Load()
	switch final := State(w & finalMask); {
	case final != Active:
		return final
	case !s.anchor.alive():
		return Collected
	case !s.origin.topic.alive():
		return Closed
	case w != 0:
		return Paused
	default:
		return Active
	}
}

// Pause makes every publish skip the subscription until Resume, from the very next call of a
// handler on. Missed events are not kept. Pausing does not nest: however often Pause was
// called, one Resume ends it. The pause of a Scope is counted apart from this one.
func (s *Subscription) Pause() { s.pause(pausedBySelf) }

// Resume ends a Pause. If the subscription's scope is paused, it stays paused until the scope
// is resumed too.
func (s *Subscription) Resume() { s.resume(pausedBySelf) }

func (s *Subscription) pause(why uint32) {
	if s.state.Or(why)&(finalMask|why) == 0 {
		s.origin.epoch.Add(1)
	}
}

func (s *Subscription) resume(why uint32) {
	if old := s.state.And(^why); old&finalMask == 0 && old&why != 0 {
		s.origin.epoch.Add(1)
	}
}

// active reports whether a delivery may call the handler now.
func (s *Subscription) active() bool { return s.state.Load() == 0 }

func (s *Subscription) isFinal() bool { return s.state.Load()&finalMask != 0 }

// mark moves the subscription into a final state and reports whether this call did. The
// caller owes it a settle.
func (s *Subscription) mark(final State) bool {
	for {
		w := s.state.Load()
		if w&finalMask != 0 {
			return false
		}
		if s.state.CompareAndSwap(w, w|uint32(final)) {
			return true
		}
	}
}

// settle tells the topic and the anchor of a subscription that was marked.
func (s *Subscription) settle() {
	s.origin.epoch.Add(1)
	s.anchor.release()
	if s.origin.ended.Add(1)*2 >= s.origin.size.Load() {
		s.origin.topic.compact()
	}
}

// end moves the subscription into a final state and reports whether this call did.
func (s *Subscription) end(final State) bool {
	if !s.mark(final) {
		return false
	}
	s.settle()
	return true
}

// collected notes that the receiver is gone. It leaves the epoch alone: nobody holds a strong
// pointer to a collected receiver, so no snapshot can contain one.
func (s *Subscription) collected() {
	if s.mark(Collected) {
		s.anchor.release()
		s.origin.ended.Add(1)
	}
}

// subscriber is what one Subscribe function hands to subscribe. One of its handlers is nil.
type subscriber[T, E any] struct {
	recv          *T
	anchor        anchor
	scope         *Scope // set where recv is a holder, which only the scope keeps
	handle        func(*T, E)
	handleContext func(*T, context.Context, E) error
}

// subscribe is the common part of the four Subscribe functions. All that can panic comes
// before all that leaves a trace.
func subscribe[T, E any](function string, t *Topic[E], s subscriber[T, E], opts []SubscribeOption) *Subscription {
	o := evaluate(s.scope, opts)
	var guarded *optionedHandler[T, E]
	if s.handle == nil || o.guards {
		guarded = guard(function, o, s)
	}
	sub := &Subscription{origin: t.source(), anchor: s.anchor}
	if t.bus != nil && t.bus.closed.Load() {
		sub.mark(Closed)
		return sub
	}
	expires, refused := o.watch(sub)
	if !refused && o.scope != nil {
		refused = o.enter(sub, s.recv, t.bus, s.scope != nil)
	}
	if refused {
		sub.anchor.release()
		return sub
	}
	// It may have ended since, by its scope or its context. That was counted, so it goes into
	// the list all the same, to be removed in its turn.
	recv := weak.Make(s.recv)
	var open bool
	if guarded == nil {
		open = add[plain[T, E]](t, o.priority, slot[T, func(*T, E)]{recv, s.handle, sub})
	} else {
		guarded.until = expires
		if t.bus != nil && o.until != nil {
			t.bus.scopes.expires(expires)
		}
		open = add[optioned[T, E]](t, o.priority, slot[T, *optionedHandler[T, E]]{recv, guarded, sub})
	}
	if !open {
		sub.end(Closed)
	} else if t.bus != nil {
		t.bus.arm()
	}
	runtime.KeepAlive(s.recv) // a receiver that is made in the call lives at least through it
	return sub
}

// guard returns the handler of s with the options that a delivery has to look at.
func guard[T, E any](function string, o options, s subscriber[T, E]) *optionedHandler[T, E] {
	h := &optionedHandler[T, E]{handle: s.handleContext, once: o.once, label: o.label}
	if h.handle == nil {
		simple := s.handle
		h.handle = func(recv *T, _ context.Context, event E) error {
			simple(recv, event)
			return nil
		}
	}
	if o.filter != nil {
		filter, ok := o.filter.(func(E) bool)
		if !ok {
			misuse(function, fmt.Sprintf("Filter takes a %T, events are %v; write Filter(func(%v) bool {...})",
				o.filter, reflect.TypeFor[E](), reflect.TypeFor[E]()))
		}
		h.filter = filter
	}
	return h
}

// checkReceiver panics if the runtime never frees receivers of type T on their own: then a
// weak pointer to one would not be weak. It allocates zero-size values at one address, and
// batches pointer-free ones of less than 16 bytes.
func checkReceiver[T any](function string, recv *T) {
	if recv == nil {
		misuse(function, "nil receiver; for a plain function, use SubscribeFunc")
	}
	switch t := reflect.TypeFor[T](); {
	case t.Size() >= 16:
	case t.Size() == 0:
		misuse(function, fmt.Sprintf("%v has size zero and is never collected; give it a field, or use SubscribeFunc with a Scope", t))
	case !hasPointers(t):
		misuse(function, fmt.Sprintf("%v has %d bytes and no pointers: the runtime allocates such values in batches and may never"+
			" collect one; give it 16 bytes or a pointer, or use SubscribeFunc with a Scope", t, t.Size()))
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		return t.Kind() > reflect.Complex128 // the kinds from Bool to Complex128 have none
	}
}

func checkScope(function string, scope *Scope) {
	if scope == nil {
		misuse(function, "nil scope; put a weakbus.Scope into the object that owns the handler, or use the bus's own Scope")
	}
}
