//go:build weakbuscheck

package core

import "fmt"

// check verifies the invariants of the list that was just published. The caller holds mu.
func (t *Topic) check() {
	l := t.head.Load()
	if l == nil || l.N > 1_000 && l.N%1_024 != 0 { // a check takes as long as the list
		return
	}
	n := 0
	for k, c := range l.chunks {
		m := l.upTo(k)
		if m < 1 || m > c.size() || c.size() > maxChunk {
			panic(fmt.Sprintf("weakbus: chunk %d of %d: %d slots of %d", k, len(l.chunks), m, c.size()))
		}
		if k > 0 && l.chunks[k-1].prio < c.prio && l.Mode&Unordered == 0 {
			panic(fmt.Sprintf("weakbus: chunk %d: priority %d behind %d", k, c.prio, l.chunks[k-1].prio))
		}
		for i, e := range c.Slots[:m] {
			if e == nil || e.kind.ledger != t.ledger || e.kind.ops != c.Ops || e.ref == nil {
				panic(fmt.Sprintf("weakbus: chunk %d, slot %d: entry %+v", k, i, e))
			}
		}
		n += m
	}
	if n != l.N || int32(n) != t.ledger.size.Load() || l.first != l.chunks[0] {
		panic(fmt.Sprintf("weakbus: list of %d has %d slots, size %d", l.N, n, t.ledger.size.Load()))
	}
	if s := l.snapshot.Value(); s != nil && (s.n > l.N || s.chunks > len(l.chunks)) {
		panic(fmt.Sprintf("weakbus: snapshot of %d for a list of %d", s.n, l.N))
	}
}
