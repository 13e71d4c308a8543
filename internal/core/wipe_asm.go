//go:build amd64 || arm64

package core

// wipe writes zeroes to all registers that may have a pointer. What a function leaves in a register stays there
// until another uses it, and the collector looks at the registers of a goroutine that it interrupts in a
// computation as at the frame of that; see Distance.
//
//go:noescape
func wipe()
