package core

import "sync/atomic"

// maxChunk bounds a chunk, and with it what an insertion in mid-list copies. At this size the
// dynamic call for each chunk vanishes beside its deliveries.
const maxChunk = 512

// Chunk is a part of the weak list: subscribers of one sort of handler and one priority.
type Chunk struct {
	Slots    []*Entry // the subscribers,
	Handlers []any    // and their handlers, of a type that the ops know
	Epoch    *uint64  // of the topic
	Ops      *Ops
	prio     int
	used     atomic.Int32 // slots in use; final once the chunk is not the last of its list
	slot     [1]*Entry    // Slots of a chunk with room for one,
	handler  [1]any       // and its Handlers
}

func newChunk(l *ledger, ops *Ops, prio, room int) *Chunk {
	c := &Chunk{Epoch: &l.epoch, Ops: ops, prio: prio}
	if room == 1 {
		c.Slots, c.Handlers = c.slot[:], c.handler[:]
	} else {
		c.Slots, c.Handlers = make([]*Entry, room), make([]any, room)
	}
	return c
}

func (c *Chunk) size() int { return int(c.used.Load()) }

// push appends a subscriber; there has to be room. Readers do not see it before a list is published
// that covers it.
func (c *Chunk) push(e *Entry, handler any) {
	i := c.size()
	c.Slots[i], c.Handlers[i] = e, handler
	c.used.Store(int32(i + 1))
}

// take appends subscriber i of another chunk of the same sort.
func (c *Chunk) take(from *Chunk, i int) {
	n := c.size()
	c.Slots[n], c.Handlers[n] = from.Slots[i], from.Handlers[i]
	c.used.Store(int32(n + 1))
}

// count returns how many of the first n have not ended, and whether any is paused.
func (c *Chunk) count(n int) (live int, paused bool) {
	for _, e := range c.Slots[:n] {
		w := e.state.Load()
		if w&finalMask == 0 {
			live++
			paused = paused || w != 0
		}
	}
	return live, paused
}

// compaction collects what remains of a list.
type compaction struct {
	ledger  *ledger
	chunks  []*Chunk
	own     bool // the last chunk was made here, so it may be written
	kept    int
	removed int
	paused  bool
}

// move drops those of the first n of c that ended and joins what is left with the chunk before it
// where sort and priority allow. It never writes into a chunk that a list has published: see L1.
func (k *compaction) move(c *Chunk, n int) {
	live, paused := c.count(n)
	k.removed += n - live
	k.paused = k.paused || paused
	if live == 0 {
		return
	}
	dst := k.tail(c, live)
	switch {
	case dst != nil && k.own && dst.size()+live <= len(dst.Slots):
	case dst != nil:
		joined := newChunk(k.ledger, c.Ops, c.prio, min(maxChunk, max(2*dst.size(), dst.size()+live)))
		k.kept -= dst.size()
		k.removed += dst.size() - k.fill(joined, dst, dst.size())
		dst = joined
		k.chunks[len(k.chunks)-1], k.own = dst, true
	case live == n && n == len(c.Slots):
		// Shared as it is. One with room is copied instead: made the last chunk again, it could
		// grow under a publish that takes its size for final. See S7.
		k.chunks, k.own = append(k.chunks, c), false
		k.kept += n
		return
	default:
		dst = newChunk(k.ledger, c.Ops, c.prio, live)
		k.chunks, k.own = append(k.chunks, dst), true
	}
	k.removed += live - k.fill(dst, c, n) // the rest ended meanwhile
	if dst.size() == 0 {
		k.chunks, k.own = k.chunks[:len(k.chunks)-1], false
	}
}

// fill appends to dst those of the first n of c that have not ended, and returns how many.
func (k *compaction) fill(dst, c *Chunk, n int) (taken int) {
	for i, e := range c.Slots[:n] {
		if !e.final() && dst.size() < len(dst.Slots) {
			dst.take(c, i)
			taken++
		}
	}
	k.kept += taken
	return taken
}

// tail returns the last chunk so far if n more slots of c fit, or else nil.
func (k *compaction) tail(c *Chunk, n int) *Chunk {
	if len(k.chunks) == 0 {
		return nil
	}
	last := k.chunks[len(k.chunks)-1]
	if last.Ops != c.Ops || last.prio != c.prio || last.size()+n > maxChunk {
		return nil
	}
	return last
}
