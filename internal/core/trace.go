package core

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Observer is a set of functions that are told what happens on a bus. Any of them may be nil.
type Observer struct {
	Subscribed   func(Info)
	Ended        func(Info, State)
	Panicked     func(*Panic)
	Failed       func(*Failure)
	Dropped      func(Dropped)
	Active, Idle func(TopicInfo)
	PublishStart func(context.Context, TopicInfo, any) context.Context
	PublishEnd   func(ctx context.Context, t TopicInfo, ran int, errs []error)
	HandleStart  func(context.Context, Info) context.Context
	HandleEnd    func(context.Context, Info, error)
	Unheard      func(TopicInfo, any)
	Early        func(Info)  // a subscriber was collected before it heard anything
	Exempt       func() bool // says of the subscription that is just being made that Early is not to be told of it
}

// Info says which subscription it is.
type Info struct {
	Topic    TopicInfo
	Receiver reflect.Type
	Label    string
	Priority int
	Site     string
	Heard    bool
}

// Panic is a panic in a handler or a filter.
type Panic struct {
	Value           any
	Stack           []byte
	Event, Receiver reflect.Type
	Label           string
	Payload         any
}

// Error says who panicked, on which event, with what.
func (p *Panic) Error() string {
	return fmt.Sprintf("weakbus: %s: handler panicked: %v", who(p.Event, p.Receiver, p.Label), p.Value)
}

// Failure is an error that a handler returned.
type Failure struct {
	Err             error
	Event, Receiver reflect.Type
	Label           string
	Payload         any
}

// Error says who failed, on which event, and why.
func (f *Failure) Error() string {
	return fmt.Sprintf("weakbus: %s: %v", who(f.Event, f.Receiver, f.Label), f.Err)
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

func who(event, receiver reflect.Type, label string) string {
	if label != "" {
		return fmt.Sprintf("%v on %v (%s)", receiver, event, label)
	}
	return fmt.Sprintf("%v on %v", receiver, event)
}

// Dropped says what a full mailbox or queue has dropped.
type Dropped struct {
	Event        reflect.Type
	Subscription *Info  // nil for a queue
	Queue        string // its label
	Count, Total int
}

// tracer is who observes a bus.
type tracer struct {
	set       atomic.Pointer[observers] // nil while nobody does
	movers    atomic.Pointer[[]*mover]  // who is told what becomes active and idle
	calls     calls
	tapErrors atomic.Int64
	hinted    sync.Map // the event types that a hint was given for; see unheard

	mu      sync.Mutex // comes after Topic.mu
	log     Logger
	sites   bool // of Subscribe are noted, also while nobody observes
	moves   []turn
	pumping bool // by somebody who is at it
}

// observers is who observes a bus, at one moment. It is immutable.
type observers struct {
	list     []*Observer
	log      Logger // nil without one
	events   bool   // some want the event of a publish
	handlers bool   // some want to know of each handler
	running  bool   // somebody may ask what is running; a logger does not
}

// observed reports whether somebody observes the bus, or counts are to be kept.
func (b *Bus) observed() bool { return b != nil && b.tracer.set.Load() != nil }

func (b *Bus) observers() *observers {
	if b == nil {
		return nil
	}
	return b.tracer.set.Load()
}

// watching reports whether somebody may ask what is running.
func (o *observers) watching() bool { return o != nil && o.running }

// Observe has o told what happens from now on, until stop is called.
func (b *Bus) Observe(o *Observer) (stop func()) {
	tr := &b.tracer
	tr.change(func(list []*Observer) []*Observer { return append(slices.Clip(list), o) })
	var m *mover
	if o.Active != nil || o.Idle != nil {
		m = b.move(nil, o.Active, o.Idle)
	}
	b.remode()
	tr.pump()
	return sync.OnceFunc(func() {
		tr.change(func(list []*Observer) []*Observer {
			return slices.DeleteFunc(slices.Clone(list), func(x *Observer) bool { return x == o })
		})
		tr.still(m)
		b.remode()
	})
}

// Log has what a developer has to know reported to log. It is called before the bus is shared.
func (b *Bus) Log(log Logger) {
	b.tracer.log = log
	b.tracer.change(func(list []*Observer) []*Observer { return list })
}

// KeepSites has the places of Subscribe noted, and counts kept, also while nobody observes. It is
// called before the bus is shared.
func (b *Bus) KeepSites() {
	b.tracer.sites = true
	b.tracer.change(func(list []*Observer) []*Observer { return list })
}

// change replaces the list of observers.
func (tr *tracer) change(with func([]*Observer) []*Observer) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	next := &observers{log: tr.log}
	if old := tr.set.Load(); old != nil {
		next.list = old.list
	}
	next.list = with(next.list)
	for _, o := range next.list {
		next.events = next.events || o.PublishStart != nil || o.Unheard != nil
		next.handlers = next.handlers || o.HandleStart != nil || o.HandleEnd != nil
	}
	next.running = len(next.list) > 0 || tr.sites
	if !next.running && tr.log == nil {
		next = nil
	}
	tr.set.Store(next)
}

// remode has publishes of all topics look at what there is to be looked at now.
func (b *Bus) remode() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all(func(t *Topic) {
		t.lookAgain()
		if ks := t.keys.Load(); ks != nil {
			ks.settle()
			ks.each(func(b *Branch) { b.topic.lookAgain() })
		}
	})
}

// lookAgain is remode for whoever does not hold mu.
func (t *Topic) lookAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remode()
	if t.ledger != nil {
		t.ledger.raise() // ends the rows under way; see quickRow
	}
}

// The stages of what was told of a subscription, which may end before Subscribe returns.
const (
	toldNothing = iota
	toldSubscribed
	toldEnded
)

// subscribed tells that the subscription was made.
func (tr *tracer) subscribed(t *Topic, e *Entry) {
	set := tr.set.Load()
	if set == nil {
		return
	}
	for _, o := range set.list {
		if o.Subscribed != nil {
			o.Subscribed(t.describe(e))
		}
		if x := e.kind.extra; x != nil && o.Exempt != nil && o.Exempt() {
			x.exempt.Store(true)
		}
	}
	if x := e.kind.extra; x != nil && !x.told.CompareAndSwap(toldNothing, toldSubscribed) {
		tr.tellEnded(t, e) // it was early
	}
}

// ended tells that the subscription has ended, unless Subscribed has to be told before.
func (tr *tracer) ended(t *Topic, e *Entry) {
	if x := e.kind.extra; x.told.Swap(toldEnded) != toldNothing || x.site == 0 {
		tr.tellEnded(t, e)
	}
}

func (tr *tracer) tellEnded(t *Topic, e *Entry) {
	set := tr.set.Load()
	if set == nil {
		return
	}
	cause, info := State(e.state.Load()&finalMask), t.describe(e)
	for _, o := range set.list {
		if o.Ended != nil {
			o.Ended(info, cause)
		}
	}
	if cause != Collected || info.Heard || t.Branch != nil && t.Branch.keyDied() {
		return
	}
	x := e.kind.extra
	for _, o := range set.list {
		if o.Early != nil && (x == nil || !x.exempt.Load()) {
			o.Early(info)
		}
	}
	if set.log == nil {
		return
	}
	set.log.Warn("weakbus: a subscriber was collected before it heard its first event; "+
		"if that is too early, keep a reference to its receiver or Scope", attributes(&info)...)
}

// describe returns what reports say of a subscription to t.
func (t *Topic) describe(e *Entry) Info {
	info := Info{Topic: t.info(), Receiver: e.kind.receiver().Type, Heard: e.heard.Load()}
	if x := e.kind.extra; x != nil {
		info.Label, info.Priority, info.Site = x.label, x.priority, siteOf(x.site)
	}
	return info
}

func attributes(info *Info) []any {
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

// callSite returns the program counter of the first caller outside this module's own packages.
func callSite() uintptr {
	var pcs [24]uintptr
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		if !ours(frame.Function) {
			return pc
		}
	}
	return 0
}

// ours reports whether a function belongs to packages that subscribe for others.
func ours(function string) bool {
	name, ok := strings.CutPrefix(function, modulePath)
	return ok && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/internal/core.") || strings.HasPrefix(name, "/weakbustest."))
}

// sites are the call sites that somebody asked for: uintptr to string. There are as many as the program has
// places that subscribe, and observers of handlers ask for each call.
var sites sync.Map

// siteOf returns the file and line of a call site.
func siteOf(pc uintptr) string {
	if pc == 0 {
		return ""
	}
	if site, ok := sites.Load(pc); ok {
		return site.(string)
	}
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	site := fmt.Sprintf("%s:%d", frame.File, frame.Line)
	sites.Store(pc, site)
	return site
}

// routeObserved is route where somebody observes the bus.
func (t *Topic) routeObserved(o *Outcome, h *Hand) {
	if t.Bus.closed.Load() {
		return
	}
	p := publication{bus: t.Bus, topic: t, info: t.info()}
	if p.observe(o) {
		p.event = h.box()
	}
	defer p.end(o)
	p.start(o)
	t.tap(o, h)
	t.deliverLegs(o, h)
	p.returned = true
}

// publication is a publish that observers are told of.
type publication struct {
	bus      *Bus
	topic    *Topic // nil for an event of a dynamic type that has none
	info     TopicInfo
	event    any
	set      *observers
	before   int // handlers that ran for other events
	failed   int // errors from before
	started  int // observers that know
	returned bool
}

// observe finds out who observes, and reports whether the event is wanted.
func (p *publication) observe(o *Outcome) (events bool) {
	if p.set = p.bus.observers(); p.set == nil {
		p.set = &observers{}
	}
	p.before, p.failed = o.Ran, len(o.Errs)
	return p.set.events
}

func (p *publication) start(o *Outcome) {
	for _, x := range p.set.list {
		p.started++
		if x.PublishStart != nil {
			o.Ctx = x.PublishStart(contextOr(o.Ctx), p.info, p.event)
		}
	}
}

// end is to be deferred.
func (p *publication) end(o *Outcome) {
	ran := o.Ran - p.before
	if p.topic != nil {
		p.topic.count(ran)
	}
	for _, x := range p.set.list[:p.started] {
		if x.PublishEnd != nil {
			x.PublishEnd(contextOr(o.Ctx), p.info, ran, o.Errs[p.failed:])
		}
	}
	if p.returned && ran == 0 && !o.reached {
		p.unheard()
	}
}

func contextOr(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// unheard tells of an event that nobody was there to hear.
func (p *publication) unheard() {
	for _, x := range p.set.list {
		if x.Unheard != nil {
			x.Unheard(p.info, p.event)
		}
	}
	if p.set.log == nil {
		return
	}
	twin := p.bus.find(twinOf(p.info.Event))
	if twin == nil || twin.Len() == 0 {
		return
	}
	if _, hinted := p.bus.tracer.hinted.LoadOrStore(p.info.Event, true); !hinted {
		p.set.log.Warn("weakbus: nobody hears this event, but its twin has subscribers: "+
			"an event and a pointer to it are two types; publish the one that is subscribed to",
			"event", p.info.Event.String(), "twin", twin.typ.Event.String())
	}
}

// twinOf returns the pointer to a type, or what a pointer points to.
func twinOf(event reflect.Type) reflect.Type {
	if event.Kind() == reflect.Pointer {
		return event.Elem()
	}
	return reflect.PointerTo(event)
}

// handleStart tells that a handler is about to be called, and returns the context to go on with.
func (t *Topic) handleStart(set *observers, ctx context.Context, e *Entry) context.Context {
	if !e.heard.Load() {
		e.heard.Store(true)
	}
	if !set.handlers {
		return ctx
	}
	info := t.describe(e)
	ctx = contextOr(ctx)
	for _, x := range set.list {
		if x.HandleStart != nil {
			ctx = x.HandleStart(ctx, info)
		}
	}
	return ctx
}

// handleEnd tells that a handler has returned, or panicked.
func (t *Topic) handleEnd(set *observers, ctx context.Context, e *Entry, err error) {
	if !set.handlers {
		return
	}
	info := t.describe(e)
	ctx = contextOr(ctx)
	for _, x := range set.list {
		if x.HandleEnd != nil {
			x.HandleEnd(ctx, info, err)
		}
	}
}

// performObserved calls a guarded handler where somebody observes the bus.
func (g *Guard) performObserved(set *observers, t *Topic, e *Entry, recv any, ctx context.Context, h *Hand) (err error) {
	inHook := true
	defer func() {
		if inHook {
			if value := recover(); value != nil {
				panic(hookPanic{value})
			}
		}
	}()
	ctx = t.handleStart(set, ctx, e)
	inHook = false
	var c *running
	if set.watching() {
		c = t.Bus.tracer.calls.begin(t)
		c.at(e)
	}
	var failure error
	returned := false
	defer func() {
		if c != nil {
			t.Bus.tracer.calls.end(c)
		}
		if !returned { // told here, for what recovers the panic does not know the context
			failure = errPanicked
		}
		inHook = true
		t.handleEnd(set, ctx, e, failure)
		inHook = false
	}()
	if err := h.call(g.handle, recv, contextOr(ctx)); err != nil {
		failure = t.failure(err, e, h)
	}
	returned = true
	return failure
}

// root returns the topic that t is a sub-topic of, at whatever depth, or t.
func (t *Topic) root() *Topic {
	if t.Branch != nil {
		return t.Branch.root
	}
	return t
}
