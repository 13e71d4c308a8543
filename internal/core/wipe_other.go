//go:build !386 && !amd64 && !arm64

package core

// wipe is of no use where the runtime does not interrupt computations, as in WebAssembly. On other
// processors a computation may keep what the publish before it has left in registers.
func wipe() {}
