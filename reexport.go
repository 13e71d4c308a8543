package weakbus

import "github.com/weakbus/weakbus/internal/core"

// reexport calls what the generic functions of this package want inlined. The compiler hands on the body
// of another package's function only if it was inlined in this package, and generic functions are compiled
// where they are used: without this, a publish to one subscriber would make five calls more.
func reexport(t *core.Topic, l *core.List, s *core.Snapshot, e *core.Entry, w *core.Watch, b *core.Bus, r *core.Row) bool {
	return t.Head() == l && t.Quiet() && t.Unknown() && l.First() != nil && l.Snapshot() == s && s.Paid() && s.Fresh(l) && e.Active() &&
		e.Ref() != nil && w.Begin(0) && r.End(nil) && b.Few() == nil && s.Gathering() == nil
}

var _ = reexport
