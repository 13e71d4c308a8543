package weakbus

import (
	"context"
	"fmt"
	"time"

	"github.com/weakbus/weakbus/internal/core"
)

// SubscribeOption changes how one subscription is delivered to.
type SubscribeOption func(*options)

// options is what the options of one subscription add up to.
type options struct{ core core.Options }

func evaluate(scope *core.Scope, opts []SubscribeOption) core.Options {
	o := &options{core.Options{Scope: scope}}
	for _, opt := range opts {
		if opt != nil {
			opt(o)
		}
	}
	return o.core
}

// Priority puts the subscription before all of lower priority, and behind those of the same
// priority that are there already. The default is 0; any int will do. The first publish after somebody
// subscribed in front of lower priorities puts the topic's list in order again.
func Priority(n int) SubscribeOption {
	return func(o *options) { o.core.Priority = n }
}

// Once ends the subscription with its first delivery: the handler is called at most once,
// whatever publishes run at the same time. Its state is then Spent. An event that Filter
// refuses does not count.
func Once() SubscribeOption {
	return func(o *options) { o.core.Once = true }
}

// Filter lets through the events for which keep returns true. keep is called on the publishing
// goroutine before the handler, also concurrently; like a handler it must not capture the
// receiver. E must be the event type of the source, and there can be one Filter, or Subscribe
// panics. A panic in keep is treated, and counted, as one in the handler.
func Filter[E any](keep func(E) bool) SubscribeOption {
	return filter(keep, keep == nil)
}

func filter(keep any, isNil bool) SubscribeOption {
	if isNil {
		core.Misuse("Filter", "nil function")
	}
	return func(o *options) {
		if o.core.Filter != nil {
			core.Misuse("Filter", "the subscription has a filter already; write one that looks at both")
		}
		o.core.Filter = keep
	}
}

// Until cancels the subscription when ctx is done: no call of the handler starts afterwards.
// If ctx is done already, the subscription is Cancelled from the start. No goroutine waits for
// a context of package context; one of another type costs what it costs context.AfterFunc. The
// subscription does not keep ctx alive. Subscribe panics on a second Until.
func Until(ctx context.Context) SubscribeOption {
	if ctx == nil {
		core.Misuse("Until", "nil context")
	}
	return func(o *options) {
		if o.core.Until != nil {
			core.Misuse("Until", "the subscription has a context already; pass one that ends with both")
		}
		o.core.Until = ctx
	}
}

// In puts the subscription under a scope, so that the scope's Close, Pause and Resume reach it.
// The scope does not keep the receiver alive. Subscribe panics if the subscription has a scope
// already, as it has in SubscribeFunc.
func In(scope *Scope) SubscribeOption {
	if scope == nil {
		core.Misuse("In", "nil scope; put a weakbus.Scope into the object that owns the handler, or use the bus's own Scope")
	}
	return func(o *options) {
		if o.core.Scope != nil {
			core.Misuse("In", "the subscription has a scope already; subscribe once for each scope")
		}
		o.core.Scope = &scope.core
	}
}

// Label names the subscription in reports and in Stats. It costs nothing in a delivery.
func Label(name string) SubscribeOption {
	return func(o *options) { o.core.Label = name }
}

// Replay hands the subscriber the topic's last event before Subscribe returns, if the topic
// retains one (see Topic.Retain), and lets it hear the later ones as usual: none twice, none out
// of order. What is published while it is still busy with the first call is reduced to the
// latest. With Via, Async or Through the event is handed over before Subscribe returns, and the handler
// runs where and when those have it run. A panic of the handler in that call ends the subscription and
// reaches the caller of Subscribe, unless the bus has OnPanic.
func Replay() SubscribeOption {
	return func(o *options) { o.core.Replay = true }
}

// CatchUp hands the subscriber, when it is resumed, the latest of the events that it missed
// while it was paused, before Resume returns, on that goroutine: for what shows the present state
// of something and may be hidden for a while. Events that Filter refuses are not missed. While
// the subscriber is paused, that one event is kept alive.
func CatchUp() SubscribeOption {
	return func(o *options) { o.core.CatchUp = true }
}

// Coalesce has a newer event take the place of one whose call has not begun: for what shows the
// present state of something, and is called by an executor or through a mailbox that may be busy. It
// goes with Via, Async or Through; without them nothing waits, and Subscribe panics. What is replaced is
// no drop, and is counted in Stats as Replaced.
func Coalesce() SubscribeOption {
	return func(o *options) { o.core.Coalesce = true }
}

// Debounce calls the handler with the latest event when none has come for d: for a search field that is
// typed into. Without Via, Async or Through the call comes on the goroutine of a timer, which may be
// another one each time; two calls never overlap unless the handler takes longer than d. The pending
// event does not keep the receiver alive, and is let go of when the subscription ends. What is replaced
// is counted in Stats as Replaced. Debounce panics if d is not positive; Subscribe panics if the
// subscription has a Throttle too.
func Debounce(d time.Duration) SubscribeOption {
	checkDuration("Debounce", d)
	return func(o *options) {
		o.core.Debounce = d
		o.checkPace("Debounce")
	}
}

// Throttle calls the handler with the first event at once, as if there were no option, then at most once
// in each d, with the latest: for a window that is being resized. The later calls come as those of
// Debounce do, whose description holds for Throttle in all else.
func Throttle(d time.Duration) SubscribeOption {
	checkDuration("Throttle", d)
	return func(o *options) {
		o.core.Throttle = d
		o.checkPace("Throttle")
	}
}

func checkDuration(function string, d time.Duration) {
	if d <= 0 {
		core.Misuse(function, fmt.Sprintf("%v is no duration to wait; leave the option out to be called with each event", d))
	}
}

func (o *options) checkPace(function string) {
	if o.core.Debounce > 0 && o.core.Throttle > 0 {
		core.Misuse(function, "the subscription has a Debounce and a Throttle; choose one")
	}
}

// Executor runs task somewhere else or later: once, or not at all. A function of a user
// interface that runs something on its main goroutine fits as it is. What it does with the tasks
// decides about their order and concurrency.
type Executor func(task func())

// Via has the handler called by exec: the publisher hands over a task and does not wait for it.
// Whether the subscriber is alive, active and not cancelled is looked at when the task runs. A
// task keeps neither the receiver nor the bus alive, but it does keep the event; exec may drop it.
// exec itself is kept: like a handler it must not capture the receiver, as a method value of it does.
// Filter is called by the publisher, before.
//
// For Publish, a handler whose task was handed over counts as run. Its errors are reported as
// those of Publish are, its panics reach exec unless the bus has OnPanic. A handler that takes a
// context gets one with the values of the publisher's, but not its end. Via, Async and Through exclude
// each other; Via panics if exec is nil.
func Via(exec Executor) SubscribeOption {
	if exec == nil {
		core.Misuse("Via", "nil Executor; leave the option out to be called by the publisher")
	}
	return func(o *options) {
		o.checkWay("Via")
		o.core.Via = core.Executor(exec)
	}
}

// checkWay panics if the events of the subscription go another way already.
func (o *options) checkWay(function string) {
	if o.core.Via != nil || o.core.Capacity > 0 || o.core.Box != nil {
		core.Misuse(function, "the subscription has a Via, Async or Through already; events can take one way only")
	}
}

func checkContext(function string, ctx context.Context) {
	if ctx == nil {
		core.Misuse(function, "nil context; pass context.Background() if there is none")
	}
}
