// Package immortal has subscribers that their own handlers keep alive, and corrected twins.
package immortal

import (
	"context"

	"github.com/weakbus/weakbus"
)

type Resize struct{ Width, Height int }

type Panel struct {
	title string
	width int
}

func (p *Panel) OnResize(e Resize)                                 { p.width = e.Width }
func (p *Panel) OnResizeContext(_ context.Context, e Resize) error { p.width = e.Width; return nil }
func (p *Panel) OnResizeOf(_ *Panel, e Resize)                     { p.width = e.Width }
func (p Panel) Show(_ *Panel, e Resize)                            {}
func (p *Panel) run(task func())                                   { task() }
func (p *Panel) fits(e Resize) bool                                { return e.Width > p.width }

type Window struct {
	panel Panel
	child *Panel
	tabs  [2]Panel
	bus   *weakbus.Bus
	subs  weakbus.Scope
	width int
}

func closures(bus *weakbus.Bus, p *Panel) {
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) { p.OnResize(e) }) // want `the handler captures p, its own receiver`
	weakbus.Subscribe(bus, p, (*Panel).OnResize)
	weakbus.Subscribe(bus, p, func(p *Panel, e Resize) { p.OnResize(e) })

	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) { p.width = e.Width }) // want `captures p`
	weakbus.Subscribe(bus, p, func(*Panel, Resize) { p.width++ })             // want `captures p`
	weakbus.Subscribe(bus, p, func(q *Panel, e Resize) {                      // the parameter is there to be used
		q.width = e.Width
		p.title = "resized" // want `captures p`
		func() { p.width++ }()
	})
	weakbus.Subscribe(bus, p, func(q *Panel, e Resize) {
		q.width = e.Width
		q.title = "resized"
	})
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) {
		go func() { p.OnResize(e) }() // want `captures p`
	})
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) {
		p := p // want `captures p`
		p.OnResize(e)
	})
}

func contexts(bus *weakbus.Bus, p *Panel) {
	weakbus.SubscribeContext(bus, p, func(_ *Panel, ctx context.Context, e Resize) error { return p.OnResizeContext(ctx, e) }) // want `captures p`
	weakbus.SubscribeContext(bus, p, (*Panel).OnResizeContext)
}

func methodValues(bus *weakbus.Bus, p *Panel, other *Panel) {
	weakbus.Subscribe(bus, p, p.OnResizeOf) // want `the handler is bound to p, its own receiver`
	weakbus.Subscribe(bus, p, other.OnResizeOf)
	weakbus.Subscribe(bus, p, p.Show) // bound to a copy
}

func aliases(bus *weakbus.Bus, p *Panel) {
	q := p
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) { q.OnResize(e) }) // want `captures q`
	handler := func(_ *Panel, e Resize) { p.OnResize(e) }                 // want `captures p`
	weakbus.Subscribe(bus, q, handler)

	current := p
	current = &Panel{title: "another"}
	weakbus.Subscribe(bus, current, func(_ *Panel, e Resize) { p.OnResize(e) })
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) { current.OnResize(e) })
}

// A part lives as long as the whole.
func parts(bus *weakbus.Bus, w *Window) {
	weakbus.Subscribe(bus, &w.panel, func(_ *Panel, e Resize) { w.width = e.Width }) // want `captures w`
	weakbus.Subscribe(bus, &w.tabs[1], func(p *Panel, e Resize) { w.width = 0 })     // want `captures w`
	weakbus.Subscribe(bus, &w.panel, w.panel.OnResizeOf)                             // want `bound to w.panel`
	panel := &w.panel
	weakbus.Subscribe(bus, panel, func(p *Panel, e Resize) { w.width = 0 }) // want `captures w`
	weakbus.Subscribe(bus, panel, (*Panel).OnResize)

	// An object of its own: what keeps w keeps it as long as w.child does not change.
	weakbus.Subscribe(bus, w.child, func(_ *Panel, e Resize) { w.width = e.Width })

	var local Window
	weakbus.Subscribe(bus, &local, func(_ *Window, e Resize) { local.width = e.Width }) // want `captures local`
	weakbus.Subscribe(bus, &local, func(l *Window, e Resize) { l.width = e.Width })
	_ = local.width
}

// The functions of options are kept like handlers.
func options(bus *weakbus.Bus, p *Panel, w *Window) {
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Filter(func(e Resize) bool { return e.Width > p.width })) // want `the function of Filter captures p, the receiver`
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Once(), weakbus.Filter(p.fits))                           // want `the function of Filter is bound to p`
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Via(p.run))                                               // want `the function of Via is bound to p`
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Via(weakbus.Executor(p.run)))                             // want `bound to p`
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Filter(func(e Resize) bool { return e.Width > 0 }))
	width := p.width
	weakbus.Subscribe(bus, p, (*Panel).OnResize, weakbus.Filter(func(e Resize) bool { return e.Width > width }))

	weakbus.SubscribeFunc(bus, &w.subs, func(e Resize) { w.width = e.Width }, weakbus.Filter(func(e Resize) bool { return e.Width != w.width })) // want `captures w, which the scope belongs to`
	weakbus.SubscribeFunc(bus, &w.subs, func(e Resize) { w.width = e.Width }, weakbus.Via(w.panel.run))                                          // want `the function of Via is bound to w.panel`
	weakbus.SubscribeFunc(bus, &w.subs, func(e Resize) { w.width = e.Width })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Resize) { w.width = e.Width }, weakbus.Filter(func(e Resize) bool { return e.Width != w.width }))
}

type Click struct{ X, Y int }

// Button has a signal and listens to it: it and its topic are collected together.
type Button struct {
	Clicked weakbus.Topic[Click]
	clicks  int
}

func signals(b, other *Button) {
	weakbus.Subscribe(&b.Clicked, b, func(_ *Button, e Click) { b.clicks++ })
	weakbus.Subscribe(b.Clicked.At("double"), b, func(_ *Button, e Click) { b.clicks++ })
	weakbus.Subscribe(&other.Clicked, b, func(_ *Button, e Click) { b.clicks++ }) // want `captures b`
}

// App owns its bus. Both are collected together.
type App struct {
	own    *weakbus.Bus
	shared *weakbus.Bus
	title  string
}

func NewApp(shared *weakbus.Bus) *App {
	a := &App{own: weakbus.New(), shared: shared}
	weakbus.Subscribe(a.own, a, func(_ *App, e Resize) { a.title = "resized" })
	weakbus.Subscribe(weakbus.TopicOf[Resize](a.own), a, func(_ *App, e Resize) { a.title = "resized" })
	weakbus.Subscribe(a.shared, a, func(_ *App, e Resize) { a.title = "resized" }) // want `captures a`
	return a
}

func fixes(bus *weakbus.Bus, p *Panel) {
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) { p.OnResize(Resize{}) }) // want `captures p`
	weakbus.Subscribe(bus, p, func(_ *Panel, e Resize) {
		// A comment is worth keeping.
		p.OnResize(e) // want `captures p`
	})
	weakbus.Subscribe(bus, p, func(q *Panel, e Resize) { // here q is something else: no fix
		for q := range 3 {
			p.width = q // want `captures p`
		}
	})
}

func uncertain(bus *weakbus.Bus, p *Panel, all []*Panel) {
	passed := p
	change(&passed)
	weakbus.Subscribe(bus, passed, func(_ *Panel, e Resize) { passed.OnResize(e) })
	var last *Panel
	for _, panel := range all {
		last = panel
		weakbus.Subscribe(bus, last, func(_ *Panel, e Resize) { last.OnResize(e) })
	}
	var once *Panel
	once = p
	weakbus.Subscribe(bus, once, func(_ *Panel, e Resize) { once.OnResize(Resize{}) }) // want `captures once`
}

func change(p **Panel) { *p = nil }
