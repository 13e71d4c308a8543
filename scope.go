package weakbus

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// Scope groups subscriptions that live together, and holds the functions given to
// SubscribeFunc. Make it a field of the object that owns them:
//
//	type Window struct {
//		subs weakbus.Scope
//	}
//
// The zero value is ready to use. When the window is dropped, the collector takes window, scope
// and functions as one, and their subscriptions end; Close ends them at once. A Scope must not
// be copied, which vet's copylocks check reports. Its methods are safe for concurrent use and
// may be called from handlers.
//
// A Scope keeps no bus and no topic alive.
type Scope struct {
	mu     sync.Mutex
	items  []scoped // in the order of subscribing
	limit  int      // the length at which items is next pruned
	closed bool
	paused bool
	past   map[*origin]struct{} // where subscriptions were that ended; see CloseWait
	most   int                  // the size at which past is next pruned
}

// scoped is a subscription under a scope, with the holder that nobody else keeps.
type scoped struct {
	sub  *Subscription
	held any
}

// Close cancels all that was subscribed under the scope, and has the functions collected. It
// does not wait for handlers that are running. A closed scope stays closed: what is subscribed
// under it later is Cancelled from the start. Close always returns nil and may be called again.
func (s *Scope) Close() error {
	cancelled, ended := s.end()
	defer finish(ended, func(sub *Subscription) { sub.Cancel() })
	finish(cancelled, (*Subscription).settle)
	return nil
}

// end closes the scope and marks all its subscriptions as cancelled in one step. It returns
// those, to be settled outside mu, and those that had ended.
func (s *Scope) end() (cancelled, ended []*Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range s.items {
		s.remember(it.sub.origin)
		if st := it.sub.State(); (st == Active || st == Paused) && it.sub.mark(Cancelled) {
			it.sub.origin.epoch.Add(1)
			cancelled = append(cancelled, it.sub)
		} else {
			ended = append(ended, it.sub)
		}
	}
	s.items, s.closed = nil, true
	return cancelled, ended
}

// Pause makes every publish skip the scope's subscriptions, those still to come included, until
// Resume: for owners that are alive but hidden. Missed events are not kept, but for the latest
// one where CatchUp asks for it. Pausing does not nest. A Pause of a single subscription is
// counted apart.
func (s *Scope) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	for _, it := range s.items {
		it.sub.pause(pausedByScope)
	}
}

// Resume ends a Pause, and hands subscribers with CatchUp what they missed.
func (s *Scope) Resume() {
	finish(s.resume(), (*Subscription).resumed)
}

// resume resumes the subscriptions and returns those that there is more to do for, outside mu.
func (s *Scope) resume() (due []*Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
	for _, it := range s.items {
		if it.sub.resume(pausedByScope) {
			due = append(due, it.sub)
		}
	}
	return due
}

// Len returns the number of live subscriptions under the scope, paused ones included.
func (s *Scope) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prune()
	return len(s.items)
}

// add puts sub under the scope, with what the scope is to hold for it. It reports
// whether the scope is open.
func (s *Scope) add(sub *Subscription, held any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.paused {
		sub.pause(pausedByScope)
	}
	if len(s.items) >= s.limit {
		s.prune()
		s.limit = max(4, 2*len(s.items))
	}
	s.items = append(s.items, scoped{sub, held})
	return true
}

// prune drops the subscriptions that ended, also with a bus that is gone, which tells nobody.
func (s *Scope) prune() {
	kept := s.items[:0]
	for _, it := range s.items {
		if st := it.sub.State(); st == Active || st == Paused || it.sub.busy() {
			kept = append(kept, it)
		} else {
			s.remember(it.sub.origin)
		}
	}
	clear(s.items[len(kept):])
	s.items = kept
	if cap(kept) > 4*len(kept)+4 {
		s.items = slices.Clone(kept)
	}
}

// remember notes a topic whose handlers may still be running though their subscriptions ended.
func (s *Scope) remember(o *origin) {
	if !o.topic.alive() {
		return
	}
	if s.past == nil {
		s.past = make(map[*origin]struct{})
	}
	s.past[o] = struct{}{}
	if len(s.past) > s.most {
		maps.DeleteFunc(s.past, func(o *origin, _ struct{}) bool { return !o.topic.alive() })
		s.most = max(4, 2*len(s.past))
	}
}

// origins returns the topics of all subscriptions that a closed scope had.
func (s *Scope) origins() []*origin {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.past))
}

// holder carries a function for SubscribeFunc. Its scope alone keeps it: owner, scope, holder
// and a function that captures the owner are a cycle, which the collector takes as a whole. That
// is how a function can live exactly as long as its owner, in a language without ephemerons.
type holder[F any] struct {
	fn atomic.Pointer[F] // nil once the subscription has ended: the scope may not prune for long
}

func hold[F any](fn F) *holder[F] {
	h := &holder[F]{}
	h.fn.Store(&fn)
	return h
}

func callHeld[E any](h *holder[func(E)], event E) {
	if fn := h.fn.Load(); fn != nil {
		(*fn)(event)
	}
}

func callHeldContext[E any](h *holder[func(context.Context, E) error], ctx context.Context, event E) error {
	if fn := h.fn.Load(); fn != nil {
		return (*fn)(ctx, event)
	}
	return nil
}

// holderRef is the anchor of a SubscribeFunc.
type holderRef[F any] struct{ p weak.Pointer[holder[F]] }

func (r holderRef[F]) alive() bool            { return r.p.Value() != nil }
func (r holderRef[F]) value() any             { return strongOrNil(r.p) }
func (r holderRef[F]) receiver() reflect.Type { return reflect.TypeFor[F]() }

func (r holderRef[F]) release() {
	if h := r.p.Value(); h != nil {
		h.fn.Store(nil)
	}
}
