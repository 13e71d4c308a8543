// Package globalscope has scopes at package level that keep too much, and corrected twins.
package globalscope

import (
	"sync"

	"github.com/weakbus/weakbus"
)

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

// Objects that the program makes once, further away from where it starts.
type Service struct{ last string }

func start(bus *weakbus.Bus) { NewService(bus) }

func NewService(bus *weakbus.Bus) *Service {
	s := &Service{}
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { s.last = e.Path })
	return s
}

func init() { start(weakbus.New()) }

type Index struct{ last string }

var index = NewIndex(weakbus.New())

func NewIndex(bus *weakbus.Bus) *Index {
	i := &Index{}
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { i.last = e.Path })
	return i
}

type Cache struct{ last string }

var cache = sync.OnceValue(func() *Cache { return NewCache(weakbus.New()) })

func NewCache(bus *weakbus.Bus) *Cache {
	c := &Cache{}
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { c.last = e.Path })
	return c
}

type Journal struct {
	once sync.Once
	last string
}

func (j *Journal) Write(bus *weakbus.Bus) { j.once.Do(func() { j.listen(bus) }) }

func (j *Journal) listen(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { j.last = e.Path })
}

// One that is registered is used through an interface.
type loader interface{ Load(bus *weakbus.Bus) }

type Module struct{ last string }

var modules = []loader{&Module{}, new(Extension)}

func (m *Module) Load(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { m.last = e.Path })
}

type Extension struct{ last string }

func (x *Extension) Load(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { x.last = e.Path })
}

// Tab is named at package level, but not made there.
type Tab struct{ last string }

var _ loader = (*Tab)(nil)

func (t *Tab) Load(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &subs, func(e Saved) { t.last = e.Path }) // want `the package-level scope subs keeps t`
}

func unload() {
	closed.Close()
	shut(&passed)
}

func shut(s *weakbus.Scope) { s.Close() }
