// Package grace counts calls in progress, and waits until those are over that began before a given
// moment. It is a grace period in the sense of read-copy-update; two counters that take turns are
// how SRCU in Linux does it.
package grace

import (
	"sync"
	"sync/atomic"
)

// Domain counts the calls of one topic. The zero value is ready to use.
//
// A call counts itself under the parity of the era in which it began. The era advances only when
// nobody is left under the other parity, the one that the next era will use. So two advances after
// some moment prove that each call which had counted itself by then is over. A call that loads the
// era, is overtaken and counts itself late, under either parity, began after that moment: it sees
// whatever was stored before.
type Domain struct {
	era     atomic.Uint64
	calls   [2]atomic.Int32
	stripes atomic.Pointer[stripes] // nil until two calls met on one counter
	mu      sync.Mutex              // serialises advances and moments
}

// Call is a call in progress. Leave ends it, once.
type Call struct{ n *atomic.Int32 }

// Leave tells that the call is over.
func (c Call) Leave() { c.n.Add(-1) }

// stripes are the counters of a domain on which calls of several processors meet. Each has a
// cache line of its own, and its neighbour, which the processor fetches with it.
type stripes [stripeCount]struct {
	calls [2]atomic.Int32
	_     [120]byte
}

const stripeCount = 16

// seat says which stripe to use. The pool keeps one for each processor, more or less: that two of
// them share a stripe costs time and nothing else.
type seat struct{ at uint32 }

var (
	nextSeat atomic.Uint32
	seats    = sync.Pool{New: func() any { return &seat{nextSeat.Add(1) % stripeCount} }}
)

// Enter tells that a call begins. What it depends on is to be loaded afterwards.
func (d *Domain) Enter() Call {
	parity := d.era.Load() & 1
	if s := d.stripes.Load(); s != nil {
		at := seats.Get().(*seat)
		n := &s[at.at].calls[parity]
		seats.Put(at)
		n.Add(1)
		return Call{n}
	}
	n := &d.calls[parity]
	if old := n.Load(); !n.CompareAndSwap(old, old+1) {
		d.stripes.CompareAndSwap(nil, new(stripes)) // another processor was here just now
		n.Add(1)
	}
	return Call{n}
}

// Moment returns what Over takes to tell whether all calls are over that have begun by now. It is not
// taken in the middle of an advance: that has looked for calls already, and one that counted itself
// since, late and under the parity that was looked at, is among those to wait for.
func (d *Domain) Moment() (moment uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.era.Load() + 2
}

// Over reports whether all calls are over that had begun at moment. It never waits.
func (d *Domain) Over(moment uint64) bool {
	if d.era.Load() >= moment {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.era.Load() < moment {
		if !d.none((d.era.Load() + 1) & 1) {
			return false
		}
		d.era.Add(1)
	}
	return true
}

// none reports whether no call counts under a parity.
func (d *Domain) none(parity uint64) bool {
	if d.calls[parity].Load() != 0 {
		return false
	}
	if s := d.stripes.Load(); s != nil {
		for i := range s {
			if s[i].calls[parity].Load() != 0 {
				return false
			}
		}
	}
	return true
}
