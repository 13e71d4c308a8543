package core

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/grace"
	"github.com/weakbus/weakbus/internal/lists"
)

// Type is what the core knows of a type of events. There is one for each.
type Type struct {
	Event     reflect.Type
	do        func(do TypeOp, x any, j *Job) any
	stoppable bool // events may be stoppers
}

// TypeOp is what is done with a type of events.
type TypeOp uint8

const (
	Deliver      TypeOp = iota // has j done with x, a boxed event
	DeliverPlain               // the same, where j is a publish that has nothing to look at between two calls
	NewStore                   // returns a Store
	NewTopic                   // returns a typed topic, and in j the Topic in it
	NewBranch                  // returns a *Branch
	NewPlace                   // returns a place for one event, which Hand's Put knows
	ForgetPlace                // empties the place x
	Copy                       // returns the event in the place x as a Parcel, or nil if it is empty
)

// types has the Type of each event type that has a topic. They are few, and stay.
var types sync.Map // from reflect.Type to *Type

// KnownType returns the Type of events, or nil if there is none yet.
func KnownType(event reflect.Type) *Type {
	if t, ok := types.Load(event); ok {
		return t.(*Type)
	}
	return nil
}

// TypeOf makes the Type of events that are not known. It panics for a type that can never
// work.
func TypeOf(event reflect.Type, do func(do TypeOp, x any, j *Job) any) *Type {
	checkByValue(event)
	t, _ := types.LoadOrStore(event, &Type{event, do, event.Kind() == reflect.Interface || event.Implements(stopperType)})
	return t.(*Type)
}

// Interface reports whether the events go by their dynamic type.
func (t *Type) Interface() bool { return t.Event.Kind() == reflect.Interface }

func (t *Type) deliver(j *Job, event any) { t.do(Deliver, event, j) }
func (t *Type) newStore() Store           { return t.do(NewStore, nil, nil).(Store) }

// Topic is all of a topic but its event type. The zero value is one outside any bus.
type Topic struct {
	_      [0]func()            // not comparable, which saves a function for each type of event
	head   atomic.Pointer[List] // nil when there are no subscribers; see L1
	mode   atomic.Uint32        // what a publish has to look at; changed under mu only
	closed bool                 // guarded by mu
	Bus    *Bus                 // nil outside a bus; set before the topic is shared
	Branch *Branch              // of a keyed sub-topic; set before it is shared

	// Set once, under mu and before head is; read only where head was not nil.
	ledger *ledger
	typ    *Type

	mu   sync.Mutex           // serialises writers of head
	keys atomic.Pointer[keys] // its sub-topics; nil until there is one
	more atomic.Pointer[rare] // see rare
}

// rare is what few topics have. Programs may have a topic in each field of a widget.
type rare struct {
	listeners atomic.Pointer[[]*Topic] // topics of interfaces that hear the events too
	kept      atomic.Pointer[retained] // nil until Retain
	taps      atomic.Pointer[[]*tap]   // of a root; see Tap
	counts    atomic.Pointer[counts]   // nil unless somebody observes
}

// noRare stands for what a topic does not have. Nobody writes to it.
var noRare rare

// rare returns what there is of the rare parts, to be read.
func (t *Topic) rare() *rare {
	if r := t.more.Load(); r != nil {
		return r
	}
	return &noRare
}

// makeRare returns the rare parts, to be written to.
func (t *Topic) makeRare() *rare {
	if t.more.Load() == nil {
		t.more.CompareAndSwap(nil, new(rare))
	}
	return t.more.Load()
}

// What a publish has to look at, beside its topic's own list.
const (
	Careful   = 1 << iota // something between two deliveries; see Watch
	Routed                // other topics, the retained event, taps
	Counted               // it is to be counted as in progress; see package grace
	Unordered             // the list, which is to be put in order of priority before it is used
	known                 // nothing: the topic knows the type of its events, which was checked
)

// Head returns the list of subscribers, or nil.
func (t *Topic) Head() *List { return t.head.Load() }

// Quiet reports whether there is nothing to look at where nobody is subscribed.
func (t *Topic) Quiet() bool { return t.mode.Load() == known }

// Unknown reports whether the topic does not know the type of its events yet.
func (t *Topic) Unknown() bool { return t.mode.Load()&known == 0 }

// Know tells the topic the type of its events.
func (t *Topic) Know(typ *Type) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.know(typ)
}

func (t *Topic) know(typ *Type) {
	if t.typ == nil {
		t.typ = typ
		t.remode()
	}
}

// setMode has publishes look at more. The caller holds mu.
func (t *Topic) setMode(mode uint32) { t.changeMode(t.mode.Load() | mode) }

// remode finds out what publishes have to look at. The caller holds mu.
func (t *Topic) remode() {
	mode := t.mode.Load() & (Counted | Unordered)
	if t.typ != nil {
		mode |= known
	}
	if t.Bus.guarded() || t.typ != nil && t.typ.stoppable {
		mode |= Careful
	}
	r := t.rare()
	if t.Branch != nil || t.Bus.observed() || t.isInterface() ||
		r.listeners.Load() != nil || r.kept.Load() != nil || r.taps.Load() != nil {
		mode |= Routed
	}
	t.changeMode(mode)
}

// changeMode has publishes look at what mode says. The caller holds mu.
func (t *Topic) changeMode(mode uint32) {
	if t.mode.Load() == mode {
		return
	}
	t.mode.Store(mode)
	if l := t.head.Load(); l != nil {
		next := *l
		next.Mode = mode &^ known
		t.head.Store(&next)
	}
}

// Init makes the topic ready to be subscribed to.
func (t *Topic) Init(typ *Type) {
	if t.head.Load() != nil { // somebody has subscribed
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.init(typ)
}

// init is Init for whoever holds mu.
func (t *Topic) init(typ *Type) {
	if t.ledger != nil {
		return
	}
	t.know(typ)
	t.ledger = &ledger{topic: weak.Make(t)}
	t.ledger.epoch = 1 // 0 stands for "at no epoch"
	t.ledger.first.ledger = t.ledger
}

// kindOf returns the kind of plain entries with the draft's type of receivers.
func (t *Topic) kindOf(d *Draft, made Maker) *kind {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.ledger
	if l.first.ops != nil && l.first.ops.Receiver.Type == d.Of {
		return &l.first
	}
	if l.first.ops == nil {
		l.first.ops = opsOf(d, made)
		return &l.first
	}
	if l.kinds == nil {
		l.kinds = new([]*kind)
	}
	for _, k := range *l.kinds {
		if k.ops.Receiver.Type == d.Of {
			return k
		}
	}
	ops := opsOf(d, made)
	k := &kind{ops: ops, ledger: l}
	if len(*l.kinds) < manyKinds {
		*l.kinds = append(*l.kinds, k)
	}
	return k
}

// manyKinds bounds what a Subscribe looks through for a kind to share.
const manyKinds = 16

// The ops of each pair of receiver and event types that anybody subscribed with, and what there is to
// know of each type of receivers. They are as many as there are methods that subscribe, and stay.
var (
	allOps    sync.Map // from [2]reflect.Type to *Ops
	receivers sync.Map // from reflect.Type to *Receiver
)

func opsOf(d *Draft, made Maker) *Ops {
	key := [2]reflect.Type{d.Of, d.Type.Event}
	if o, ok := allOps.Load(key); ok {
		return o.(*Ops)
	}
	ops := made(nil)
	ops.Receiver = receiverOf(d, made)
	o, _ := allOps.LoadOrStore(key, ops)
	return o.(*Ops)
}

func receiverOf(d *Draft, made Maker) *Receiver {
	if r, ok := receivers.Load(d.Of); ok {
		return r.(*Receiver)
	}
	r := &Receiver{Type: d.Of, Release: d.Release}
	made(r)
	x, _ := receivers.LoadOrStore(d.Of, r)
	return x.(*Receiver)
}

// emptied does, outside mu, what is due when the last subscriber has gone.
func (t *Topic) emptied() {
	if t.Branch != nil {
		t.unlink()
	}
	if t.Bus != nil {
		t.Bus.tracer.pump()
	}
}

func (t *Topic) empty() bool {
	ks := t.keys.Load()
	return t.head.Load() == nil && (ks == nil || ks.empty())
}

// close ends every subscription, those of sub-topics included, and refuses new ones.
func (t *Topic) close() {
	all := []*Topic{t}
	ended := t.shut(true)
	if ks := t.keys.Load(); ks != nil {
		ks.settle()
		ks.each(func(b *Branch) {
			all = append(all, b.topic)
			ended = append(ended, b.topic.shut(true)...)
		})
	}
	defer lists.Finish(all, (*Topic).emptied) // also when a hook panics
	lists.Finish(ended, (*Entry).conclude)
}

// Clear ends every subscription of the topic itself, and returns how many those were.
func (t *Topic) Clear() int {
	t = t.current()
	t.head.Load().each(func(e *Entry) { e.Examine() }) // those that had ended do not count
	ended := t.shut(false)
	defer t.emptied()
	lists.Finish(ended, (*Entry).conclude)
	return len(ended)
}

// shut takes the list away and marks its entries as Closed in one step under mu: when a second close
// returns, each entry is marked, and the epoch tells. It returns those that are to be concluded.
func (t *Topic) shut(forGood bool) (ended []*Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = t.closed || forGood
	l := t.head.Load()
	if l == nil {
		return nil
	}
	t.clearHead(l)
	l.each(func(e *Entry) {
		if e.mark(Closed) {
			ended = append(ended, e)
		}
	})
	t.ledger.raise()
	t.ledger.ended.Add(int32(len(ended) - l.N)) // the others count there, or will
	t.ledger.size.Store(0)
	return ended
}

// expire ends the subscriptions of a sub-topic whose object was collected, and lets go of the event
// that it retains.
func (t *Topic) expire() {
	if t.rare() != &noRare {
		t.rare().kept.Store(nil)
	}
	if l := t.head.Load(); l != nil {
		l.each(func(e *Entry) { e.end(Collected) })
		t.compact()
	}
	t.unlink()
}

// enter counts a publish of the topic as in progress, where CloseWait may wait for it.
func (t *Topic) enter() grace.Call {
	return t.ledger.calls.Load().Enter()
}

// info returns what a report calls the topic.
func (t *Topic) info() TopicInfo { return TopicInfo{t.typ.Event, t.path()} }

// TopicInfo says which topic it is.
type TopicInfo struct {
	Event reflect.Type
	Keys  []any
}

// String returns the event type, and the keys in brackets.
func (i TopicInfo) String() string {
	if len(i.Keys) == 0 {
		return i.Event.String()
	}
	var keys []string
	for _, k := range i.Keys {
		keys = append(keys, fmt.Sprint(k))
	}
	return fmt.Sprintf("%v[%s]", i.Event, strings.Join(keys, " "))
}
