// Package weakbus is an in-process event bus that holds its subscribers only through weak
// pointers. Whoever owns a subscriber decides how long it lives; the bus never does. Dropping a
// window, an entity or a plugin is enough: the next publish skips it, the bus forgets it.
//
//	bus := weakbus.New()
//	hud := &HUD{name: "hud"}
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
//	weakbus.Publish(bus, Score{Points: 10})
//
// # Lifetimes
//
// What a subscription hangs on is the first thing to decide:
//
//   - a receiver, with [Subscribe]: the subscription ends when the receiver is collected. The
//     handler is a method expression, which captures nothing;
//   - a [Scope] that is a field of the owner, with [SubscribeFunc]: the function may capture the
//     owner, and both are collected together;
//   - the bus, with SubscribeFunc under [Bus.Scope]: the explicit strong subscription;
//   - a [Topic] that is a field of the publisher, a signal: it ends with the publisher.
//
// Collection is neither prompt nor promised. Until the collector has run, a dropped subscriber
// still hears events, and one that is published to at a high rate can outlast several
// collections. So cancel, or close the scope, where the moment matters: closing is the habit,
// weakness the safety net.
//
// # What keeps a subscriber alive
//
// A handler that captures its receiver, as a method value does, makes it immortal. So does a
// package-level variable, a goroutine that waits with it on its stack, a timer or
// context.AfterFunc that refers to it, a channel's buffer, and an iterator of iter.Pull. A
// subscriber inside a slice or a struct lives as long as the whole allocation. While a handler
// blocks, the topic's other subscribers are not collected.
//
// # Delivery
//
// [Publish] calls the handlers on the publisher's goroutine, by priority, then in the order of
// subscribing. Handlers may publish, subscribe, cancel and close whatever they like; no lock is
// held while they run. Publishing takes no lock and allocates nothing. Everything is safe for
// concurrent use; concurrent publishes may run one handler concurrently.
//
// # Tests
//
// Cleanups, and with them the sweep after a collection, run outside testing/synctest bubbles.
// The race detector turns off the runtime's batching of small objects, so a test of collection
// is worth running without it too.
package weakbus
