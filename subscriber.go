package weakbus

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/lifetime"
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
	catchingUp    = 1 << 10 // is being handed an event that the gate kept; see gate
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
		endEra() []endedEra
		path() []any
	}
	causes [Closed - Cancelled + 1]atomic.Int64 // how many ended, by cause
}

// anchor is what a subscription hangs on: its receiver, and what else is to be let go with it.
type anchor interface {
	alive() bool
	value() any             // the receiver, or nil
	receiver() reflect.Type // for reports
	release()               // called once, outside all locks, when the subscription has ended
}

// strongOrNil returns what p points to, or a nil interface.
func strongOrNil[T any](p weak.Pointer[T]) any {
	if recv := p.Value(); recv != nil {
		return recv
	}
	return nil
}

// ref is the anchor of a plain subscription. In an interface it takes no allocation.
type ref[T any] struct{ p weak.Pointer[T] }

func (r ref[T]) alive() bool            { return r.p.Value() != nil }
func (r ref[T]) value() any             { return strongOrNil(r.p) }
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
	case Closed: // what its mailbox accepted before that is not wanted any more
		if r, ok := s.anchor.(*rigged); ok && r.handler != nil {
			r.handler.ended(Cancelled)
		}
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
	case w&^catchingUp != 0:
		return Paused
	default:
		return Active
	}
}

// Pause makes every publish skip the subscription until Resume, from the very next call of a
// handler on. Missed events are not kept, but for the latest one where CatchUp asks for it.
// Pausing does not nest: however often Pause was called, one Resume ends it. The pause of a
// Scope is counted apart from this one.
func (s *Subscription) Pause() { s.pause(pausedBySelf) }

// Resume ends a Pause. If the subscription's scope is paused, it stays paused until the scope
// is resumed too. With CatchUp, Resume hands the subscriber what it missed.
func (s *Subscription) Resume() {
	if s.resume(pausedBySelf) {
		s.resumed()
	}
}

func (s *Subscription) pause(why uint32) {
	if s.state.Or(why)&(finalMask|why) == 0 {
		s.origin.epoch.Add(1)
	}
}

// resume ends a reason for a pause, and reports whether that was the last one and resumed is to
// be called, outside all locks.
func (s *Subscription) resume(why uint32) (due bool) {
	r, _ := s.anchor.(*rigged)
	due = r != nil && r.handler != nil && why != catchingUp
	mark := due && r.handler.catches()
	for {
		old := s.state.Load()
		if old&finalMask != 0 || old&why == 0 {
			return false
		}
		next := old &^ why
		if next == 0 && mark {
			next = catchingUp
		}
		if s.state.CompareAndSwap(old, next) {
			s.origin.epoch.Add(1)
			// Whoever is catching up already goes on with it.
			return due && next&^catchingUp == 0 && old&catchingUp == 0
		}
	}
}

// resumed hands the subscriber what it missed.
func (s *Subscription) resumed() { s.anchor.(*rigged).handler.resumed(s) }

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
	s.count()
	if s.origin.ended.Add(1)*2 >= s.origin.size.Load() {
		defer s.origin.topic.compact() // also when a hook panics
	}
	s.anchor.release()
}

// count counts the subscription among those that ended.
func (s *Subscription) count() {
	s.origin.causes[State(s.state.Load()&finalMask)-Cancelled].Add(1)
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
		s.count()
		s.origin.ended.Add(1)
		s.anchor.release()
	}
}

// subscribe is what the Subscribe functions have in common. All that can panic comes before all
// that leaves a trace, except the call of the handler that Replay asks for.
func subscribe[T, E any](function string, t *Topic[E], recv *T, w weak.Pointer[T], a anchor, o options, handle func(*T, E)) *Subscription {
	if o.guards || t.bus != nil && t.bus.tracer != nil {
		return subscribeOptioned(function, t, recv, a, o, adapt(handle))
	}
	if t.sub != nil {
		t = t.pin()
		defer t.unpin()
	}
	sub, ok := t.enlist(recv, a, &o, nil)
	if ok {
		t.enlisted(sub, add[plain[T, E]](t, o.priority, slot[weak.Pointer[T], func(*T, E)]{w, handle, sub}))
	}
	runtime.KeepAlive(recv) // a receiver that is made in the call lives at least through it
	return sub
}

// subscribeOptioned is subscribe for a handler that options guard, or that takes a context.
func subscribeOptioned[E any](function string, t *Topic[E], recv any, a anchor, o options, handle func(any, context.Context, E) error) *Subscription {
	h := guard(function, &o, handle)
	if t.sub != nil {
		t = t.pin()
		defer t.unpin()
	}
	sub, ok := t.enlist(recv, a, &o, h)
	if ok {
		t.enlisted(sub, join(t, o.priority, slot[none, *optionedHandler[E]]{handle: h, sub: sub}, o.replay))
		if o.replay {
			h.begin(t, sub)
		}
	}
	runtime.KeepAlive(recv)
	return sub
}

// enlist makes a subscription, and reports whether it is to join the topic's list. h is nil
// for one without options.
func (t *Topic[E]) enlist(recv any, a anchor, o *options, h *optionedHandler[E]) (sub *Subscription, ok bool) {
	sub = &Subscription{origin: t.source(), anchor: a}
	if t.bus != nil && t.bus.closed.Load() {
		sub.mark(Closed)
		return sub, false
	}
	if h != nil {
		t.equip(sub, h, o)
	}
	expires, refused := o.watch(sub)
	if !refused && o.scope != nil {
		refused = o.enter(sub, recv, t.bus)
	}
	if refused {
		sub.anchor.release()
		return sub, false
	}
	// It may have ended since, by its scope or its context. That was counted, so it goes into
	// the list all the same, to be removed in its turn.
	t.look(2)
	if h != nil {
		h.until = expires
		if t.bus != nil && o.until != nil {
			t.bus.scopes.expires(expires)
		}
	}
	return sub, true
}

// enlisted does what is left when the subscription has joined, or found the topic closed.
func (t *Topic[E]) enlisted(sub *Subscription, open bool) {
	switch {
	case !open:
		sub.end(Closed)
	case t.bus != nil:
		t.bus.arm()
		if r := sub.record(); r != nil {
			r.subscribed(sub)
		}
		t.bus.tracer.pump()
	}
}

// guard returns the handler with the options that a delivery has to look at.
func guard[E any](function string, o *options, handle func(any, context.Context, E) error) *optionedHandler[E] {
	h := &optionedHandler[E]{handle: handle, once: o.once, label: o.label, via: o.via}
	if o.filter != nil {
		filter, ok := o.filter.(func(E) bool)
		if !ok {
			misuse(function, fmt.Sprintf("Filter takes a %T, events are %v; write Filter(func(%v) bool {...})",
				o.filter, reflect.TypeFor[E](), reflect.TypeFor[E]()))
		}
		h.filter = filter
	}
	if o.replay || o.catchUp {
		h.gate = &gate[E]{catchUp: o.catchUp}
	}
	if o.capacity > 0 {
		h.box = &mailbox[E]{}
		h.box.capacity, h.box.overflow = o.capacity, o.overflow
	}
	return h
}

// equip gives sub what it needs for calls that no publish makes, and for reports.
func (t *Topic[E]) equip(sub *Subscription, h *optionedHandler[E], o *options) {
	if h.gate != nil || h.box != nil || h.via != nil {
		h.topic = weak.Make(t)
		sub.rig().handler = handlerRef[E]{weak.Make(h)}
	}
	if t.bus != nil && t.bus.tracer != nil {
		h.record = &record{tracer: weak.Make(t.bus.tracer), info: SubscriptionInfo{
			Topic: TopicInfo{Event: t.event()}, Receiver: sub.anchor.receiver(), Label: o.label, Priority: o.priority, Site: callSite(),
		}}
		sub.rig().record = h.record
	}
}

// rigged is the anchor of a subscription with more to it than a receiver. Like any anchor it
// keeps nothing alive.
type rigged struct {
	anchor  // of the receiver
	sub     *Subscription
	expiry  weak.Pointer[expiry] // zero without Until
	record  *record              // nil without Trace and logger
	handler interface {          // nil without Replay, CatchUp, Async, Via
		catches() bool // is to be marked as catching up when it is resumed
		resumed(*Subscription)
		ended(cause State) (busy bool) // busy: with events that were accepted before Close
		busy() bool
		backlog() (waiting, dropped int)
	}
}

// rig returns the subscription's rigged anchor. It is made while nobody else has sub.
func (s *Subscription) rig() *rigged {
	r, ok := s.anchor.(*rigged)
	if !ok {
		r = &rigged{anchor: s.anchor, sub: s}
		s.anchor = r
	}
	return r
}

// busy reports whether a mailbox is still delivering what it accepted before the bus was closed.
func (s *Subscription) busy() bool {
	r, ok := s.anchor.(*rigged)
	return ok && r.handler != nil && s.State() == Closed && r.handler.busy()
}

// record returns what the bus recorded of the subscription, or nil.
func (s *Subscription) record() *record {
	if r, ok := s.anchor.(*rigged); ok {
		return r.record
	}
	return nil
}

func (r *rigged) release() {
	if r.handler == nil || !r.handler.ended(State(r.sub.state.Load()&finalMask)) {
		r.anchor.release()
	}
	if x := r.expiry.Value(); x != nil {
		x.leave()
	}
	if r.record != nil {
		r.record.ended(r.sub)
	}
}

// handlerRef is how a subscription refers to its handler.
type handlerRef[E any] struct {
	p weak.Pointer[optionedHandler[E]]
}

func (r handlerRef[E]) catches() bool {
	h := r.p.Value()
	return h != nil && h.gate != nil && h.gate.catchUp && h.box == nil
}

func (r handlerRef[E]) resumed(sub *Subscription) {
	if h := r.p.Value(); h != nil && h.gate != nil {
		if t := h.topic.Value(); t != nil {
			h.catch(t, sub)
		}
	}
}

func (r handlerRef[E]) ended(cause State) (busy bool) {
	h := r.p.Value()
	if h == nil {
		return false
	}
	if h.box != nil {
		busy = h.box.end(cause)
	}
	if h.gate != nil && !busy {
		h.gate.clear()
	}
	return busy
}

func (r handlerRef[E]) busy() bool {
	h := r.p.Value()
	return h != nil && h.box != nil && h.box.busy()
}

func (r handlerRef[E]) backlog() (waiting, dropped int) {
	if h := r.p.Value(); h != nil && h.box != nil {
		return h.box.backlog()
	}
	return 0, 0
}

// checkReceiver panics if the runtime never frees receivers of type T on their own.
func checkReceiver[T any](function string, recv *T) {
	if recv == nil {
		misuse(function, "nil receiver; for a plain function, use SubscribeFunc")
	}
	t := reflect.TypeFor[T]()
	if t.Size() >= lifetime.Alone {
		return
	}
	if reason := lifetime.Refuse(t); reason != "" {
		misuse(function, reason+", or use SubscribeFunc with a Scope")
	}
}

func checkScope(function string, scope *Scope) {
	if scope == nil {
		misuse(function, "nil scope; put a weakbus.Scope into the object that owns the handler, or use the bus's own Scope")
	}
}
