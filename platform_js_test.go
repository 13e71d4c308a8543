package weakbus_test

import "go.uber.org/goleak"

// preemptive says that the runtime interrupts a goroutine that computes. There is one thread here, and a
// goroutine goes on until it blocks or yields.
const preemptive = false

// leftOut is the tests that cannot work on this platform, with the reason.
var leftOut = map[string]string{
	"TestClear_UnderConcurrentSubscribesAndPublishes":                  neverYields,
	"TestObserve_ActiveAndIdleAreInOrderForThoseWhoComeInBetween":      neverYields,
	"TestCloseWait_UnderConcurrentPublishing":                          neverYields,
	"TestPace_UnderConcurrentPublishersAndEnds":                        neverYields,
	"TestThrough_ABusWaitsForItsOwnEventsOnly":                         "a mailbox that is never at rest lets no timer run",
	"TestStress_CollectionsWithoutPause":                               neverYields,
	"TestSnapshot_IsNotKeptByAGoroutineThatHasPublishedAndNowComputes": neverYields,
}

const neverYields = "it has goroutines that compute, and nothing interrupts them"

// own is the goroutines that the runtime of this platform has.
var own = []goleak.Option{goleak.IgnoreAnyFunction("runtime.handleEvent")}
