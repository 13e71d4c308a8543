// Package vanishing has subscribers that nothing holds. A comment names each mistake on the line
// that it is on. File corrected.go has each of them done right.
package vanishing

import (
	"context"
	"fmt"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"

	"example.com/shapes/planted/ui"
)

type Score struct{ Points int }

type HUD struct {
	name   string
	points int
	bus    *weakbus.Bus
}

func NewHUD(bus *weakbus.Bus) *HUD {
	h := &HUD{name: "hud", bus: bus}
	weakbus.Subscribe(bus, h, (*HUD).OnScore)
	h.rename("main")
	return h
}

func (h *HUD) OnScore(e Score)         { h.points += e.Points }
func (h *HUD) rename(name string)      { h.name = name }
func (h *HUD) Attach(bus *weakbus.Bus) { weakbus.Subscribe(bus, h, (*HUD).OnScore) }

type Window struct {
	title string
	width int
	subs  weakbus.Scope
}

type Store struct {
	path string
	subs weakbus.Scope
}

func OpenStore(bus *weakbus.Bus, path string) (*Store, error) {
	if path == "" {
		return nil, fmt.Errorf("no path")
	}
	s := &Store{path: path}
	weakbus.SubscribeFunc(bus, &s.subs, s.onScore)
	return s, nil
}

func (s *Store) onScore(e Score) { fmt.Println(s.path, e) }

func attach(bus *weakbus.Bus, hud *HUD) {
	hud.name = "attached"
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
}

func listen(bus *weakbus.Bus, subs *weakbus.Scope, handle func(Score)) {
	weakbus.SubscribeFunc(bus, subs, handle)
	weakbus.SubscribeFunc(bus, subs, func(ui.Resize) { handle(Score{}) })
}

func run(bus *weakbus.Bus) { weakbus.Publish(bus, Score{Points: 1}) }

func literal(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &HUD{name: "hud"}, (*HUD).OnScore) // planted: literal
}

func constructor(bus *weakbus.Bus) {
	NewHUD(bus) // planted: constructor
	run(bus)
}

func constructorOfAnotherPackage(bus *weakbus.Bus) {
	ui.NewPanel(bus, "tools") // planted: constructor of another package
	run(bus)
}

func blankResult(bus *weakbus.Bus) error {
	_, err := OpenStore(bus, "scores") // planted: blank result
	return err
}

func localOwner(bus *weakbus.Bus) {
	w := &Window{title: "main"}
	weakbus.SubscribeFunc(bus, &w.subs, func(e ui.Resize) { w.width = e.Width }) // planted: local owner of a scope
	run(bus)
}

func scopeThroughHelper(bus *weakbus.Bus) {
	listen(bus, new(weakbus.Scope), func(e Score) { fmt.Println(e) }) // planted: scope through a helper
}

func literalThroughHelper(bus *weakbus.Bus) {
	attach(bus, &HUD{points: 1}) // planted: literal through a helper
}

func literalWithMethod(bus *weakbus.Bus) {
	(&HUD{name: "hud"}).Attach(bus) // planted: method of a literal
}

func copiedValue(bus *weakbus.Bus, huds []HUD) {
	for _, hud := range huds {
		weakbus.Subscribe(bus, &hud, (*HUD).OnScore) // planted: copied value
	}
}

func copiedVariable(bus *weakbus.Bus) {
	hud := &HUD{name: "hud"}
	same := hud
	weakbus.Subscribe(bus, same, (*HUD).OnScore) // planted: copied variable
	run(bus)
}

type World struct {
	entities []HUD
	held     []*HUD
}

func (w *World) spawn(bus *weakbus.Bus) {
	w.entities = append(w.entities, HUD{name: "entity"})
	weakbus.Subscribe(bus, &w.entities[len(w.entities)-1], (*HUD).OnScore) // planted: element of a slice that grows
}

func localSlice(bus *weakbus.Bus, names []string) []HUD {
	var huds []HUD
	for i, name := range names {
		huds = append(huds, HUD{name: name})
		hud := &huds[i]
		weakbus.Subscribe(bus, hud, (*HUD).OnScore) // planted: element of a local slice that grows
	}
	return huds
}

func cached(cache *weakcache.Cache[string, HUD]) {
	cache.Put("hud", &HUD{name: "hud"}) // planted: literal in a cache
}

func cachedVariable(cache *weakcache.Cache[string, HUD]) {
	hud := &HUD{name: "hud"}
	hud.points = 10
	cache.Put("hud", hud) // planted: variable in a cache
	cache.Put("alias", hud)
}

func waiting(ctx context.Context, bus *weakbus.Bus) {
	hud := NewHUD(bus) // planted: local while main waits
	hud.Attach(bus)
	<-ctx.Done()
}

func listed(bus *weakbus.Bus) {
	var all []*HUD
	for i := range 3 {
		hud := &HUD{points: i}
		weakbus.Subscribe(bus, hud, (*HUD).OnScore) // planted: list that nobody reads
		all = append(all, hud)
	}
	run(bus)
}

func localScope(bus *weakbus.Bus) {
	var subs weakbus.Scope
	weakbus.SubscribeFunc(bus, &subs, func(e Score) { fmt.Println(e) }) // planted: local scope
	run(bus)
}

type screen struct {
	hud   *HUD
	title string
}

func part(bus *weakbus.Bus) {
	s := &screen{hud: NewHUD(bus)} // planted: part of a local
	s.title = "main"
	run(bus)
}
