package core

import (
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync/atomic"
)

// hookPanic is a panic of an observer's hook, on its way through where panics of handlers are recovered.
type hookPanic struct{ value any }

// errPanicked is what observers are told of a handler that did not return.
var errPanicked = errors.New("weakbus: handler panicked, or ended its goroutine")

// failure returns the error of a handler with the name of its subscriber.
func (t *Topic) failure(err error, e *Entry, h *Hand) error {
	return &Failure{Err: err, Event: t.typ.Event, Receiver: e.kind.receiver().Type, Label: e.label(), Payload: h.box()}
}

// recovered reports a panic of a handler that no publish called. It is to be deferred.
func (t *Topic) recovered(e *Entry, h *Hand) {
	if value := recover(); value != nil {
		notOfHook(value)
		t.report(t.panicOf(value, e, h.box()))
	}
}

// notOfHook goes on with a panic that is an observer's, not the handler's.
func notOfHook(value any) {
	if p, ok := value.(hookPanic); ok {
		panic(p.value)
	}
}

// panicOf describes a panic of a handler. It is called where the panic was recovered.
func (t *Topic) panicOf(value any, e *Entry, event any) *Panic {
	return &Panic{
		Value:    value,
		Stack:    debug.Stack(),
		Event:    t.typ.Event,
		Receiver: e.kind.receiver().Type,
		Label:    e.label(),
		Payload:  event,
	}
}

// report reports a recovered panic of a handler, and goes on with it unless OnPanic takes it.
func (t *Topic) report(p *Panic) {
	if set := t.Bus.observers(); set != nil {
		for _, x := range set.list {
			if x.Panicked != nil {
				x.Panicked(p)
			}
		}
		if set.log != nil {
			set.log.Error(p.Error(), "stack", string(p.Stack))
		}
	}
	if t.Bus.OnPanic == nil {
		panic(p.Value)
	}
	t.Bus.OnPanic(p)
}

// Failed reports the error of a handler. returned says that the publisher gets it too.
func (b *Bus) Failed(err error, returned bool) { b.failed(err, returned) }

func (b *Bus) failed(err error, returned bool) {
	set := b.observers()
	told := false
	var f *Failure
	if set != nil && errors.As(err, &f) {
		for _, x := range set.list {
			if x.Failed != nil {
				x.Failed(f)
				told = true
			}
		}
	}
	switch {
	case returned:
	case set != nil && set.log != nil, !told:
		b.logger().Error(err.Error())
	}
}

// report reports what a mailbox has dropped of a lane: to the bus of its subscription, which need not be
// the one that was published to.
func (l *lane) report(n, total int) {
	t := l.guard.topic.Value()
	if t == nil || !t.Bus.observed() {
		return
	}
	t.countDropped(n)
	info := t.describe(l.entry)
	t.Bus.tellDrop(Dropped{Event: l.event, Subscription: &info, Count: n, Total: total})
}

// droppedFrom reports what a queue has dropped.
func (b *Bus) droppedFrom(q *Queue, event reflect.Type, n, total int) {
	if t := b.find(event); t != nil {
		t.countDropped(n)
	}
	b.tellDrop(Dropped{Event: event, Queue: q.Label, Count: n, Total: total})
}

func (b *Bus) tellDrop(d Dropped) {
	set := b.observers()
	if set == nil {
		return
	}
	for _, x := range set.list {
		if x.Dropped != nil {
			x.Dropped(d)
		}
	}
	if set.log == nil || !crossesPowerOfTen(d.Total-d.Count, d.Total) {
		return
	}
	attrs := []any{"event", d.Event.String()}
	if d.Subscription != nil {
		attrs = attributes(d.Subscription)
	}
	set.log.Warn("weakbus: events were dropped for want of room", append(attrs, "total", d.Total)...)
}

// crossesPowerOfTen reports whether a count has come to 1, 10, 100 and so on: often enough to know
// of, and not so often as to drown the log.
func crossesPowerOfTen(before, now int) bool {
	for p := 1; p <= now; p *= 10 {
		if before < p {
			return true
		}
	}
	return false
}

// stalled reports a publisher that waits for a mailbox.
func (t *Topic) stalled(e *Entry) {
	t.Bus.stalled("a mailbox", who(t.typ.Event, e.kind.receiver().Type, e.label()))
}

// logger returns the bus's logger, or the default one.
func (b *Bus) logger() Logger {
	if set := b.observers(); set != nil && set.log != nil {
		return set.log
	}
	return (*fallback.Load())()
}

// Logger is what the core needs of a *slog.Logger. It does not import log/slog: that would be in each
// program, also where there is never anything to report.
type Logger interface {
	Warn(msg string, args ...any)
	Error(msg string, args ...any)
}

var fallback atomic.Pointer[func() Logger]

// Fallback says where reports go that nobody else takes. Whatever may lead to one calls it before.
func Fallback(logger func() Logger) {
	if fallback.Load() == nil {
		fallback.Store(&logger)
	}
}

func (b *Bus) stalled(what, who string) {
	b.logger().Warn(fmt.Sprintf("weakbus: %s: a publisher has waited %v for room in %s; does its handler publish to itself?", who, StalledAfter, what))
}
