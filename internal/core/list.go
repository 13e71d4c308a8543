package core

import (
	"cmp"
	"slices"
	"weak"

	"github.com/weakbus/weakbus/internal/grace"
)

// List is the subscribers of a topic at one moment, in the order of delivery. It is immutable.
type List struct {
	snapshot weak.Pointer[Snapshot] // the only reference to it between publishes; see S1
	N        int                    // subscribers in all
	Clean    uint64                 // the epoch at which all were active; 0: at none
	Mode     uint32                 // the topic's, so that a publish finds it here
	last     uint16                 // slots of the last chunk that belong to this list
	small    bool                   // there are neighbouring chunks that a compaction would join
	first    *Chunk
	chunks   []*Chunk

	generation uint64 // appending keeps it, anything else starts a new one
	added      uint64 // how many were ever added to the topic; a compaction adds none
}

// First returns the first chunk.
func (l *List) First() *Chunk { return l.first }

// Snapshot returns the snapshot of the list, or nil.
func (l *List) Snapshot() *Snapshot { return l.snapshot.Value() }

// Paid reports whether it is known that building the snapshot was worthwhile; until then its uses are
// counted.
func (s *Snapshot) Paid() bool { return s.paid.Load() }

// upTo returns how many slots of chunk k belong to the list.
func (l *List) upTo(k int) int {
	if k == len(l.chunks)-1 {
		return int(l.last)
	}
	return l.chunks[k].size()
}

// each calls do for each subscriber.
func (l *List) each(do func(e *Entry)) {
	if l == nil {
		return
	}
	for k, c := range l.chunks {
		for _, e := range c.Slots[:l.upTo(k)] {
			do(e)
		}
	}
}

// someActive reports whether a subscriber is alive and not paused.
func (l *List) someActive() bool {
	for k, c := range l.chunks {
		for _, e := range c.Slots[:l.upTo(k)] {
			if e.State() == Active {
				return true
			}
		}
	}
	return false
}

// add puts a subscriber at the end of the list and reports whether the topic was open. If it belongs in
// front of others, the next publish puts the list in order. With scoped, publishes are counted from now
// on: e is under a scope, which may wait for them.
func (t *Topic) add(prio int, e *Entry, handler any, scoped bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	l, ops := t.ledger, e.kind.ops
	if scoped {
		if l.calls.Load() == nil {
			l.calls.Store(new(grace.Domain))
		}
		t.setMode(Counted)
	}
	next := t.extended()
	var before *Chunk // of the same sort and priority, to put e behind
	if n := len(next.chunks); n > 0 {
		last := next.chunks[n-1]
		if last.prio == prio && last.Ops == ops {
			before = last
		}
		if last.prio < prio {
			t.mode.Store(t.mode.Load() | Unordered)
			next.Mode |= Unordered
		}
	}
	if before != nil && before.size() < len(before.Slots) {
		before.push(e, handler)
		next.last++
	} else {
		room := 1
		if before != nil {
			room = next.roomAfter(before.size())
		}
		c := newChunk(l, ops, prio, room)
		c.push(e, handler)
		next.chunks, next.last = append(next.chunks, c), 1
	}
	next.first = next.chunks[0]
	if !e.Active() {
		l.raise() // born paused: no epoch before this one is clean
	}
	next.N++
	next.added++
	l.size.Store(int32(next.N))
	t.head.Store(next)
	t.check()
	return true
}

// extended returns a copy of the list to add a subscriber to. The caller holds mu.
func (t *Topic) extended() *List {
	next := new(List)
	if l := t.head.Load(); l != nil {
		*next = *l
	} else {
		next.Clean, next.Mode = t.ledger.now(), t.mode.Load()&^known
		next.generation, next.added = t.ledger.generation+1, t.ledger.added
		t.moved(true)
	}
	return next
}

// roomAfter returns how many slots to make behind a chunk of size.
func (l *List) roomAfter(size int) int {
	room := min(2*size, maxChunk)
	if room+size <= maxChunk {
		l.small = true
	}
	return room
}

// sampleDead examines the next n subscribers, round robin, for receivers that were collected. With
// two for each that is added, a topic that nobody publishes holds at most as many dead subscribers
// as live ones, and a few.
func (t *Topic) sampleDead(n int) {
	l := t.head.Load()
	if l == nil {
		return
	}
	for range min(n, l.N) {
		at := int(t.ledger.cursor.Load())
		k, i := at/maxChunk, at%maxChunk
		if k >= len(l.chunks) {
			k, i = 0, 0
		}
		if i < l.upTo(k) {
			l.chunks[k].Slots[i].Examine()
		}
		if i++; i >= l.upTo(k) {
			k, i = k+1, 0
		}
		t.ledger.cursor.Store(uint32(k*maxChunk + i)) // of more chunks than fit, the first are looked at
	}
	if t.ledger.ended.Load()*2 >= t.ledger.size.Load() {
		t.compact()
	}
}

// compact removes what ended from the list. Its cost is paid for by the ends that it removes, or by
// the weak walk that it follows.
func (t *Topic) compact() {
	if t.ledger.ended.Load() > 0 {
		t.tidy()
	}
}

// tidy is compact, puts the list in order, and joins chunks that its growth left small.
func (t *Topic) tidy() {
	if _, emptied := t.rewrite(true); emptied {
		t.emptied()
	}
}

// ordered returns the list in order, or nil if there is none. It calls no hook, for a retained event's mutex
// may be held: a list of which all have ended is left to whoever compacts it.
func (t *Topic) ordered() *List {
	l, _ := t.rewrite(false)
	return l
}

// rewrite replaces the list by one of those that have not ended, in order. With empties it does so also
// where nothing needs to be put in order, or nobody is left, which it reports.
func (t *Topic) rewrite(empties bool) (next *List, emptied bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.head.Load()
	if l == nil || !empties && l.Mode&Unordered == 0 {
		return l, false
	}
	chunks := l.chunks
	if l.Mode&Unordered != 0 {
		chunks = slices.Clone(chunks)
		slices.SortStableFunc(chunks, func(a, b *Chunk) int { return cmp.Compare(b.prio, a.prio) })
	}
	clean := t.ledger.now() // before the states are looked at
	k := compaction{ledger: t.ledger}
	for _, c := range chunks {
		k.move(c, c.size()) // nobody adds to the last one meanwhile
	}
	if k.kept == 0 && !empties {
		return l, false
	}
	if k.paused {
		clean = 0
	}
	t.mode.Store(t.mode.Load() &^ Unordered)
	t.ledger.cursor.Store(0)
	t.ledger.ended.Add(int32(-k.removed))
	t.ledger.size.Store(int32(k.kept))
	if k.kept == 0 {
		t.clearHead(l)
		return nil, true
	}
	next = &List{
		first:      k.chunks[0],
		chunks:     k.chunks,
		last:       uint16(k.chunks[len(k.chunks)-1].size()),
		N:          k.kept,
		Clean:      clean,
		generation: l.generation + 1,
		added:      l.added,
		Mode:       l.Mode &^ Unordered,
	}
	t.head.Store(next)
	t.check()
	return next, false
}

// clearHead leaves the topic without subscribers; l was its list. The caller holds mu.
func (t *Topic) clearHead(l *List) {
	t.moved(false) // first: an empty sub-topic may be replaced at once
	t.mode.Store(t.mode.Load() &^ (Counted | Unordered))
	t.ledger.generation, t.ledger.added = l.generation, l.added
	t.head.Store(nil)
}

// Len returns the number of live subscriptions, and removes those that it finds to have ended.
func (t *Topic) Len() int { return t.current().prune() }

// prune examines every subscriber, those of sub-topics included, compacts, and returns how many are
// left of its own.
func (t *Topic) prune() (live int) {
	if ks := t.keys.Load(); ks != nil {
		ks.prune()
	}
	l := t.head.Load()
	if l == nil {
		return 0
	}
	for k, c := range l.chunks {
		if t.head.Load() == nil {
			return 0 // all have ended meanwhile
		}
		for _, e := range c.Slots[:l.upTo(k)] {
			if e.Examine() {
				live++
			}
		}
	}
	t.compact()
	return live
}
