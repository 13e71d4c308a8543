package weakbus

import (
	"context"

	"github.com/weakbus/weakbus/internal/core"
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
type Scope struct{ core core.Scope }

// Close cancels all that was subscribed under the scope, and has the functions collected. It
// does not wait for handlers that are running. A closed scope stays closed: what is subscribed
// under it later is Cancelled from the start. Close always returns nil and may be called again.
func (s *Scope) Close() error {
	s.core.Close()
	return nil
}

// Pause makes every publish skip the scope's subscriptions, those still to come included, until
// Resume: for owners that are alive but hidden. Missed events are not kept, but for the latest
// one where CatchUp asks for it. Pausing does not nest. A Pause of a single subscription is
// counted apart.
func (s *Scope) Pause() { s.core.Pause() }

// Resume ends a Pause, and hands subscribers with CatchUp what they missed.
func (s *Scope) Resume() { s.core.Resume() }

// Len returns the number of live subscriptions under the scope, paused ones included.
func (s *Scope) Len() int { return s.core.Len() }

// CloseWait is Close, and waits until no handler of the scope's subscriptions is running, of those
// that ended earlier included: afterwards, what they use can be taken away, as when a plugin is
// unloaded. It returns ctx.Err() if ctx is done before that; the scope is closed all the same.
//
// It waits for all publishes under way on the topics that the scope subscribed to, not only for the
// scope's own handlers, and for their calls by Async, Through and Via that have begun. It returns
// within some milliseconds of the end of the last one. Topics with a subscription under a scope count
// their publishes for it, which costs each of those a few nanoseconds.
//
// Called from within a handler, it would wait for its own caller if that handles an event of one of
// those topics. Then it returns an error at once. It cannot tell whose handler it is: it also gives up
// if it is called from within any other handler while one of those topics is busy.
func (s *Scope) CloseWait(ctx context.Context) error {
	checkContext("CloseWait", ctx)
	return s.core.CloseWait(ctx)
}
