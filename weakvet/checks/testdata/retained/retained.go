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

func generic[E any](t *weakbus.Topic[E]) { t.Retain() }

func subscribe(bus *weakbus.Bus, w *Window, p *Player) {
	weakbus.SubscribeFunc(bus, &w.subs, func(Tick) { w.title = "" })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Tick) {})
	weakbus.Subscribe(bus, p, (*Player).OnTick)
}
