package immortal

import "github.com/weakbus/weakbus"

type Ping struct{ N int }

// Receivers that may own their bus, or topic: then both are collected together.
type (
	A struct {
		bus *weakbus.Bus
		n   int
	}
	B struct {
		bus *weakbus.Bus
		n   int
	}
	C struct {
		bus *weakbus.Bus
		n   int
	}
	D struct {
		evs *weakbus.Topic[Ping]
		n   int
	}
	D2 struct {
		evs *weakbus.Topic[Ping]
		n   int
	}
	E struct {
		evs *weakbus.Topic[Ping]
		n   int
	}
	F struct {
		bus  *weakbus.Bus
		subs weakbus.Scope
		n    int
	}
	G struct {
		bus *weakbus.Bus
		n   int
	}
	H struct {
		a *A
		n int
	}
	I struct {
		child *Child
		n     int
	}
	J struct {
		bus *weakbus.Bus
		n   int
	}
	Child struct {
		Pinged weakbus.Topic[Ping]
	}
)

func newBus() *weakbus.Bus { return weakbus.New() }

func NewA() *A {
	bus := weakbus.New()
	a := &A{bus: bus}
	weakbus.Subscribe(a.bus, a, func(_ *A, e Ping) { a.n = e.N })
	weakbus.Subscribe(bus, a, func(_ *A, e Ping) { a.n = e.N })
	return a
}

func (a *A) Listen() {
	weakbus.Subscribe(a.bus, a, func(_ *A, e Ping) { a.n = e.N })
	bus := a.bus
	weakbus.Subscribe(bus, a, func(_ *A, e Ping) { a.n = e.N })
	weakbus.Subscribe(a.Bus(), a, func(_ *A, e Ping) { a.n = e.N })
}

func (a *A) Bus() *weakbus.Bus { return a.bus }

func NewB() *B {
	b := &B{bus: newBus()}
	weakbus.Subscribe(b.bus, b, func(_ *B, e Ping) { b.n = e.N })
	return b
}

func NewC() *C {
	c := &C{weakbus.New(), 0}
	weakbus.Subscribe(weakbus.TopicOf[Ping](c.bus).At(1), c, func(_ *C, e Ping) { c.n = e.N })
	return c
}

func NewD() (*D, *D2, *E) {
	d := &D{evs: new(weakbus.Topic[Ping])}
	weakbus.Subscribe(d.evs, d, func(_ *D, e Ping) { d.n = e.N })
	d2 := &D2{evs: weakbus.TopicOf[Ping](weakbus.New())}
	weakbus.Subscribe(d2.evs, d2, func(_ *D2, e Ping) { d2.n = e.N })
	e := &E{evs: &weakbus.Topic[Ping]{}}
	weakbus.Subscribe(e.evs, e, func(_ *E, p Ping) { e.n = p.N })
	return d, d2, e
}

func NewF() *F {
	bus := weakbus.New()
	f := &F{bus: bus}
	weakbus.SubscribeFunc(f.bus, &f.subs, func(e Ping) { f.n = e.N }, weakbus.Filter(func(e Ping) bool { return e.N > f.n }))
	weakbus.Subscribe(f.bus, f, (*F).onPing, weakbus.Filter(func(e Ping) bool { return e.N > f.n }))
	return f
}

func (f *F) onPing(Ping) {}

// The bus is one's own where none is given.
func NewG(bus *weakbus.Bus) *G {
	if bus == nil {
		bus = weakbus.New()
	}
	g := &G{bus: bus}
	weakbus.Subscribe(bus, g, func(_ *G, e Ping) { g.n = e.N })
	weakbus.Subscribe(g.bus, g, func(_ *G, e Ping) { g.n = e.N })
	return g
}

// H has one that owns it.
func NewH() *H {
	h := &H{a: NewA()}
	weakbus.Subscribe(h.a.bus, h, func(_ *H, e Ping) { h.n = e.N })
	return h
}

func (i *I) listen() {
	weakbus.Subscribe(&i.child.Pinged, i, func(_ *I, e Ping) { i.n = e.N })
	child := i.child
	weakbus.Subscribe(&child.Pinged, i, func(_ *I, e Ping) { i.n = e.N })
	made := &Child{}
	i.child = made
	weakbus.Subscribe(&made.Pinged, i, func(_ *I, e Ping) { i.n = e.N })
}

func locally() {
	bus := weakbus.New()
	j := &J{}
	weakbus.Subscribe(bus, j, func(_ *J, e Ping) { j.n = e.N })
	var topic weakbus.Topic[Ping]
	weakbus.Subscribe(&topic, j, func(_ *J, e Ping) { j.n = e.N })
	var late, other *weakbus.Bus
	late = weakbus.New()
	late, other = other, late
	weakbus.Subscribe(late, j, func(_ *J, e Ping) { j.n = e.N })
	weakbus.Publish(bus, Ping{})
	_ = j.n
}

func result() (bus *weakbus.Bus, j *J) {
	j = &J{}
	k := j
	weakbus.Subscribe(bus, k, func(_ *J, e Ping) { k.n = e.N })
	return bus, j
}
