// Package lists has what the core does with slices of any type. It is apart from the core, in which
// nothing is generic.
package lists

import "slices"

// Finish calls do for every value. If one call panics or exits the goroutine, the remaining values
// are still processed.
func Finish[V any](values []V, do func(V)) {
	for i, v := range values {
		func() {
			done := false
			defer func() {
				if !done {
					Finish(values[i+1:], do)
				}
			}()
			do(v)
			done = true
		}()
	}
}

// Rejoin returns what was kept and what has come since, in no more memory than it needs.
func Rejoin[V any](kept, since []V) []V {
	if cap(kept) > 2*(len(kept)+len(since))+16 {
		kept = slices.Clone(kept)
	}
	return append(kept, since...)
}
