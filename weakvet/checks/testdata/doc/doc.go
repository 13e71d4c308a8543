// Package doc has what the documentation of weakvet shows.
package doc

import (
	"runtime"
	"weak"

	"github.com/weakbus/weakbus"
)

type Score struct{ Points int }

type HUD struct {
	name   string
	points int
}

func (h *HUD) OnScore(e Score) { h.points += e.Points }

func log(Score) {}

func run(*weakbus.Bus) {}

func immortal(bus *weakbus.Bus, hud *HUD) {
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { hud.points += e.Points }) // want `immortal: the handler captures hud`
	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { hud.points += e.Points })
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)

	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > hud.points })) // want `immortal: the function of Filter captures hud`
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Filter(func(e Score) bool { return e.Points > 0 }))
}

func vanishing(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore)                           // want `vanishing: nothing else holds this HUD`
	weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(e Score) { log(e) }) // want `vanishing: nothing else holds this`
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { log(e) })

	hud := &HUD{name: "vanishing"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore) // want `vanishing: nothing uses hud`
	run(bus)
}

func held(bus *weakbus.Bus) {
	hud := &HUD{name: "held"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	run(bus)
	runtime.KeepAlive(hud)
}

type Cell struct{ x, y int32 }

func (c *Cell) OnScore(Score) {}

func uncollectable(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &Cell{1, 2}, (*Cell).OnScore) // want `uncollectable: Subscribe panics: Cell has 8 bytes`
}

type Saved struct{ Path string }

var subs weakbus.Scope

type Editor struct {
	title string
	own   weakbus.Scope
}

func (e *Editor) Watch(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { e.title = s.Path }) // want `globalscope: the package-level scope subs keeps e`
	weakbus.SubscribeFunc(bus, &e.own, func(s Saved) { e.title = s.Path })
}

type Window struct {
	title string
	subs  weakbus.Scope
}

type (
	Focused struct{ Window *Window }
	Faded   struct{ Window weak.Pointer[Window] }
)

func retained(bus *weakbus.Bus, w *Window) {
	weakbus.SubscribeFunc(bus, &w.subs, func(Score) { w.title = "" })
	weakbus.TopicOf[Focused](bus).Retain() // want `retained: the retained Focused keeps a subscriber alive`
	weakbus.TopicOf[Faded](bus).Retain()
}

func silence(bus *weakbus.Bus) {
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore)
}
