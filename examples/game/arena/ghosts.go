package arena

import (
	"slices"
	"weak"

	"github.com/weakbus/weakbus"
)

// Dropped says that the world has let go of an entity. Nobody unsubscribes it: the bus forgets it after the
// next garbage collection.
type Dropped struct {
	X, Y   float64 // where it was, in pixels
	Radius float64
	Entity weak.Pointer[Entity]
}

// Ghosts knows which dropped entities the collector has not taken yet.
type Ghosts struct{ all []Dropped }

// NewGhosts returns what hears of the dropped for as long as the caller keeps it.
func NewGhosts(bus *weakbus.Bus) *Ghosts {
	g := &Ghosts{}
	weakbus.Subscribe(bus, g, (*Ghosts).OnDropped)
	return g
}

// OnDropped notes the entity.
func (g *Ghosts) OnDropped(d Dropped) { g.all = append(g.all, d) }

// All returns those that the collector has not taken, oldest first. The slice is valid until the next
// frame.
func (g *Ghosts) All() []Dropped {
	g.all = slices.DeleteFunc(g.all, func(d Dropped) bool { return d.Entity.Value() == nil })
	return g.all
}
