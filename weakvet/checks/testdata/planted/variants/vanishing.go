// Package variants has more of the mistakes of packages immortal and vanishing, in other words.
package variants

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakcache"

	"example.com/shapes/planted/ui"
)

type Score struct{ Points int }
type Tick struct{}

type HUD struct {
	mu     sync.Mutex
	name   string
	points int
	subs   weakbus.Scope
	onTick func(Tick)
	bus    *weakbus.Bus
	sub    *weakbus.Subscription
}

func (h *HUD) OnScore(e Score) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.points += e.Points
}
func (h *HUD) OnTick(Tick) {}
func (h *HUD) Draw()       {}

func NewWithSubscription(bus *weakbus.Bus) *HUD { // with the sub stored
	h := &HUD{name: "a", bus: bus}
	h.sub = weakbus.Subscribe(bus, h, (*HUD).OnScore)
	return h
}
func NewWithScope(bus *weakbus.Bus) *HUD { // scope
	h := new(HUD)
	weakbus.SubscribeFunc(bus, &h.subs, h.OnScore)
	weakbus.SubscribeFunc(bus, &h.subs, func(e Tick) { h.points++ })
	return h
}
func NewNamed(bus *weakbus.Bus) (h *HUD) { // named result
	h = &HUD{name: "c"}
	weakbus.Subscribe(bus, h, (*HUD).OnScore)
	return h
}
func NewOrError(bus *weakbus.Bus) (*HUD, error) {
	h := &HUD{}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onTick = func(Tick) { h.points++ }
	weakbus.Subscribe(weakbus.TopicOf[Score](bus), h, (*HUD).OnScore, weakbus.Priority(3))
	return h, nil
}
func NewStringer(bus *weakbus.Bus) fmt.Stringer { // interface
	h := &HUD{}
	weakbus.Subscribe(bus, h, (*HUD).OnScore)
	return h
}
func (h *HUD) String() string { return h.name }
func NewVariable(bus *weakbus.Bus) *HUD { // bare named return
	var h HUD
	weakbus.Subscribe(bus, &h, (*HUD).OnScore)
	return &h
}
func NewBox[T any](bus *weakbus.Bus) *Box[T] {
	b := &Box[T]{name: "box"}
	weakbus.Subscribe(bus, b, (*Box[T]).OnScore)
	return b
}

type Box[T any] struct {
	v    T
	name string
}

func (b *Box[T]) OnScore(Score) {}

func drops(bus *weakbus.Bus) {
	NewWithSubscription(bus)                   // planted: with a subscription in a field
	NewWithScope(bus)                          // planted: with a scope
	NewNamed(bus)                              // planted: named result
	_, _ = NewOrError(bus)                     // planted: with an error
	NewStringer(bus)                           // planted: an interface
	_ = NewVariable(bus)                       // planted: a variable
	NewBox[int](bus)                           // planted: generic
	ui.Open(bus, "x")                          // planted: of another package
	if _, err := NewOrError(bus); err != nil { // planted: in an if
		panic(err)
	}
}

func inLoop(bus *weakbus.Bus) {
	for range 10 {
		NewWithSubscription(bus) // planted: in a loop
	}
}

func waitForInterrupt() {
	bus := weakbus.New()
	NewWithSubscription(bus) // planted: in main
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

func publishForever() {
	bus := weakbus.New()
	h, err := NewOrError(bus) // planted: and kept by a blank
	if err != nil {
		panic(err)
	}
	_ = h
	for {
		weakbus.Publish(bus, Score{})
		time.Sleep(time.Second)
	}
}

func goroutine(ctx context.Context, bus *weakbus.Bus) {
	go func() {
		h := &HUD{}
		weakbus.Subscribe(bus, h, (*HUD).OnScore) // planted: in a goroutine
		<-ctx.Done()
	}()
}

func waitGroup(bus *weakbus.Bus) {
	var wg sync.WaitGroup
	wg.Go(func() {
		h := &HUD{}
		weakbus.Subscribe(bus, h, (*HUD).OnScore) // planted: in a WaitGroup
		select {}
	})
	wg.Wait()
}

type Window struct {
	title string
	w     int
	subs  weakbus.Scope
}

func valueOwner(bus *weakbus.Bus) {
	var w Window
	weakbus.SubscribeFunc(bus, &w.subs, func(e Score) { w.w += e.Points }) // planted: local value owner
	weakbus.Publish(bus, Score{})
}

func returnedSubscription(bus *weakbus.Bus) *weakbus.Subscription {
	w := &Window{}
	w.title = "t"
	return weakbus.SubscribeFunc(bus, &w.subs, func(e Score) { fmt.Println(e) }) // planted: returned subscription
}

func (w *Window) attach(bus *weakbus.Bus) *Window {
	weakbus.SubscribeFunc(bus, &w.subs, w.onScore)
	return w
}
func (w *Window) onScore(Score) {}

func chained(bus *weakbus.Bus) {
	(&Window{}).attach(bus) // planted: chained
}

func viaMethod(bus *weakbus.Bus) {
	w := &Window{title: "x"}
	w.attach(bus) // planted: method of local
	weakbus.Publish(bus, Score{})
}

func helperScope(bus *weakbus.Bus, f func(Score)) *weakbus.Scope {
	s := new(weakbus.Scope)
	weakbus.SubscribeFunc(bus, s, f)
	return s
}

func dropScope(bus *weakbus.Bus) {
	helperScope(bus, func(Score) {}) // planted: scope constructor
}

func watch[E any](bus *weakbus.Bus, scope *weakbus.Scope, f func(E)) *weakbus.Subscription {
	return weakbus.SubscribeFunc(bus, scope, f)
}

func dropScopes(bus *weakbus.Bus) {
	watch(bus, &weakbus.Scope{}, func(Score) {}) // planted: generic scope helper
	var s weakbus.Scope
	watch(bus, &s, func(Score) {}) // planted: generic scope helper var
	scope := new(weakbus.Scope)
	watch(bus, scope, func(e Tick) { fmt.Println(e) }) // planted: generic scope helper new
}

func register(bus *weakbus.Bus, all ...*HUD) {
	for _, h := range all {
		weakbus.Subscribe(bus, h, (*HUD).OnScore)
	}
}

func variadic(bus *weakbus.Bus) {
	register(bus, &HUD{}, &HUD{}) // planted: variadic helper
}

func literalSlice(bus *weakbus.Bus) {
	for _, h := range []*HUD{{name: "a"}, {name: "b"}} {
		weakbus.Subscribe(bus, h, (*HUD).OnScore) // planted: literal slice
	}
}

func mapOnly(bus *weakbus.Bus, names []string) {
	huds := make(map[string]*HUD)
	for _, n := range names {
		huds[n] = NewWithSubscription(bus) // planted: local map
	}
	weakbus.Publish(bus, Score{})
}

func valueMethod(bus *weakbus.Bus) { Window2{}.listen(bus) }

type Window2 struct{ name string }

func (w Window2) listen(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &w, (*Window2).OnScore) // planted: value receiver
}
func (w *Window2) OnScore(Score) {}

func structCopy(bus *weakbus.Bus, w *Window2) {
	c := *w
	weakbus.Subscribe(bus, &c, (*Window2).OnScore) // planted: struct copy
}

func rangeArray(bus *weakbus.Bus) {
	list := []Window2{{"a"}, {"b"}}
	for _, w := range list {
		weakbus.Subscribe(bus, &w, (*Window2).OnScore) // planted: range copy
	}
	fmt.Println(list)
}

type World struct {
	ents  []Window2
	more  []Window2
	parts []part
}
type part struct {
	name string
	subs weakbus.Scope
}

func (w *World) Add(bus *weakbus.Bus, e Window2) *Window2 {
	w.ents = append(w.ents, e)
	p := &w.ents[len(w.ents)-1]
	weakbus.Subscribe(bus, p, (*Window2).OnScore) // planted: pointer to last
	return p
}
func (w *World) Grow(e Window2) { w.more = append(w.more, e) }
func (w *World) Listen(bus *weakbus.Bus) {
	for i := range w.more {
		weakbus.Subscribe(bus, &w.more[i], (*Window2).OnScore) // planted: other method appends
	}
}
func (w *World) AddPart(bus *weakbus.Bus) {
	i := len(w.parts)
	w.parts = append(w.parts, part{name: "p"})
	weakbus.SubscribeFunc(bus, &w.parts[i].subs, func(Score) {}) // planted: scope in slice
}

var globals []Window2

func addGlobal(bus *weakbus.Bus) {
	globals = append(globals, Window2{})
	weakbus.Subscribe(bus, &globals[len(globals)-1], (*Window2).OnScore) // planted: global slice
}

var textures weakcache.Cache[string, HUD]

func preload(names []string) {
	for _, n := range names {
		textures.Put(n, &HUD{name: n}) // planted: loop into a cache
	}
	h := NewQuiet()
	textures.Put("x", h)          // planted: variable in a cache
	textures.Put("y", NewQuiet()) // planted: constructor in a cache
	v := HUD2{name: "v"}
	var c weakcache.Cache[string, HUD2]
	c.Put("v", &v) // planted: value in a cache
}

type HUD2 struct{ name string }

func NewQuiet() *HUD { return &HUD{name: "n"} }

type Loader struct{ cache weakcache.Cache[string, HUD2] }

func (l *Loader) load(name string)           { l.store(name, &HUD2{name: name}) } // planted: through a method to a cache
func (l *Loader) store(name string, h *HUD2) { l.cache.Put(name, h) }

func (l *Loader) loadErr(name string) error {
	h, err := read(name)
	if err != nil {
		return err
	}
	l.cache.Put(name, h) // planted: read into a cache
	return nil
}
func read(name string) (*HUD2, error) {
	if name == "" {
		return nil, os.ErrNotExist
	}
	return &HUD2{name: name}, nil
}

func closureCall(bus *weakbus.Bus) {
	add := func(h *HUD) { weakbus.Subscribe(bus, h, (*HUD).OnScore) }
	add(&HUD{}) // planted: local closure helper
}

func besideHeld(bus *weakbus.Bus) {
	a, b := &HUD{}, &HUD{}
	weakbus.Subscribe(bus, a, (*HUD).OnScore) // planted: beside one that is held
	weakbus.Subscribe(bus, b, (*HUD).OnScore)
	weakbus.Publish(bus, Score{})
	b.Draw()
}
