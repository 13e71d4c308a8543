//go:build !js

package weakbus_test

import "go.uber.org/goleak"

// preemptive says that the runtime interrupts a goroutine that computes.
const preemptive = true

var (
	// leftOut is the tests that cannot work on this platform, with the reason.
	leftOut map[string]string
	// own is the goroutines that the runtime of this platform has.
	own []goleak.Option
)
