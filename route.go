package weakbus

import (
	"context"
	"reflect"
	"slices"
	"sync"
)

// outcome is what becomes of one publish, at all the topics that it reaches.
type outcome struct {
	ctx  context.Context // nil for Publish
	ran  int
	errs []error
	over bool // the event was stopped, or ctx is done: nobody else is to be called
}

// leg is a topic that a publish reaches, with the list that it had when the publish began: what
// is subscribed by a handler, on whatever level, hears the next event.
type leg[E any] struct {
	topic *Topic[E]
	list  *list[E]
}

// farLeg is a leg whose event type its publisher does not know.
type farLeg struct {
	topic anyTopic
	list  any
	event any
}

// route publishes event to t and to whatever else it reaches: the parents of a keyed
// sub-topic, and the interface topics of the bus. Each of them is a level, with an order of
// its own.
func (t *Topic[E]) route(o *outcome, event E) {
	var (
		nearRoom [4]leg[E]
		farRoom  [4]farLeg
		near     = nearRoom[:0]
		far      = farRoom[:0]
	)
	if t.sub == nil && t.mode.Load()&modeRouted == 0 {
		if l := t.head.Load(); l != nil {
			t.level(o, l, event)
		}
		return
	}
	for ; t.sub != nil; t = t.sub.parent {
		near = t.current().begin(near, event)
	}
	if t.bus != nil && isInterface[E]() {
		far = t.bus.plan(far, event)
	} else {
		near = t.begin(near, event)
		far = feed(far, t.fed(), event)
	}
	for _, leg := range near {
		if o.over {
			return
		}
		leg.topic.level(o, leg.list, event)
	}
	o.run(far)
}

func (o *outcome) run(legs []farLeg) {
	for _, leg := range legs {
		if o.over {
			return
		}
		ran, errs, over := leg.topic.levelAny(o.ctx, leg.list, leg.event)
		o.ran, o.errs, o.over = o.ran+ran, append(o.errs, errs...), over
	}
}

// begin adds a leg for t's own subscribers, if there are any, and keeps event if t does.
func (t *Topic[E]) begin(legs []leg[E], event E) []leg[E] {
	if l := t.capture(event); l != nil {
		legs = append(legs, leg[E]{t, l})
	}
	return legs
}

// capture returns the list to publish event to, and keeps event if t does.
func (t *Topic[E]) capture(event E) *list[E] {
	if kept := t.kept.Load(); kept != nil {
		return kept.keep(t, event)
	}
	return t.head.Load()
}

// level publishes event to the subscribers in a list of t.
func (t *Topic[E]) level(o *outcome, l *list[E], event E) {
	var stop stopper
	if t.stoppable {
		stop = stops(event)
	}
	if o.ctx == nil && stop == nil && !t.guarded() {
		o.ran += t.deliver(l, event, true)
		return
	}
	p := pass[E]{outcome: *o, topic: t, event: event, stop: stop}
	defer func() { *o = p.outcome }() // a copy, or o would escape; also when a handler panics
	p.publish(l)
}

// feed adds legs for the topics of interfaces. The event is boxed once for all, and only if
// somebody hears it.
func feed[E any](legs []farLeg, topics []anyTopic, event E) []farLeg {
	var boxed any
	for _, t := range topics {
		if !t.hears() {
			continue
		}
		if boxed == nil {
			boxed = event
		}
		if l := t.captureAny(boxed); l != nil {
			legs = append(legs, farLeg{t, l, boxed})
		}
	}
	return legs
}

// plan adds the legs of an event by its dynamic type: the topic of that type if there is one,
// and those of the interfaces that it implements. A nil interface has no type and reaches
// nobody.
func (b *Bus) plan(legs []farLeg, event any) []farLeg {
	if event == nil {
		return legs
	}
	ts, typ := b.topics.Load(), reflect.TypeOf(event)
	t := ts.dynamic(typ)
	if t == nil {
		return feed(legs, ts.interfacesOf(typ), event)
	}
	if l := t.captureAny(event); l != nil {
		legs = append(legs, farLeg{t, l, event})
	}
	return feed(legs, t.fed(), event)
}

// publishUnheard publishes an event of a type that has no topic, and makes none unless a topic
// of an interface may be interested.
func publishUnheard[E any](b *Bus, event E) int {
	if !isInterface[E]() {
		return TopicOf[E](b).Publish(event)
	}
	var (
		o    outcome
		room [4]farLeg
	)
	defer b.reportAll(&o) // also when a later handler panics
	o.run(b.plan(room[:0], event))
	return o.ran
}

// heard returns the bus's topic of type E, which it makes only if a topic of an interface may
// be interested.
func heard[E any](b *Bus) *Topic[E] {
	if t := lookup[E](b); t != nil || b.topics.Load().interfaces == nil || isInterface[E]() {
		return t
	}
	return TopicOf[E](b)
}

// isInterface reports whether E is an interface type: only those have a zero value without a
// dynamic type.
func isInterface[E any]() bool {
	var zero E
	return any(zero) == nil
}

// hears reports whether it is any use to publish to an interface topic.
func (t *Topic[E]) hears() bool { return t.head.Load() != nil || t.kept.Load() != nil }

// captureAny is capture for an event whose type the caller does not know. It returns nil if
// nobody is subscribed.
func (t *Topic[E]) captureAny(event any) any {
	if l := t.capture(event.(E)); l != nil {
		return l
	}
	return nil
}

// fed returns the topics of interfaces that hear what is published to t.
func (t *Topic[E]) fed() []anyTopic {
	if feeds := t.feeds.Load(); feeds != nil {
		return *feeds
	}
	return nil
}

// levelAny is level for a list that captureAny returned.
func (t *Topic[E]) levelAny(ctx context.Context, l, event any) (ran int, errs []error, over bool) {
	o := outcome{ctx: ctx}
	returned := false
	defer func() {
		if !returned { // a later handler panics, and takes the errors along
			t.bus.reportAll(&o)
		}
	}()
	t.level(&o, l.(*list[E]), event.(E))
	returned = true
	return o.ran, o.errs, o.over
}

// fedBy has the topics of interfaces hear what is published to t. The caller holds the bus's mu.
func (t *Topic[E]) fedBy(topics []anyTopic) {
	if len(topics) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.Concat(t.fed(), topics)
	t.feeds.Store(&all)
	t.setMode(modeRouted)
}

// interfaces is the topics of interface types that a bus has, in the order in which they came.
type interfaces struct {
	topics []anyTopic
	memo   sync.Map // from a dynamic type without a topic to those it implements, as []anyTopic
}

// of returns those that typ implements.
func (i *interfaces) of(typ reflect.Type) []anyTopic {
	var implemented []anyTopic
	for _, t := range i.topics {
		if typ.Implements(t.event()) {
			implemented = append(implemented, t)
		}
	}
	return implemented
}

// dynamic returns the topic of a dynamic type, or nil.
func (ts *topics) dynamic(typ reflect.Type) anyTopic {
	if ts.more != nil {
		if t, ok := ts.more[typ]; ok {
			return t.(anyTopic)
		}
	}
	for i := range ts.few { // the same as the first of all
		if ts.all[i].event() == typ {
			return ts.all[i]
		}
	}
	return nil
}

// interfacesOf returns the topics of interfaces that a dynamic type without a topic implements.
func (ts *topics) interfacesOf(typ reflect.Type) []anyTopic {
	if ts.interfaces == nil {
		return nil
	}
	memo, ok := ts.interfaces.memo.Load(typ)
	if !ok {
		memo, _ = ts.interfaces.memo.LoadOrStore(typ, ts.interfaces.of(typ))
	}
	return memo.([]anyTopic)
}
