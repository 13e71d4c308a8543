package sweep

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// counter counts the sweeps of a task.
type counter struct{ n atomic.Int32 }

func (c *counter) Sweep() { c.n.Add(1) }

// eventually runs the collector until done.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "it takes too long")
		runtime.GC()
	}
}

func TestAfter_DoesATaskOnceAfterACollection(t *testing.T) {
	var all [100]counter
	for i := range all {
		After(&all[i])
	}
	eventually(t, func() bool {
		for i := range all {
			if all[i].n.Load() == 0 {
				return false
			}
		}
		return true
	})
	for range 3 {
		runtime.GC()
	}
	for i := range all {
		assert.EqualValues(t, 1, all[i].n.Load())
	}
}

// again is a task that comes again.
type again struct{ left atomic.Int32 }

func (a *again) Sweep() {
	if a.left.Add(-1) > 0 {
		After(a)
	}
}

func TestAfter_ATaskMayComeAgain(t *testing.T) {
	var a again
	a.left.Store(5)
	After(&a)
	eventually(t, func() bool { return a.left.Load() == 0 })
}

// settled waits until no call is due or under way.
func settled(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		calls.mu.Lock()
		defer calls.mu.Unlock()
		return calls.workers == 0 && !calls.watching
	})
}

func TestCall_KeepsTheOrder(t *testing.T) {
	var got []int
	done := make(chan struct{})
	for i := range 1_000 {
		Call(func() { got = append(got, i) })
	}
	Call(func() { close(done) })
	<-done
	for i, n := range got {
		require.Equal(t, i, n)
	}
	assert.Len(t, got, 1_000)
	settled(t)
}

func TestCall_GoesOnBehindCallsThatEndTheirGoroutine(t *testing.T) {
	var n atomic.Int32
	for range 100 {
		Call(func() { n.Add(1); runtime.Goexit() })
	}
	done := make(chan struct{})
	Call(func() { close(done) })
	<-done
	assert.EqualValues(t, 100, n.Load())
	settled(t)
}

func TestCall_GoesOnBesideCallsThatBlock(t *testing.T) {
	release := make(chan struct{})
	var blocked sync.WaitGroup
	for range 3 {
		blocked.Add(1)
		Call(func() { blocked.Done(); <-release })
	}
	for range 2 { // those that are due already, and those that come later
		done := make(chan struct{})
		Call(func() { close(done) })
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("it is held up")
		}
	}
	blocked.Wait()
	close(release)
	settled(t)
	assert.Nil(t, calls.due)
}

func TestCall_FromWithinACall(t *testing.T) {
	done := make(chan struct{})
	Call(func() { Call(func() { close(done) }) })
	<-done
	settled(t)
}

func TestCall_UnderStress(t *testing.T) {
	var called atomic.Int32
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				Call(func() {
					called.Add(1)
					switch (g + i) % 50 {
					case 0:
						runtime.Goexit()
					case 1:
						time.Sleep(time.Millisecond)
					}
				})
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool { return called.Load() == 2_000 })
	settled(t)
}
