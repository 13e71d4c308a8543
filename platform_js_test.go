package weakbus_test

// preemptive says that the runtime interrupts a goroutine that computes. There is one thread here, and a
// goroutine goes on until it blocks or yields.
const preemptive = false
