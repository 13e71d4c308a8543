package weakbus

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// Topic is where events of one type are published and subscribed to. The zero value is ready
// to use, so a Topic can be a field and serve as a signal:
//
//	type Button struct {
//		Clicked weakbus.Topic[Click]
//	}
//
// A Topic of a Bus comes from TopicOf. A Topic holds its subscribers weakly, like a bus. One
// that is not part of a bus has no sweep after a collection: it prunes when it is published,
// subscribed to, or asked for its Len. A Topic must not be copied. Its methods are safe for
// concurrent use and may be called from handlers.
//
// Invariants:
//
//	I1 nothing reachable from a Topic reaches a receiver except through weak.Pointer.
//	I2 what a published list covers is never written again; compaction copies.
//	I3 no user code runs while mu is held.
//	I4 what no live subscription needs is removed, in amortised constant time.
//	I5 a strong pointer taken for a publish lives no longer than that publish.
//
// docs/design.md has the proofs.
type Topic[E any] struct {
	head atomic.Pointer[list[E]] // nil when there are no subscribers; see I2
	mode atomic.Uint32           // what a publish has to look at; changed under mu only
	bus  *Bus                    // nil outside a bus; set before the topic is shared
	sub  *sub[E]                 // of a keyed sub-topic; set before it is shared

	// Set once, before head is; read only where head was not nil.
	origin    *origin
	stoppable bool // events may be stoppers

	mu     sync.Mutex // serialises writers of head
	closed bool       // guarded by mu
	cursor atomic.Uint64

	// Of the last list before the topic was empty, so that no later list is taken for an earlier
	// one; guarded by mu.
	generation, added uint64

	building atomic.Bool   // somebody has walks, and may build a snapshot
	walks    uint32        // weak walks since the last one was built
	patience atomic.Uint32 // how many there are to be; see minPatience

	era   atomic.Pointer[era]         // of the lists to come; changed under mu only
	eras  []endedEra                  // ended, and perhaps not over; guarded by mu
	keys  atomic.Pointer[keys[E]]     // its sub-topics; nil until there is one
	feeds atomic.Pointer[[]anyTopic]  // interface topics that hear the events too
	kept  atomic.Pointer[retained[E]] // nil until Retain
}

// What a publish has to look at, beside its topic's own list.
const (
	modeCareful = 1 << iota // something between two deliveries; see pass
	modeRouted              // other topics, or the retained event; see route
)

// list is the subscribers of a topic at one moment, in the order of delivery. It is immutable.
type list[E any] struct {
	// What every publish reads comes first.
	snapshot weak.Pointer[snapshot[E]] // the only reference to it between publishes; see S1
	n        int                       // slots in all
	mode     uint32                    // the topic's, so that a publish finds it here
	chunks   []chunk[E]
	last     int    // slots of the last chunk that belong to this list
	clean    uint64 // the epoch at which all were active; 0: at none

	joints     int    // neighbouring chunks that a compaction would join
	generation uint64 // appending keeps it, anything else starts a new one
	added      uint64 // how many were ever added to the topic; a compaction adds none
	era        *era   // alive while a publish is under way; see CloseWait
}

// upTo returns how many slots of chunk k belong to the list.
func (l *list[E]) upTo(k int) int {
	if k == len(l.chunks)-1 {
		return l.last
	}
	return l.chunks[k].size()
}

// position returns where a chunk of priority prio belongs: behind all of the same or higher.
func (l *list[E]) position(prio int) int {
	at := len(l.chunks)
	for at > 0 && l.chunks[at-1].priority() < prio {
		at--
	}
	return at
}

// weakTopic is how an origin refers to its topic.
type weakTopic[E any] struct{ p weak.Pointer[Topic[E]] }

func (w weakTopic[E]) alive() bool { return w.p.Value() != nil }

func (w weakTopic[E]) compact() {
	if t := w.p.Value(); t != nil {
		t.compact()
	}
}

func (w weakTopic[E]) path() []any {
	if t := w.p.Value(); t != nil {
		return t.path()
	}
	return nil
}

func (w weakTopic[E]) endEra() []endedEra {
	if t := w.p.Value(); t != nil {
		return t.endEra()
	}
	return nil
}

// source returns the topic's origin, which it makes on first use.
func (t *Topic[E]) source() *origin {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.origin == nil {
		t.origin = &origin{topic: weakTopic[E]{weak.Make(t)}}
		t.origin.epoch.Store(1) // 0 stands for "at no epoch"
		event := reflect.TypeFor[E]()
		t.stoppable = event.Kind() == reflect.Interface || event.Implements(reflect.TypeFor[stopper]())
		if t.stoppable || t.guarded() {
			t.mode.Or(modeCareful)
		}
		t.era.Store(newEra(t))
	}
	return t.origin
}

// guarded reports whether panics of handlers are caught, be it to be reported and go on.
func (t *Topic[E]) guarded() bool {
	return t.bus != nil && (t.bus.onPanic != nil || t.bus.tracer != nil)
}

// setMode has publishes look at more.
func (t *Topic[E]) setMode(mode uint32) {
	t.mode.Or(mode)
	if l := t.head.Load(); l != nil {
		next := *l
		next.mode = t.mode.Load()
		t.head.Store(&next)
	}
}

// add puts a subscriber into the list and reports whether the topic was open. At the end of
// the list that is an append into spare capacity, in front of lower priorities it is a copy.
func add[C, R, H, E any, P carrier[C, R, H, E]](t *Topic[E], prio int, s slot[R, H]) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, at, before := t.grow(prio)
	if next == nil {
		return false
	}
	joint, _ := before.(P)
	switch {
	case at < len(next.chunks): // a chunk in mid-list cannot grow in place: see S7
		c := P(new(C))
		c.base().start(prio, 0)
		replaces := joint != nil && joint.size() < maxChunk
		if replaces {
			c.base().slots = slices.Clone(joint.base().slots[:joint.size()])
		}
		c.base().slots = append(c.base().slots, s)
		c.base().used.Store(int32(len(c.base().slots)))
		next.insert(at, c, replaces)
	case joint != nil && joint.base().push(s):
		next.last++
	default:
		room := 1
		if joint != nil {
			room = next.roomAfter(joint.size())
		}
		c := P(new(C))
		c.base().start(prio, room)
		c.base().push(s)
		next.chunks, next.last = append(next.chunks, c), 1
	}
	t.grown(next, s.sub)
	return true
}

// grow returns a list to add a subscriber of priority prio to, or nil if the topic is closed;
// the place of its chunk; and the chunk before that, if it has the same priority. The caller
// holds mu.
func (t *Topic[E]) grow(prio int) (next *list[E], at int, before chunk[E]) {
	if t.closed {
		return nil, 0, nil
	}
	next = new(list[E])
	if l := t.head.Load(); l != nil {
		*next = *l
	} else {
		next.clean, next.mode, next.era = t.origin.epoch.Load(), t.mode.Load(), t.era.Load()
		next.generation, next.added = t.generation+1, t.added
		t.moved(true)
	}
	if at = next.position(prio); at > 0 && next.chunks[at-1].priority() == prio {
		before = next.chunks[at-1]
	}
	return next, at, before
}

// grown publishes the list that sub was added to. The caller holds mu.
func (t *Topic[E]) grown(next *list[E], sub *Subscription) {
	if !sub.active() {
		t.origin.epoch.Add(1) // born paused: no epoch before this one is clean
	}
	next.n++
	next.added++
	t.origin.size.Store(int64(next.n))
	t.head.Store(next)
	t.check()
}

// roomAfter returns how many slots to make behind a chunk of size.
func (l *list[E]) roomAfter(size int) int {
	room := min(2*size, maxChunk)
	if room+size <= maxChunk {
		l.joints++
	}
	return room
}

// insert puts c into the middle of l, perhaps in the place of the chunk before.
func (l *list[E]) insert(at int, c chunk[E], replaces bool) {
	l.chunks = slices.Clone(l.chunks)
	if replaces {
		l.chunks[at-1] = c
	} else {
		l.chunks = slices.Insert(l.chunks, at, c)
	}
	l.generation++
	l.snapshot = weak.Pointer[snapshot[E]]{}
}

// look examines the next n subscribers, round robin, for receivers that were collected. With
// two for each that is added, a topic that nobody publishes holds at most as many dead
// subscribers as live ones, and a few.
func (t *Topic[E]) look(n int) {
	l := t.head.Load()
	if l == nil {
		return
	}
	for range min(n, l.n) {
		at := t.cursor.Load()
		k, i := int(at>>32), int(uint32(at))
		if k >= len(l.chunks) {
			k, i = 0, 0
		}
		if i < l.upTo(k) {
			l.chunks[k].alive(i)
		}
		if i++; i >= l.upTo(k) {
			k, i = k+1, 0
		}
		t.cursor.Store(uint64(k)<<32 | uint64(i))
	}
	if t.origin.ended.Load()*2 >= t.origin.size.Load() {
		t.compact()
	}
}

// compact removes what ended from the list. Its cost is paid for by the ends that it removes,
// or by the weak walk that it follows.
func (t *Topic[E]) compact() {
	if t.origin.ended.Load() > 0 {
		t.tidy()
	}
}

// tidy is compact, and joins chunks that the list's growth left small.
func (t *Topic[E]) tidy() {
	if t.rewrite() {
		t.emptied()
	}
}

// emptied does, outside mu, what is due when the last subscriber has gone.
func (t *Topic[E]) emptied() {
	if t.sub != nil {
		t.unlink()
	}
	if t.bus != nil {
		t.bus.tracer.pump()
	}
}

// rewrite replaces the list by one of those that have not ended, and reports whether that
// left none.
func (t *Topic[E]) rewrite() (emptied bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.head.Load()
	if l == nil {
		return false
	}
	clean := t.origin.epoch.Load() // before the states are looked at
	var k compaction[E]
	for i, c := range l.chunks {
		k.move(c, l.upTo(i))
	}
	if k.paused {
		clean = 0
	}
	t.cursor.Store(0)
	t.origin.ended.Add(int64(-k.removed))
	t.origin.size.Store(int64(k.kept))
	if k.kept == 0 {
		t.moved(false) // first: an empty sub-topic may be replaced at once
		t.generation, t.added = l.generation, l.added
		t.head.Store(nil)
		return true
	}
	t.head.Store(&list[E]{
		chunks:     k.chunks,
		last:       k.chunks[len(k.chunks)-1].size(),
		n:          k.kept,
		clean:      clean,
		generation: l.generation + 1,
		added:      l.added,
		mode:       l.mode,
		era:        l.era,
	})
	t.check()
	return false
}

// Len returns the number of live subscriptions, paused ones included. It looks at each of
// them, and removes those whose receiver it finds collected.
//
// Subscriptions of keyed sub-topics do not count, though they are looked at too; ask a
// sub-topic for its own.
func (t *Topic[E]) Len() int {
	return t.current().prune()
}

// prune looks at every subscriber, those of sub-topics included, compacts, and returns how
// many are left of its own.
func (t *Topic[E]) prune() (live int) {
	if ks := t.keys.Load(); ks != nil {
		ks.each(func(sub *Topic[E]) {
			if sub.sub.keyDied() {
				sub.expire()
			}
			sub.prune()
		})
	}
	l := t.head.Load()
	if l == nil {
		return 0
	}
	for k, c := range l.chunks {
		for i := range l.upTo(k) {
			if c.alive(i) {
				live++
			}
		}
	}
	t.compact()
	return live
}

func (t *Topic[E]) empty() bool {
	ks := t.keys.Load()
	return t.head.Load() == nil && (ks == nil || ks.empty())
}

func (t *Topic[E]) event() reflect.Type { return reflect.TypeFor[E]() }

// close ends every subscription and refuses new ones.
func (t *Topic[E]) close() {
	t.mu.Lock()
	t.closed = true
	l := t.head.Load()
	if l != nil {
		t.moved(false)
		t.head.Store(nil)
	}
	t.mu.Unlock()
	if ks := t.keys.Load(); ks != nil {
		ks.settle()
		ks.each((*Topic[E]).close)
	}
	if l == nil {
		return
	}
	defer t.emptied() // also when a hook panics
	t.end(l, Closed)
}

// end ends all subscriptions of a list: first it marks them all, and then it tells, which calls
// hooks.
func (t *Topic[E]) end(l *list[E], cause State) {
	var ended []*Subscription
	for k, c := range l.chunks {
		for i := range l.upTo(k) {
			if sub := c.sub(i); sub.mark(cause) {
				ended = append(ended, sub)
			}
		}
	}
	t.origin.epoch.Add(1)
	finish(ended, (*Subscription).settle)
}

// finish calls do for each value, for the rest also when do panics or ends the goroutine.
func finish[V any](values []V, do func(V)) {
	for i, v := range values {
		func() {
			done := false
			defer func() {
				if !done {
					finish(values[i+1:], do)
				}
			}()
			do(v)
			done = true
		}()
	}
}
