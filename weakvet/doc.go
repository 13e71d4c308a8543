// Command weakvet finds mistakes with package weakbus that the compiler cannot see: subscribers
// that live too long, subscribers that do not live long enough, and copies of what must not be
// copied.
//
//	go get -tool github.com/weakbus/weakbus/weakvet
//	go tool weakvet ./...
//
// go tool weakvet -fix ./... applies the suggested fixes. Under go vet the results are cached:
//
//	go vet -vettool="$(go tool -n weakvet)" ./...
//
// With -vettool, go vet runs the checks of weakvet in place of its own, so run it without the flag
// too. An empty -vettool also runs go vet's own checks: if weakvet is not a tool of the module,
// the command passes and has checked nothing.
//
// Each check has a flag of its name. -vanishing=false runs all others, -immortal only that one.
//
// A check reports what is certain and stays silent otherwise: it prefers a miss to a false
// report. What a function of another package does with its parameters and results is known if that
// package uses weakbus, or one that does. The README has a table of what is not reported.
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
// A method value of the receiver does the same. The bus also holds the functions given to Filter
// and Via, even beside a Scope that belongs to what they capture:
//
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > hud.points })) // reported
//	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > 0 }))
//
// The check follows copies of the variable, closures that the handler calls, functions in fields,
// slices of options, and functions that return a handler, wrap one, or subscribe one.
//
// The bus's own Scope holds its handlers as long as the bus, and another object's Scope as long
// as that object. A function that makes an object, hands it to such a Scope, and returns or stores
// it, lets the object live on when everybody else has dropped it:
//
//	func OpenHUD(bus *weakbus.Bus) *HUD {
//		hud := &HUD{name: "open"}
//		weakbus.SubscribeFunc(bus, bus.Scope(), hud.OnScore) // reported
//		weakbus.SubscribeFunc(bus, &hud.subs, hud.OnScore)
//		return hud
//	}
//
// The suggested fix is the method expression if the handler only calls that method. Otherwise it
// is to use the parameter.
//
// A subscription is looked at if its bus or topic comes from outside: from a parameter, a
// package-level variable, a method of another package, or a field that the package sets from these
// alone. A bus that the receiver may own is collected together with it.
//
// # vanishing
//
// The next garbage collection takes a receiver that nothing holds. It also takes such a Scope, and
// such a value of a weakcache.Cache:
//
//	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore) // reported
//	weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(e Score) { log(e) }) // reported
//	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { log(e) })
//	cache.Put("main", &HUD{}) // reported
//
// So does the result of a constructor that subscribes it, and a local variable that is used for
// nothing else:
//
//	NewHUD(bus) // reported
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
// A local list or struct that has the object and is used for nothing else does not hold it either.
//
// append moves a full slice to a new array. Subscriptions of its elements stay with the old one:
//
//	weakbus.Subscribe(bus, &g.huds[len(g.huds)-1], (*HUD).OnScore) // reported
//
// # uncollectable
//
// Subscribe panics on receivers of types that Go never frees one by one. This check reports them
// at compile time:
//
//	weakbus.Subscribe(bus, &Cell{1, 2}, (*Cell).OnScore) // reported: two int32, 8 bytes without a pointer
//
// # globalscope
//
// A Scope holds its handlers, and they hold what they capture. Under a package-level Scope that
// the package never closes, passes on or exports, an object stays as long as the program runs:
//
//	func (e *Editor) Watch(bus *weakbus.Bus) {
//		weakbus.SubscribeFunc(bus, &subs, func(s Saved) { e.title = s.Path }) // reported
//		weakbus.SubscribeFunc(bus, &e.own, func(s Saved) { e.title = s.Path })
//	}
//
// The check reports handlers that capture the receiver of the method, or the new object that the
// function returns. It does not look at package main, nor at functions that init, a package-level
// initialiser or sync.Once calls: what they make may be made once.
//
// # retained
//
// A topic with Retain keeps its last event, and so a subscriber that the event points to:
//
//	weakbus.TopicOf[Focused](bus).Retain() // reported: type Focused struct{ Window *Window }
//	weakbus.TopicOf[Faded](bus).Retain()   // type Faded struct{ Window weak.Pointer[Window] }
//
// # byvalue
//
// Each handler gets its own copy of an event that is published by value, and with it a copy of the
// event's Stopper or Request. Nobody hears what a handler tells the copy:
//
//	weakbus.Publish(bus, Key{Code: 1}) // reported: type Key struct { weakbus.Stopper; Code int }
//	weakbus.Publish(bus, &Key{Code: 1})
//
// # copied
//
// A Scope, a Topic and a Cache must not be copied. This is vet's own check copylocks, for the types
// of weakbus only:
//
//	subs := w.subs // reported
//	subs := &w.subs
//
// # Silence
//
// A comment silences a check, and gives the reason. It stands on the line of the report, on the
// line where the call begins, on the line before, in the doc comment of the function, or above the
// package clause for the whole file:
//
//	//weakvet:ignore vanishing it is to be collected
package main
