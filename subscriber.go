package weakbus

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/core"
	"github.com/weakbus/weakbus/internal/lifetime"
	"github.com/weakbus/weakbus/internal/testhook"
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
	// Collected subscriptions ended because their receiver was garbage collected, or the object that
	// their sub-topic is keyed by.
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
type Subscription struct{ entry core.Entry }

// Cancel ends the subscription and reports whether this call ended it: false if it had
// already ended, for whatever reason. After Cancel returns no new call of the handler
// starts, not even in a publish that is under way. Cancel does not wait for a call that is
// already running; for that, put the subscription under a Scope and use its CloseWait.
func (s *Subscription) Cancel() bool { return s.entry.Cancel() }

// State returns the subscription's state at some moment during the call. A receiver that is
// unreachable but not collected yet counts as alive. A context of Until that is done counts, though
// its callback may still be on its way.
func (s *Subscription) State() State { return State(s.entry.State()) }

// Pause makes every publish skip the subscription until Resume, from the very next call of a
// handler on. Missed events are not kept, but for the latest one where CatchUp asks for it.
// Pausing does not nest: however often Pause was called, one Resume ends it. The pause of a
// Scope is counted apart from this one.
func (s *Subscription) Pause() { s.entry.Pause() }

// Resume ends a Pause. If the subscription's scope is paused, it stays paused until the scope
// is resumed too. With CatchUp, Resume hands the subscriber what it missed.
func (s *Subscription) Resume() { s.entry.Resume() }

// String says what the subscription is: the receiver's type, the topic, the label and the state. The
// format may change.
func (s *Subscription) String() string { return s.entry.Describe(s.State().String()) }

// Subscribe calls handle with recv and each event of type E that is published to src, from the
// next publish on.
//
// src holds recv weakly: it never keeps recv alive. Delivery ends when the subscription is
// cancelled or recv is collected, whichever comes first. Collection is not prompt and may never
// happen; cancel when the moment matters. A receiver inside a larger allocation, such as an
// element of a slice or a field of a struct, lives as long as all of it. To subscribe many elements
// of one slice takes time in proportion to the square of their number, since the runtime looks through
// the weak pointers to one allocation; allocate such receivers singly.
//
// handle must reach recv through its parameter only; the method expression (*T).Method does. A
// method value or a closure over recv keeps recv alive for as long as the subscription, that is
// for ever; where a closure is wanted, use SubscribeFunc.
//
// The returned Subscription may be dropped. On a closed bus it is in state Closed, and handle is
// never called. Subscribe panics if src, recv or handle is nil, and if T is a type that the
// garbage collector never, or perhaps never, collects: of size zero, or pointer-free and smaller
// than 16 bytes, which the runtime allocates in batches.
func Subscribe[T, E any, S Source[E]](src S, recv *T, handle func(*T, E), opts ...SubscribeOption) *Subscription {
	return subscribe(draftFor("Subscribe", weak.Make(recv)), src, recv, upgradeOf[T](), handle, opts)
}

// SubscribeContext is Subscribe for a handler that takes a context and may fail. The context is
// the one given to PublishContext, context.Background() for Publish; when the publisher cancels it,
// work that is to go on needs context.WithoutCancel. What becomes of the error is said there.
func SubscribeContext[T, E any, S Source[E]](src S, recv *T, handle func(*T, context.Context, E) error, opts ...SubscribeOption) *Subscription {
	mayReport()
	return subscribeContext(draftFor("SubscribeContext", weak.Make(recv)), src, recv, upgradeOf[T](), handle, opts)
}

// SubscribeFunc calls handle with each event of type E that is published to src, from the next
// publish on, for as long as scope lives and is not closed.
//
// Only scope holds handle, so handle may capture the object that scope is a field of: when
// nothing else refers to that object, it, the scope and handle are collected together, and
// delivery ends. A closure that captures src keeps src alive for as long as the scope.
//
// On a closed bus the returned Subscription is in state Closed, under a closed scope in state
// Cancelled. SubscribeFunc panics if src, scope or handle is nil.
func SubscribeFunc[E any, S Source[E]](src S, scope *Scope, handle func(E), opts ...SubscribeOption) *Subscription {
	d, h := held("SubscribeFunc", scope, handle, handle == nil)
	return subscribe(d, src, h, upgradeOf[holder](), callHeld[E], opts)
}

// SubscribeFuncContext is SubscribeFunc for a handler that takes a context and may fail, as in
// SubscribeContext.
func SubscribeFuncContext[E any, S Source[E]](src S, scope *Scope, handle func(context.Context, E) error, opts ...SubscribeOption) *Subscription {
	mayReport()
	d, h := held("SubscribeFuncContext", scope, handle, handle == nil)
	return subscribeContext(d, src, h, upgradeOf[holder](), callHeldContext[E], opts)
}

// draft is a subscription in the making: what does not depend on types.
type draft struct {
	core  core.Draft
	opts  core.Options
	scope *Scope // of SubscribeFunc
}

// draftFor returns the draft of a subscription with a receiver; ref is the weak pointer to it. It is
// small enough to be inlined, and then the draft stays on the stack.
func draftFor(function string, ref any) *draft {
	return &draft{core: core.Draft{Function: function, Ref: ref}}
}

// begin looks at what the caller gave, and reports whether a delivery has no options to look at.
func (d *draft) begin(recv any, nilHandler bool, opts []SubscribeOption) (plain bool) {
	if d.scope == nil {
		d.core.Of = reflect.TypeOf(recv)
		checkReceiver(d.core.Function, reflect.ValueOf(recv))
		if nilHandler {
			core.Misuse(d.core.Function, "nil handler; pass a method expression such as (*T).OnEvent")
		}
	} else {
		d.core.Held, d.opts.Scope = recv, &d.scope.core
	}
	if len(opts) == 0 {
		return true
	}
	d.opts = evaluate(d.opts.Scope, opts)
	return !d.opts.Guards()
}

// end makes the subscription. A receiver that is made in the call of Subscribe lives at least
// through it.
func (d *draft) end(t *core.Topic, recv any, made core.Maker) *Subscription {
	s := new(Subscription)
	if d.scope != nil {
		d.core.Release = releaseHolder
	}
	t.Subscribe(&s.entry, &d.core, &d.opts, made)
	runtime.KeepAlive(recv)
	return s
}

// checkReceiver panics for a receiver that the runtime never frees on its own.
func checkReceiver(function string, recv reflect.Value) {
	if recv.IsNil() {
		core.Misuse(function, "nil receiver; for a plain function, use SubscribeFunc")
	}
	t := recv.Type().Elem()
	if t.Size() >= lifetime.Alone {
		return
	}
	if reason := lifetime.Refuse(t); reason != "" {
		core.Misuse(function, reason+", or use SubscribeFunc with a Scope")
	}
}

// holder carries a function for SubscribeFunc, of any event type. Its scope alone keeps it: owner,
// scope, holder and a function that captures the owner are a cycle, which the collector takes as a
// whole. That is how a function can live exactly as long as its owner, in a language without
// ephemerons.
type holder struct {
	fn atomic.Pointer[any] // nil once the subscription has ended: the scope may not prune for long
}

// held returns the draft of a subscription that the scope holds the function of.
func held(function string, scope *Scope, fn any, isNil bool) (*draft, *holder) {
	if scope == nil {
		core.Misuse(function, "nil scope; put a weakbus.Scope into the object that owns the handler, or use the bus's own Scope")
	}
	if isNil {
		core.Misuse(function, "nil handler")
	}
	h := &holder{}
	h.fn.Store(&fn)
	d := &draft{scope: scope}
	d.core.Function, d.core.Of, d.core.Ref = function, reflect.TypeOf(fn), weak.Make(h)
	return d, h
}

// load returns the function, or nil.
func (h *holder) load() any {
	if fn := h.fn.Load(); fn != nil {
		return *fn
	}
	return nil
}

// heldBy returns the function of a holder.
func heldBy(recv any) any { return recv.(*holder).load() }

// releaseHolder lets go of the function.
func releaseHolder(e *core.Entry) {
	if w, ok := e.Ref().(weak.Pointer[holder]); ok {
		if h := w.Value(); h != nil {
			h.fn.Store(nil)
		}
	}
}

func callHeld[E any](h *holder, event E) {
	if fn, ok := h.load().(func(E)); ok {
		fn(event)
	}
}

func callHeldContext[E any](h *holder, ctx context.Context, event E) error {
	if fn, ok := h.load().(func(context.Context, E) error); ok {
		return fn(ctx, event)
	}
	return nil
}

// Package weakbustest works on the core through this.
var _ = testhook.Set(testhook.Hooks{
	Expire: func(subscription any) bool { return subscription.(*Subscription).entry.Expire() },
	Early: func(bus any, told func(info any), exempt func() bool) {
		bus.(*Bus).core.Observe(&core.Observer{Early: func(i core.Info) { told(subscriptionInfo(i)) }, Exempt: exempt})
	},
	Vanished: func(bus any, told func(info any)) {
		bus.(*Bus).core.Vanished(func(i core.Info) { told(subscriptionInfo(i)) })
	},
})
