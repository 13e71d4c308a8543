// Package weakbus is a typed in-process event bus that holds its subscribers by weak pointers. The
// owner of a subscriber decides how long it lives. When the last reference to a subscriber is dropped,
// the next garbage collection removes it from the bus; closing its [Scope] ends its subscriptions at once.
//
//	type Score struct{ Points int }
//
//	type HUD struct {
//		total int
//		subs  weakbus.Scope
//	}
//
//	func NewHUD(bus *weakbus.Bus) *HUD {
//		h := &HUD{}
//		weakbus.Subscribe(bus, h, (*HUD).OnScore, weakbus.In(&h.subs))
//		return h
//	}
//
//	func (h *HUD) OnScore(s Score) { h.total += s.Points }
//
// The program keeps the HUD in a field for as long as it wants it to hear events:
//
//	type Game struct {
//		bus *weakbus.Bus
//		hud *HUD
//	}
//
//	func (g *Game) Play() {
//		g.hud = NewHUD(g.bus)
//		weakbus.Publish(g.bus, Score{Points: 10})
//		g.hud.subs.Close() // no call of its handlers starts after this
//	}
//
// # Lifetimes
//
// A subscription lives as long as one of these:
//
//   - a receiver, with [Subscribe]. The handler is a method expression, which captures nothing.
//   - a [Scope] in a field of its owner, with [SubscribeFunc]. The function may capture the owner. The
//     collector takes both together.
//   - the bus, with SubscribeFunc and [Bus.Scope]. The bus holds the function strongly.
//
// A subscription to a [Topic] that is a field of its publisher also ends with the publisher.
//
// Something must hold the subscriber. A field does. A local variable or a waiting goroutine does not
// hold it after its last use.
//
// The collector runs when it likes, and perhaps never. Until then a dropped subscriber still hears
// events, and a topic that is published at a high rate can keep it through several collections. Cancel
// the subscription or close its Scope when the moment matters. If a handler writes to something that
// you close, such as a connection, close the Scope first, in a defer.
//
// # What keeps a subscriber alive
//
// A handler that captures its receiver keeps it alive for as long as the subscription. A method value
// captures its receiver. Package-level variables, timers, the callbacks of context.AfterFunc and the
// buffers of channels also hold what they refer to. A subscriber inside a slice or struct lives as long
// as the whole allocation. While a handler runs, the other subscribers of its topic stay alive.
//
// # Delivery
//
// [Publish] calls the handlers on the publisher's goroutine: higher priorities first, then in the order
// of subscribing. Handlers may publish, subscribe, cancel and close. No lock is held while they run.
// Publishing allocates nothing, and takes no lock unless the topic retains its last event. Everything
// is safe for concurrent use. Concurrent publishes may run one handler concurrently.
//
// # Routing
//
// An event goes to the topic of its type first, then to the topics of the interface types that it
// implements. A handler that takes any hears everything. Priorities count within one topic: a handler
// of an interface type runs after those of the concrete type, whatever its priority.
//
// [Topic.At] makes sub-topics by key. An event published to a sub-topic reaches its own subscribers,
// then those of the parent. A topic can keep its last event with [Topic.Retain]; a subscriber with
// [Replay] gets it when it subscribes.
//
// # Deferred delivery
//
// A handler can be called later, or on another goroutine:
//
//   - A [Queue] collects events of all types, in order, until a frame loop or a user interface calls
//     [Queue.Drain].
//   - [Via] hands each call to a function, such as the one of a toolkit that runs code on the main goroutine.
//   - [Async] gives one subscription a mailbox. [Through] lets several subscriptions share one.
//   - [Events] turns the events into a sequence to range over.
//   - [Coalesce], [Debounce] and [Throttle] drop events that newer ones replace.
//
// Queues and mailboxes are bounded. [Overflow] says what happens to an event that finds no room.
// Dropped events are counted in [Bus.Stats] and reported to [Trace].
//
// # Diagnosis
//
// [WithLogger] reports subscribers that were collected before they heard anything, with the file and
// line of their Subscribe. [Bus.Observe] reports what happens as it happens. [Bus.Stats] lists the
// subscriptions. The command weakvet finds mistakes with lifetimes before the program runs:
//
//	go get -tool github.com/weakbus/weakbus/weakvet
//	go tool weakvet ./...
//
// # Tests
//
// Package weakbustest has helpers. Cleanups run outside the bubbles of testing/synctest, so test
// collection outside them. Under the race detector the runtime does not batch small objects: run tests
// of collection without it too.
package weakbus
