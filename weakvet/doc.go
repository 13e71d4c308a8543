// Command weakvet finds subscribers of package weakbus that live too long or not long enough.
//
//	go install github.com/weakbus/weakbus/weakvet@latest
//	go vet -vettool=$(which weakvet) ./...
//
// go vet then runs the checks of weakvet in place of its own, so run it without -vettool too. Run
// by itself, as in weakvet ./..., it takes the same flags, and -fix applies the suggested fixes.
// Each check has a flag of its name: with -vanishing=false all others run, with -immortal that one
// alone. Build weakvet with the Go release that builds what it looks at.
//
// Every check reports what is certain and passes over the rest: a miss is better than a false
// report. All of them look at one package at a time.
//
// # immortal
//
// The bus holds the receiver of Subscribe weakly, but the handler strongly. A handler that
// captures its receiver keeps it alive as long as the bus:
//
//	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { hud.points += e.Points }) // reported
//	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { hud.points += e.Points })
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
//
// So does a method value of the receiver, and a function given to Filter or Via, which the bus
// holds like a handler, also beside a Scope that belongs to what it captures:
//
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > hud.points })) // reported
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > 0 }))
//
// The suggested fix is the method expression where the handler only calls that method, otherwise
// to use the parameter. There is none where the handler captures something else that lies in the
// same allocation, such as another field of the struct that the receiver is a field of, or where
// the captured variable would be left unused.
//
// Reported are subscriptions to a bus or topic from outside: from a parameter, a package-level
// variable, a method of another package, or a field that the package sets from these alone.
//
// Not seen: a receiver that the handler reaches through another object, or that a function
// returned; a variable that changes; handlers kept in fields. Not reported: a bus or topic that
// the receiver may own, since they are collected together. Such is one that the function made or
// got from a function, a field that the package ever sets to such a one or never sets, and a
// topic that the receiver leads to. Nor is SubscribeFunc under the scope of the bus, which is
// meant to be strong.
//
// # vanishing
//
// A receiver that nothing holds is gone with the next garbage collection, and so is a Scope:
//
//	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore) // reported
//	weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(e Score) { log(e) }) // reported
//	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { log(e) })
//
// The same goes for a local variable that is used for nothing but to subscribe. In a main that
// then waits in its loop, in a test that then publishes, the collector may take it meanwhile:
//
//	hud := &HUD{name: "vanishing"}
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore) // reported
//	run(bus)
//
//	hud := &HUD{name: "held"}
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
//	run(bus)
//	runtime.KeepAlive(hud)
//
// Any other use of the variable counts as holding it, also one that does not; a use in a function
// literal does. Of constructors only those are seen through that do nothing but return a new
// object. Nothing is said where the option Replay is given or options are passed on, since the
// handler may then run, and keep its receiver, before Subscribe returns.
//
// # uncollectable
//
// Subscribe panics on receivers of types that Go never frees one by one. This tells it at compile
// time:
//
//	weakbus.Subscribe(bus, &Cell{1, 2}, (*Cell).OnScore) // reported: two int32, 8 bytes without a pointer
//
// Not seen: types that depend on type parameters.
//
// # globalscope
//
// A Scope holds its handlers, and they what they capture. Under a package-level Scope that the
// package never closes, passes on or exports, an object stays for as long as the program runs:
//
//	func (e *Editor) Watch(bus *weakbus.Bus) {
//		weakbus.SubscribeFunc(bus, &subs, func(s Saved) { e.title = s.Path }) // reported
//		weakbus.SubscribeFunc(bus, &e.own, func(s Saved) { e.title = s.Path })
//	}
//
// Reported is what captures the receiver of the method, or the new object that the function
// returns: both can exist many times. Not reported: other captured variables; package main; and
// what may be made once, because init, an initialiser at package level or an argument of
// sync.Once and its kin leads to the function, or makes an object with that method.
//
// That a Scope is copied, vet's own check copylocks reports.
//
// # retained
//
// A topic with Retain keeps its last event, and so a subscriber that the event points to:
//
//	weakbus.TopicOf[Focused](bus).Retain() // reported: type Focused struct{ Window *Window }
//	weakbus.TopicOf[Faded](bus).Retain()   // type Faded struct{ Window weak.Pointer[Window] }
//
// Seen are pointers in the event, in structs, arrays and slices that it consists of, to types that
// the same package subscribes. Not seen: pointers behind other pointers, in maps and interfaces.
// Not reported: a topic that is a field, by value, of that subscriber, since both are collected
// together.
//
// # Silence
//
// A comment silences a check, for a reason that it has to give: on the line that is reported or
// that the call begins on, on the line before, in the doc comment of the function, or anywhere
// above the package clause for the whole file:
//
//	//weakvet:ignore vanishing it is to be collected
//
// # Where it was tried
//
// On weakbus, its tests and its examples: there it found tests that a collection at the wrong
// moment would have failed. With go vet on every package of golang.org/x/tools v0.52.0 (216),
// gonum.org/v1/gonum v0.15.1 (105), k8s.io/apimachinery v0.31.0 (88) and
// github.com/nats-io/nats-server/v2 v2.10.24 (15): no report, no crash. Since none of them uses
// weakbus, a test of package checks takes every call in such code for a subscription, so that the
// checks have to get through it.
package main
