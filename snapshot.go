package weakbus

import (
	"context"
	"sync/atomic"
)

const (
	// snapshotFrom is the number of subscribers from which a snapshot beats upgrading each:
	// below it, the snapshot's own upgrade costs as much as it saves.
	snapshotFrom = 2
	// shortChunk is the size up to which a chunk is turned into closures; see ADR 3.
	shortChunk = 7
	// The price list of a snapshot's debt, roughly in nanoseconds: what a delivery costs more
	// when states have to be looked at or the receiver is in the tail, and what a rebuild costs.
	debtPerCheck    = 1
	debtPerTail     = 8
	rebuildPerEntry = 24
	// A snapshot has paid for itself after so many publishes: each saves an upgrade for each
	// subscriber, of which building it took three.
	payback = 3
	// So many publishes walk weakly before a snapshot is built: twice as many after each one
	// that the collector took before it had paid.
	minPatience, maxPatience = 2, 64
)

// snapshot is a topic's subscribers with strong pointers, laid out for speed. Nothing but the
// stacks of publishes under way may refer to one: the topic has a weak pointer.
type snapshot[E any] struct {
	segments []segment[E]
	n        int    // subscribers covered: the first n of the list
	chunks   int    // which are those in the list's first chunks,
	last     int    // the last of them up to here
	clean    uint64 // the epoch at which all were active; 0: at none
	built    uint64 // the epoch at which it was built
	debt     atomic.Int64
	uses     atomic.Int32 // publishes that found it; not counted on when paid is set
	paid     atomic.Bool
}

// strong is the counterpart of a plain chunk.
type strong[T, E any] struct {
	calls []call[T, E]
	chunk *plain[T, E]
}

type call[T, E any] struct {
	recv   *T // nil where the receiver had been collected
	handle func(*T, E)
}

func (c *plain[T, E]) upgrade(s *snapshot[E], n int) {
	if n > shortChunk {
		g := &strong[T, E]{make([]call[T, E], n), c}
		for i := range g.calls {
			g.calls[i] = call[T, E]{c.slots[i].recv.Value(), c.slots[i].handle}
			if g.calls[i].recv == nil {
				c.slots[i].sub.collected()
				s.clean = 0
			}
		}
		s.segments = append(s.segments, g)
		return
	}
	m := s.mixed()
	for i := range c.slots[:n] {
		if recv := c.slots[i].recv.Value(); recv != nil {
			m.calls = append(m.calls, bind(recv, c.slots[i].handle))
			m.subs = append(m.subs, c.slots[i].sub)
		} else {
			c.slots[i].sub.collected()
		}
	}
}

func (g *strong[T, E]) size() int               { return len(g.calls) }
func (g *strong[T, E]) sub(i int) *Subscription { return g.chunk.sub(i) }
func (g *strong[T, E]) label(int) string        { return "" }

func (g *strong[T, E]) run(t *Topic[E], clean uint64, from, to int, event E) (ran int) {
	ran = g.sprint(t, clean, from, to, event)
	if from += ran; from < to {
		ran += runChecked(g, t, from, to, event)
	}
	return ran
}

func (g *strong[T, E]) sprint(t *Topic[E], clean uint64, from, to int, event E) int {
	return runStrong(&t.origin.epoch, clean, g.calls[from:to], event)
}

func (g *strong[T, E]) active(from, to int) int { return g.chunk.active(from, to) }

// runStrong calls one after the other until the epoch changes, and returns how many it called.
// It is a function of its own, of few variables: each one more is loaded again after each call.
// For the same reason it takes four at a time, which brings a topic to the speed of a bare
// loop over strong pointers; see BENCHMARKS.md.
//
//go:noinline
func runStrong[T, E any](epoch *atomic.Uint64, clean uint64, calls []call[T, E], event E) (ran int) {
	for ; len(calls) >= 4; calls = calls[4:] {
		c := (*[4]call[T, E])(calls)
		if epoch.Load() != clean {
			return ran
		}
		c[0].handle(c[0].recv, event)
		if epoch.Load() != clean {
			return ran + 1
		}
		c[1].handle(c[1].recv, event)
		if epoch.Load() != clean {
			return ran + 2
		}
		c[2].handle(c[2].recv, event)
		if epoch.Load() != clean {
			return ran + 3
		}
		c[3].handle(c[3].recv, event)
		ran += 4
	}
	for i := range calls {
		if epoch.Load() != clean {
			return ran + i
		}
		calls[i].handle(calls[i].recv, event)
	}
	return ran + len(calls)
}

func (g *strong[T, E]) call(_ *Topic[E], i int, _ context.Context, event E) (bool, error) {
	if !g.sub(i).active() {
		return false, nil
	}
	g.calls[i].handle(g.calls[i].recv, event)
	return true, nil
}

// strongOptioned is the counterpart of an optioned chunk.
type strongOptioned[E any] struct {
	recv  []any // nil where the receiver had been collected
	chunk *optioned[E]
}

func (c *optioned[E]) upgrade(s *snapshot[E], n int) {
	recv := make([]any, n)
	for i := range recv {
		if recv[i] = c.slots[i].sub.anchor.value(); recv[i] == nil {
			c.slots[i].sub.collected()
		}
	}
	s.segments = append(s.segments, &strongOptioned[E]{recv, c})
}

func (g *strongOptioned[E]) size() int               { return len(g.recv) }
func (g *strongOptioned[E]) sub(i int) *Subscription { return g.chunk.sub(i) }
func (g *strongOptioned[E]) label(i int) string      { return g.chunk.label(i) }

func (g *strongOptioned[E]) run(t *Topic[E], _ uint64, from, to int, event E) int {
	return runEach(g, t, from, to, event)
}

func (g *strongOptioned[E]) call(t *Topic[E], i int, ctx context.Context, event E) (bool, error) {
	if g.recv[i] == nil {
		return false, nil
	}
	return g.chunk.slots[i].handle.publish(t, g.sub(i), g.recv[i], ctx, event)
}

// mixed holds what a mix of receiver types leaves as chunks of a few slots.
type mixed[E any] struct {
	calls []func(E)
	subs  []*Subscription
}

// mixed returns the segment that short chunks are added to.
func (s *snapshot[E]) mixed() *mixed[E] {
	if len(s.segments) > 0 {
		if m, ok := s.segments[len(s.segments)-1].(*mixed[E]); ok {
			return m
		}
	}
	m := &mixed[E]{}
	s.segments = append(s.segments, m)
	return m
}

// bind closes handle over its receiver. It is generic over the pointer and kept out of line so
// that all receiver types share one compiled closure: the call of a bound function then has
// one target for the whole segment, and only handle's own target has to be guessed.
//
//go:noinline
func bind[P, E any](recv P, handle func(P, E)) func(E) {
	return func(event E) { handle(recv, event) }
}

func (m *mixed[E]) size() int               { return len(m.calls) }
func (m *mixed[E]) sub(i int) *Subscription { return m.subs[i] }
func (m *mixed[E]) label(int) string        { return "" }

func (m *mixed[E]) run(t *Topic[E], clean uint64, from, to int, event E) (ran int) {
	ran = m.sprint(t, clean, from, to, event)
	if from += ran; from < to {
		ran += runChecked(m, t, from, to, event)
	}
	return ran
}

func (m *mixed[E]) sprint(t *Topic[E], clean uint64, from, to int, event E) int {
	return runMixed(&t.origin.epoch, clean, m.calls[from:to], event)
}

func (m *mixed[E]) active(from, to int) int {
	for i, sub := range m.subs[from:to] {
		if !sub.active() {
			return i
		}
	}
	return to - from
}

// runMixed is runStrong for bound functions. It takes eight at a time for the sake of the
// processor's branch history, in which each jump back takes a place that the handlers' targets,
// which have to be guessed from it, then lack.
//
//go:noinline
func runMixed[E any](epoch *atomic.Uint64, clean uint64, calls []func(E), event E) (ran int) {
	for ; len(calls) >= 8; calls = calls[8:] {
		c := (*[8]func(E))(calls)
		if epoch.Load() != clean {
			return ran
		}
		c[0](event)
		if epoch.Load() != clean {
			return ran + 1
		}
		c[1](event)
		if epoch.Load() != clean {
			return ran + 2
		}
		c[2](event)
		if epoch.Load() != clean {
			return ran + 3
		}
		c[3](event)
		if epoch.Load() != clean {
			return ran + 4
		}
		c[4](event)
		if epoch.Load() != clean {
			return ran + 5
		}
		c[5](event)
		if epoch.Load() != clean {
			return ran + 6
		}
		c[6](event)
		if epoch.Load() != clean {
			return ran + 7
		}
		c[7](event)
		ran += 8
	}
	for i := range calls {
		if epoch.Load() != clean {
			return ran + i
		}
		calls[i](event)
	}
	return ran + len(calls)
}

func (m *mixed[E]) call(_ *Topic[E], i int, _ context.Context, event E) (bool, error) {
	if !m.subs[i].active() {
		return false, nil
	}
	m.calls[i](event)
	return true, nil
}
