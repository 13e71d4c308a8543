// Package arena is the logic of a small game: entities fly about, collide, wear each other out, and
// die by the hundred. Each subscribes to its events when it is made, and nobody unsubscribes it:
// the world drops the dead, and the bus forgets them.
//
// The package needs no display. The same seed gives the same game, whenever the collector runs.
package arena

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
	"weak"

	"github.com/weakbus/weakbus"
)

// The size of the arena, in pixels.
const (
	Width  = 960
	Height = 640
)

const (
	burst    = 20   // frames from one spawning to the next
	coverage = 0.08 // of the arena by entities
	points   = 10   // for a kill
	speed    = 2    // of the outermost that spawn, in pixels a frame
)

// World is the arena. It is for one goroutine, that of the game's Update.
type World struct {
	bus        *weakbus.Bus
	queue      *weakbus.Queue
	ticks      *weakbus.Topic[Tick]
	collisions *weakbus.Topic[Collision]

	rng      *rand.Rand
	want     int // entities
	radius   float64
	entities []*Entity // what keeps them alive
	ghosts   []Ghost   // what does not
	grid     grid
	frame    int
	spawned  int // entities so far, which is also the next ID
	teams    int
	meter    meter
}

// meter counts since the last Stats.
type meter struct {
	frames, events, late int
	publishing           time.Duration
}

// New returns an arena that keeps itself filled with the given number of entities. It panics if
// that is less than one.
func New(entities int, seed uint64) *World {
	if entities < 1 {
		panic(fmt.Sprintf("arena: New: %d entities; at least one is needed", entities))
	}
	bus := weakbus.New()
	w := &World{
		bus: bus, queue: weakbus.NewQueue(bus, weakbus.Capacity(math.MaxInt)),
		ticks: weakbus.TopicOf[Tick](bus), collisions: weakbus.TopicOf[Collision](bus),
		rng: rand.New(rand.NewPCG(seed, seed)), want: entities,
		radius: math.Sqrt(coverage * Width * Height / (math.Pi * float64(entities))),
	}
	w.grid = newGrid(w.radius)
	w.spawn()
	return w
}

// Bus returns the bus on which the world publishes Score, and the rest.
func (w *World) Bus() *weakbus.Bus { return w.bus }

// Entities returns the live entities. They are the world's own: to keep one keeps it alive.
func (w *World) Entities() []*Entity { return w.entities }

// Frame returns the number of calls of Update so far.
func (w *World) Frame() int { return w.frame }

// Update is one frame. Its one drain publishes, in this order, the collisions and kills that the
// last frame found, and the tick. An error, that of a post, means that events were lost.
func (w *World) Update() error {
	w.frame++
	if err := weakbus.Post(w.queue, Tick{w.frame}); err != nil {
		return err
	}
	start := time.Now()
	w.meter.events += w.queue.Drain()
	w.meter.publishing += time.Since(start)
	w.meter.frames++

	if err := w.bury(); err != nil {
		return err
	}
	if w.frame%burst == 0 {
		w.Ghosts() // forgets those that are gone, also where nobody draws them
		w.spawn()
	}
	return w.collide()
}

// bury drops the dead. That is all that has to be done: DeleteFunc clears what it leaves behind the
// slice's end, and no other strong pointer to an entity exists.
func (w *World) bury() error {
	for _, e := range w.entities {
		if !e.dead {
			continue
		}
		w.ghosts = append(w.ghosts, Ghost{e.X, e.Y, e.Radius, weak.Make(e)})
		if e.Health > 0 { // nobody gets points for the old
			continue
		}
		if err := weakbus.Post(w.queue, Score{points, e.X, e.Y, e.Team, w.frame}); err != nil {
			return err
		}
	}
	w.entities = slices.DeleteFunc(w.entities, func(e *Entity) bool { return e.dead })
	return nil
}

// spawn fills the arena up with a new team, which flies out from one place.
func (w *World) spawn() {
	n := w.want - len(w.entities)
	size := 3 * w.radius * math.Sqrt(float64(n))
	x, y := size+w.rng.Float64()*(Width-2*size), size+w.rng.Float64()*(Height-2*size)
	w.teams++
	for range n {
		direction, distance := 2*math.Pi*w.rng.Float64(), math.Sqrt(w.rng.Float64())
		dx, dy := distance*math.Cos(direction), distance*math.Sin(direction)
		w.entities = append(w.entities, newEntity(w, w.spawned, x+size*dx, y+size*dy, speed*dx, speed*dy))
		w.spawned++
	}
}

// collide posts a Collision to both of each pair that touches and comes closer.
func (w *World) collide() error {
	w.grid.clear(len(w.entities))
	for i, a := range w.entities {
		for j := range w.grid.near(a.X, a.Y) {
			b := w.entities[j]
			push, ok := impact(a, b)
			if !ok {
				continue
			}
			if err := weakbus.PostTo(w.queue, a.hits, push); err != nil {
				return err
			}
			if err := weakbus.PostTo(w.queue, b.hits, Collision{-push.PushX, -push.PushY}); err != nil {
				return err
			}
		}
		w.grid.add(i, a.X, a.Y)
	}
	return nil
}

// impact returns the change of a's velocity if a and b, which weigh the same, collide.
func impact(a, b *Entity) (Collision, bool) {
	dx, dy, reach := a.X-b.X, a.Y-b.Y, a.Radius+b.Radius
	distance2 := dx*dx + dy*dy
	closing := (b.VX-a.VX)*dx + (b.VY-a.VY)*dy
	if distance2 >= reach*reach || distance2 == 0 || closing <= 0 {
		return Collision{}, false
	}
	return Collision{dx * closing / distance2, dy * closing / distance2}, true
}

// Stats is what the overlay shows.
type Stats struct {
	// Entities is the number of live ones.
	Entities int
	// Subscriptions is how many of entities the bus has, and OfDead how many of those are of dead
	// entities, which the collector has not taken yet.
	Subscriptions, OfDead int
	// Pruned is how many of entities the bus has forgotten so far.
	Pruned int
	// Events, Late and Publishing are means for a frame since the last call: the events that
	// were published, the handlers of dead entities that were called, and the time that
	// publishing took, the handlers' work included.
	Events, Late float64
	Publishing   time.Duration
}

// Stats returns the numbers since the last call. It looks at each subscription to the ticks: call
// it once a second and not once a frame.
//
// It is tempting to ask the bus for all of its Stats, or to count with a Trace. The first looks at the
// topic of each entity, which takes longer than a frame when there are thousands, the second
// at each delivery. But both subscriptions of an entity end with it, so one tells of the other.
func (w *World) Stats() Stats {
	s := Stats{Entities: len(w.entities), Subscriptions: subscriptions * w.ticks.Len()}
	s.OfDead = s.Subscriptions - subscriptions*s.Entities
	s.Pruned = subscriptions*w.spawned - s.Subscriptions // nobody cancels
	if m := w.meter; m.frames > 0 {
		n := float64(m.frames)
		s.Events, s.Late, s.Publishing = float64(m.events)/n, float64(m.late)/n, m.publishing/time.Duration(m.frames)
	}
	w.meter = meter{}
	return s
}
