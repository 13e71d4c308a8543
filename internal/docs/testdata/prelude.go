// Package prelude is what fragments of code in the documentation may use without declaring it. Its
// variables become the parameters of the function that a fragment is wrapped in.
package prelude

import (
	"context"
	"log/slog"

	"github.com/weakbus/weakbus"
)

var (
	ctx    context.Context
	logger *slog.Logger
	bus    *weakbus.Bus
	hud    *HUD
	g      *Game
	queue  *weakbus.Queue
	// fyne stands for the package.
	fyne struct{ Do func(task func()) }
)

// Score is an event.
type Score struct{ Points int }

// HUD hears events.
type HUD struct {
	name  string
	total int
	subs  weakbus.Scope
}

// OnScore is a handler.
func (h *HUD) OnScore(s Score) { h.total += s.Points }

// NewHUD makes a HUD.
func NewHUD(bus *weakbus.Bus) *HUD {
	h := &HUD{}
	weakbus.Subscribe(bus, h, (*HUD).OnScore, weakbus.In(&h.subs))
	return h
}

// Game owns a HUD.
type Game struct{ hud *HUD }
