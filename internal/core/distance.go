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

// wipe leaves nothing of a snapshot in a register that is not one of results. The compiler copies structures
// through vector registers, and keeps pointers in general ones, which may be next used much later.
func wipe() {
	_, _ = wipeVectors(0), wipeGeneral(0)
}

// wipeVectors needs all vector registers for small numbers: each of these lives through the loop.
//
//go:noinline
func wipeVectors(n int) float64 {
	var a, b, c, d, e, f, g, h, i, j, k, l, m, o, p float64
	for ; n < 2; n++ {
		a, b, c, d, e, f, g, h, i, j, k, l, m, o, p = b+1, c, d, e, f, g, h, i, j, k, l, m, o, p, a
	}
	return a + b + c + d + e + f + g + h + i + j + k + l + m + o + p
}

// wipeGeneral does the same for the general registers.
//
//go:noinline
func wipeGeneral(n int) int {
	var a, b, c, d, e, f, g, h, i, j, k, l int
	for ; n < 2; n++ {
		a, b, c, d, e, f, g, h, i, j, k, l = b+n, c, d, e, f, g, h, i, j, k, l, a
	}
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l
}
