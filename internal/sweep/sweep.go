// Package sweep calls back after a garbage collection.
package sweep

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// sentinel is an object that the next collection takes, and by that tells that it ran. It has a
// pointer, so that the runtime allocates it alone.
type sentinel struct{ _ *sentinel }

// Task is what is to be done after a collection. It must neither call code of users, which could
// end or block the goroutine that all tasks share, nor panic.
type Task interface{ Sweep() }

// After has the task done once, on a goroutine of this package, after the next collection. The task
// is kept until then, so it must refer weakly to what a collection may take.
func After(t Task) { runtime.AddCleanup(&sentinel{}, collected, t) }

// due has the tasks that a collection made due. One goroutine does them and ends: a goroutine for
// each would be fine for one task, but the runtime never frees the descriptors of thousands.
var due struct {
	mu      sync.Mutex
	tasks   []Task
	running bool
}

var round atomic.Uint64

// Round returns a number that is the same for tasks that one collection made due at once. What several of
// them would do again need be done only once a round.
func Round() uint64 { return round.Load() }

// collected runs after a collection, where nothing may block.
func collected(t Task) {
	due.mu.Lock()
	defer due.mu.Unlock()
	due.tasks = append(due.tasks, t)
	if !due.running {
		due.running = true
		go run()
	}
}

func run() {
	for {
		due.mu.Lock()
		tasks := due.tasks
		due.tasks = nil
		due.running = len(tasks) > 0
		due.mu.Unlock()
		if len(tasks) == 0 {
			return
		}
		round.Add(1)
		for _, t := range tasks {
			t.Sweep()
		}
	}
}
