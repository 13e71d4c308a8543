// Package vanishing has subscribers that nothing holds, and corrected twins.
package vanishing

import (
	"runtime"

	"github.com/weakbus/weakbus"
)

type Score struct{ Points int }

// HUD is a game's display.
type HUD struct {
	name   string
	points int
}

func (h *HUD) OnScore(e Score) { h.points += e.Points }
func (h *HUD) Draw()           {}
func (h *HUD) Close()          {}

func newHUD() *HUD           { return &HUD{name: "hud"} }
func newHUDOf(n string) *HUD { return (&HUD{name: n}) }
func registered() *HUD       { all = append(all, newHUD()); return all[len(all)-1] }
func generic[T any]() *T     { return new(T) }
func other() *HUD            { return all[0] }

var all []*HUD

type Game struct {
	hud  *HUD
	subs weakbus.Scope
}

func loop(*weakbus.Bus) {}

func inTheCall(bus *weakbus.Bus, opts ...weakbus.SubscribeOption) {
	weakbus.Subscribe(bus, &HUD{name: "hud"}, (*HUD).OnScore)                  // want `nothing else holds this HUD, so the subscription ends with the next garbage collection: keep the receiver`
	weakbus.Subscribe(bus, new(HUD), (*HUD).OnScore, weakbus.Once())           // want `nothing else holds this HUD`
	weakbus.Subscribe(bus, (newHUD()), (*HUD).OnScore)                         // want `nothing else holds this HUD`
	weakbus.Subscribe(bus, newHUDOf("hud"), (*HUD).OnScore, weakbus.Label("")) // want `nothing else holds this HUD`
	weakbus.Subscribe(bus, generic[HUD](), (*HUD).OnScore)                     // want `nothing else holds this HUD`

	weakbus.Subscribe(bus, registered(), (*HUD).OnScore)
	weakbus.Subscribe(bus, other(), (*HUD).OnScore)
	// A handler that runs before Subscribe returns may keep its receiver.
	weakbus.Subscribe(bus, &HUD{}, func(h *HUD, e Score) { all = append(all, h) }, weakbus.Replay())
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore, opts...)
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore).Cancel()
	option := weakbus.Replay()
	weakbus.Subscribe(bus, &HUD{}, (*HUD).OnScore, option)
}

func main() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore) // want `nothing uses hud after its subscriptions are made`
	loop(bus)
}

func mainCorrected() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	loop(bus)
	runtime.KeepAlive(hud)
}

func prepared(bus *weakbus.Bus) {
	hud := newHUD()
	hud.name = "hud"
	var sub = weakbus.Subscribe(bus, hud, (*HUD).OnScore) // want `nothing uses hud`
	sub.Pause()
	weakbus.Subscribe(bus, hud, func(h *HUD, e Score) { h.points = 0 }) // told already
	_ = hud

	var value HUD
	weakbus.Subscribe(bus, &value, (*HUD).OnScore) // want `nothing uses value`
	literal := HUD{name: "literal"}
	weakbus.Subscribe(bus, &literal, (*HUD).OnScore) // want `nothing uses literal`
	literal2 := HUD{name: "literal"}
	weakbus.Subscribe(bus, &literal2, (*HUD).OnScore) // want `nothing uses literal2`
	literal2.points = 1
	literal3 := HUD{name: "literal"}
	weakbus.Subscribe(bus, &literal3, (*HUD).OnScore)
	loop(bus)
	literal3.points = 1
}

func inLoops(bus *weakbus.Bus) {
	for range 3 {
		hud := &HUD{}
		weakbus.Subscribe(bus, hud, (*HUD).OnScore) // want `nothing uses hud`
	}
	hud := &HUD{}
	for range 3 {
		weakbus.Subscribe(bus, hud, (*HUD).OnScore)
		loop(bus)
	}
}

// Each of these may hold the receiver.
func held(bus *weakbus.Bus, g *Game, c chan *HUD) (result *HUD) {
	a, b, d, e, f, i, j := newHUD(), newHUD(), newHUD(), newHUD(), newHUD(), newHUD(), newHUD()
	weakbus.Subscribe(bus, a, (*HUD).OnScore)
	g.hud = a
	weakbus.Subscribe(bus, b, (*HUD).OnScore)
	c <- b
	weakbus.Subscribe(bus, d, (*HUD).OnScore)
	defer d.Close()
	weakbus.Subscribe(bus, e, (*HUD).OnScore)
	loop(bus)
	e.Draw()
	weakbus.Subscribe(bus, f, (*HUD).OnScore)
	go func() { f.Draw() }()
	weakbus.Subscribe(bus, i, (*HUD).OnScore)
	all = append(all, i)
	weakbus.Subscribe(bus, j, (*HUD).OnScore)
	runtime.SetFinalizer(j, func(*HUD) {})

	k := newHUD()
	weakbus.Subscribe(bus, k, (*HUD).OnScore)
	k = nil // dropped on purpose
	l := newHUD()
	weakbus.Subscribe(bus, l, func(_ *HUD, e Score) { l.points++ }) // immortal, so it does not vanish
	m := &HUD{}
	defer weakbus.Subscribe(bus, m, (*HUD).OnScore)
	weakbus.Subscribe(bus, result, (*HUD).OnScore)
	o := newHUD()
	later := func() { weakbus.Subscribe(bus, o, (*HUD).OnScore) }
	defer later()
	n := &HUD{}
	weakbus.Subscribe(bus, n, (*HUD).OnScore)
	return n
}

func named(bus *weakbus.Bus) (hud HUD) {
	weakbus.Subscribe(bus, &hud, (*HUD).OnScore)
	return
}

func parameter(bus *weakbus.Bus, hud *HUD, value HUD) {
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	weakbus.Subscribe(bus, &value, (*HUD).OnScore) // want `nothing uses value`
}

func scopes(bus *weakbus.Bus, g *Game) {
	weakbus.SubscribeFunc(bus, &weakbus.Scope{}, func(Score) {})     // want `nothing else holds this weakbus.Scope, so the subscription ends with the next garbage collection: make the Scope a field`
	weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(e Score) {}) // want `nothing else holds this`
	var subs weakbus.Scope
	weakbus.SubscribeFunc(bus, &subs, func(Score) {})                         // want `nothing uses subs`
	weakbus.Subscribe(bus, g.hud, (*HUD).OnScore, weakbus.In(&subs))          // a subscription of the receiver
	weakbus.SubscribeFunc(weakbus.TopicOf[Score](bus), &subs, func(Score) {}) // told already
	loop(bus)

	weakbus.SubscribeFunc(bus, &g.subs, func(Score) {})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) {})
	var closed weakbus.Scope
	defer closed.Close()
	weakbus.SubscribeFunc(bus, &closed, func(Score) {})
	loop(bus)
	var captured weakbus.Scope
	weakbus.SubscribeFunc(bus, &captured, func(Score) { captured.Close() }) // want `nothing uses captured`
}
