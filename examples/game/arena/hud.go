package arena

import (
	"slices"

	"github.com/weakbus/weakbus"
)

// HUD is what the player reads: the score, and flashes where it was made. Its fields are for
// reading.
type HUD struct {
	Score, Kills, Collisions int

	flashes []Score // the latest, oldest first
}

// NewHUD returns a HUD that hears of the scores on the bus for as long as the caller keeps it.
func NewHUD(bus *weakbus.Bus) *HUD {
	h := &HUD{}
	weakbus.Subscribe(bus, h, (*HUD).OnScore)
	weakbus.Subscribe(bus, h, (*HUD).OnCollision) // all: those of each entity reach the parent topic too
	return h
}

// OnScore adds to the score.
func (h *HUD) OnScore(s Score) {
	h.Score += s.Points
	h.Kills++
	h.flashes = append(h.flashes, s)
}

// OnCollision counts. Each of the two that collided is told, so there are two events.
func (h *HUD) OnCollision(Collision) { h.Collisions++ }

// Flashes returns the kills since the given frame, oldest first, and forgets the rest. The slice
// is valid until the next frame.
func (h *HUD) Flashes(since int) []Score {
	h.flashes = slices.DeleteFunc(h.flashes, func(s Score) bool { return s.Frame < since })
	return h.flashes
}
