package core

import (
	"context"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/lists"
	"github.com/weakbus/weakbus/internal/sweep"
)

// Expiry ends a subscription when a context is done. Only the context holds it: a context may well
// reach the receiver, and must not be kept alive by the bus.
type Expiry struct {
	ctx   context.Context
	entry *Entry
	stop  atomic.Pointer[func() bool]
}

// watchFor has e cancelled when ctx is done, and reports whether it was done already. e must not be
// shared yet.
func (x *extra) watchFor(ctx context.Context, bus *Bus) (refused bool) {
	if ctx == nil || ctx.Done() == nil {
		return false
	}
	e := x.entry
	if ctx.Err() != nil {
		return e.mark(Cancelled)
	}
	y := &Expiry{ctx: ctx, entry: e}
	x.expiry = weak.Make(y)
	stop := context.AfterFunc(ctx, y.over)
	y.stop.Store(&stop)
	if e.final() {
		stop()
	}
	if bus != nil {
		bus.ties.addExpiry(x.expiry)
	} else {
		strays.addExpiry(x.expiry)
	}
	return false
}

// over ends the subscription, also where a closed bus waits for its mailbox: nobody else may be left to know
// of the context.
func (y *Expiry) over() {
	if !y.entry.end(Cancelled) {
		y.entry.unwanted()
	}
}

// close ends the subscription where nobody was left to do it, and leaves the context.
func (y *Expiry) close() {
	defer y.leave()
	y.entry.end(Closed)
}

// leave has the context forget the subscription.
func (y *Expiry) leave() {
	if stop := y.stop.Load(); stop != nil {
		(*stop)()
	}
}

// ties are what outlives a bus and has something of it: scopes under which it has subscriptions, and
// contexts that would end some, both held weakly. When the bus is gone they are let go of what nobody
// needs any more.
type ties struct {
	mu       sync.Mutex
	scopes   []weak.Pointer[Scope]
	expiries []weak.Pointer[Expiry]
	gone     atomic.Bool // the bus was collected
	armed    atomic.Bool // of the strays: a sweep is due
}

// strays has what topics outside any bus have to do with: there are many of those, and they have no sweep.
var strays ties

// Sweep does what is due after a collection.
func (t *ties) Sweep() { sweep.Call(t.sweepStrays) }

func (t *ties) sweepStrays() {
	defer func() {
		t.armed.Store(false)
		if t.some() {
			t.arm()
		}
	}()
	t.prune()
}

// arm has the next collection followed by a sweep.
func (t *ties) arm() {
	if t.armed.CompareAndSwap(false, true) {
		sweep.After(t)
	}
}

func (t *ties) some() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.scopes)+len(t.expiries) > 0
}

func (t *ties) over() bool { return t.gone.Load() }

// addScope notes a scope that did not have t among its ties.
func (t *ties) addScope(s *Scope) {
	t.mu.Lock()
	t.scopes = append(t.scopes, weak.Make(s))
	t.mu.Unlock()
	if t == &strays {
		t.arm()
	}
}

// addExpiry notes a context.
func (t *ties) addExpiry(w weak.Pointer[Expiry]) {
	t.mu.Lock()
	t.expiries = append(t.expiries, w)
	t.mu.Unlock()
	if t == &strays {
		t.arm()
	}
}

// prune forgets what is gone, and has the others let go of what ended. It takes what there is, and
// does the work without the lock, so that nobody who subscribes waits for it.
func (t *ties) prune() {
	t.pruneExpiries()
	t.mu.Lock()
	mine := t.scopes
	t.scopes = nil
	t.mu.Unlock()
	kept := mine[:0]
	for _, w := range mine {
		if s := w.Value(); s != nil && s.pruneFor(t) {
			kept = append(kept, w)
		}
	}
	t.mu.Lock()
	t.scopes = lists.Rejoin(kept, t.scopes)
	t.mu.Unlock()
}

// pruneExpiries has the contexts of subscriptions that ended, also with the bus, forget them.
func (t *ties) pruneExpiries() {
	t.mu.Lock()
	mine := t.expiries
	t.expiries = nil
	t.mu.Unlock()
	kept := mine[:0]
	var over []*Expiry
	for _, w := range mine {
		switch y := w.Value(); {
		case y == nil:
		case y.entry.needed():
			kept = append(kept, w)
		default:
			over = append(over, y)
		}
	}
	t.mu.Lock()
	t.expiries = lists.Rejoin(kept, t.expiries)
	t.mu.Unlock()
	sweep.Each(len(over), func(i int) { // each apart: one context may block, and the strays are everybody's
		over[i].close()
		over[i] = nil
	})
}

// busSweep is the sweep of a bus. It must not keep the bus alive.
type busSweep struct {
	bus  weak.Pointer[Bus]
	ties *ties
}

// arm makes sure that the next collection is followed by a sweep of the bus.
//
// It is tempting to put a cleanup on each receiver instead. That costs 88 bytes and a share of the
// collector's time for each, and outlives a bus that is dropped; see ADR 2.
func (b *Bus) arm() {
	if b.armed.Load() || !b.armed.CompareAndSwap(false, true) {
		return
	}
	sweep.After(busSweep{weak.Make(b), b.ties})
}

// Sweep sweeps the bus. If the collection took it, the scopes and contexts of others may still have
// something of it.
func (s busSweep) Sweep() {
	if b := s.bus.Value(); b != nil {
		if !b.still.Load() {
			sweep.Call(b.sweep) // which may call hooks and methods of contexts
		}
		return
	}
	s.ties.gone.Store(true)
	sweep.Call(s.ties.prune)
}

// sweep removes the subscribers that were collected, and arms the next sweep if any remain.
func (b *Bus) sweep() {
	defer b.rearm() // also when a hook ends the goroutine
	b.Own.sweep()
	lists.Finish(b.topics.Load().all, func(m any) { m.(*member).topic.prune() })
	b.ties.prune()
}

func (s *Scope) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
}

func (b *Bus) rearm() {
	// Disarmed before looking: a subscriber that came too late for the sweep either is seen here,
	// or sees that it has to arm.
	b.armed.Store(false)
	due := b.pruneQueues() || b.ties.some() || b.Own.some()
	b.all(func(t *Topic) { due = due || !t.empty() })
	if due {
		b.arm()
	}
}

func (s *Scope) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items) > 0
}
