package weakbus_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestWake_ComesOnceForWhatWaits(t *testing.T) {
	bus := weakbus.New()
	wakes := 0
	q := weakbus.NewQueue(bus, weakbus.Wake(func() { wakes++ }))
	for range 3 {
		require.NoError(t, weakbus.Post(q, note{1}))
	}
	assert.Equal(t, 1, wakes)
	q.Drain()
	assert.Equal(t, 1, wakes)
	require.NoError(t, weakbus.Post(q, "another type"))
	assert.Equal(t, 2, wakes)
	q.Clear()
	require.NoError(t, weakbus.Post(q, note{1}))
	assert.Equal(t, 3, wakes)
	require.NoError(t, q.Close())
	require.ErrorIs(t, weakbus.Post(q, note{1}), weakbus.ErrClosed)
	assert.Equal(t, 3, wakes)
}

func TestWake_ComesForWhatIsPostedDuringADrain(t *testing.T) {
	bus := weakbus.New()
	wakes := 0
	q := weakbus.NewQueue(bus, weakbus.Wake(func() { wakes++ }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 0 {
			require.NoError(t, weakbus.Post(q, note{1}))
			assert.Equal(t, 2, wakes, "the queue is being drained, and has nothing new")
			require.NoError(t, weakbus.Post(q, note{2}))
			assert.Equal(t, 2, wakes)
		}
	})
	require.NoError(t, weakbus.Post(q, note{0}))
	assert.Equal(t, 1, q.Drain())
	assert.Equal(t, 2, wakes)
	assert.Equal(t, 2, q.Drain())
}

func TestWake_IsOutsideAllLocks(t *testing.T) {
	bus := weakbus.New()
	var q *weakbus.Queue
	var seen []int
	q = weakbus.NewQueue(bus, weakbus.Wake(func() { seen = append(seen, q.Len(), q.Drain()) }))
	heard := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard++ })
	require.NoError(t, weakbus.Post(q, note{1}))
	assert.Equal(t, []int{1, 1}, seen)
	assert.Equal(t, 1, heard)
}

func TestWake_DoesNotComeForAnEventThatTakesThePlaceOfAnother(t *testing.T) {
	for _, overflow := range []weakbus.Overflow{weakbus.DropOldest, weakbus.Latest, weakbus.DropNewest} {
		wakes := 0
		q := weakbus.NewQueue(weakbus.New(), weakbus.Capacity(1), weakbus.WhenFull(overflow), weakbus.Wake(func() { wakes++ }))
		for i := range 3 {
			_ = weakbus.Post(q, note{i})
		}
		assert.Equal(t, 1, wakes, overflow)
	}
}

func TestWake_ComesForWhatAPanicLeft(t *testing.T) {
	bus := weakbus.New()
	wakes := 0
	q := weakbus.NewQueue(bus, weakbus.Wake(func() { wakes++ }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 0 {
			panic("oops")
		}
	})
	for i := range 2 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	assert.Panics(t, func() { q.Drain() })
	assert.Equal(t, 2, wakes)
	assert.Equal(t, 1, q.Drain())
}

// An executor on other goroutines may come while another drain is under way, whose end then wakes it again.
func TestWake_NoEventIsLeftAsleep(t *testing.T) {
	bus := weakbus.New()
	var heard atomic.Int64
	var drains sync.WaitGroup
	var q *weakbus.Queue
	q = weakbus.NewQueue(bus, weakbus.Wake(func() { drains.Go(func() { q.Drain() }) }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {
		if heard.Add(1)%7 == 0 {
			runtime.Gosched()
		}
	})
	const each = 5_000
	var posters sync.WaitGroup
	for range 3 {
		posters.Go(func() {
			for i := range each {
				if err := weakbus.Post(q, note{i}); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					time.Sleep(time.Microsecond)
				}
			}
		})
	}
	posters.Wait()
	drains.Wait()
	assert.EqualValues(t, 3*each, heard.Load())
	assert.Zero(t, q.Len())
}

func TestWake_ADrainThatCameInVainIsWokenAgain(t *testing.T) {
	bus := weakbus.New()
	wakes := 0
	var q *weakbus.Queue
	q = weakbus.NewQueue(bus, weakbus.Wake(func() { wakes++; q.Drain() }))
	var heard []int
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		heard = append(heard, e.n)
		if e.n < 3 {
			require.NoError(t, weakbus.Post(q, note{e.n + 1}))
		}
	})
	require.NoError(t, weakbus.Post(q, note{1}))
	assert.Equal(t, []int{1, 2, 3}, heard)
	assert.Zero(t, q.Len())
}

func TestWake_MisusePanics(t *testing.T) {
	assert.Contains(t, panicOf(func() { weakbus.Wake(nil) }), "weakbus: Wake: nil function; leave the option out")
}
