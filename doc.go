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
// held while they run. Publishing allocates nothing, and takes no lock unless the topic retains its
// last event. Everything is safe for
// concurrent use; concurrent publishes may run one handler concurrently.
//
// # Routing
//
// An event goes to the topic of its type, and to those of the interface types that it implements
// and that somebody subscribed to: a handler that takes any hears everything. [Topic.At] makes
// sub-topics by key; what is published there reaches the parent's subscribers too. A topic
// can keep its last event ([Topic.Retain]) for those who come later ([Replay]).
//
// # Deferred delivery
//
// Who is to be called later, or elsewhere, chooses one of these:
//
//   - a [Queue] collects events of all types, in order, until the goroutine of a frame loop or of a
//     user interface calls [Queue.Drain];
//   - [Via] hands each call to a function such as a user interface's "run this on the main goroutine";
//   - [Async] gives the subscriber a mailbox and, while there is something in it, a goroutine;
//   - [Events] turns the events into a loop's sequence, with a goroutine that the caller has anyway.
//
// Each of them is bounded and says what happens to an event that finds no room; see [Overflow].
// What is dropped is counted in [Bus.Stats] or [Queue.Dropped] and told to the [Trace].
//
// # Diagnosis
//
// [WithLogger] reports subscribers that were collected before they heard anything, with the
// place of their Subscribe; [WithTrace] tells what happens as it happens; [Bus.Stats] shows what is
// there. [Scope.CloseWait] closes a scope and waits until none of its handlers is running.
//
// # Tests
//
// Cleanups, and with them the sweep after a collection, run outside testing/synctest bubbles.
// The race detector turns off the runtime's batching of small objects, so a test of collection
// is worth running without it too.
package weakbus
