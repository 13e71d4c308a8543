package weakbus

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"weak"
)

// Trace is a set of functions that a bus calls when something happens to it. Any of them may be
// nil. They run on the goroutine on which it happens, also concurrently, outside all locks, so
// they may use the bus; what follows a collection runs on a goroutine of the library. A
// panic in one is not recovered.
//
// A bus with a Trace looks at each delivery, which takes some nanoseconds more; see WithTrace.
type Trace struct {
	// Subscribed is called when a subscription was made, before Subscribe returns.
	Subscribed func(SubscriptionInfo)
	// Ended is called once for each subscription that has ended, after Subscribed, with the cause: Cancelled,
	// Collected, Spent or Closed. It is not called when the bus itself was dropped.
	Ended func(info SubscriptionInfo, cause State)
	// Panicked is called with each panic of a handler, before OnPanic or the publisher gets it.
	Panicked func(*PanicError)
	// Failed is called with each error that a handler returns, also if the publisher gets it.
	Failed func(*HandlerError)
	// Dropped is called when a full mailbox or queue has dropped events.
	Dropped func(Drop)
	// Active is called when a topic gets its first subscriber, and Idle when it has lost its last one, by
	// whatever cause: also when the collector took it and nobody publishes. For one bus these
	// calls come one at a time and in order, so that a topic's Active and Idle take turns. The
	// goroutine may be that of another subscriber or of the library. A call made
	// within one of them is followed by its own Active or Idle when that has returned.
	Active, Idle func(TopicInfo)
}

// TopicInfo says which topic it is.
type TopicInfo struct {
	// Event is the event type.
	Event reflect.Type
	// Keys are those of a keyed sub-topic, outermost first; nil for the topic itself.
	Keys []any
}

// SubscriptionInfo says which subscription it is.
type SubscriptionInfo struct {
	Topic TopicInfo
	// Receiver is as in PanicError.
	Receiver reflect.Type
	// Label and Priority are what the options of that name said.
	Label    string
	Priority int
	// Site is the file and line of the call that subscribed. It is known only on a bus
	// with a Trace or a logger.
	Site string
}

// Drop says what a full mailbox or queue has dropped.
type Drop struct {
	// Event is the event type.
	Event reflect.Type
	// Subscription is that of the mailbox. It is nil for a Queue and for a loop over Events.
	Subscription *SubscriptionInfo
	// Count is the number of events that were dropped now.
	Count int
	// Total is the number of events that the mailbox or queue has dropped so far.
	Total int
}

// WithTrace has the bus call the functions of trace, which must not be changed afterwards. It makes a
// publish look at each delivery separately; a bus without it pays nothing.
func WithTrace(trace *Trace) BusOption {
	if trace == nil {
		misuse("WithTrace", "nil Trace; leave the option out to trace nothing")
	}
	return func(b *Bus) { b.traced().hooks = *trace }
}

// WithLogger reports to logger what a developer has to know: a subscriber that was collected
// before it heard its first event, with the file and line of its Subscribe; panics of handlers;
// errors of handlers that the publisher does not get; events that were dropped. It costs a
// publish what WithTrace does.
func WithLogger(logger *slog.Logger) BusOption {
	if logger == nil {
		misuse("WithLogger", "nil Logger; leave the option out, or use slog.Default()")
	}
	return func(b *Bus) { b.traced().log = logger }
}

// tracer is what a bus with a Trace or a logger has more than others.
type tracer struct {
	hooks   Trace
	log     *slog.Logger // nil without WithLogger
	watcher watcher      // nil but for the buses of weakbustest

	mu      sync.Mutex // comes after Topic.mu
	moves   []turn     // to be told
	pumping bool       // by somebody who is at it
}

// turn is a topic that became active or idle.
type turn struct {
	topic  TopicInfo
	active bool
}

func (b *Bus) traced() *tracer {
	if b.tracer == nil {
		b.tracer = &tracer{}
	}
	return b.tracer
}

// info returns what a report calls the topic.
func (t *Topic[E]) info() TopicInfo { return TopicInfo{reflect.TypeFor[E](), t.path()} }

// moved notes that the topic got its first subscriber, or lost its last one. The caller holds
// mu, which puts the moves of a topic in order, and calls pump afterwards.
func (t *Topic[E]) moved(active bool) {
	if t.bus == nil || t.bus.tracer == nil {
		return
	}
	tr := t.bus.tracer
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.moves = append(tr.moves, turn{t.info(), active})
}

// pump tells the moves that were noted, unless somebody is telling them already.
func (tr *tracer) pump() {
	if tr == nil {
		return
	}
	tr.mu.Lock()
	if tr.pumping {
		tr.mu.Unlock()
		return
	}
	tr.pumping = true
	defer func() { // also when a hook panics
		tr.pumping = false
		tr.mu.Unlock()
	}()
	for len(tr.moves) > 0 {
		m := tr.moves[0]
		tr.moves = tr.moves[1:]
		tr.tell(m)
	}
	tr.moves = nil
}

// tell calls the hook without mu, which the caller holds.
func (tr *tracer) tell(m turn) {
	tr.mu.Unlock()
	defer tr.mu.Lock() // also when the hook panics
	hook := tr.hooks.Idle
	if m.active {
		hook = tr.hooks.Active
	}
	if hook != nil {
		hook(m.topic)
	}
}

// record is what a bus with a Trace or a logger knows of a subscription.
type record struct {
	tracer weak.Pointer[tracer] // its hooks may well refer to the bus
	info   SubscriptionInfo     // without the keys, which the topic has
	heard  atomic.Bool          // an event
	told   atomic.Int32
}

// The stages of what was told of a subscription, which may end before Subscribe returns.
const (
	toldNothing = iota
	toldSubscribed
	toldEnded
)

// subscribed tells that the subscription was made.
func (r *record) subscribed(sub *Subscription) {
	if tr := r.tracer.Value(); tr != nil && tr.hooks.Subscribed != nil {
		tr.hooks.Subscribed(r.describe(sub))
	}
	if !r.told.CompareAndSwap(toldNothing, toldSubscribed) {
		r.tellEnded(sub) // it was early
	}
}

// ended tells that the subscription has ended, unless Subscribed has to be told before.
func (r *record) ended(sub *Subscription) {
	if r.told.Swap(toldEnded) == toldSubscribed {
		r.tellEnded(sub)
	}
}

func (r *record) tellEnded(sub *Subscription) {
	tr := r.tracer.Value()
	if tr == nil {
		return // the bus is gone
	}
	cause, info := State(sub.state.Load()&finalMask), r.describe(sub)
	if tr.hooks.Ended != nil {
		tr.hooks.Ended(info, cause)
	}
	if cause != Collected || r.heard.Load() {
		return
	}
	if tr.watcher != nil {
		tr.watcher.Unheard(info)
	}
	if tr.log != nil {
		tr.log.Warn("weakbus: a subscriber was collected before it heard its first event; "+
			"if that is too early, keep a reference to its receiver or Scope", attributes(&info)...)
	}
}

// describe returns what reports say of the subscription.
func (r *record) describe(sub *Subscription) SubscriptionInfo {
	info := r.info
	info.Topic.Keys = sub.origin.topic.path()
	return info
}

func attributes(info *SubscriptionInfo) []any {
	all := []any{"event", info.Topic.Event.String()}
	if info.Topic.Keys != nil {
		all = append(all, "keys", fmt.Sprint(info.Topic.Keys...))
	}
	all = append(all, "receiver", info.Receiver.String())
	if info.Label != "" {
		all = append(all, "label", info.Label)
	}
	if info.Site != "" {
		all = append(all, "subscribed", info.Site)
	}
	return all
}

// packagePrefix begins the names of this package's functions, and testPrefix those of weakbustest,
// which subscribes for others.
var (
	packagePrefix = reflect.TypeFor[Bus]().PkgPath() + "."
	testPrefix    = reflect.TypeFor[Bus]().PkgPath() + "/weakbustest."
)

// callSite returns the file and line of the first caller outside these packages.
func callSite() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, packagePrefix) && !strings.HasPrefix(frame.Function, testPrefix) {
			return fmt.Sprintf("%s:%d", frame.File, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// recovered reports a panic of a handler that no publish called. It is to be deferred.
func (t *Topic[E]) recovered(sub *Subscription, label string) {
	if value := recover(); value != nil {
		t.panicked(value, sub, label)
	}
}

// panicked reports a recovered panic of a handler, and goes on with it unless OnPanic takes it.
func (t *Topic[E]) panicked(value any, sub *Subscription, label string) {
	err := &PanicError{
		Value:    value,
		Stack:    debug.Stack(),
		Event:    reflect.TypeFor[E](),
		Receiver: sub.anchor.receiver(),
		Label:    label,
	}
	if tr := t.bus.tracer; tr != nil {
		if tr.watcher != nil {
			tr.watcher.Panicked(err)
		}
		if tr.hooks.Panicked != nil {
			tr.hooks.Panicked(err)
		}
		if tr.log != nil {
			tr.log.Error(err.Error(), "stack", string(err.Stack))
		}
	}
	if t.bus.onPanic == nil {
		panic(value)
	}
	t.bus.onPanic(err)
}

// failed reports the error of a handler. returned says that the publisher gets it too.
func (b *Bus) failed(err error, returned bool) {
	if b == nil || b.tracer == nil {
		if !returned {
			slog.Default().Error(err.Error())
		}
		return
	}
	tr := b.tracer
	var handler *HandlerError
	told := errors.As(err, &handler) && tr.hooks.Failed != nil
	if told {
		tr.hooks.Failed(handler)
	}
	switch {
	case returned:
	case tr.log != nil:
		tr.log.Error(err.Error())
	case !told:
		slog.Default().Error(err.Error())
	}
}

// reportAll makes the errors known of a publish that does not return them.
func (b *Bus) reportAll(o *outcome) {
	for _, err := range o.errs {
		b.failed(err, false)
	}
}

// dropped reports what a mailbox has dropped.
func (t *Topic[E]) dropped(sub *Subscription, n, total int) {
	if t.bus == nil || t.bus.tracer == nil {
		return
	}
	drop := Drop{Event: reflect.TypeFor[E](), Count: n, Total: total}
	if r := sub.record(); r != nil {
		info := r.describe(sub)
		drop.Subscription = &info
	}
	t.bus.tracer.dropped(drop)
}

func (tr *tracer) dropped(d Drop) {
	if tr == nil {
		return
	}
	if tr.watcher != nil {
		tr.watcher.Dropped(d)
	}
	if tr.hooks.Dropped != nil {
		tr.hooks.Dropped(d)
	}
	if tr.log == nil || !crossesPowerOfTen(d.Total-d.Count, d.Total) {
		return
	}
	attrs := []any{"event", d.Event.String()}
	if d.Subscription != nil {
		attrs = attributes(d.Subscription)
	}
	tr.log.Warn("weakbus: events were dropped for want of room", append(attrs, "total", d.Total)...)
}

// crossesPowerOfTen reports whether a count has come to 1, 10, 100 and so on: often enough to
// know of, and not so often as to drown the log.
func crossesPowerOfTen(before, now int) bool {
	for p := 1; p <= now; p *= 10 {
		if before < p {
			return true
		}
	}
	return false
}

// stalled reports a publisher that waits for a mailbox.
func (t *Topic[E]) stalled(sub *Subscription, label string) {
	t.bus.stalled("a mailbox", who(reflect.TypeFor[E](), sub.anchor.receiver(), label))
}

func (b *Bus) stalled(what, who string) {
	log := slog.Default()
	if b != nil && b.tracer != nil && b.tracer.log != nil {
		log = b.tracer.log
	}
	log.Warn(fmt.Sprintf("weakbus: %s: a publisher has waited %v for room in %s; does its handler publish to itself?", who, stalledAfter, what))
}
