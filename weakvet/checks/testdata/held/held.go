// Package held has subscribers that something holds, though it does not look so at once.
package held

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weakbus/weakbus"
)

type Score struct{ Points int }

type App struct {
	name   string
	points int
	done   chan struct{}
	wg     sync.WaitGroup
	mu     sync.Mutex
	child  *Child
	onTap  func()
	subs   weakbus.Scope
	timer  *time.Timer
}

type Child struct{ parent *App }

func (c *Child) run() { select {} }

func NewApp(bus *weakbus.Bus) *App {
	a := &App{name: "app"}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	return a
}

func (a *App) OnScore(e Score) { a.points += e.Points }
func (a *App) rename()         { a.name = "renamed" }

// What works on the object for long holds it meanwhile.
func (a *App) Run() {
	for a.points < 10 {
		time.Sleep(time.Millisecond)
	}
}

func (a *App) Serve(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, a, (*App).OnScore)
	for a.points < 10 {
		time.Sleep(time.Millisecond)
	}
}

func (a *App) ServeOnce(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, a, (*App).OnScore)
	weakbus.Publish(bus, Score{})
	fmt.Println(a.points)
}

func serve(bus *weakbus.Bus, a *App) {
	weakbus.Subscribe(bus, a, (*App).OnScore)
	a.Run()
}

func running(bus *weakbus.Bus) {
	NewApp(bus).Run()
	a := NewApp(bus)
	a.Run()
	b := &App{}
	b.Serve(bus)
	new(App).Serve(bus)
	go new(App).Serve(bus)
	(&App{}).ServeOnce(bus)
	serve(bus, &App{})
	go serve(bus, &App{})
	c := &App{}
	weakbus.Subscribe(bus, c, (*App).OnScore)
	c.wg.Wait()
}

func looking(bus *weakbus.Bus, ticks chan int) {
	a := NewApp(bus)
	for {
		select {
		case <-a.done:
			return
		case <-ticks:
		}
	}
}

func polling(bus *weakbus.Bus) {
	a := NewApp(bus)
	for a.points < 10 {
	}
}

// An object that is part of a ring is held by what holds another part of it.
func NewFamily(bus *weakbus.Bus) *App {
	a := &App{}
	a.child = &Child{parent: a}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	go a.child.run()
	return a
}

func NewTapped(bus *weakbus.Bus) *App {
	a := &App{}
	a.onTap = func() { a.points++ }
	weakbus.Subscribe(bus, a, (*App).OnScore)
	taps = append(taps, a.onTap)
	return a
}

var taps []func()

func newChild(a *App) *Child { return &Child{parent: a} }

func NewAdopting(bus *weakbus.Bus) *App {
	a := &App{}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	child := newChild(a)
	go child.run()
	return a
}

func NewTimed(bus *weakbus.Bus) *App {
	a := &App{}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	a.timer = time.AfterFunc(time.Second, a.rename)
	return a
}

func NewUntil(ctx context.Context, bus *weakbus.Bus) *App {
	a := &App{}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	context.AfterFunc(ctx, func() { a.rename() })
	return a
}

func NewWithClose(bus *weakbus.Bus) (*App, func()) {
	a := &App{}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	return a, func() { a.rename() }
}

func NewIn(all map[string]*App, bus *weakbus.Bus) *App {
	a := NewApp(bus)
	all[a.name] = a
	return a
}

func NewSent(out chan<- *App, bus *weakbus.Bus) *App {
	a := NewApp(bus)
	out <- a
	return a
}

func NewStrong(bus *weakbus.Bus) *App {
	a := NewApp(bus)
	//weakvet:ignore immortal it is meant to be strong
	weakbus.SubscribeFunc(bus, bus.Scope(), a.OnScore)
	return a
}

func dropped(ctx context.Context, bus *weakbus.Bus, out chan *App, all map[string]*App) {
	NewFamily(bus)
	NewTapped(bus)
	NewAdopting(bus)
	NewTimed(bus)
	NewUntil(ctx, bus)
	_, stop := NewWithClose(bus)
	defer stop()
	NewIn(all, bus)
	NewSent(out, bus)
	NewStrong(bus)
}

func deferred(bus *weakbus.Bus) {
	a := NewApp(bus)
	defer a.rename()
	defer NewApp(bus).rename()
	b := &App{}
	weakbus.Subscribe(bus, b, (*App).OnScore)
	defer b.mu.Unlock()
	select {}
}

func must[T any](v T, err error) T { return v }

func open(bus *weakbus.Bus) (*App, error) { return NewApp(bus), nil }

func wrapped(bus *weakbus.Bus) {
	a := must(open(bus))
	a.Run()
}

var app = NewApp(weakbus.New())

// Who wants another result may drop the object.
func NewWorld(bus *weakbus.Bus) (*World, *App) { return &World{}, NewApp(bus) }

type World struct {
	places []Place
	bus    *weakbus.Bus
}

type Place struct{ name string }

func (p *Place) OnScore(Score) {}

func partly(bus *weakbus.Bus) *World {
	w, _ := NewWorld(bus)
	return w
}

// A list that is complete when the object is made does not move later.
func MakeWorld(names []string) *World {
	w := &World{}
	for _, name := range names {
		w.places = append(w.places, Place{name: name})
	}
	return w
}

func (w *World) Listen() {
	for i := range w.places {
		weakbus.Subscribe(w.bus, &w.places[i], (*Place).OnScore)
	}
}

func twice(bus *weakbus.Bus) {
	a := &App{}
	weakbus.Subscribe(bus, a, (*App).OnScore)
	a.Serve(bus)
}
