package sweep

import (
	"sync"
	"time"
)

// patience is how long a call may hold up those behind it.
const patience = 50 * time.Millisecond

// calls has calls of users' code that are due. As with tasks, one goroutine does them and ends. But a
// call may block, or end its goroutine: then another one goes on with the rest.
var calls struct {
	mu       sync.Mutex
	due      []func()
	workers  int
	done     uint64 // calls that have returned, one way or another
	watching bool   // a timer is to look whether calls are held up
}

// Call has f called soon, on a goroutine of this package. f may block or end its goroutine; other calls
// are held up for some milliseconds at most. A panic of f ends the program.
func Call(f func()) {
	calls.mu.Lock()
	defer calls.mu.Unlock()
	calls.due = append(calls.due, f)
	if calls.workers == 0 {
		calls.workers++
		go work()
		return
	}
	watch()
}

// watch has another goroutine help if no call returns in time. The caller holds mu.
func watch() {
	if calls.watching {
		return
	}
	calls.watching = true
	seen := calls.done
	time.AfterFunc(patience, func() {
		calls.mu.Lock()
		defer calls.mu.Unlock()
		calls.watching = false
		if len(calls.due) == 0 {
			return
		}
		if calls.done == seen {
			calls.workers++
			go work()
		}
		watch()
	})
}

func work() {
	over := false
	defer func() {
		if !over { // the call ended its goroutine
			calls.mu.Lock()
			calls.done++
			calls.mu.Unlock()
			go work()
		}
	}()
	for {
		calls.mu.Lock()
		if len(calls.due) == 0 {
			calls.workers--
			over = true
			calls.mu.Unlock()
			return
		}
		f := calls.due[0]
		if calls.due = calls.due[1:]; len(calls.due) == 0 {
			calls.due = nil
		}
		calls.mu.Unlock()
		f()
		calls.mu.Lock()
		calls.done++
		calls.mu.Unlock()
	}
}
