package core

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weakbus/weakbus/internal/sweep"
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

// mover is told what becomes active and idle, for one topic or all.
type mover struct {
	root         *Topic // nil: all
	active, idle func(TopicInfo)
	told         map[*Topic]struct{} // to be active; owned by whoever pumps
	over         atomic.Bool
}

// turn is a topic that became active or idle.
type turn struct {
	topic  *Topic
	active bool
	only   *mover // nil: all
}

// move adds a mover. It is told first what is active already, in order with what changes meanwhile.
func (b *Bus) move(root *Topic, active, idle func(TopicInfo)) *mover {
	tr := &b.tracer
	m := &mover{root: root, active: active, idle: idle, told: make(map[*Topic]struct{})}
	tr.mu.Lock()
	var all []*mover
	if old := tr.movers.Load(); old != nil {
		all = slices.Clip(*old)
	}
	all = append(all, m)
	tr.movers.Store(&all)
	tr.mu.Unlock()
	tell := func(t *Topic) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.head.Load() != nil {
			tr.mu.Lock()
			tr.moves = append(tr.moves, turn{t, true, m})
			tr.mu.Unlock()
		}
	}
	visit := func(t *Topic) {
		if root != nil && t != root {
			return
		}
		tell(t)
		if ks := t.keys.Load(); ks != nil {
			ks.settle()
			ks.each(func(b *Branch) { tell(b.topic) })
		}
	}
	b.all(visit)
	return m
}

// still removes a mover.
func (tr *tracer) still(m *mover) {
	if m == nil {
		return
	}
	m.over.Store(true)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(*tr.movers.Load()), func(x *mover) bool { return x == m })
	if tr.movers.Store(&all); len(all) == 0 {
		tr.movers.Store(nil)
		tr.moves = nil // nobody notes what follows on them
	}
}

// moved notes that the topic got its first subscriber, or lost its last one. The caller holds mu,
// which puts the moves of a topic in order, and calls pump afterwards.
func (t *Topic) moved(active bool) {
	if t.Bus == nil || t.Bus.tracer.movers.Load() == nil {
		return
	}
	tr := &t.Bus.tracer
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.movers.Load() != nil { // still; see still
		tr.moves = append(tr.moves, turn{t, active, nil})
	}
}

// pump tells the moves that were noted, unless somebody is telling them already.
func (tr *tracer) pump() {
	tr.mu.Lock()
	if tr.pumping {
		tr.mu.Unlock()
		return
	}
	tr.pumping = true
	told := false
	defer func() {
		tr.pumping = false
		tr.mu.Unlock()
		if !told { // a hook has panicked, or ended the goroutine
			tr.pump()
		}
	}()
	for range pumpAtOnce {
		if len(tr.moves) == 0 {
			tr.moves = nil
			told = true
			return
		}
		m := tr.moves[0]
		tr.moves = tr.moves[1:]
		tr.tell(m)
	}
	told = true
	sweep.Call(tr.pump) // others make moves faster than this goroutine, which has its own work, tells them
}

// pumpAtOnce bounds how many moves one goroutine tells on behalf of others.
const pumpAtOnce = 4096

// tell calls the hooks without mu, which the caller holds.
func (tr *tracer) tell(m turn) {
	movers := tr.movers.Load()
	if movers == nil {
		return
	}
	tr.mu.Unlock()
	defer tr.mu.Lock() // also when a hook panics
	for _, x := range *movers {
		if (m.only == nil || m.only == x) && (x.root == nil || x.root == m.topic.root()) && !x.over.Load() {
			x.tell(m)
		}
	}
}

// tell tells a move, unless the mover knows.
func (m *mover) tell(x turn) {
	hook := m.idle
	_, told := m.told[x.topic]
	if told == x.active {
		return
	}
	if x.active {
		hook = m.active
		m.told[x.topic] = struct{}{}
	} else {
		delete(m.told, x.topic)
	}
	if hook != nil {
		hook(x.topic.info())
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

// calls is what handlers are running, while somebody observes.
type calls struct {
	mu    sync.Mutex
	first *running
}

// running is a publish, or one call of a handler outside one.
type running struct {
	next, prev *running
	topic      *Topic
	entry      atomic.Pointer[Entry] // nil between two handlers
	since      atomic.Int64          // nanoseconds since began
}

var began = time.Now()

func (c *calls) begin(t *Topic) *running {
	r := &running{topic: t}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.next = c.first; c.first != nil {
		c.first.prev = r
	}
	c.first = r
	return r
}

// at notes that the handler of e is being called; nil: none. r is nil where nobody looks.
func (r *running) at(e *Entry) {
	if r == nil {
		return
	}
	if e != nil {
		r.since.Store(int64(time.Since(began)))
	}
	r.entry.Store(e)
}

// end takes what begin returned.
func (c *calls) end(r *running) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		c.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
}

// counts are the totals of a topic.
type counts struct {
	published, heard, dropped atomic.Int64
}

// counted returns the counts of a topic, which it makes on first use.
func (t *Topic) counted() *counts {
	r := t.makeRare()
	if c := r.counts.Load(); c != nil {
		return c
	}
	r.counts.CompareAndSwap(nil, new(counts))
	return r.counts.Load()
}

// count counts a publish to t, and to the topic that it is a sub-topic of.
func (t *Topic) count(ran int) {
	for _, x := range []*Topic{t, t.root()} {
		c := x.counted()
		c.published.Add(1)
		if ran > 0 {
			c.heard.Add(1)
		}
		if x.Branch == nil {
			break
		}
	}
}

// countDropped counts for t, and for the topic that it is a sub-topic of.
func (t *Topic) countDropped(n int) {
	if !t.Bus.observed() {
		return
	}
	t.counted().dropped.Add(int64(n))
	if t.Branch != nil {
		t.root().counted().dropped.Add(int64(n))
	}
}

// root returns the topic that t is a sub-topic of, at whatever depth, or t.
func (t *Topic) root() *Topic {
	if t.Branch != nil {
		return t.Branch.root
	}
	return t
}
