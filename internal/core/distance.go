package core

// Distance lies between a caller of Publish and the frames that hold a snapshot. When Publish has
// returned, these are garbage below the caller's frame; but where the caller next runs a function that
// computes without calls, the collector scans that function's frame word by word, and with it whatever
// garbage it did not overwrite. One pointer to a snapshot there would keep all subscribers of the topic
// alive. At this distance only a frame of more than a kilobyte reaches that far.
//
// A function makes room for it by a variable in a branch that is never taken, which costs nothing.
type Distance [128]*byte

// Keep keeps the compiler from leaving the variable out.
//
//go:noinline
func (d *Distance) Keep() { d[0] = nil }

// Registers has a function that handled a snapshot return zeroes in the registers of its results. What a
// function leaves in a register stays there until another uses it, and the collector looks at the
// registers of a goroutine that it interrupts in a computation as at the frame of that.
type Registers struct{ _, _, _, _, _, _, _, _ uintptr }

// wipeVectors returns zeroes in all vector registers. The compiler copies structures through those: one that
// a segment was copied through is next used when something else is copied, which may be never.
//
//go:noinline
func wipeVectors() (_, _, _, _, _, _, _, _, _, _, _, _, _, _, _ float64) { return }
