// Package retained has retained events that point to subscribers, and corrected twins.
package retained

import (
	"weak"

	"github.com/weakbus/weakbus"
)

type Tick struct{ now, then int }

type Window struct {
	title string
	subs  weakbus.Scope
}

type Player struct{ name, team string }

func (p *Player) OnTick(Tick) {}

type Store struct{ path string }

type (
	Focused  struct{ Window *Window }
	Moved    struct{ Detail }
	Detail   struct{ Who []*Player }
	Killed   struct{ By, Victim *Player }
	Opened   struct{ Store *Store }
	Faded    struct{ Window weak.Pointer[Window] }
	Renamed  struct{ ID int }
	Deep     struct{ Box *Detail }
	Holding  struct{ subs *weakbus.Scope }
	Anything struct{ Value any }
	List     struct {
		next *List
		p    *Player
	}
)

type Model struct {
	Changed weakbus.Topic[*Player]
	Killed  weakbus.Topic[*Killed]
}

func retain(bus *weakbus.Bus, m *Model) {
	weakbus.TopicOf[Focused](bus).Retain() // want `the retained Focused keeps a subscriber alive: its field Window points to a Window; let the event carry an identifier or a weak.Pointer\[Window\]`
	moved := weakbus.TopicOf[Moved](bus)
	moved.Retain()                        // want `the retained Moved keeps a subscriber alive: its field Detail.Who points to a Player`
	moved.At(1).Retain()                  // want `the retained Moved`
	m.Changed.Retain()                    // want `the retained \*Player keeps a subscriber alive: it points to one`
	m.Killed.Retain()                     // want `its field By points to a Player`
	weakbus.TopicOf[*List](bus).Retain()  // want `its field p points to a Player`
	weakbus.TopicOf[Opened](bus).Retain() // not a subscriber
	weakbus.TopicOf[Faded](bus).Retain()
	weakbus.TopicOf[Renamed](bus).Retain()
	weakbus.TopicOf[Deep](bus).Retain()     // not seen
	weakbus.TopicOf[Anything](bus).Retain() // not seen
	weakbus.TopicOf[any](bus).Retain()
	weakbus.TopicOf[Holding](bus).Retain()
	weakbus.TopicOf[Killed](bus).Publish(Killed{}) // retains nothing
}

// Part has the topic of its own events: both are collected together.
type Part struct {
	Changed weakbus.Topic[PartChanged]
	Other   weakbus.Topic[Swapped]
	Shared  *weakbus.Topic[PartChanged]
	nested  struct{ Moved weakbus.Topic[PartChanged] }
}

func (p *Part) OnTick(Tick) {}

type PartChanged struct{ Part *Part }

type Swapped struct {
	Part   *Part
	Player *Player
}

func parts(bus *weakbus.Bus, p *Part) {
	p.Changed.Retain()
	p.Changed.At(1).Retain()
	p.nested.Moved.Retain()
	changed := &p.Changed
	changed.Retain()
	p.Other.Retain()                           // want `its field Player points to a Player`
	p.Shared.Retain()                          // want `its field Part points to a Part`
	weakbus.TopicOf[PartChanged](bus).Retain() // want `its field Part points to a Part`
	weakbus.Subscribe(bus, p, (*Part).OnTick)
}

func generic[E any](t *weakbus.Topic[E]) { t.Retain() }

func subscribe(bus *weakbus.Bus, w *Window, p *Player) {
	weakbus.SubscribeFunc(bus, &w.subs, func(Tick) { w.title = "" })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Tick) {})
	weakbus.Subscribe(bus, p, (*Player).OnTick)
}
