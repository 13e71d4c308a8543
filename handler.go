package weakbus

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"
	"weak"
)

// optionedHandler is a handler and the options that guard it, or put its calls off. It is not
// generic over the receiver, which would compile all of this anew for each type of receiver.
type optionedHandler[E any] struct {
	handle func(recv any, ctx context.Context, event E) error
	filter func(E) bool         // nil: all pass
	until  weak.Pointer[expiry] // zero: none
	gate   *gate[E]             // nil without Replay and CatchUp
	box    *mailbox[E]          // nil without Async
	via    Executor             // nil without Via
	once   bool
	spent  atomic.Bool // Once has run after the bus was closed
	label  string
	record *record // nil without Trace and logger

	topic weak.Pointer[Topic[E]] // for calls that no publish makes; they must not keep it alive
}

// adapt makes a handler of any receiver. It is generic over the pointer, so that it is compiled
// once for all receivers.
func adapt[P, E any](handle func(P, E)) func(any, context.Context, E) error {
	return func(recv any, _ context.Context, event E) error {
		handle(recv.(P), event)
		return nil
	}
}

// adaptContext is adapt for a handler that takes a context and may fail.
func adaptContext[P, E any](handle func(P, context.Context, E) error) func(any, context.Context, E) error {
	return func(recv any, ctx context.Context, event E) error { return handle(recv.(P), ctx, event) }
}

// letter is an event on its way to one subscriber.
type letter[E any] struct {
	event E
	ctx   context.Context // nil stands for context.Background
	raw   bool            // the filter has not seen it
	seq   uint64          // the order of publishing; 0 without a gate
}

// expired ends the subscription if its context is done, and reports whether it is. The
// context's own callback may be on its way, but not here yet.
func (h *optionedHandler[E]) expired(sub *Subscription) bool {
	if x := h.until.Value(); x != nil && x.ctx.Err() != nil {
		sub.end(Cancelled)
		return true
	}
	return false
}

// publish calls the handler, or sees to it that it is called later, unless an option or the
// state forbids it.
func (h *optionedHandler[E]) publish(t *Topic[E], sub *Subscription, recv any, ctx context.Context, event E) (ran bool, err error) {
	w := sub.state.Load()
	if w&finalMask != 0 || w != 0 && h.gate == nil || h.expired(sub) {
		return false, nil
	}
	if h.filter != nil && (!h.filter(event) || sub.isFinal()) {
		return false, nil // refused, or ended while the filter ran
	}
	if h.box != nil {
		if !sub.active() && !(h.gate != nil && h.gate.catchUp) {
			return false, nil
		}
		return h.box.put(t, h, sub, ctx, event) // in order; its gate comes behind it
	}
	if !sub.active() && (h.gate == nil || !h.gate.hold(sub, event, false, h.stamp())) {
		return false, nil
	}
	if h.via != nil {
		h.via(h.task(sub, letter[E]{event: event, ctx: lasting(ctx), seq: h.stamp()}))
		return true, nil
	}
	return h.perform(sub, recv, ctx, event, 0)
}

// perform calls the handler of a subscription in state from.
func (h *optionedHandler[E]) perform(sub *Subscription, recv any, ctx context.Context, event E, from uint32) (ran bool, err error) {
	if h.once {
		if from == uint32(Closed) {
			if h.spent.Swap(true) {
				return false, nil
			}
		} else if !sub.state.CompareAndSwap(from, from|uint32(Spent)) {
			return false, nil // another publish was first, or it was paused
		} else {
			defer sub.settle() // after the call: it lets go of a SubscribeFunc's function
		}
	}
	if h.record != nil && !h.record.heard.Load() {
		h.record.heard.Store(true)
	}
	if err := h.handle(recv, ctx, event); err != nil {
		return true, &HandlerError{Err: err, Event: reflect.TypeFor[E](), Receiver: sub.anchor.receiver(), Label: h.label}
	}
	return true, nil
}

// attempt is one call of the handler outside a publish. Its errors and panics are reported as
// in Publish.
func (h *optionedHandler[E]) attempt(t *Topic[E], sub *Subscription, recv any, l letter[E]) {
	era := t.era.Load() // before the state is looked at; see CloseWait
	defer runtime.KeepAlive(era)
	if raceEnabled {
		defer era.leave()
	}
	if t.guarded() {
		defer t.recovered(sub, h.label)
	}
	from, ok := h.admits(sub, l)
	if !ok || h.expired(sub) {
		return
	}
	if l.raw && h.filter != nil && (!h.filter(l.event) || !h.mayRun(sub.state.Load())) {
		return // refused, or ended or paused while the filter ran
	}
	ctx := l.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	if _, err := h.perform(sub, recv, ctx, l.event, from); err != nil {
		t.bus.failed(err, false)
	}
}

// admits reports whether the handler may be called now that the event has its turn, and in
// which state that finds the subscription. An event that a pause met goes to the gate; one that
// a pause did not meet makes older ones there pointless.
func (h *optionedHandler[E]) admits(sub *Subscription, l letter[E]) (from uint32, ok bool) {
	for {
		switch from := sub.state.Load(); {
		case h.mayRun(from):
			if h.gate != nil && l.seq > 0 {
				h.gate.supersede(l.seq)
			}
			return from, true
		case from&finalMask != 0 || h.gate == nil || !h.gate.hold(sub, l.event, l.raw, l.seq):
			return from, false
		}
	}
}

// mayRun reports whether the handler may be called in state w, for an event that was accepted
// before: by a mailbox also when the bus was closed meanwhile.
func (h *optionedHandler[E]) mayRun(w uint32) bool {
	return w == 0 || w == catchingUp || w == uint32(Closed) && h.box != nil
}

// stamp returns the next number in the order of publishing, for those who need one.
func (h *optionedHandler[E]) stamp() uint64 {
	if h.gate == nil {
		return 0
	}
	return h.gate.last.Add(1)
}

// lasting returns the context to hand to a handler that may run after the publish: with the
// values of ctx, but not cancelled with it.
func lasting(ctx context.Context) context.Context {
	if ctx == nil || ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
