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
	due      []batch
	workers  int
	done     uint64 // calls that have returned, one way or another
	watching bool   // a timer is to look whether calls are held up
}

// batch is n calls of a function, of which next is the first that nobody has begun.
type batch struct {
	do      func(i int)
	next, n int
}

// Call has f called soon, on a goroutine of this package. f may block or end its goroutine; other calls
// are held up for some milliseconds at most. A panic of f ends the program.
func Call(f func()) { Each(1, func(int) { f() }) }

// Each has do called soon with 0 to n-1, each as by Call.
func Each(n int, do func(i int)) {
	if n == 0 {
		return
	}
	calls.mu.Lock()
	defer calls.mu.Unlock()
	calls.due = append(calls.due, batch{do, 0, n})
	if calls.workers == 0 {
		calls.workers++
		go work()
		if n == 1 {
			return
		}
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
	for returned := false; ; returned = true {
		do, i := next(returned)
		if do == nil {
			over = true
			return
		}
		do(i)
	}
}

// next returns the next call that is due. If there is none, the worker ends. returned says that its last
// call has returned.
func next(returned bool) (do func(int), i int) {
	calls.mu.Lock()
	defer calls.mu.Unlock()
	if returned {
		calls.done++
	}
	if len(calls.due) == 0 {
		calls.workers--
		return nil, 0
	}
	b := &calls.due[0]
	do, i = b.do, b.next
	if b.next++; b.next == b.n {
		b.do = nil
		if calls.due = calls.due[1:]; len(calls.due) == 0 {
			calls.due = nil
		}
	}
	return do, i
}
