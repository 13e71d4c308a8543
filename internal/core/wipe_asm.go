//go:build amd64 || arm64

package core

// wipe writes zeroes to the registers that do not carry results; see Registers.
//
//go:noescape
func wipe()
