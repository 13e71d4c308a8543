package core

import (
	"context"
	"fmt"
	"reflect"
	"time"
	"weak"
)

// Draft is a subscription in the making.
type Draft struct {
	Function string // that was called, for what it panics with
	Type     *Type
	Of       reflect.Type // the type of the receiver, or of a function without one
	Ref      any          // a weak pointer to the receiver
	Held     any          // what the scope is to keep; nil: nothing

	Handler any // of a plain subscription: a function

	Guarded any // of any other: func(recv any, ctx context.Context, event E) error

	Release func(*Entry) // of Receiver
}

// Maker fills in what there is to know of a type of receivers; for nil it makes the ops of plain
// subscriptions.
type Maker func(*Receiver) *Ops

// Options is what the options of one subscription add up to.
type Options struct {
	Priority           int
	Scope              *Scope
	Until              context.Context
	Filter             any // func(E) bool
	Once               bool
	Label              string
	Replay, CatchUp    bool
	Via                Executor
	Box                *Box // of Through
	Capacity           int  // of Async; 0 without
	Overflow           Overflow
	Coalesce           bool
	Debounce, Throttle time.Duration
}

// Guards reports whether a delivery has to look at some of the options.
func (o *Options) Guards() bool {
	return o.Filter != nil || o.Once || o.Replay || o.CatchUp || o.Via != nil || o.Box != nil || o.Capacity > 0 ||
		o.Coalesce || o.Debounce > 0 || o.Throttle > 0 || o.Until != nil
}

// Subscribe makes e a subscriber of t. (made is no field of d, so that it stays on the stack.) All that can panic comes before all that leaves a trace, except the
// call of the handler that Replay asks for.
func (t *Topic) Subscribe(e *Entry, d *Draft, o *Options, made Maker) {
	o.check(d)
	t = t.pin(d.Type)
	defer t.unpin()
	g := t.equip(e, d, o, made)
	if t.Bus != nil && t.Bus.closed.Load() {
		e.mark(Closed)
		e.letGo()
		return
	}
	if !t.enlist(e, d, o) {
		e.letGo()
		return
	}
	t.sampleDead(2)
	// It may have ended since, by its scope or its context. That was counted, so it goes into the
	// list all the same, to be removed in its turn.
	var open bool
	if g != nil {
		open = t.join(o.Priority, e, g, o.Replay, o.Scope != nil)
	} else {
		open = t.add(o.Priority, e, d.Handler, o.Scope != nil)
	}
	if !open {
		if e.mark(Closed) {
			e.conclude()
		}
		return
	}
	if t.Bus != nil {
		t.Bus.arm()
		t.Bus.tracer.subscribed(t, e)
		t.Bus.tracer.pump()
	}
	if o.Replay {
		g.begin(t, e)
	}
}

// check panics for options that do not go together.
func (o *Options) check(d *Draft) {
	if o.Coalesce && o.Via == nil && o.Box == nil && o.Capacity == 0 {
		Misuse("Coalesce", "nothing waits in a publish that calls the handler itself; add Via, Async or Through, or leave Coalesce out")
	}
	if o.Filter == nil {
		return
	}
	if got := reflect.TypeOf(o.Filter); got.In(0) != d.Type.Event {
		Misuse(d.Function, fmt.Sprintf("Filter takes a %v, events are %v; write Filter(func(%v) bool {...})", got, d.Type.Event, d.Type.Event))
	}
}

// equip gives e its kind, and returns its guard, or nil for a plain one.
func (t *Topic) equip(e *Entry, d *Draft, o *Options, made Maker) *Guard {
	e.ref = d.Ref
	var g *Guard
	if d.Guarded != nil {
		g = o.guard(d, e)
		g.topic = weak.Make(t)
		e.kind = &kind{ops: guardedOps, ledger: t.ledger, extra: &extra{entry: e, receiver: receiverOf(d, made), guard: weak.Make(g)}}
	} else {
		e.kind = t.kindOf(d, made)
	}
	noted := t.Bus.observed()
	if o.Priority == 0 && o.Label == "" && !noted && d.Guarded == nil {
		return g
	}
	if e.kind.extra == nil {
		e.kind = &kind{ops: e.kind.ops, ledger: t.ledger, extra: &extra{entry: e}}
	}
	x := e.kind.extra
	x.label, x.priority = o.Label, o.Priority
	if noted {
		x.site = callSite()
	}
	return g
}

// guard returns the guard that the options ask for.
func (o *Options) guard(d *Draft, e *Entry) *Guard {
	g := &Guard{handle: d.Guarded, filter: o.Filter, once: o.Once, via: o.Via}
	if o.Replay || o.CatchUp {
		g.gate = &gate{catchUp: o.CatchUp}
	}
	if o.Debounce > 0 || o.Throttle > 0 {
		g.pace = &pace{debounce: o.Debounce, throttle: o.Throttle}
	}
	if o.Coalesce {
		g.latest = &latest{}
	}
	switch {
	case o.Box != nil:
		g.lane = o.Box.lane(g, e, d.Type)
	case o.Capacity > 0:
		b := NewBox(o.Capacity, o.Overflow)
		g.lane = b.lane(g, e, d.Type)
		b.only = g.lane
	}
	return g
}

// enlist puts e under its context and scope, and reports whether both still go on.
func (t *Topic) enlist(e *Entry, d *Draft, o *Options) bool {
	if o.Until != nil && e.kind.extra.watchFor(o.Until, t.Bus) {
		return false
	}
	if o.Scope == nil {
		return true
	}
	if !o.Scope.add(e, d.Held, t.Bus) {
		return !e.mark(Cancelled)
	}
	return true
}
