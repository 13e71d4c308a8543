package immortal

import "github.com/weakbus/weakbus"

// Buses from outside.
type (
	Given struct {
		bus *weakbus.Bus
		n   int
	}
	Positional struct {
		bus *weakbus.Bus
		n   int
	}
)

var shared = weakbus.New()

func outside(bus *weakbus.Bus, j *J, buses []*weakbus.Bus) *Given {
	weakbus.Subscribe(bus, j, func(_ *J, e Ping) { j.n = e.N })      // want `captures j`
	weakbus.Subscribe(shared, j, func(_ *J, e Ping) { j.n = e.N })   // want `captures j`
	weakbus.Subscribe(buses[0], j, func(_ *J, e Ping) { j.n = e.N }) // want `captures j`
	topic := weakbus.TopicOf[Ping](bus)
	weakbus.Subscribe(topic, j, func(_ *J, e Ping) { j.n = e.N }) // want `captures j`
	g := &Given{bus: bus}
	weakbus.Subscribe(g.bus, g, func(_ *Given, e Ping) { g.n = e.N }) // want `captures g`
	p := &Positional{shared, 0}
	weakbus.Subscribe(p.bus, p, func(_ *Positional, e Ping) { p.n = e.N }) // want `captures p`
	_ = p.n
	return g
}

func (g *Given) close() { g.bus = nil }

func (g *Given) listen() {
	weakbus.Subscribe(g.bus, g, func(_ *Given, e Ping) { g.n = e.N }) // want `captures g`
}

// What a function literal makes does not own the bus of the function around it.
func literals(collectable func(build func() *J)) {
	bus := weakbus.New()
	collectable(func() *J {
		j := &J{}
		weakbus.Subscribe(bus, j, func(_ *J, e Ping) { j.n = e.N }) // want `captures j`
		weakbus.SubscribeFunc(bus, bus.Scope(), j.onPing)           // want `the bus's own scope keeps j`
		return j
	})
	collectable(func() *J {
		j := &J{bus: bus} // may own it
		weakbus.Subscribe(bus, j, func(_ *J, e Ping) { j.n = e.N })
		return j
	})
	collectable(func() *J {
		bus := weakbus.New()
		j := &J{}
		weakbus.SubscribeFunc(bus, bus.Scope(), j.onPing)
		return j
	})
}

func (j *J) onPing(Ping) {}
