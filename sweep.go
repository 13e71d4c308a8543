package weakbus

import (
	"runtime"
	"sync"
	"weak"
)

// sentinel is an object that the next collection takes, and by that tells that it ran. It has a
// pointer, so that the runtime allocates it alone.
type sentinel struct{ _ *sentinel }

// arm makes sure that the next collection is followed by a sweep of the bus.
//
// It is tempting to put a cleanup on each receiver instead. That costs 88 bytes and a share of
// the collector's time for each, and outlives a bus that is dropped; see ADR 2.
func (b *Bus) arm() {
	if b.armed.Load() || !b.armed.CompareAndSwap(false, true) {
		return
	}
	runtime.AddCleanup(&sentinel{}, watch.collected, watch{weak.Make(b), b.scopes})
}

// watch is what a sentinel leaves behind. It must not keep the bus alive.
type watch struct {
	bus    weak.Pointer[Bus]
	scopes *scopes
}

// sweeper has the sweeps that a collection made due, of all buses. One goroutine does them and
// ends: a goroutine for each would be fine for one bus, but the runtime never frees the
// descriptors of thousands.
var sweeper struct {
	mu      sync.Mutex
	due     []watch
	running bool
}

// collected runs after a collection, where nothing may block.
func (w watch) collected() {
	sweeper.mu.Lock()
	defer sweeper.mu.Unlock()
	sweeper.due = append(sweeper.due, w)
	if !sweeper.running {
		sweeper.running = true
		go sweepDue()
	}
}

func sweepDue() {
	for {
		sweeper.mu.Lock()
		due := sweeper.due
		sweeper.due = nil
		sweeper.running = len(due) > 0
		sweeper.mu.Unlock()
		if len(due) == 0 {
			return
		}
		for _, w := range due {
			w.sweep()
		}
	}
}

// sweep sweeps the bus. If the collection took it, the scopes of others may still hold
// functions that nobody will call.
func (w watch) sweep() {
	if b := w.bus.Value(); b != nil {
		b.sweep()
	} else {
		w.scopes.prune()
	}
}

// scopes are those under which a bus has subscriptions, and the contexts that would end some,
// held weakly: what is to be tidied when the bus is gone.
type scopes struct {
	mu       sync.Mutex
	set      map[weak.Pointer[Scope]]struct{}
	expiries map[weak.Pointer[expiry]]struct{}
}

// expires notes that a context will end a subscription of the bus.
func (s *scopes) expires(w weak.Pointer[expiry]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiries == nil {
		s.expiries = make(map[weak.Pointer[expiry]]struct{})
	}
	s.expiries[w] = struct{}{}
}

// pruneExpiries leaves the contexts of subscriptions that ended, also with the bus. The
// contexts are called outside the lock.
func (s *scopes) pruneExpiries() {
	var over []*expiry
	s.mu.Lock()
	for w := range s.expiries {
		x := w.Value()
		if x != nil {
			if st := x.sub.State(); st == Active || st == Paused {
				continue
			}
			over = append(over, x)
		}
		delete(s.expiries, w)
	}
	s.mu.Unlock()
	for _, x := range over {
		x.sub.end(Closed) // where nobody was left to end it
		x.leave()
	}
}

// add notes scope. Its mutex is not held: prune takes the two in the other order.
func (s *scopes) add(scope *Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil {
		s.set = make(map[weak.Pointer[Scope]]struct{})
	}
	s.set[weak.Make(scope)] = struct{}{}
}

// prune forgets the scopes that were collected, or have no subscription left, and has the
// others let go of what ended.
func (s *scopes) prune() {
	s.pruneExpiries()
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.set {
		if scope := w.Value(); scope == nil || scope.Len() == 0 {
			delete(s.set, w)
		}
	}
}

// sweep removes the subscribers that were collected, and arms the next sentinel if any remain.
func (b *Bus) sweep() {
	for _, t := range b.topics.Load().all {
		t.prune()
	}
	b.scopes.prune()
	// Disarmed before looking: a subscriber that came too late for the loop either is seen
	// here, or sees that it has to arm.
	b.armed.Store(false)
	for _, t := range b.topics.Load().all {
		if !t.empty() {
			b.arm()
			return
		}
	}
}
