package weakbus

import (
	"log/slog"
	"reflect"
	"sync/atomic"

	"github.com/weakbus/weakbus/internal/core"
)

// ErrClosed reports that the bus was closed. Test for it with errors.Is.
var ErrClosed = core.ErrClosed

// PanicError describes a panic in a handler or a filter. OnPanic receives it.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is the stack of the panicking goroutine, in the format of debug.Stack.
	Stack []byte
	// Event is the event type of the topic.
	Event reflect.Type
	// Receiver is the type of the handler's receiver, *T in the terms of Subscribe.
	// For SubscribeFunc, which has none, it is the type of the function.
	Receiver reflect.Type
	// Label is the subscription's label, empty if it has none.
	Label string
	// Payload is the event itself.
	Payload any
}

// Error says who panicked, on which event, with what. It leaves out the stack.
func (e *PanicError) Error() string {
	return (*core.Panic)(e).Error()
}

// Unwrap returns Value where it is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// HandlerError is an error that a handler returned, with the name of its subscriber.
// PublishContext joins one for each handler that failed; find them with errors.As.
type HandlerError struct {
	// Err is what the handler returned.
	Err error
	// Event and Receiver are as in PanicError.
	Event, Receiver reflect.Type
	// Label is the subscription's label, empty if it has none.
	Label string
	// Payload is the event itself.
	Payload any
}

// Error says who failed, on which event, and why.
func (e *HandlerError) Error() string {
	return (*core.Failure)(e).Error()
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// mayReport is called by what may lead to a report that nobody else takes, which then goes to
// slog.Default(). A program that has nothing to report does not carry the package's handlers.
func mayReport() { core.Fallback(func() core.Logger { return slog.Default() }) }

// panicError and faceError return what the core reports as errors of this package.
func panicError(p *core.Panic) *PanicError { return (*PanicError)(p) }

func faceError(err error) error {
	switch e := err.(type) {
	case *core.Panic:
		return panicError(e)
	case *core.Failure:
		return (*HandlerError)(e)
	default:
		return err
	}
}

// Stopper lets handlers end the publish of an event early. Embed it in an event that is
// published by pointer:
//
//	type Key struct {
//		weakbus.Stopper
//		Code int
//	}
//
// When a handler calls Stop, no later handler of that event runs. An event published again
// after Stop reaches nobody. Its methods are safe for concurrent use.
type Stopper struct {
	stopped atomic.Bool
}

// Stop ends the publish of this event: the running handler finishes, no later one runs.
func (s *Stopper) Stop() { s.stopped.Store(true) }

// Stopped reports whether Stop was called.
func (s *Stopper) Stopped() bool { return s.stopped.Load() }
