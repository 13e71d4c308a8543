//go:build !js

package weakbus_test

// preemptive says that the runtime interrupts a goroutine that computes.
const preemptive = true
