//go:build weakbuscheck

package weakbus

import "fmt"

// check verifies the invariants of the list that was just published. The caller holds mu.
func (t *Topic[E]) check() {
	l := t.head.Load()
	if l == nil || l.n > 1_000 && l.n%1_024 != 0 { // a check takes as long as the list
		return
	}
	n := 0
	for k, c := range l.chunks {
		m := l.upTo(k)
		if m < 1 || m > c.size() || c.size() > maxChunk {
			panic(fmt.Sprintf("weakbus: chunk %d of %d: %d slots of %d", k, len(l.chunks), m, c.size()))
		}
		if k > 0 && l.chunks[k-1].priority() < c.priority() {
			panic(fmt.Sprintf("weakbus: chunk %d: priority %d behind %d", k, c.priority(), l.chunks[k-1].priority()))
		}
		for i := range m {
			sub := c.sub(i)
			if sub == nil || sub.origin != t.origin || sub.anchor == nil {
				panic(fmt.Sprintf("weakbus: chunk %d, slot %d: subscription %+v", k, i, sub))
			}
		}
		n += m
	}
	if n != l.n || int64(n) != t.origin.size.Load() {
		panic(fmt.Sprintf("weakbus: list of %d has %d slots, size %d", l.n, n, t.origin.size.Load()))
	}
	if s := l.snapshot.Value(); s != nil && (s.n > l.n || s.chunks > len(l.chunks)) {
		panic(fmt.Sprintf("weakbus: snapshot of %d for a list of %d", s.n, l.n))
	}
}
