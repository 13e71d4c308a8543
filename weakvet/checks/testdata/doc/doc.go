// Package doc has what the documentation of weakvet shows.
package doc

import (
	"runtime"
	"weak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"
)

type Score struct{ Points int }

type HUD struct {
	name   string
	points int
	subs   weakbus.Scope
}

func NewHUD(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "new"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	return hud
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

func OpenHUD(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "open"}
	weakbus.SubscribeFunc(bus, bus.Scope(), hud.OnScore) // want `immortal: the bus's own scope keeps hud`
	weakbus.SubscribeFunc(bus, &hud.subs, hud.OnScore)
	return hud
}

func vanishing(bus *weakbus.Bus, cache *weakcache.Cache[string, HUD]) {
	cache.Put("main", &HUD{})                                                // want `vanishing: nothing else holds this HUD, so the cache loses it`
	NewHUD(bus)                                                              // want `vanishing: nothing holds the HUD that NewHUD subscribes and returns`
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore)                           // want `vanishing: nothing else holds this HUD`
	weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(e Score) { log(e) }) // want `vanishing: nothing else holds this`
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { log(e) })

	hud := &HUD{name: "vanishing"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore) // want `vanishing: nothing uses hud`
	run(bus)
}

type Game struct{ huds []HUD }

func (g *Game) add(bus *weakbus.Bus) {
	g.huds = append(g.huds, HUD{name: "another"})
	weakbus.Subscribe(bus, &g.huds[len(g.huds)-1], (*HUD).OnScore) // want `vanishing: append moves g.huds`
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

type Key struct {
	weakbus.Stopper
	Code int
}

func byvalue(bus *weakbus.Bus) {
	weakbus.Publish(bus, Key{Code: 1}) // want `byvalue: events of type Key`
	weakbus.Publish(bus, &Key{Code: 1})
}

func copied(w *Window) {
	{
		subs := w.subs // want `copied: assignment copies lock value to subs`
		_ = subs.Len()
	}
	subs := &w.subs
	_ = subs.Len()
}

func silence(bus *weakbus.Bus) {
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore)
}
