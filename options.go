package weakbus

import (
	"context"
	"sync/atomic"
	"weak"
)

// SubscribeOption changes how one subscription is delivered to.
type SubscribeOption func(*options)

// options is what the options of one subscription add up to.
type options struct {
	priority int
	scope    *Scope
	holds    bool // the receiver is a holder, which only the scope keeps
	until    context.Context
	filter   any // a func(E) bool
	once     bool
	label    string
	replay   bool
	catchUp  bool
	via      Executor
	capacity int // of Async; 0 without
	overflow Overflow
	guards   bool // some option has to be looked at in each delivery
}

// Priority puts the subscription before all of lower priority, and behind those of the same
// priority that are there already. The default is 0; any int will do. Subscribing in front of
// lower priorities copies the topic's list, which takes time in proportion to its length.
func Priority(n int) SubscribeOption {
	return func(o *options) { o.priority = n }
}

// Once ends the subscription with its first delivery: the handler is called at most once,
// whatever publishes run at the same time. Its state is then Spent. An event that Filter
// refuses does not count.
func Once() SubscribeOption {
	return func(o *options) { o.once, o.guards = true, true }
}

// Filter lets through the events for which keep returns true. keep is called on the publishing
// goroutine before the handler, also concurrently; like a handler it must not capture the
// receiver. E must be the event type of the source, and there can be one Filter, or Subscribe
// panics. A panic in keep is treated, and counted, as one in the handler.
func Filter[E any](keep func(E) bool) SubscribeOption {
	if keep == nil {
		misuse("Filter", "nil function")
	}
	return func(o *options) {
		if o.filter != nil {
			misuse("Filter", "the subscription has a filter already; write one that looks at both")
		}
		o.filter, o.guards = keep, true
	}
}

// Until cancels the subscription when ctx is done: no call of the handler starts afterwards.
// If ctx is done already, the subscription is Cancelled from the start. No goroutine waits for
// a context of package context; one of another type costs what it costs context.AfterFunc. The
// subscription does not keep ctx alive. Subscribe panics on a second Until.
func Until(ctx context.Context) SubscribeOption {
	if ctx == nil {
		misuse("Until", "nil context")
	}
	return func(o *options) {
		if o.until != nil {
			misuse("Until", "the subscription has a context already; pass one that ends with both")
		}
		o.until, o.guards = ctx, true
	}
}

// In puts the subscription under a scope, so that the scope's Close, Pause and Resume reach it.
// The scope does not keep the receiver alive. Subscribe panics if the subscription has a scope
// already, as it has in SubscribeFunc.
func In(scope *Scope) SubscribeOption {
	checkScope("In", scope)
	return func(o *options) {
		if o.scope != nil {
			misuse("In", "the subscription has a scope already; subscribe once for each scope")
		}
		o.scope = scope
	}
}

// Label names the subscription in reports of panics and errors.
func Label(name string) SubscribeOption {
	return func(o *options) { o.label, o.guards = name, true }
}

func evaluate(scope *Scope, opts []SubscribeOption) options {
	if len(opts) == 0 {
		return options{scope: scope, holds: scope != nil} // the options below escape, these do not
	}
	o := &options{scope: scope, holds: scope != nil}
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	return *o
}

// enter puts sub under the scope, which keeps recv if that is a holder. It reports whether the
// scope was closed.
func (o *options) enter(sub *Subscription, recv any, bus *Bus) (refused bool) {
	if !o.holds {
		recv = nil
	}
	if !o.scope.add(sub, recv) {
		return sub.mark(Cancelled)
	}
	if bus != nil && o.scope != &bus.scope {
		bus.scopes.add(o.scope)
	}
	return false
}

// expiry ends a subscription when a context is done. Only the context holds it: a context may
// well reach the receiver, and must not be kept alive by the bus.
type expiry struct {
	ctx  context.Context
	sub  *Subscription
	stop atomic.Pointer[func() bool]
}

// watch has sub cancelled when the context of Until is done, and reports whether it was done
// already. sub must not be shared yet.
func (o *options) watch(sub *Subscription) (w weak.Pointer[expiry], refused bool) {
	if o.until == nil || o.until.Done() == nil {
		return w, false
	}
	if o.until.Err() != nil {
		return w, sub.mark(Cancelled)
	}
	x := &expiry{ctx: o.until, sub: sub}
	w = weak.Make(x)
	sub.rig().expiry = w
	stop := context.AfterFunc(o.until, func() { x.sub.end(Cancelled) })
	x.stop.Store(&stop)
	if sub.isFinal() {
		stop()
	}
	return w, false
}

// leave has the context forget the subscription.
func (x *expiry) leave() {
	if stop := x.stop.Load(); stop != nil {
		(*stop)()
	}
}
