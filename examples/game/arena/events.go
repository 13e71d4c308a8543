package arena

// Tick is a frame. Every entity hears it, and moves.
type Tick struct{ Frame int }

// Collision is what one of two entities that hit each other is told. It is published to the topic
// of that entity's ID; who subscribes to all collisions hears it too.
type Collision struct {
	// PushX and PushY are the change of velocity, in pixels a frame.
	PushX, PushY float64
}

// Score is a kill.
type Score struct {
	Points int
	X, Y   float64 // where it was, in pixels
	Team   int     // of the victim
	Frame  int     // when
}
