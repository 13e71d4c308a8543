package weakbus

import (
	"context"
	"log/slog"

	"github.com/weakbus/weakbus/internal/core"
)

// Bus carries events of any number of types, each in a Topic of its own. It holds its
// subscribers only through weak pointers: whoever owns a subscriber decides how long it lives.
// Make one with New. Its methods, and the functions that take a bus, are safe for concurrent use
// and may be called from handlers.
type Bus struct {
	core  core.Bus
	scope Scope
}

// BusOption configures a bus.
type BusOption func(*Bus)

// OnPanic recovers panics in handlers and passes them to report; the remaining handlers of the
// event still run. Without it, a handler's panic reaches the publisher, and the rest of that
// publish is not delivered. report runs on the publishing goroutine, also concurrently. A panic
// in it reaches the publisher. runtime.Goexit in a handler is not a panic: it ends the
// publishing goroutine either way.
func OnPanic(report func(*PanicError)) BusOption {
	if report == nil {
		core.Misuse("OnPanic", "nil function; leave the option out to let panics reach the publisher")
	}
	return func(b *Bus) { b.core.OnPanic = func(p *core.Panic) { report(panicError(p)) } }
}

// WithTrace has the functions of trace called from the start, as Observe does later. Several add up.
func WithTrace(trace *Trace) BusOption {
	if trace == nil {
		core.Misuse("WithTrace", "nil Trace; leave the option out to trace nothing")
	}
	return func(b *Bus) { b.core.Observe(trace.observer()) }
}

// WithLogger reports to logger what a developer has to know: a subscriber that was collected
// before it heard its first event, with the file and line of its Subscribe; panics of handlers;
// errors of handlers that the publisher does not get; events that were dropped; an event that
// nobody hears because its subscribers take a pointer to it, or the other way round. It costs a
// publish what a Trace does.
func WithLogger(logger *slog.Logger) BusOption {
	if logger == nil {
		core.Misuse("WithLogger", "nil Logger; leave the option out, or use slog.Default()")
	}
	return func(b *Bus) { b.core.Log(logger) }
}

// WithSites has the bus note the file and line of each call that subscribes, and count what is
// published, also while nobody observes it: for Stats. It costs a publish what a Trace does.
func WithSites() BusOption {
	return func(b *Bus) { b.core.KeepSites() }
}

// New returns an empty bus. It starts no goroutine and needs no Close to be collected.
func New(opts ...BusOption) *Bus {
	b := &Bus{}
	b.core.Init()
	b.core.Own = &b.scope.core
	for _, opt := range opts {
		if opt != nil {
			opt(b)
		}
	}
	return b
}

// Scope returns the bus's own scope, which lives as long as the bus. A SubscribeFunc under it is
// the explicit strong subscription: it hears events until it is cancelled or the bus is closed
// or collected.
func (b *Bus) Scope() *Scope { return &b.ready("Scope").scope }

// Close ends all subscriptions, which are then in state Closed, and refuses new ones: Publish
// runs nothing and returns 0, PublishContext returns ErrClosed, and subscribing returns a
// subscription in state Closed. A publish under way calls no further handler. Close does not
// wait for handlers that a publisher is calling.
//
// What mailboxes have accepted is still delivered. Close waits for that, five seconds at most:
// then it drops the rest and returns an error that says how much that was. Use Shutdown to wait
// for longer, or not so long. Called from within a handler, it does not wait, and nothing is dropped.
// Close may be called again, and waits again.
func (b *Bus) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), core.CloseLimit)
	defer cancel()
	return b.ready("Close").core.Close(ctx, core.CloseLimit.String())
}

// Shutdown is Close, and waits for mailboxes until ctx is done. The error says how many events were
// dropped then, and wraps the cause of ctx.
func (b *Bus) Shutdown(ctx context.Context) error {
	checkContext("Shutdown", ctx)
	return b.ready("Shutdown").core.Close(ctx, "")
}

// Wait waits until no mailbox has anything left: neither those of Async nor those of Through. It
// returns ctx.Err() if ctx is done before. Events that are published meanwhile are waited for too. A
// handler that runs in a mailbox must not call it, for it would wait for itself.
func (b *Bus) Wait(ctx context.Context) error {
	checkContext("Wait", ctx)
	return b.ready("Wait").core.Wait(ctx)
}

// ready panics for a bus that cannot be used.
func (b *Bus) ready(function string) *Bus {
	if b == nil || !b.core.Ready() {
		core.Misuse(function, "nil *Bus or a zero one; make one with New")
	}
	return b
}
