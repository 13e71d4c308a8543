// Package released has handlers that do not keep their receiver, though it looks so at first.
package released

import (
	"context"

	"github.com/weakbus/weakbus"
)

type Score struct{ Points int }

type HUD struct {
	name   string
	points int
	subs   weakbus.Scope
}

func (h *HUD) OnScore(e Score)           { h.points += e.Points }
func (h *HUD) OnScoreOf(_ *HUD, e Score) { h.points += e.Points }

type Player struct {
	hud  *HUD
	next *HUD
	bus  *weakbus.Bus
}

func replaced(bus *weakbus.Bus, p *Player) {
	old := p.hud
	p.hud = &HUD{name: "new"}
	weakbus.Subscribe(bus, old, func(_ *HUD, e Score) { p.hud.points++ })
	weakbus.Subscribe(bus, p.hud, func(_ *HUD, e Score) { p.hud.points++ }) // want `captures p, and by it p.hud`
	weakbus.Subscribe(bus, p.hud, func(_ *HUD, e Score) { p.next.points++ })
	weakbus.Subscribe(bus, p.next, func(_ *HUD, e Score) { p.next.points++ })
	p.next = nil
}

func overwritten(bus *weakbus.Bus, h *HUD, loud bool) {
	handle := func(_ *HUD, e Score) { h.points++ }
	handle = (*HUD).OnScore
	weakbus.Subscribe(bus, h, handle)
	if loud {
		handle = h.OnScoreOf
	}
	handle = func(h *HUD, e Score) { h.points++ }
	weakbus.Subscribe(bus, h, handle)
}

type holder struct{ hud *HUD }

func (o *holder) onScore(_ *HUD, e Score) {
	if o.hud != nil {
		o.hud.OnScore(e)
	}
}

func emptied(bus *weakbus.Bus, h *HUD) {
	o := &holder{hud: h}
	weakbus.Subscribe(bus, h, o.onScore)
	o.hud = nil
}

// What owns the scope has the object too, or may have.
type App struct {
	bus  *weakbus.Bus
	subs weakbus.Scope
	all  []*HUD
}

func (a *App) add(h *HUD) { a.all = append(a.all, h) }

func (a *App) open() *HUD {
	h := &HUD{name: "hud"}
	weakbus.SubscribeFunc(a.bus, &a.subs, h.OnScore)
	a.add(h)
	return h
}

func local(h *HUD) *HUD {
	bus := weakbus.New()
	made := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, bus.Scope(), made.OnScore)
	weakbus.Publish(bus, Score{})
	return made
}

// What the function only uses, it need not fear to keep.
func used(bus *weakbus.Bus) int {
	h := &HUD{name: "hud"}
	sub := weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore)
	defer sub.Cancel()
	weakbus.Publish(bus, Score{Points: 1})
	return h.points
}

// A subscription that ends is no concern.
func counted(ctx context.Context, bus *weakbus.Bus) *HUD {
	h := &HUD{name: "hud"}
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore, weakbus.Until(ctx))
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore, weakbus.Once())
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore).Cancel()
	sub := weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore)
	context.AfterFunc(ctx, func() { sub.Cancel() })
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore, weakbus.In(&h.subs))
	return h
}

func init() { Default = service(weakbus.New()) }

var Default *HUD

func service(bus *weakbus.Bus) *HUD {
	h := &HUD{name: "service"}
	weakbus.SubscribeFunc(bus, bus.Scope(), h.OnScore)
	return h
}

func copied(bus *weakbus.Bus) HUD2 {
	h := HUD2{name: "copied"}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Score) { h.points++ })
	return h
}

type HUD2 struct {
	name   string
	points int
}
