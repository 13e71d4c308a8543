package weakbus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
)

// ErrClosed reports that the bus was closed. Test for it with errors.Is.
var ErrClosed = errors.New("weakbus: bus is closed")

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
}

// Error says who panicked, on which event, with what. It leaves out the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("weakbus: %s: handler panicked: %v", who(e.Event, e.Receiver, e.Label), e.Value)
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
}

// Error says who failed, on which event, and why.
func (e *HandlerError) Error() string {
	return fmt.Sprintf("weakbus: %s: %v", who(e.Event, e.Receiver, e.Label), e.Err)
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

func who(event, receiver reflect.Type, label string) string {
	if label != "" {
		return fmt.Sprintf("%v on %v (%s)", receiver, event, label)
	}
	return fmt.Sprintf("%v on %v", receiver, event)
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

// stopper is what the bus looks for in an event; Stopper is one way to have it.
type stopper interface{ Stopped() bool }

func checkContext(function string, ctx context.Context) {
	if ctx == nil {
		misuse(function, "nil context; pass context.Background() if there is none")
	}
}

// misuse panics at the call site of function with what is wrong and how to mend it.
func misuse(function, reason string) {
	panic("weakbus: " + function + ": " + reason)
}
