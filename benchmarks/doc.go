// Benchmarks measures weakbus beside other event buses for Go, and asks each of them what it does
// when handlers publish, subscribe, cancel and panic. In this directory,
//
//	go run . -out results
//
// makes all tables and the chart, in about seven minutes on two cores; the probe for the second
// kind of question is built with the race detector, which needs a C compiler. Flags:
//
//	-quick         small crowds and short rounds, to see that everything runs; no correctness
//	-run REGEXP    the cases to run: publish/1000, mix/10, parallel/2, beside/0, deliver/64 of 1, million, correctness ...
//	-peers REGEXP  the libraries
//	-rounds N      how often each library is measured in a case
//	-out DIR       where to write results.md, correctness.md and chart.svg
//	-redraw        measure nothing; draw chart.svg from the results.md in the directory of -out
//
// On stderr it says which case of how many is measured, which library of how many is asked, and about how
// much time is left, judged by what was done so far: in one line that is rewritten on a terminal, else in a line for each. It does so
// between measurements, never during one.
//
// # How it measures
//
// All libraries are measured in one process. In each round of a case every library has one turn,
// with a bus and receivers of its own, after a garbage collection; the next round has another order. So
// what else happens on the machine, and where objects happen to lie, meets all of them. The tables
// give the median of the rounds, and the range. Only what a million subscriptions weigh is measured
// in a process for each library.
//
// Every publisher is called through one function value. Handlers do the same work, which is to add
// a number to a field of an object. A library gets a method value of the shape that it calls, so
// that there is no wrapper in between; weakbus gets the object and a method expression. Libraries
// that deliver on other goroutines get a burst of events at a time and are timed until all are
// received, with handlers that also lock and count.
//
// A cell that could not be measured says why.
//
// # Settings
//
// Each library is used as its documentation says, in the fastest setting that is correct for what
// is measured.
//
//   - weakbus: a topic kept by the publisher, and the bus itself; a Queue that is drained after each
//     burst; and Async(64, Block).
//   - asaskevich/EventBus: Subscribe and Publish by name. Unsubscribe finds a handler by its code
//     pointer, which all method values of one method share.
//   - maniartech/signals: NewSync and Emit. Where nothing is cancelled, listeners have no key, which
//     is faster. The asynchronous setting is New, whose Emit waits for its goroutines, and calls a
//     single listener without a key itself.
//   - samber/ro: a publish subject, and partial observers that take a context, which saves a wrapper.
//   - badu/bus: a topic that is kept, which saves a look-up, with Pub and PubAsync.
//   - jilio/ebu: SubscribeWithHandle, since Unsubscribe compares code pointers. No store.
//   - gookit/event: FireEvent with an event type of its own, which saves the look-up of the name and
//     a map. EnableLock is off, as it is by default: with it a handler cannot publish.
//   - mustafaturan/bus: Emit with a transaction id in the context, which saves making one, and
//     identifiers from an atomic counter.
//   - simonfxr/pubsub: Subscribe with a callback, and SubscribeAsync.
//   - kelindar/event: a dispatcher of its own. It wakes its consumers every 500 microseconds, so
//     publishing is measured in bursts of 4,096.
//   - cskr/pubsub and dustin/go-broadcast: channels with room for 64, a goroutine for each.
//   - tailscale eventbus: a client and a goroutine for each receiver, with Subscribe; a client has
//     one subscriber for a type. SubscribeFunc starts a goroutine for each event.
//   - libp2p eventbus: an emitter, and subscriptions with room for 64, a goroutine for each.
//   - watermill gochannel: without persistence and without waiting for acknowledgements, the number
//     as a payload of bytes, no identifier, a goroutine for each receiver that acknowledges.
package main
