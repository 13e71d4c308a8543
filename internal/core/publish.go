package core

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/weakbus/weakbus/internal/grace"
)

// Hand is an event whose type the core does not know, in the hand of whoever publishes it. It is
// made of functions on that goroutine's stack and must not be kept: what is to be delivered later is
// pushed into a Store, or kept as a Parcel.
//
// No function of the core may hand it to a function that is called dynamically: that would move it,
// and the event, to the heap.
type Hand struct {
	// Run has a chunk's loop deliver it, and returns how many handlers that called.
	Run func(run any, c *Chunk, w *Watch, clean uint64, from, to int) int
	// Do does something else with the event; see Op.
	Do func(op Op, to, recv any, ctx context.Context) any
}

// Op is what Hand.Do does with the event.
type Op uint8

const (
	Boxed Op = iota // returns it as a value of type any
	Pass            // to is a filter: returns whether it lets the event through
	Call            // to is a guarded handler: calls it with recv, and returns its error
	Push            // to is a *Side: puts the event there, with recv as its note
	InRow           // to is a *Row: calls its handlers from I on until one fails or may not be called
	Keep            // returns the event as a Parcel
	Tell            // to is a tap's function: calls it with recv, a TopicInfo, and returns its error
	Put             // to is a retained event's place: puts it there
)

// box returns the event as a value of type any.
func (h *Hand) box() any { return h.Do(Boxed, nil, nil, nil) }

// passes reports whether a filter lets the event through.
func (h *Hand) passes(filter any) bool { return h.Do(Pass, filter, nil, nil).(bool) }

// call calls a guarded handler.
func (h *Hand) call(handle, recv any, ctx context.Context) error {
	err, _ := h.Do(Call, handle, recv, ctx).(error)
	return err
}

// keep keeps the event for later.
func (h *Hand) keep() Parcel { return h.Do(Keep, nil, nil, nil).(Parcel) }

// Parcel is an event that was kept: it has a job done with the event.
type Parcel func(*Job)

// Job is what is to be done with an event, and what became of it.
type Job struct {
	Outcome
	Topic    *Topic
	Returned bool      // the publisher gets the errors that there are
	List     *List     // nil: route the event to all that it reaches
	Snapshot *Snapshot // with List: go on with subscriber I of segment K of it
	K, I     int
	errand   *errand // something else than a publish; nil mostly
	room     [4]Leg  // the first legs; an array, since a slice would move to the heap
	more     []Leg
	n        int // legs in all
}

// errand is what is to be done with an event that is not being published.
type errand struct {
	letter *letter     // one delivery that a publish left for later
	unlock *sync.Mutex // to be unlocked when the event is at hand
	to     *Side       // with Move: where the event goes,
	slot   int         // and in which slot
	place  any         // where a topic keeps the event
	parcel *Parcel     // where to keep the event
	bus    *Bus        // with Publish of a Store
}

// Outcome is what becomes of one publish, at all the topics that it reaches.
type Outcome struct {
	Ctx     context.Context // nil: there is none to look at
	Strict  bool            // the publisher gets the errors
	Ran     int
	Errs    []error
	over    bool // the event was stopped, or ctx is done: nobody else is to be called
	leg     Leg  // of an Update: the topic's own, loaded when the event was kept
	reached bool // nobody ran, but somebody is there who is not paused; noted only while somebody observes
}

// Finish ends a publish that does not return the errors of handlers: it makes them known.
func (j *Job) Finish() {
	leave(j.room[:])
	leave(j.more)
	if j.leg.List != nil { // a panic came before it was delivered to
		j.leg.leave()
	}
	if len(j.Errs) > 0 {
		j.ReportTo(j.Topic.Bus)
	}
}

// ReportTo is Report for a job without a topic.
func (j *Job) ReportTo(b *Bus) {
	for _, err := range j.Errs {
		b.failed(err, false)
	}
}

// Do does the job, and leaves what became of it in its Outcome.
func (j *Job) Do(h *Hand) {
	switch {
	case j.errand != nil:
		j.errand.do(h)
	case j.Snapshot != nil:
		j.Topic.finish(&j.Outcome, j.List, j.Snapshot, j.K, j.I, h)
	case j.List != nil:
		j.Topic.level(&j.Outcome, j.List, h)
	default:
		j.Topic.route(&j.Outcome, h)
	}
}

func (e *errand) do(h *Hand) {
	if e.unlock != nil {
		e.unlock.Unlock()
		e.unlock = nil
	}
	switch {
	case e.place != nil:
		h.Do(Put, e.place, nil, nil)
	case e.parcel != nil:
		*e.parcel = h.keep()
	case e.letter != nil:
		e.letter.attempt(h)
	}
}

// Leg is a topic that a publish reaches, with the list that it had when the publish began: what is
// subscribed by a handler, on whatever level, hears the next event. See K2.
type Leg struct {
	Topic *Topic
	List  *List
	call  grace.Call // in progress, if the topic is counted
}

// boxedLeg is a leg whose topic is of an interface that the event implements.
type boxedLeg struct {
	Leg
	event any
}

// leave tells that the calls of the leg are over.
func (l *Leg) leave() {
	if l.call != (grace.Call{}) {
		l.call.Leave()
	}
}

func leave(legs []Leg) {
	for i := range legs {
		legs[i].leave()
	}
}

func leaveBoxed(legs []boxedLeg) {
	for i := range legs {
		legs[i].leave()
	}
}

// Legs finds the legs of a publish to the job's topic, and reports whether typed loops will do for all of
// them: where nothing is to be looked at between two deliveries, and no event is retained. The first near
// ones are of the event's own type. Finish leaves them.
func (j *Job) Legs() (near int, simple bool) {
	t := j.Topic
	if !t.simple() {
		return 0, false
	}
	for ; t.Branch != nil; t = t.Branch.parent {
		j.addLeg(t.current())
	}
	j.addLeg(t)
	near = j.n
	if listeners := t.rare().listeners.Load(); listeners != nil {
		for _, x := range *listeners {
			j.addLeg(x)
		}
	}
	return near, true
}

func (j *Job) addLeg(t *Topic) {
	leg := t.leg()
	if leg.List == nil {
		return
	}
	if j.n < len(j.room) {
		j.room[j.n] = leg
	} else {
		j.more = append(j.more, leg)
	}
	j.n++
}

// Far reports whether there are legs of other event types, behind the near ones.
func (j *Job) Far(near int) bool { return j.n > near }

// DeliverFar delivers to the legs of other event types, and returns how many handlers ran.
func (j *Job) DeliverFar(near int, event any) int {
	var o Outcome
	for i := near; i < j.n; i++ {
		o.runBoxed(&boxedLeg{*j.Leg(i), event})
	}
	return o.Ran
}

// Leg returns leg i.
func (j *Job) Leg(i int) *Leg {
	if i < len(j.room) {
		return &j.room[i]
	}
	return &j.more[i-len(j.room)]
}

// simple reports whether typed loops will do for a publish to t.
func (t *Topic) simple() bool {
	for ; ; t = t.Branch.parent {
		c := t.current()
		if c.mode.Load()&Careful != 0 || c.rare().kept.Load() != nil {
			return false
		}
		if t.Branch == nil {
			return t.mode.Load()&Routed == 0 || t.rare().taps.Load() == nil && !t.isInterface() && !t.keptByListener()
		}
	}
}

// keptByListener reports whether a topic of an interface retains the event.
func (t *Topic) keptByListener() bool {
	listeners := t.rare().listeners.Load()
	return listeners != nil && slices.ContainsFunc(*listeners, func(x *Topic) bool { return x.rare().kept.Load() != nil })
}

// leg returns the leg of t itself; without a list if nobody is subscribed.
func (t *Topic) leg() (leg Leg) {
	l := t.head.Load()
	if l == nil {
		return leg
	}
	if l.Mode&Counted != 0 {
		leg.call = t.enter()
		if l = t.head.Load(); l == nil { // what is loaded from here on is counted
			leg.leave()
			return Leg{}
		}
	}
	if l.Mode&Unordered != 0 {
		if l = t.ordered(); l == nil {
			leg.leave()
			return Leg{}
		}
	}
	leg.Topic, leg.List = t, l
	return leg
}

// isInterface reports whether events of the topic go by their dynamic type.
func (t *Topic) isInterface() bool {
	return t.Bus != nil && t.typ != nil && t.typ.Event.Kind() == reflect.Interface
}

// route publishes an event to t and to whatever else it reaches: the parents of a keyed sub-topic,
// and the interface topics of the bus. Each of them is a level, with an order of its own.
func (t *Topic) route(o *Outcome, h *Hand) {
	switch {
	case t.Branch == nil && t.isInterface():
		t.Bus.PublishAny(o, h.box())
	case t.Bus.observed():
		t.routeObserved(o, h)
	default:
		t.tap(o, h)
		t.deliverLegs(o, h)
	}
}

func (t *Topic) deliverLegs(o *Outcome, h *Hand) {
	var (
		nearRoom [2]Leg
		farRoom  [4]boxedLeg
		near     = nearRoom[:0]
		far      = farRoom[:0]
	)
	defer func() { // also when the event's type turns out to be one that cannot be published
		leave(near)
		leaveBoxed(far)
	}()
	for ; t.Branch != nil; t = t.Branch.parent {
		near = t.current().begin(o, near, h)
	}
	if t.isInterface() { // a sub-topic of one was published to
		far = t.Bus.plan(o, far, h.box())
	} else {
		near = t.begin(o, near, h)
		if listeners := t.rare().listeners.Load(); listeners != nil {
			far = addListeners(o, far, *listeners, h)
		}
	}
	before := o.Ran
	for i := range near {
		if o.over {
			break
		}
		near[i].Topic.level(o, near[i].List, h)
	}
	o.run(far)
	if o.Ran == before && t.Bus.observed() {
		o.reached = reached(near, far)
	}
}

// run delivers to legs of other event types.
func (o *Outcome) run(legs []boxedLeg) {
	for i := range legs {
		if o.over {
			return
		}
		o.runBoxed(&legs[i])
	}
}

// runBoxed delivers to one leg. The job is a copy, or the outcome would move to the heap; it is
// copied back also when a handler panics.
func (o *Outcome) runBoxed(leg *boxedLeg) {
	j := jobs.Get().(*Job)
	if !o.Strict && o.Ctx == nil && o.leg.Topic == nil && leg.plain() {
		j.Topic, j.List = leg.Topic, leg.List
		leg.Topic.typ.do(DeliverPlain, leg.event, j)
		o.Ran += j.Ran
		*j = Job{}
		jobs.Put(j)
		return
	}
	j.Outcome, j.Topic, j.List = *o, leg.Topic, leg.List
	defer func() {
		*o = j.Outcome
		*j = Job{}
		jobs.Put(j)
	}()
	leg.Topic.typ.deliver(j, leg.event)
}

// plain reports whether typed loops will do for the leg: there is nothing to look at between two calls, or
// they find out what there is.
func (l *boxedLeg) plain() bool {
	return l.List == nil || !l.Topic.Bus.guarded() && (!l.Topic.typ.stoppable || stopperOf(l.event) == nil)
}

// jobs keeps those that are not in use, for functions that are called dynamically: what is handed to one is
// on the heap.
var jobs = sync.Pool{New: func() any { return new(Job) }}

// begin adds a leg for t's own subscribers, if there are any, and keeps the event if t does.
func (t *Topic) begin(o *Outcome, legs []Leg, h *Hand) []Leg {
	if leg, ok := o.began(t); ok {
		if leg.List != nil {
			legs = append(legs, leg)
		}
		return legs
	}
	if kept := t.rare().kept.Load(); kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		if t.Bus == nil || !t.Bus.closed.Load() {
			h.Do(Put, kept.place, nil, nil)
		}
	}
	if leg := t.leg(); leg.List != nil {
		legs = append(legs, leg)
	}
	return legs
}

// began returns the leg of t, if Update has kept the event and loaded the list.
func (o *Outcome) began(t *Topic) (leg Leg, ok bool) {
	if o.leg.Topic != t {
		return leg, false
	}
	leg, o.leg = o.leg, Leg{}
	return leg, true
}

// reached reports whether a list has anybody who is alive and not paused.
func reached(near []Leg, far []boxedLeg) bool {
	for i := range near {
		if near[i].List.someActive() {
			return true
		}
	}
	for i := range far {
		if far[i].List.someActive() {
			return true
		}
	}
	return false
}

// addListeners adds legs for the topics of interfaces. The event is boxed once for all, and only if
// somebody hears it.
func addListeners(o *Outcome, legs []boxedLeg, topics []*Topic, h *Hand) []boxedLeg {
	var boxed any
	for _, t := range topics {
		if t.head.Load() == nil && t.rare().kept.Load() == nil {
			continue
		}
		if boxed == nil {
			boxed = h.box()
		}
		legs = t.beginBoxed(o, legs, boxed)
	}
	return legs
}

// beginBoxed is begin for an event of a dynamic type.
func (t *Topic) beginBoxed(o *Outcome, legs []boxedLeg, event any) []boxedLeg {
	if leg, ok := o.began(t); ok {
		if leg.List != nil {
			legs = append(legs, boxedLeg{leg, event})
		}
		return legs
	}
	if kept := t.rare().kept.Load(); kept != nil {
		kept.mu.Lock()
		defer kept.mu.Unlock()
		if !t.Bus.closed.Load() {
			t.typ.deliver(&Job{errand: &errand{place: kept.place}}, event)
		}
	}
	if leg := t.leg(); leg.List != nil {
		legs = append(legs, boxedLeg{leg, event})
	}
	return legs
}

// level publishes an event to the subscribers in a list of t.
func (t *Topic) level(o *Outcome, l *List, h *Hand) {
	var stop Stopper
	if t.typ.stoppable {
		stop = stopperOf(h.box())
	}
	if o.Ctx == nil && stop == nil && !t.Bus.guarded() {
		t.deliver(o, l, h)
		return
	}
	t.watch(o, l, stop, h)
}

// deliver calls the handlers of a list where nothing is to be looked at between two of them.
// Package weakbus has the same for events whose type it knows.
func (t *Topic) deliver(o *Outcome, l *List, h *Hand) {
	l, s := t.strong(l)
	t.finish(o, l, s, 0, 0, h)
}

// finish calls the handlers of a list from subscriber i of segment k of the snapshot on, if there is
// one.
func (t *Topic) finish(o *Outcome, l *List, s *Snapshot, k, i int, h *Hand) {
	if s != nil {
		for ; k < len(s.Segments); k, i = k+1, 0 {
			t.segment(o, &s.Segments[k], s.Clean, i, s.Segments[k].N, h)
		}
		if k, i = s.chunks-1, s.last; l.N == s.n {
			k = len(l.chunks)
		}
	}
	for ; k < len(l.chunks); k, i = k+1, 0 {
		g := l.chunks[k].segment(l.upTo(k))
		t.segment(o, &g, l.Clean, i, g.N, h)
	}
	t.done(l, s)
}

// done tidies up after a publish.
func (t *Topic) done(l *List, s *Snapshot) {
	defer wipe()
	if s == nil {
		t.compact()
	} else if !s.Fresh(l) {
		t.charge(l, s)
	}
}

// segment calls the handlers of subscribers [from, to) of g, at full speed where it can.
func (t *Topic) segment(o *Outcome, g *Segment, clean uint64, from, to int, h *Hand) {
	if g.Run == nil {
		t.row(o, nil, g, from, to, h)
		return
	}
	n := 0
	if from < to { // the tail behind a snapshot may begin at the end of a chunk
		n = h.Run(g.Run, g.Chunk, nil, clean, from, to)
	}
	o.Ran += n
	if from += n; from < to {
		o.Ran += t.slowly(g, nil, from, to, h)
	}
}

// lookAhead is how many states slowly looks at before it calls the first of their handlers.
const lookAhead = 64

// slowly calls handlers where states have changed. Loads of states that no call separates overlap,
// which takes a fraction of the time of a look before each call; a state that changes after the
// look is noticed by its epoch.
func (t *Topic) slowly(g *Segment, w *Watch, from, to int, h *Hand) (ran int) {
	for from < to {
		clean := t.ledger.now() // before the states are looked at
		end := from + g.active(from, min(from+lookAhead, to))
		n := 0
		switch {
		case end == from:
		case w != nil:
			n = w.run(clean, from, end, h)
		default:
			n = h.Run(g.Run, g.Chunk, nil, clean, from, end)
		}
		ran += n
		if w != nil && w.over {
			return ran
		}
		if from += n; n == 0 && from < to && !g.again(from) {
			from++
		}
	}
	return ran
}

// again reports whether subscriber i, which was not called, is to be tried again: because another
// one's state has changed, and not its own.
func (g *Segment) again(i int) bool {
	e := g.entry(i)
	return e.Active() && e.Examine()
}

// Stopper is what the core looks for in an event.
type Stopper interface{ Stopped() bool }

var stopperType = reflect.TypeFor[Stopper]()

// stopperOf returns the event as a stopper, or nil if it is none.
func stopperOf(event any) Stopper {
	s, ok := event.(Stopper)
	if !ok {
		return nil
	}
	if v := reflect.ValueOf(event); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return s
}

// To returns where Move puts the event.
func (j *Job) To() (store Store, slot int) { return j.errand.to.Store, j.errand.slot }

// Bus returns the bus that Publish of a Store publishes to.
func (j *Job) Bus() *Bus { return j.errand.bus }

// Open begins a publish that returns the errors of handlers, or says why there is none.
func (j *Job) Open(ctx context.Context) error {
	if b := j.Topic.Bus; b != nil && b.closed.Load() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	j.Ctx, j.Strict = ctx, true
	return nil
}

// Close tells observers the errors, and everybody if a panic took them from the publisher.
func (j *Job) Close() {
	for _, err := range j.Errs {
		j.Topic.Bus.failed(err, j.Returned)
	}
}
