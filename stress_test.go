//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// steady hears every event of each publisher exactly once and in order, whatever else goes on.
type steady struct {
	name string
	mu   sync.Mutex
	last map[int]int
	bad  []string
}

func (d *steady) hear(e serial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.n != d.last[e.from]+1 {
		d.bad = append(d.bad, fmt.Sprintf("%s: %d of %d after %d", d.name, e.n, e.from, d.last[e.from]))
	}
	d.last[e.from] = e.n
}

type serial struct{ from, n int }

// passing is a receiver that comes and goes.
type passing struct {
	heard atomic.Int64
	next  *passing
	subs  weakbus.Scope
}

func (d *passing) hear(serial) { d.heard.Add(1) }

func TestStress_CollectionsWithoutPause(t *testing.T) {
	duration := 300 * time.Millisecond
	if full {
		duration = 3 * time.Second
	}
	bus := weakbus.New()
	var wg, collector sync.WaitGroup
	var stop, stopCollector atomic.Bool
	collector.Go(func() {
		for !stopCollector.Load() {
			runtime.GC()
		}
	})

	const publishers = 3
	keep := make([]*steady, 20)
	for i := range keep {
		keep[i] = &steady{name: fmt.Sprint("steady ", i), last: map[int]int{}}
		weakbus.Subscribe(bus, keep[i], (*steady).hear, weakbus.Priority(i%3))
	}
	published := make([]int, publishers)
	for from := range publishers {
		wg.Go(func() {
			for n := 1; !stop.Load(); n++ {
				ran := weakbus.Publish(bus, serial{from, n})
				if ran < len(keep) {
					t.Errorf("publish %d of %d ran %d", n, from, ran)
				}
				published[from] = n
			}
		})
	}
	var subscribed atomic.Int64
	for g := range 3 {
		wg.Go(func() {
			for n := 0; !stop.Load(); n++ {
				d := &passing{}
				subscribed.Add(1)
				switch n % 5 {
				case 0: // dropped
					weakbus.Subscribe(bus, d, (*passing).hear)
				case 1: // cancelled
					sub := weakbus.Subscribe(bus, d, (*passing).hear, weakbus.Priority(g-1))
					sub.Pause()
					sub.Resume()
					if sub.State() == weakbus.Active {
						assert.True(t, sub.Cancel())
					}
				case 2: // scope dropped with its owner
					weakbus.SubscribeFunc(bus, &d.subs, d.hear, weakbus.Once())
				case 3:
					weakbus.SubscribeFunc(bus, &d.subs, d.hear)
					assert.NoError(t, d.subs.Close())
				case 4:
					weakbus.Subscribe(bus, d, (*passing).hear, weakbus.Filter(func(e serial) bool { return e.n%2 == 0 }))
					if n%50 == 4 {
						weakbus.TopicOf[serial](bus).Len()
					}
				}
				if n%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	time.Sleep(duration) // the length of the test, not a wait for something
	stop.Store(true)
	wg.Wait()
	stopCollector.Store(true)
	collector.Wait()

	for _, d := range keep {
		require.Empty(t, d.bad)
		for from, n := range published {
			require.Equal(t, n, d.last[from], "%s heard all of %d", d.name, from)
		}
	}
	until(t, "passing receivers", func() bool { return weakbus.TopicOf[serial](bus).Len() == len(keep) })
	t.Logf("published %v, subscribed %d", published, subscribed.Load())
	runtime.KeepAlive(keep)
}
