// Package globalscope has scopes at package level that keep too much, and corrected twins.
package globalscope

import "github.com/weakbus/weakbus"

type Saved struct{ Path string }

var (
	subs    weakbus.Scope
	closed  weakbus.Scope
	passed  weakbus.Scope
	Closing weakbus.Scope // others may close it
)

type Editor struct {
	title string
	own   weakbus.Scope
}

func (e *Editor) Watch(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { e.title = s.Path }) // want `the package-level scope subs keeps e, which the handler captures, for as long as the program runs: make the Scope a field of Editor`
	weakbus.SubscribeFunc(bus, &subs, e.onSaved)                          // want `the package-level scope subs keeps e`
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { println(s.Path) })
	weakbus.SubscribeFunc(bus, &e.own, func(s Saved) { e.title = s.Path })
	weakbus.SubscribeFunc(bus, &closed, func(s Saved) { e.title = s.Path })
	weakbus.SubscribeFunc(bus, &passed, func(s Saved) { e.title = s.Path })
	weakbus.SubscribeFunc(bus, &Closing, func(s Saved) { e.title = s.Path })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Saved) { e.title = s.Path })
}

func (e *Editor) onSaved(s Saved) { e.title = s.Path }

func New(bus *weakbus.Bus, log *Log) *Editor {
	e := &Editor{}
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { e.title = s.Path }) // want `the package-level scope subs keeps e`
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { log.lines++ })      // may well live as long as the program
	return e
}

type Log struct{ lines int }

// The whole program has one App.
type App struct{ title string }

func (a *App) run(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(s Saved) { a.title = s.Path })
}

func init() {
	new(App).run(weakbus.New())
}

func unload() {
	closed.Close()
	shut(&passed)
}

func shut(s *weakbus.Scope) { s.Close() }
