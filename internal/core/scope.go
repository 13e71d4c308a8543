package core

import (
	"slices"
	"sync"
	"weak"

	"github.com/weakbus/weakbus/internal/grace"
	"github.com/weakbus/weakbus/internal/lists"
	"github.com/weakbus/weakbus/internal/sweep"
)

// Scope groups subscriptions that live together, and holds the functions of some of them.
type Scope struct {
	mu     sync.Mutex
	items  []scoped // in the order of subscribing
	limit  int32    // the length at which items is next pruned
	closed bool
	paused bool
	past   []pastCall // where subscriptions were that ended; see CloseWait
	ties   tieSet     // of the buses that know of the scope, and the strays
	round  uint64     // of the sweep that last pruned it
}

// scoped is a subscription under a scope, with the function that nobody else keeps.
type scoped struct {
	entry *Entry
	held  any
}

// pastCall is a topic where a handler may be running though its subscription has ended.
type pastCall struct {
	calls  *grace.Domain
	moment uint64
}

// Close cancels all that was subscribed under the scope, and has the functions collected.
func (s *Scope) Close() {
	cancelled, ended := s.shut()
	defer lists.Finish(ended, func(e *Entry) { e.Cancel() })
	lists.Finish(cancelled, (*Entry).settle)
}

// shut closes the scope and marks all its subscriptions as cancelled in one step. It returns those,
// to be settled outside mu, and those that had ended.
func (s *Scope) shut() (cancelled, ended []*Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		e := it.entry
		if e.hears() && e.mark(Cancelled) {
			cancelled = append(cancelled, e)
		} else {
			e.unwanted() // before the calls are noted: CloseWait waits for those that began by then
			ended = append(ended, e)
		}
		e.kind.ledger.raise()
		s.noteCalls(e)
	}
	s.lookAtCalls()
	s.items, s.closed = nil, true
	return cancelled, ended
}

// Pause has every publish skip the scope's subscriptions, those still to come included.
func (s *Scope) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	for _, it := range s.items {
		it.entry.pause(pausedByScope)
	}
}

// Resume ends a Pause, and hands subscribers with CatchUp what they missed.
func (s *Scope) Resume() { lists.Finish(s.resume(), (*Entry).resumed) }

// resume resumes the subscriptions and returns those that there is more to do for, outside mu.
func (s *Scope) resume() (due []*Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	for _, it := range s.items {
		if it.entry.resume(pausedByScope) {
			due = append(due, it.entry)
		}
	}
	return due
}

// Len returns the number of live subscriptions under the scope.
func (s *Scope) Len() int {
	s.expire()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	return len(s.items)
}

// expire ends, outside mu, what a context of Until should have ended.
func (s *Scope) expire() {
	s.mu.Lock()
	var due []*Entry
	for _, it := range s.items {
		if x := it.entry.kind.extra; x != nil && x.expiry != (weak.Pointer[Expiry]{}) {
			due = append(due, it.entry)
		}
	}
	s.mu.Unlock()
	for _, e := range due {
		e.expired()
	}
}

// add puts an entry under the scope, with what the scope is to hold for it. It reports whether the
// scope is open.
func (s *Scope) add(e *Entry, held any, bus *Bus) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.paused {
		e.pause(pausedByScope)
	}
	if len(s.items) >= int(s.limit) {
		s.prune()
		s.limit = int32(max(4, 2*len(s.items)))
	}
	s.items = append(s.items, scoped{e, held})
	t := &strays
	if bus != nil {
		t = bus.ties
	}
	if (bus == nil || s != bus.Own) && s.ties.add(t) {
		t.addScope(s)
	}
	return true
}

// tieSet is the ties that know of a scope. There is mostly one; there may be thousands.
type tieSet struct {
	one  *ties
	more *moreTies // nil where there are no others
}

type moreTies struct {
	set  map[*ties]struct{}
	most int // the size at which the set is next made anew: a map does not shrink
}

// minTies is the size up to which a set is not made anew.
const minTies = 16

// add reports whether t was not in the set.
func (s *tieSet) add(t *ties) bool {
	switch {
	case s.one == t:
		return false
	case s.one == nil && s.more == nil:
		s.one = t
		return true
	case s.more == nil:
		s.more = &moreTies{make(map[*ties]struct{}), minTies}
	}
	m := s.more
	if _, known := m.set[t]; known {
		return false
	}
	if len(m.set) >= m.most {
		all := m.set
		m.set = make(map[*ties]struct{})
		for t := range all {
			if !t.over() {
				m.set[t] = struct{}{}
			}
		}
		m.most = max(minTies, 2*len(m.set))
	}
	m.set[t] = struct{}{}
	return true
}

func (s *tieSet) remove(t *ties) {
	if s.one == t {
		s.one = nil
	}
	if m := s.more; m != nil {
		if delete(m.set, t); len(m.set) == 0 {
			s.more = nil
		}
	}
}

// prune drops the subscriptions that ended, also with a bus that is gone, which tells nobody. The
// caller holds mu.
func (s *Scope) prune() {
	kept := s.items[:0]
	for _, it := range s.items {
		if it.entry.needed() {
			kept = append(kept, it)
		} else {
			s.noteCalls(it.entry)
		}
	}
	s.lookAtCalls()
	clear(s.items[len(kept):])
	s.items = kept
	if cap(kept) > 4*len(kept)+4 {
		s.items = slices.Clone(kept)
	}
	s.limit = min(s.limit, int32(max(4, 4*len(kept))))
}

// needed reports whether the entry may still be called: unlike State it calls no method of a context,
// so that it may be called under a lock.
func (e *Entry) needed() bool {
	return e.hears() || State(e.state.Load()&finalMask) == Closed && e.busy()
}

// hears reports whether the entry has not ended, with its receiver, its topic or otherwise.
func (e *Entry) hears() bool {
	return !e.final() && e.alive() && e.kind.ledger.topic.Value() != nil
}

// busy reports whether a mailbox is still delivering what it accepted before the bus was closed.
func (e *Entry) busy() bool {
	g := e.guard()
	if g == nil || g.lane == nil {
		return false
	}
	g.lane.box.mu.Lock()
	defer g.lane.box.mu.Unlock()
	return g.lane.closing || !g.lane.gone // not told yet: whoever closes the bus has only marked the entry
}

// pruneFor is prune for a sweep, and reports whether the sweep needs to see the scope again. If not,
// the next subscription tells the bus anew.
func (s *Scope) pruneFor(t *ties) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if round := sweep.Round(); round != s.round { // or thousands of buses would each look at all items
		s.round = round
		s.prune()
	}
	if len(s.items) > 0 && !t.over() {
		return true
	}
	s.ties.remove(t)
	return false
}

// noteCalls notes that calls of e, which has ended, may be in progress. lookAtCalls forgets it where they
// are not. The caller holds mu.
func (s *Scope) noteCalls(e *Entry) {
	calls := e.kind.ledger.calls.Load()
	if n := len(s.past); calls != nil && (n == 0 || s.past[n-1].calls != calls || s.past[n-1].moment != 0) {
		s.past = append(s.past, pastCall{calls: calls})
	}
}

// lookAtCalls forgets the topics that have no calls in progress which began before an entry ended. The
// caller holds mu.
func (s *Scope) lookAtCalls() {
	for i := range s.past {
		if p := &s.past[i]; p.moment == 0 {
			p.moment = p.calls.Moment()
		}
	}
	if s.past = slices.DeleteFunc(s.past, pastCall.over); len(s.past) == 0 && cap(s.past) > 16 {
		s.past = nil
	}
}

func (p pastCall) over() bool { return p.calls.Over(p.moment) }
