package variants

import "github.com/weakbus/weakbus"

// Arena makes its bus. What comes and goes in it does not own that.
type Arena struct {
	bus   *weakbus.Bus
	all   []*Monster
	boss  *Monster
	byID  map[int]*Monster
	title string
}

type Monster struct {
	health int
	name   string
	subs   weakbus.Scope
}

func (m *Monster) OnTick(Tick) { m.health-- }

func NewArena() *Arena {
	a := &Arena{bus: weakbus.New()}
	boss := &Monster{name: "boss"}
	weakbus.Subscribe(a.bus, boss, func(_ *Monster, _ Tick) { boss.health-- }) // goes with the arena
	a.boss = boss
	return a
}

func (a *Arena) Bus() *weakbus.Bus { return a.bus }

func (a *Arena) spawn() {
	m := &Monster{name: "one"}
	weakbus.Subscribe(a.bus, m, func(_ *Monster, _ Tick) { m.health-- }) // planted: bus of the owner
	a.all = append(a.all, m)
}

func (a *Arena) spawnByID(id int) {
	m := &Monster{name: "one"}
	bus := a.Bus()
	weakbus.Subscribe(bus, m, func(_ *Monster, _ Tick) { m.health-- }) // planted: bus of a method
	a.byID[id] = m
}

func (a *Arena) visit() *Monster {
	m := &Monster{name: "visitor"}
	weakbus.SubscribeFunc(a.bus, a.bus.Scope(), m.OnTick) // planted: scope of the owner's bus
	return m
}

func (a *Arena) replaceBoss() {
	m := &Monster{name: "boss"}
	weakbus.Subscribe(a.bus, m, func(_ *Monster, _ Tick) { m.health-- }) // may go with the arena
	weakbus.SubscribeFunc(a.bus, a.bus.Scope(), m.OnTick)
	a.boss = m
}

func (a *Arena) listen() {
	weakbus.Subscribe(a.bus, a, func(_ *Arena, _ Tick) { a.title = "" }) // goes with the arena
	weakbus.SubscribeFunc(a.bus, a.bus.Scope(), func(Tick) { a.title = "" })
}
