package immortal

import (
	"context"

	"github.com/weakbus/weakbus"

	"example.com/shapes/planted/ui"
)

func closureCorrected(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { hud.points += e.Points })
	return hud
}

func busScopeMethodValueCorrected(bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, &hud.subs, hud.OnScore)
	return hud
}

func (g *Game) busScopeStoredCorrected(bus *weakbus.Bus) {
	hud := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, &hud.subs, func(e Score) { hud.points += e.Points })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { println(e.Points) })
	g.huds["main"] = hud
}

// A game that makes its bus may keep its parts in it.
func newGame() *Game {
	g := &Game{bus: weakbus.New()}
	hud := &HUD{name: "hud"}
	weakbus.SubscribeFunc(g.bus, g.bus.Scope(), hud.OnScore)
	g.hud = hud
	return g
}

func (g *Game) spawnCorrected(bus *weakbus.Bus) {
	enemy := &Enemy{name: "enemy"}
	weakbus.Subscribe(bus, enemy, (*Enemy).OnScore)
	g.enemies = append(g.enemies, enemy)
}

func optionsSliceCorrected(bus *weakbus.Bus, hud *HUD) {
	visible := hud.visible
	opts := []weakbus.SubscribeOption{
		weakbus.Priority(1),
		weakbus.Filter(func(Score) bool { return visible }),
	}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, opts...)
}

func optionsAppendedCorrected(bus *weakbus.Bus, hud, other *HUD, quiet bool) {
	var opts []weakbus.SubscribeOption
	if quiet {
		opts = append(opts, weakbus.Filter(other.shows))
	}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, opts...)
}

func newHandler(extra int) func(*HUD, Score) {
	return func(h *HUD, e Score) { h.points += e.Points + extra }
}

func (h *HUD) name2() string { return h.name }

func (h *HUD) freeHandler() func(*HUD, Score) {
	extra := h.points
	return func(h *HUD, e Score) { h.points += e.Points + extra }
}

func factoryCorrected(bus *weakbus.Bus, hud *HUD) {
	weakbus.Subscribe(bus, hud, newHandler(hud.points))
	weakbus.Subscribe(bus, hud, hud.freeHandler())
}

type view struct {
	name   string
	handle func(*view, Score)
}

func (v *view) OnScore(Score) {}

func functionFieldCorrected(bus *weakbus.Bus) *view {
	v := &view{name: "view"}
	v.handle = (*view).OnScore
	weakbus.Subscribe(bus, v, v.handle)
	return v
}

func functionInLiteralCorrected(bus *weakbus.Bus, hud *HUD) {
	l := listener{priority: 1, handle: func(hud *HUD, e Score) { hud.OnScore(e) }}
	weakbus.Subscribe(bus, hud, l.handle, weakbus.Priority(l.priority))
}

type OwnDialog struct {
	title string
	subs  weakbus.Scope
}

func (d *OwnDialog) onScore(Score) { d.title = "scored" }

func (a *App) openDialogCorrected() *OwnDialog {
	d := &OwnDialog{title: "scores"}
	weakbus.SubscribeFunc(a.bus, &d.subs, d.onScore)
	a.dialogs++
	return d
}

// The other owner may keep what it has as a field anyway.
type Shell struct {
	bus    *weakbus.Bus
	subs   weakbus.Scope
	dialog *Dialog
}

func (s *Shell) open() {
	d := &Dialog{title: "scores"}
	weakbus.SubscribeFunc(s.bus, &s.subs, d.onScore)
	s.dialog = d
}

func (p *Player) listenCorrected(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, p.hud, func(hud *HUD, e Score) { hud.points += e.Points })
	weakbus.Subscribe(bus, p, func(p *Player, e Score) { p.hud.points += e.Points })
}

func copiedCorrected(bus *weakbus.Bus, enemies []*Enemy) {
	for _, enemy := range enemies {
		health := enemy.health
		weakbus.Subscribe(bus, enemy, func(e *Enemy, _ Score) { e.health = health })
	}
}

func throughClosureCorrected(bus *weakbus.Bus, hud *HUD) {
	update := func(hud *HUD, points int) {
		hud.points += points
		hud.redraw()
	}
	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { update(hud, e.Points) })
}

func onOwner(bus *weakbus.Bus, hud *HUD, handle func(*HUD, Score)) {
	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { handle(hud, e) })
}

func throughHelperCorrected(bus *weakbus.Bus, hud, other *HUD) {
	onOwner(bus, hud, (*HUD).OnScore)
	on(bus, hud, other.OnScore)
}

func throughWrapperCorrected(bus *weakbus.Bus, hud *HUD) {
	weakbus.Subscribe(bus, hud, logged((*HUD).OnScore))
}

type tally struct{ points *int }

func (t *tally) onScore(_ *HUD, e Score) { *t.points += e.Points }

func throughControllerCorrected(bus *weakbus.Bus, hud *HUD, total *int) {
	t := &tally{points: total}
	weakbus.Subscribe(bus, hud, t.onScore)
	c := &controller{}
	weakbus.Subscribe(bus, hud, c.onScore)
}

func conditionalCorrected(bus *weakbus.Bus, first, second *HUD, two bool) {
	hud := first
	if two {
		hud = second
	}
	weakbus.Subscribe(bus, hud, func(hud *HUD, e Score) { hud.points += e.Points })
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { first.points += e.Points }) // perhaps another one
}

func (h *HUD) listenCorrected(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &h.subs, func(e Score) {
		if h.shows(e) {
			h.OnScore(e)
		}
	})
}

func (h *HUD) listenOnQueueCorrected(bus *weakbus.Bus) {
	queue := h.queue
	weakbus.Subscribe(bus, h, (*HUD).OnScore, weakbus.Via(func(task func()) { queue <- task }))
}

func mapOfHandlersCorrected(bus *weakbus.Bus, hud *HUD) {
	handlers := map[int]func(*HUD, Score){
		1: func(hud *HUD, e Score) { hud.points += e.Points },
		2: func(hud *HUD, e Score) { hud.redraw() },
	}
	for priority, handle := range handlers {
		weakbus.Subscribe(bus, hud, handle, weakbus.Priority(priority))
	}
}

func eventsLoopCorrected(ctx context.Context, bus *weakbus.Bus) *HUD {
	hud := &HUD{name: "hud"}
	go func() {
		for e := range weakbus.Events[Score](ctx, bus) {
			hud.OnScore(e)
		}
	}()
	return hud
}

func acrossPackagesCorrected(bus *weakbus.Bus, hud, other *HUD) {
	ui.OnOwner(bus, hud, (*HUD).OnScore)
	ui.On(bus, hud, other.OnScore)
}
