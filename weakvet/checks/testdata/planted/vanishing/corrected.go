package vanishing

import (
	"context"
	"fmt"
	"runtime"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"

	"example.com/shapes/planted/ui"
)

type Game struct {
	hud    *HUD
	panel  *ui.Panel
	store  *Store
	window *Window
	screen *screen
	subs   weakbus.Scope
	all    []*HUD
}

func (g *Game) literalCorrected(bus *weakbus.Bus) {
	g.hud = &HUD{name: "hud"}
	weakbus.Subscribe(bus, g.hud, (*HUD).OnScore)
}

func (g *Game) constructorCorrected(bus *weakbus.Bus) {
	g.hud = NewHUD(bus)
	g.panel = ui.NewPanel(bus, "tools")
	run(bus)
}

// The package of Registered holds it, and so does this one what registers itself.
func registeredCorrected(bus *weakbus.Bus) {
	ui.Registered(bus)
	newRegistered(bus)
	newRunning(bus)
}

var registry []*HUD

func newRegistered(bus *weakbus.Bus) *HUD {
	h := NewHUD(bus)
	registry = append(registry, h)
	return h
}

func newRunning(bus *weakbus.Bus) *HUD {
	h := NewHUD(bus)
	go h.work()
	return h
}

func (h *HUD) work() { select {} }

func (g *Game) blankResultCorrected(bus *weakbus.Bus) (err error) {
	g.store, err = OpenStore(bus, "scores")
	return err
}

func localOwnerCorrected(bus *weakbus.Bus) {
	w := &Window{title: "main"}
	weakbus.SubscribeFunc(bus, &w.subs, func(e ui.Resize) { w.width = e.Width })
	run(bus)
	fmt.Println(w.width)
}

func (g *Game) scopeThroughHelperCorrected(bus *weakbus.Bus) {
	listen(bus, &g.subs, func(e Score) { fmt.Println(e) })
	listen(bus, bus.Scope(), func(e Score) { fmt.Println(e) })
}

func (g *Game) literalThroughHelperCorrected(bus *weakbus.Bus) {
	g.hud = &HUD{points: 1}
	attach(bus, g.hud)
	keep(bus, &HUD{points: 2})
}

func keep(bus *weakbus.Bus, hud *HUD) {
	registry = append(registry, hud)
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
}

func (g *Game) literalWithMethodCorrected(bus *weakbus.Bus) {
	hud := &HUD{name: "hud"}
	hud.Attach(bus)
	g.hud = hud
}

func copiedValueCorrected(bus *weakbus.Bus, huds []HUD) {
	for i := range huds {
		weakbus.Subscribe(bus, &huds[i], (*HUD).OnScore)
	}
}

func copiedVariableCorrected(bus *weakbus.Bus) {
	hud := &HUD{name: "hud"}
	same := hud
	weakbus.Subscribe(bus, same, (*HUD).OnScore)
	run(bus)
	runtime.KeepAlive(hud)
}

func (w *World) spawnCorrected(bus *weakbus.Bus) {
	w.held = append(w.held, &HUD{name: "entity"})
	weakbus.Subscribe(bus, w.held[len(w.held)-1], (*HUD).OnScore)
}

func localSliceCorrected(bus *weakbus.Bus, names []string) []HUD {
	var huds []HUD
	for _, name := range names {
		huds = append(huds, HUD{name: name})
	}
	for i := range huds {
		weakbus.Subscribe(bus, &huds[i], (*HUD).OnScore)
	}
	return huds
}

func reserved(bus *weakbus.Bus, names []string) []HUD {
	huds := make([]HUD, 0, len(names))
	for i, name := range names {
		huds = append(huds, HUD{name: name})
		weakbus.Subscribe(bus, &huds[i], (*HUD).OnScore)
	}
	return huds
}

func (g *Game) cachedCorrected(cache *weakcache.Cache[string, HUD]) {
	g.hud = &HUD{name: "hud"}
	cache.Put("hud", g.hud)
}

func cachedVariableCorrected(cache *weakcache.Cache[string, HUD]) *HUD {
	hud := &HUD{name: "hud"}
	cache.Put("hud", hud)
	return hud
}

func waitingCorrected(ctx context.Context, bus *weakbus.Bus) {
	hud := NewHUD(bus)
	defer runtime.KeepAlive(hud)
	<-ctx.Done()
}

func listedCorrected(bus *weakbus.Bus) {
	var all []*HUD
	for i := range 3 {
		hud := &HUD{points: i}
		weakbus.Subscribe(bus, hud, (*HUD).OnScore)
		all = append(all, hud)
	}
	run(bus)
	for _, hud := range all {
		fmt.Println(hud.points)
	}
}

func (g *Game) listedInField(bus *weakbus.Bus) {
	all := g.all
	for i := range 3 {
		hud := &HUD{points: i}
		weakbus.Subscribe(bus, hud, (*HUD).OnScore)
		all = append(all, hud)
	}
	g.all = all
}

func localScopeCorrected(bus *weakbus.Bus) {
	var subs weakbus.Scope
	defer subs.Close()
	weakbus.SubscribeFunc(bus, &subs, func(e Score) { fmt.Println(e) })
	run(bus)
}

func (g *Game) partCorrected(bus *weakbus.Bus) {
	s := &screen{hud: NewHUD(bus)}
	s.title = "main"
	g.screen = s
	run(bus)
}
