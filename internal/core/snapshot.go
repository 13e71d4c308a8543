package core

import (
	"sync/atomic"
	"weak"
)

const (
	// snapshotFrom is the number of subscribers from which a snapshot beats upgrading each: below
	// it, the snapshot's own upgrade costs as much as it saves.
	snapshotFrom = 2
	// The price list of a snapshot's debt, roughly in nanoseconds as ADR 3 measured them: what a
	// delivery costs more when states have to be looked at or the receiver is in the tail, and what
	// a rebuild costs.
	debtPerCheck    = 1
	debtPerTail     = 8
	rebuildPerEntry = 24
	// Building a snapshot costs about three upgrades per subscriber. Each publish through it saves
	// one, so it pays for itself after three.
	payback = 3
	// So many publishes walk weakly before a snapshot is built: twice as many after each one that
	// the collector took before it had paid.
	minPatience, maxPatience = 2, 64
)

// Snapshot is a topic's subscribers with strong pointers, laid out for speed. Nothing but the
// stacks of publishes under way may refer to one: the list has a weak pointer.
type Snapshot struct {
	Segments []Segment
	Clean    uint64 // the epoch at which all were active; 0: at none
	n        int    // subscribers covered: the first n of the list,
	chunks   int    // which are those in its first chunks,
	last     int    // the last of them up to here
	built    uint64 // the epoch at which it was built
	debt     atomic.Int64
	uses     atomic.Int32 // publishes that found it; not counted on when paid is set
	paid     atomic.Bool
	heard    atomic.Bool // all have heard an event, which observers want to know
}

// Segment is a run of subscribers that is delivered to in one go: a chunk, or what a snapshot has
// of one or several.
type Segment struct {
	Run   any // the loop, of a type that depends on the event; nil for guarded handlers
	Chunk *Chunk
	N     int
	Cells any      // what the loop's maker keeps while the snapshot is under construction
	clean uint64   // as in the snapshot
	subs  []*Entry // nil: those of the chunk
	calls []Callee // of guarded handlers in a snapshot
	quick bool     // all of those are simple
}

func (c *Chunk) segment(n int) Segment { return Segment{Run: c.Ops.Run, Chunk: c, N: n} }

func (g *Segment) entry(i int) *Entry {
	if g.subs != nil {
		return g.subs[i]
	}
	return g.Chunk.Slots[i]
}

// active returns how many in a row are active, from the first of [from, to) on.
func (g *Segment) active(from, to int) int {
	for i := from; i < to; i++ {
		if !g.entry(i).Active() {
			return i - from
		}
	}
	return to - from
}

// Add appends a segment of the first n subscribers of c, whose loop is run.
func (s *Snapshot) Add(c *Chunk, n int, run any) {
	s.Segments = append(s.Segments, Segment{Run: run, Chunk: c, N: n})
}

// Extend adds subscriber i of c to the last segment, of those that gather several chunks. With
// fresh, it begins one.
func (s *Snapshot) Extend(c *Chunk, i int, fresh, run any) {
	if fresh != nil {
		s.Segments = append(s.Segments, Segment{Run: run, Chunk: c, Cells: fresh})
	}
	g := &s.Segments[len(s.Segments)-1]
	g.subs = append(g.subs, c.Slots[i])
	g.N++
}

// Gathering returns the Cells of the last segment.
func (s *Snapshot) Gathering() any {
	if n := len(s.Segments); n > 0 {
		return s.Segments[n-1].Cells
	}
	return nil
}

// Missed notes that the receiver of e is gone.
func (s *Snapshot) Missed(e *Entry) {
	e.Gone()
	s.Clean = 0
}

// Fresh reports whether the snapshot covers all of the list and no state has changed since it was
// built.
func (s *Snapshot) Fresh(l *List) bool {
	return l.N == s.n && atomic.LoadUint64(l.first.Epoch) == s.built
}

// strong returns a snapshot to publish through, or nil for a weak walk, and the list that it is for.
func (t *Topic) strong(l *List) (*List, *Snapshot) {
	if l.N < snapshotFrom {
		return l, nil
	}
	s := l.snapshot.Value()
	if s == nil {
		return t.warm(l)
	}
	if !s.paid.Load() && s.uses.Add(1) >= payback {
		t.ledger.patience.Store(minPatience)
		s.paid.Store(true)
	}
	return l, s
}

// warm is called by a publish that found no snapshot. It returns one to publish through, or nil for
// a weak walk, and the list that it is for. See S5.
func (t *Topic) warm(l *List) (*List, *Snapshot) {
	if !t.ledger.building.CompareAndSwap(false, true) {
		return l, nil // somebody else is at it
	}
	defer t.ledger.building.Store(false)
	patience := max(minPatience, t.ledger.patience.Load())
	if t.ledger.walks++; t.ledger.walks < patience {
		return l, nil
	}
	t.ledger.walks = 0
	t.ledger.patience.Store(min(2*patience, maxPatience)) // unless it pays
	if built, s := t.build(l); built.added == l.added {
		return built, s
	}
	return l, nil // others have joined, who are to hear the next event
}

// build makes a snapshot of the list, compacted if that is worthwhile, and installs it.
func (t *Topic) build(l *List) (*List, *Snapshot) {
	if l.small || l.Mode&Unordered != 0 {
		t.tidy()
	} else {
		t.compact()
	}
	if l = t.head.Load(); l == nil {
		return &List{}, nil
	}
	s := t.upgrade(l)
	if t.ledger.ended.Load() > 0 { // it met collected ones
		t.compact()
		if l = t.head.Load(); l == nil {
			return &List{}, nil
		}
		s = t.upgrade(l)
	}
	t.install(l, s)
	return l, s
}

// upgrade returns a snapshot of the list.
func (t *Topic) upgrade(l *List) *Snapshot {
	epoch := t.ledger.now() // before the states are looked at
	s := &Snapshot{n: l.N, chunks: len(l.chunks), last: int(l.last), Clean: epoch, built: epoch}
	for k, c := range l.chunks {
		n := l.upTo(k)
		if live, paused := c.count(n); live < n || paused {
			s.Clean = 0
		}
		c.Ops.Upgrade(s, c, n)
	}
	for i := range s.Segments {
		s.Segments[i].Cells = nil // the loops have them
		s.Segments[i].clean = s.Clean
	}
	return s
}

// install publishes the list with s behind its weak pointer, unless s speaks for another generation
// by now.
func (t *Topic) install(l *List, s *Snapshot) {
	w := weak.Make(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	head := t.head.Load()
	if head == nil || head.generation != l.generation {
		return
	}
	next := *head
	next.snapshot = w
	if s.Clean != 0 && next.N == s.n { // or it has some whose state nobody has looked at
		next.Clean = s.Clean // for the tail to come, and for when the snapshot is gone
	}
	t.head.Store(&next)
}

// charge adds to the snapshot's debt what this publish paid for its age, and replaces it when a new
// one would have been cheaper. Only here does publishing write to shared memory.
func (t *Topic) charge(l *List, s *Snapshot) {
	debt := int64(debtPerTail * (l.N - s.n))
	if t.ledger.now() != s.built {
		debt += int64(debtPerCheck * s.n)
	}
	if s.debt.Add(debt) < int64(rebuildPerEntry*l.N) {
		return
	}
	if l = t.head.Load(); l != nil && t.ledger.building.CompareAndSwap(false, true) {
		defer t.ledger.building.Store(false)
		t.build(l)
	}
}
