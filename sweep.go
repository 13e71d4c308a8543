package weakbus

import (
	"runtime"
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
	// The argument must not keep the bus alive, and a cleanup must not block.
	runtime.AddCleanup(&sentinel{}, func(w weak.Pointer[Bus]) {
		if b := w.Value(); b != nil {
			go b.sweep()
		}
	}, weak.Make(b))
}

// sweep removes the subscribers that were collected, and arms the next sentinel if any remain.
func (b *Bus) sweep() {
	for _, t := range b.topics.Load().all {
		t.prune()
	}
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
