package weakbus

import (
	"context"
	"sync/atomic"
	"weak"
)

// maxChunk bounds a chunk, and with it what an insertion in mid-list copies. At this size the
// dynamic call for each chunk vanishes beside its deliveries.
const maxChunk = 512

// segment is a run of subscribers that is delivered to in one go: a chunk of the list, or its
// counterpart in a snapshot.
type segment[E any] interface {
	size() int
	// run delivers event to subscribers [from, to) and returns how many handlers ran. clean is
	// the epoch at which all of them were active.
	run(t *Topic[E], clean uint64, from, to int, event E) (ran int)
	// call delivers event to one subscriber, for publishes that have to look at something
	// between two calls.
	call(t *Topic[E], i int, ctx context.Context, event E) (ran bool, err error)
	sub(i int) *Subscription
	label(i int) string
}

// chunk is a segment of the weak list.
type chunk[E any] interface {
	segment[E]
	priority() int
	// first is run for a list of one, which needs no epoch.
	first(t *Topic[E], event E) bool
	// alive reports whether subscriber i can still be called, and notes it where it was collected.
	alive(i int) bool
	// count returns how many of the first n have not ended, and whether any is paused.
	count(n int) (live int, paused bool)
	// full reports whether n subscribers fill the chunk.
	full(n int) bool
	// spare returns an unpublished chunk of the same kind, with room for some.
	spare(room int) chunk[E]
	// alike reports whether take can take from other.
	alike(other any) bool
	// take appends those of the first n of other that have not ended. The chunk must be unpublished.
	take(other any, n int) (taken int)
	// upgrade appends the first n subscribers to a snapshot.
	upgrade(s *snapshot[E], n int)
}

// sprinter is a segment that can be run without a look at each state.
type sprinter[E any] interface {
	segment[E]
	// sprint is run up to the first subscriber that has to be looked at, and returns how many
	// handlers ran: those of [from, from+ran).
	sprint(t *Topic[E], clean uint64, from, to int, event E) (ran int)
	// active returns how many in a row are active, from the first of [from, to) on.
	active(from, to int) int
}

// lookAhead is how many states runChecked looks at before it calls the first of their handlers.
const lookAhead = 64

// runChecked is run where states have changed. Loads of states that no call separates overlap,
// which takes a fraction of the time of a look before each call; a state that changes after
// the look is noticed by its epoch.
func runChecked[E any](g sprinter[E], t *Topic[E], from, to int, event E) (ran int) {
	for from < to {
		clean := t.origin.epoch.Load() // before the states are looked at
		end := from + g.active(from, min(from+lookAhead, to))
		n := g.sprint(t, clean, from, end, event)
		ran += n
		if from += n; from < end || n == 0 {
			if ok, _ := g.call(t, from, context.Background(), event); ok {
				ran++
			}
			from++
		}
	}
	return ran
}

// slot is one subscriber in the weak list, which does not keep its receiver.
type slot[R, H any] struct {
	recv   R // a weak pointer, or none where that of the subscription's anchor will do
	handle H
	sub    *Subscription
}

type none struct{}

// store holds the slots of a chunk: what does not depend on the shape of their handlers.
type store[R, H any] struct {
	prio  int
	used  atomic.Int32 // slots in use; final once the chunk is not the last of its list
	slots []slot[R, H] // beyond used: spare capacity, written by the holder of Topic.mu only
}

func (c *store[R, H]) size() int               { return int(c.used.Load()) }
func (c *store[R, H]) priority() int           { return c.prio }
func (c *store[R, H]) sub(i int) *Subscription { return c.slots[i].sub }

func (c *store[R, H]) alive(i int) bool {
	s := &c.slots[i]
	if s.sub.isFinal() {
		return false
	}
	if !s.sub.anchor.alive() {
		s.sub.collected()
		return false
	}
	return true
}

func (c *store[R, H]) active(from, to int) int {
	for i := range c.slots[from:to] {
		if !c.slots[from+i].sub.active() {
			return i
		}
	}
	return to - from
}

// push appends s if there is room. Readers do not see it before a list is published that
// covers it.
func (c *store[R, H]) push(s slot[R, H]) bool {
	n := c.size()
	if n == len(c.slots) {
		return false
	}
	c.slots[n] = s
	c.used.Store(int32(n + 1))
	return true
}

// start makes an unpublished chunk ready, with room for slots.
func (c *store[R, H]) start(prio, room int) {
	c.prio = prio
	c.slots = make([]slot[R, H], room)
}

// base returns the store itself, through whatever embeds it.
func (c *store[R, H]) base() *store[R, H] { return c }

// carrier is a chunk type C around a store of slots.
type carrier[C, R, H, E any] interface {
	*C
	chunk[E]
	base() *store[R, H]
}

// compaction collects what remains of a list.
type compaction[E any] struct {
	chunks  []chunk[E]
	own     bool // the last chunk was made here, so it may be written
	kept    int
	removed int
	paused  bool
}

func (c *store[R, H]) count(n int) (live int, paused bool) {
	for i := range c.slots[:n] {
		w := c.slots[i].sub.state.Load()
		if w&finalMask == 0 {
			live++
			paused = paused || w != 0
		}
	}
	return live, paused
}

func (c *store[R, H]) full(n int) bool { return n == len(c.slots) }

func (c *store[R, H]) alike(other any) bool {
	_, ok := other.(interface{ base() *store[R, H] })
	return ok
}

func (c *store[R, H]) take(other any, n int) (taken int) {
	slots := other.(interface{ base() *store[R, H] }).base().slots[:n]
	kept := c.slots[:c.size()]
	for i := range slots {
		if !slots[i].sub.isFinal() {
			kept = append(kept, slots[i])
		}
	}
	taken = len(kept) - c.size()
	c.slots = kept
	c.used.Store(int32(len(kept)))
	return taken
}

// move drops those of the first n of c that ended and joins what is left with the chunk before
// it where type and priority allow. It never writes into a chunk that a list has published; see
// L1 in docs/design.md.
func (k *compaction[E]) move(c chunk[E], n int) {
	live, paused := c.count(n)
	k.removed += n - live
	k.paused = k.paused || paused
	if live == 0 {
		return
	}
	dst := k.tail(c.priority(), live)
	joins := dst != nil && dst.alike(c)
	switch {
	case joins && k.own:
	case joins:
		copied := c.spare(0)
		taken := copied.take(dst, dst.size())
		k.kept -= dst.size() - taken
		k.removed += dst.size() - taken
		dst = copied
		k.chunks[len(k.chunks)-1], k.own = dst, true
	case live == n && c.full(n):
		// Shared as it is. One with room is copied instead: made the last chunk again, it could
		// grow under a publish that takes its size for final.
		k.chunks, k.own = append(k.chunks, c), false
		k.kept += n
		return
	default:
		dst = c.spare(live)
		k.chunks, k.own = append(k.chunks, dst), true
	}
	taken := dst.take(c, n)
	k.kept += taken
	k.removed += live - taken // ended meanwhile
	if dst.size() == 0 {
		k.chunks, k.own = k.chunks[:len(k.chunks)-1], false
	}
}

// tail returns the last chunk so far if n more slots of that priority fit, or else nil.
func (k *compaction[E]) tail(prio, n int) chunk[E] {
	if len(k.chunks) == 0 {
		return nil
	}
	last := k.chunks[len(k.chunks)-1]
	if last.priority() != prio || last.size()+n > maxChunk {
		return nil
	}
	return last
}

// plain is a chunk of subscribers without options: the case to be fast for.
type plain[T, E any] struct {
	store[weak.Pointer[T], func(*T, E)]
}

func (c *plain[T, E]) run(t *Topic[E], clean uint64, from, to int, event E) (ran int) {
	ran = c.sprint(t, clean, from, to, event)
	if from += ran; from < to {
		ran += runChecked(c, t, from, to, event)
	}
	return ran
}

func (c *plain[T, E]) sprint(t *Topic[E], clean uint64, from, to int, event E) int {
	return runWeak(&t.origin.epoch, clean, c.slots[from:to], event)
}

// runWeak delivers to one slot after the other, until the epoch changes or a receiver is gone,
// and returns to how many. For its shape, see runStrong.
//
//go:noinline
func runWeak[T, E any](epoch *atomic.Uint64, clean uint64, slots []slot[weak.Pointer[T], func(*T, E)], event E) int {
	for i := range slots {
		recv := slots[i].recv.Value()
		if recv == nil || epoch.Load() != clean {
			return i
		}
		slots[i].handle(recv, event)
	}
	return len(slots)
}

func (c *plain[T, E]) one(i int, event E) bool {
	s := &c.slots[i]
	recv := s.recv.Value()
	if recv == nil {
		s.sub.collected()
		return false
	}
	if !s.sub.active() {
		return false
	}
	s.handle(recv, event)
	return true
}

func (c *plain[T, E]) first(_ *Topic[E], event E) bool { return c.one(0, event) }

func (c *plain[T, E]) call(_ *Topic[E], i int, _ context.Context, event E) (bool, error) {
	return c.one(i, event), nil
}

func (c *plain[T, E]) label(int) string { return "" }

func (c *plain[T, E]) spare(room int) chunk[E] {
	made := &plain[T, E]{}
	made.start(c.prio, room)
	return made
}

// optioned is a chunk of subscribers with a context, or with options that a delivery has to
// look at.
type optioned[E any] struct {
	store[none, *optionedHandler[E]]
}

func (c *optioned[E]) run(t *Topic[E], _ uint64, from, to int, event E) int {
	return runEach(c, t, from, to, event)
}

// runEach is run where each delivery has options to look at.
func runEach[E any](g segment[E], t *Topic[E], from, to int, event E) (ran int) {
	for i := from; i < to; i++ {
		ok, err := g.call(t, i, context.Background(), event)
		if ok {
			ran++
		}
		if err != nil {
			t.bus.failed(err, false)
		}
	}
	return ran
}

func (c *optioned[E]) first(t *Topic[E], event E) bool {
	return runEach(c, t, 0, 1, event) > 0
}

func (c *optioned[E]) call(t *Topic[E], i int, ctx context.Context, event E) (bool, error) {
	s := &c.slots[i]
	recv := s.sub.anchor.value()
	if recv == nil {
		s.sub.collected()
		return false, nil
	}
	return s.handle.publish(t, s.sub, recv, ctx, event)
}

func (c *optioned[E]) label(i int) string { return c.slots[i].handle.label }

func (c *optioned[E]) spare(room int) chunk[E] {
	made := &optioned[E]{}
	made.start(c.prio, room)
	return made
}
