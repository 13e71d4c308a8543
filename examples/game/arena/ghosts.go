package arena

import (
	"slices"
	"weak"
)

// Ghost is an entity that the world has let go of. Nobody unsubscribes it: the bus forgets it after the
// next garbage collection.
type Ghost struct {
	X, Y   float64 // where it was, in pixels
	Radius float64
	entity weak.Pointer[Entity]
}

// Ghosts returns the dropped entities that the collector has not taken, oldest first. The slice is valid
// until the next frame.
func (w *World) Ghosts() []Ghost {
	w.ghosts = slices.DeleteFunc(w.ghosts, func(g Ghost) bool { return g.entity.Value() == nil })
	return w.ghosts
}
