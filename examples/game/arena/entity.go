package arena

import "github.com/weakbus/weakbus"

// Entity is a thing that flies about. It lives for as long as its world refers to it; the bus does
// so only weakly. Its fields are for reading.
type Entity struct {
	X, Y   float64 // the centre, in pixels
	VX, VY float64 // pixels a frame
	Radius float64 // pixels
	Team   int     // those that spawned together
	Health int     // collisions it still survives, FullHealth at most

	world *World
	hits  *weakbus.Topic[Collision] // those of this entity; refers to it weakly
	until int                       // the frame of its natural death

	// dead says that the world has let go of the entity, or is about to. Nobody unsubscribes it, so
	// it hears events until the collector has taken it, and the handlers look here first.
	//
	// Where a handler cannot know, or a late call would do harm, give the entity a weakbus.Scope,
	// subscribe with the option In(&e.subs), and close that on death: it ends at once what
	// the collector ends some time. Here a flag is enough, and the late calls are counted.
	dead bool
}

// FullHealth is the number of collisions that an entity dies of.
const FullHealth = 8

const minLife, spare = 180, 300 // frames

// newEntity makes an entity that hears the ticks of the world and its own collisions.
func newEntity(w *World, id int, x, y, vx, vy float64) *Entity {
	e := &Entity{
		X: x, Y: y, VX: vx, VY: vy, Radius: w.radius * (0.7 + 0.6*w.rng.Float64()),
		Team: w.teams, Health: FullHealth,
		world: w, hits: w.collisions.At(id), until: w.frame + minLife + w.rng.IntN(spare),
	}
	weakbus.Subscribe(w.ticks, e, (*Entity).OnTick)
	weakbus.Subscribe(e.hits, e, (*Entity).OnCollision)
	return e
}

// subscriptions is how many newEntity makes.
const subscriptions = 2

// OnTick moves the entity, back from the walls, and lets it die when it is old.
func (e *Entity) OnTick(t Tick) {
	if e.dead {
		e.world.meter.late++
		return
	}
	e.X, e.VX = move(e.X, e.VX, e.Radius, Width)
	e.Y, e.VY = move(e.Y, e.VY, e.Radius, Height)
	e.dead = t.Frame >= e.until
}

// OnCollision pushes the entity away, and wears it out. A dead one dies, and scores, only once.
func (e *Entity) OnCollision(c Collision) {
	if e.dead {
		e.world.meter.late++
		return
	}
	e.VX += c.PushX
	e.VY += c.PushY
	e.Health--
	e.dead = e.Health == 0
}

// move returns where a frame takes a coordinate, and its speed, which a wall turns round.
func move(at, speed, radius, size float64) (float64, float64) {
	at += speed
	if at < radius && speed < 0 || at > size-radius && speed > 0 {
		speed = -speed
	}
	return min(max(at, radius), size-radius), speed
}
