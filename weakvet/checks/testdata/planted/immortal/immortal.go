// Package immortal has subscribers that live as long as the bus. A comment names each mistake on
// the line that it is on. File corrected.go has each of them done right.
package immortal

import (
	"context"

	"github.com/weakbus/weakbus"

	"example.com/shapes/planted/ui"
)

type Score struct{ Points int }

type HUD struct {
	name    string
	points  int
	handle  func(*HUD, Score)
	queue   chan func()
	subs    weakbus.Scope
	visible bool
}

func (h *HUD) OnScore(e Score)            { h.points += e.Points }
func (h *HUD) OnScoreOf(_ *HUD, e Score)  { h.points += e.Points }
func (h *HUD) redraw()                    {}
func (h *HUD) shows(Score) bool           { return h.visible }
func (h *HUD) handler() func(*HUD, Score) { return func(_ *HUD, e Score) { h.points += e.Points } }
func logged(f func(*HUD, Score)) func(*HUD, Score) {
	return func(h *HUD, e Score) { println("score"); f(h, e) }
}

type Game struct {
	bus     *weakbus.Bus
	hud     *HUD
	enemies []*Enemy
	huds    map[string]*HUD
}

type Enemy struct {
	name   string
	health int
}

func (e *Enemy) OnScore(Score) { e.health-- }

func (e *Enemy) Attach(bus *weakbus.Bus) { weakbus.SubscribeFunc(bus, bus.Scope(), e.OnScore) }

func closure(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { hud.points += e.Points }) // planted: closure
	return hud
}

func busScopeMethodValue(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, bus.Scope(), hud.OnScore) // planted: bus scope, method value
	return hud
}

func (g *Game) busScopeStored(bus *weakbus.Bus) {
	hud := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { hud.points += e.Points }) // planted: bus scope, captured local
	g.huds["main"] = hud
}

func (g *Game) spawn(bus *weakbus.Bus) {
	enemy := &Enemy{name: "enemy"}
	enemy.Attach(bus) // planted: bus scope, in a method
	g.enemies = append(g.enemies, enemy)
}

func optionsSlice(bus *weakbus.Bus, hud *HUD) {
	opts := []weakbus.SubscribeOption{
		weakbus.Priority(1),
		weakbus.Filter(func(Score) bool { return hud.visible }), // planted: slice of options
	}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, opts...)
}

func optionsAppended(bus *weakbus.Bus, hud *HUD, quiet bool) {
	var opts []weakbus.SubscribeOption
	if quiet {
		opts = append(opts, weakbus.Filter(hud.shows)) // planted: appended option
	}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, opts...)
}

func factory(bus *weakbus.Bus, hud *HUD) {
	weakbus.Subscribe(bus, hud, hud.handler()) // planted: handler factory
}

func functionField(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	hud.handle = func(_ *HUD, e Score) { hud.redraw() }
	weakbus.Subscribe(bus, hud, hud.handle) // planted: function in a field
	return hud
}

type listener struct {
	priority int
	handle   func(*HUD, Score)
}

func functionInLiteral(bus *weakbus.Bus, hud *HUD) {
	l := listener{priority: 1, handle: func(_ *HUD, e Score) { hud.OnScore(e) }} // planted: function in a literal
	weakbus.Subscribe(bus, hud, l.handle, weakbus.Priority(l.priority))
}

type App struct {
	bus     *weakbus.Bus
	subs    weakbus.Scope
	dialogs int
}

type Dialog struct{ title, text string }

func (d *Dialog) onScore(Score) { d.text = "scored" }

func (a *App) openDialog() *Dialog {
	d := &Dialog{title: "scores"}
	weakbus.SubscribeFunc(a.bus, &a.subs, d.onScore) // planted: scope of another owner
	a.dialogs++
	return d
}

type Player struct {
	name string
	hud  *HUD
}

func (p *Player) listen(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, p.hud, func(_ *HUD, e Score) { p.hud.points += e.Points }) // planted: captured parent
}

func copied(bus *weakbus.Bus, enemies []*Enemy) {
	for _, enemy := range enemies {
		self := enemy
		weakbus.Subscribe(bus, enemy, func(_ *Enemy, e Score) { self.health-- }) // planted: copied variable
	}
}

func throughClosure(bus *weakbus.Bus, hud *HUD) {
	update := func(points int) {
		hud.points += points
		hud.redraw()
	}
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { update(e.Points) }) // planted: captured closure
}

func on(bus *weakbus.Bus, hud *HUD, handle func(Score)) {
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { handle(e) })
}

func throughHelper(bus *weakbus.Bus, hud *HUD) {
	on(bus, hud, hud.OnScore) // planted: helper
}

func throughWrapper(bus *weakbus.Bus, hud *HUD) {
	weakbus.Subscribe(bus, hud, logged(func(_ *HUD, e Score) { hud.points += e.Points })) // planted: wrapped handler
}

type controller struct{ hud *HUD }

func (c *controller) onScore(_ *HUD, e Score) { c.hud.points += e.Points }

func throughController(bus *weakbus.Bus, hud *HUD) {
	c := &controller{hud: hud}
	weakbus.Subscribe(bus, hud, c.onScore) // planted: controller
}

func conditional(bus *weakbus.Bus, first, second *HUD, two bool) {
	hud := first
	if two {
		hud = second
	}
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { hud.points += e.Points }) // planted: variable with two values
}

func (h *HUD) listen(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &h.subs, h.OnScore, weakbus.Filter(h.shows)) // planted: filter beside its scope
}

func (h *HUD) listenOnQueue(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, h, (*HUD).OnScore, weakbus.Via(func(task func()) { h.queue <- task })) // planted: executor
}

func mapOfHandlers(bus *weakbus.Bus, hud *HUD) {
	handlers := map[int]func(*HUD, Score){
		1: func(_ *HUD, e Score) { hud.points += e.Points }, // planted: map of handlers
		2: func(_ *HUD, e Score) { hud.redraw() },
	}
	for priority, handle := range handlers {
		weakbus.Subscribe(bus, hud, handle, weakbus.Priority(priority))
	}
}

func eventsLoop(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	go func() {
		for e := range weakbus.Events[Score](context.Background(), bus) {
			hud.OnScore(e) // planted: goroutine that loops
		}
	}()
	return hud
}

func acrossPackages(bus *weakbus.Bus, hud *HUD) {
	ui.On(bus, hud, hud.OnScore) // planted: helper of another package
}
