package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// recorded subscribes to notes and strings, and returns what it hears of both, in order.
func recorded(bus *weakbus.Bus) *[]any {
	var got []any
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { got = append(got, e.n) })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e string) { got = append(got, e) })
	return &got
}

func TestQueue_PublishNowPostWaitsClearDrops(t *testing.T) { // [EnTT Functionalities]
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus)
	require.NoError(t, weakbus.Post(q, note{1}))
	weakbus.Publish(bus, note{2})
	assert.Equal(t, []any{2}, *got)
	assert.Equal(t, 1, q.Len())
	assert.Equal(t, 1, q.Drain())
	assert.Equal(t, []any{2, 1}, *got)
	assert.Zero(t, q.Drain())
	require.NoError(t, weakbus.Post(q, note{3}))
	require.NoError(t, weakbus.Post(q, "x"))
	assert.Equal(t, 2, q.Clear())
	assert.Equal(t, 2, q.Dropped())
	assert.Zero(t, q.Drain())
	require.NoError(t, weakbus.Post(q, note{4}))
	assert.Equal(t, 1, q.Drain())
	assert.Equal(t, []any{2, 1, 4}, *got)
}

func TestQueue_KeepsOneOrderAcrossTypes(t *testing.T) {
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus)
	for round := range 3 {
		var want []any
		*got = nil
		for i := range 100 * (round + 1) {
			if i*i%7 < 3 {
				want = append(want, i)
				require.NoError(t, weakbus.Post(q, note{i}))
			} else {
				want = append(want, fmt.Sprint(i))
				require.NoError(t, weakbus.Post(q, fmt.Sprint(i)))
			}
		}
		assert.Equal(t, len(want), q.Drain())
		assert.Equal(t, want, *got)
	}
}

func TestQueue_WhatIsPostedWhileDrainingWaits(t *testing.T) { // [EnTT StopAndGo, AutoQueue]
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	var got []int
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		got = append(got, e.n)
		for range 3 {
			if e.n < 100 {
				require.NoError(t, weakbus.Post(q, note{e.n + 100}))
			}
		}
		assert.Zero(t, q.Drain(), "a drain inside a drain does nothing")
	})
	for i := range 20 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	assert.Equal(t, 20, q.Drain())
	assert.Len(t, got, 20)
	assert.Equal(t, 60, q.Len())
	assert.Equal(t, 60, q.Drain())
	for i, n := range got[20:] {
		assert.Equal(t, 100+i/3, n)
	}
}

func TestQueue_APanicLosesNoneOfTheEventsBehindIt(t *testing.T) {
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus, weakbus.WhenFull(weakbus.DropOldest))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 2 {
			require.NoError(t, weakbus.Post(q, note{10}))
			require.NoError(t, weakbus.Post(q, "eleven"))
			panic("two")
		}
	})
	for i := range 3 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	require.NoError(t, weakbus.Post(q, "three"))
	require.NoError(t, weakbus.Post(q, note{4}))
	assert.PanicsWithValue(t, "two", func() { q.Drain() })
	assert.Equal(t, 4, q.Len(), "three, 4, 10, eleven")
	assert.Equal(t, 4, q.Drain())
	assert.Equal(t, []any{0, 1, 2, "three", 4, 10, "eleven"}, *got)

	// The same for a Goexit, and with events that were dropped in between.
	latest := weakbus.NewQueue(bus, weakbus.Capacity(3), weakbus.WhenFull(weakbus.Latest))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 20 {
			runtime.Goexit()
		}
	}, weakbus.Once(), weakbus.Filter(func(e note) bool { return e.n == 20 }))
	for _, n := range []int{17, 18, 19, 20} {
		require.NoError(t, weakbus.Post(latest, note{n}))
	}
	require.NoError(t, weakbus.Post(latest, "a"))
	require.NoError(t, weakbus.Post(latest, note{21}))
	*got = nil
	var wg sync.WaitGroup
	wg.Go(func() { latest.Drain() })
	wg.Wait()
	assert.Equal(t, []any{20}, *got)
	assert.Equal(t, 2, latest.Len())
	assert.Equal(t, 2, latest.Drain())
	assert.Equal(t, []any{20, "a", 21}, *got)
}

func TestQueue_OnPanicGoesOn(t *testing.T) {
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) {}))
	q := weakbus.NewQueue(bus)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { panic("each") })
	require.NoError(t, weakbus.Post(q, note{1}))
	require.NoError(t, weakbus.Post(q, note{2}))
	assert.Equal(t, 2, q.Drain())
}

func TestQueue_OverflowPoliciesAreExact(t *testing.T) {
	for _, c := range []struct {
		policy  weakbus.Overflow
		want    []any
		errs    int
		dropped int
	}{
		{weakbus.DropNewest, []any{1, "a", 2, 3}, 4, 4},
		{weakbus.DropOldest, []any{"c", 4, 5, "d"}, 0, 4},
		// 1 a 2 3 | b: drops a; c: drops b; 4: drops 1 2 3 | 5 has room; d has room.
		{weakbus.Latest, []any{"c", 4, 5, "d"}, 0, 5 - 1},
	} {
		t.Run(c.policy.String(), func(t *testing.T) {
			var drops, total int
			bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Dropped: func(d weakbus.Drop) {
				drops += d.Count
				total = d.Total
				assert.Nil(t, d.Subscription)
			}}))
			got := recorded(bus)
			q := weakbus.NewQueue(bus, weakbus.Capacity(4), weakbus.WhenFull(c.policy))
			errs := 0
			post := func(err error) {
				if err != nil {
					require.ErrorIs(t, err, weakbus.ErrFull)
					errs++
				}
			}
			post(weakbus.Post(q, note{1}))
			post(weakbus.Post(q, "a"))
			post(weakbus.Post(q, note{2}))
			post(weakbus.Post(q, note{3}))
			post(weakbus.Post(q, "c"))
			post(weakbus.Post(q, note{4}))
			post(weakbus.Post(q, note{5}))
			post(weakbus.Post(q, "d"))
			assert.Equal(t, c.errs, errs)
			assert.Equal(t, c.dropped, drops)
			assert.Equal(t, c.dropped, total)
			assert.Equal(t, c.dropped, q.Dropped())
			assert.Equal(t, len(c.want), q.Len())
			assert.Equal(t, len(c.want), q.Drain())
			assert.Equal(t, c.want, *got)
		})
	}
}

func TestQueue_LatestOfOneTypeStaysBounded(t *testing.T) {
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus, weakbus.Capacity(3), weakbus.WhenFull(weakbus.Latest))
	require.NoError(t, weakbus.Post(q, "first"))
	require.NoError(t, weakbus.Post(q, "second"))
	before := heapInUse()
	for i := range 200_000 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	assert.Less(t, heapInUse()-before, int64(32<<10))
	require.NoError(t, weakbus.Post(q, "third"))
	assert.Equal(t, []any(nil), *got)
	assert.Equal(t, 199_999+2, q.Dropped())
	assert.Equal(t, 2, q.Drain())
	assert.Equal(t, []any{199_999, "third"}, *got)
}

func TestQueue_LatestWithoutItsTypeDropsTheOldest(t *testing.T) {
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus, weakbus.Capacity(2), weakbus.WhenFull(weakbus.Latest))
	require.NoError(t, weakbus.Post(q, note{1}))
	require.NoError(t, weakbus.Post(q, note{2}))
	require.NoError(t, weakbus.Post(q, "x"))
	q.Drain()
	assert.Equal(t, []any{2, "x"}, *got)
}

func TestQueue_BlockWaitsForADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		got := recorded(bus)
		q := weakbus.NewQueue(bus, weakbus.Capacity(2), weakbus.WhenFull(weakbus.Block))
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() { assert.NoError(t, weakbus.Post(q, note{i})) })
		}
		for len(*got) < 5 {
			synctest.Wait()
			assert.LessOrEqual(t, q.Len(), 2)
			require.NotZero(t, q.Drain())
		}
		wg.Wait()
		assert.Zero(t, q.Dropped())
		assert.ElementsMatch(t, []any{0, 1, 2, 3, 4}, *got)
	})
}

func TestQueue_CloseWakesWhoWaitsAndKeepsWhatWasAccepted(t *testing.T) {
	for _, c := range []struct {
		name  string
		close func(*weakbus.Queue, *weakbus.Bus)
		left  int
		run   error
	}{
		{"the queue", func(q *weakbus.Queue, _ *weakbus.Bus) { _ = q.Close(); _ = q.Close() }, 1, nil},
		{"the bus", func(_ *weakbus.Queue, b *weakbus.Bus) { _ = b.Close() }, 0, weakbus.ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := weakbus.New()
				q := weakbus.NewQueue(bus, weakbus.Capacity(1), weakbus.WhenFull(weakbus.Block))
				got := recorded(bus)
				require.NoError(t, weakbus.Post(q, note{1}))
				errs := make(chan error, 3)
				for range 3 {
					go func() { errs <- weakbus.Post(q, note{2}) }()
				}
				synctest.Wait()
				c.close(q, bus)
				for range 3 {
					assert.ErrorIs(t, <-errs, weakbus.ErrClosed)
				}
				assert.ErrorIs(t, weakbus.Post(q, note{3}), weakbus.ErrClosed)
				assert.Equal(t, c.left, q.Drain())
				assert.Len(t, *got, c.left)
				assert.Equal(t, 1-c.left, q.Dropped())
				assert.Zero(t, q.Len())
				assert.Equal(t, c.run, q.Run(t.Context()))
			})
		})
	}
}

func TestQueue_RunSleepsWhileEmptyAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		var got []int
		weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { got = append(got, e.n) })
		q := weakbus.NewQueue(bus)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		run := func() { go func() { ended <- q.Run(ctx) }() }
		run()
		synctest.Wait() // asleep, or this would not return
		for i := range 3 {
			require.NoError(t, weakbus.Post(q, note{i}))
			synctest.Wait()
			assert.Len(t, got, i+1)
		}
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		require.NoError(t, weakbus.Post(q, note{3}))
		synctest.Wait()
		assert.Len(t, got, 3, "what came later waits")
		ctx = t.Context()
		for range 3 {
			run() // several: one drains, the others sleep
		}
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3}, got)
		require.NoError(t, q.Close())
		for range 3 {
			assert.NoError(t, <-ended)
		}
	})
}

func TestQueue_RunEndsWithTheBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		q := weakbus.NewQueue(bus)
		ended := make(chan error)
		go func() { ended <- q.Run(context.Background()) }()
		synctest.Wait()
		require.NoError(t, bus.Close())
		assert.ErrorIs(t, <-ended, weakbus.ErrClosed)
	})
}

func TestQueue_PostingFromManyGoroutinesLosesNothing(t *testing.T) {
	bus := weakbus.New()
	last := map[int]int{}
	n := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e [2]int) {
		require.Equal(t, last[e[0]]+1, e[1], "each goroutine's events in order")
		last[e[0]] = e[1]
		n++
	})
	q := weakbus.NewQueue(bus, weakbus.Capacity(100), weakbus.WhenFull(weakbus.Block))
	const each = 5_000
	var posting, running sync.WaitGroup
	for g := range 4 {
		posting.Go(func() {
			for i := range each {
				assert.NoError(t, weakbus.Post(q, [2]int{g, i + 1}))
			}
		})
	}
	running.Go(func() { assert.NoError(t, q.Run(t.Context())) })
	posting.Wait()
	require.NoError(t, q.Close())
	running.Wait()
	assert.Equal(t, 4*each, n)
}

func TestPostTo_PublishesToTheTopic(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	topic := weakbus.TopicOf[note](bus)
	var signal weakbus.Topic[note]
	keyed, outside, all := &node{}, &node{}, &node{}
	weakbus.Subscribe(topic.At(7), keyed, (*node).hear)
	weakbus.Subscribe(&signal, outside, (*node).hear)
	weakbus.Subscribe(bus, all, (*node).hear)
	require.NoError(t, weakbus.PostTo(q, topic.At(7), note{1}))
	require.NoError(t, weakbus.PostTo(q, &signal, note{2}))
	require.NoError(t, weakbus.Post(q, note{3}))
	assert.Equal(t, 3, q.Drain())
	assert.Equal(t, []int{1}, keyed.heard)
	assert.Equal(t, []int{2}, outside.heard)
	assert.Equal(t, []int{1, 3}, all.heard)
}

func TestPost_AnInterfaceValueGoesByItsDynamicType(t *testing.T) {
	bus := weakbus.New()
	got := recorded(bus)
	q := weakbus.NewQueue(bus)
	require.NoError(t, weakbus.Post[any](q, note{1}))
	require.NoError(t, weakbus.Post(q, "x"))
	q.Drain()
	assert.Equal(t, []any{1, "x"}, *got)
}

func TestQueue_AnEventInItKeepsItselfButNoSubscriber(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	d := &node{}
	weakbus.Subscribe(bus, d, func(*node, *other) {})
	event := &other{}
	receiver, payload := weak.Make(d), weak.Make(event)
	require.NoError(t, weakbus.Post(q, event))
	event, d = nil, nil
	collect(t, gone("the subscriber", receiver))
	assert.NotNil(t, payload.Value())
	q.Drain()
	collect(t, gone("the event", payload))
	runtime.KeepAlive(q)
}

func TestQueue_GivesBackTheMemoryOfABurst(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus, weakbus.Capacity(math.MaxInt))
	before := heapInUse()
	for i := range 300_000 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	q.Drain()
	for range 4 {
		require.NoError(t, weakbus.Post(q, note{1}))
		q.Drain()
	}
	assert.Less(t, heapInUse()-before, int64(64<<10))
	runtime.KeepAlive(q)
}

func TestQueue_MisusePanics(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	for message, misuse := range map[string]func(){
		"weakbus: NewQueue: nil *Bus":                func() { weakbus.NewQueue(nil) },
		"weakbus: Post: nil *Queue or a zero one":    func() { _ = weakbus.Post[note](nil, note{}) },
		"weakbus: PostTo: nil *Topic":                func() { _ = weakbus.PostTo[note](q, nil, note{}) },
		"weakbus: Capacity: capacity 0":              func() { weakbus.Capacity(0) },
		"weakbus: WhenFull: Overflow(9) is none of ": func() { weakbus.WhenFull(9) },
		"weakbus: Run: nil context":                  func() { _ = q.Run(noContext) },
	} {
		func() {
			defer func() { assert.Contains(t, fmt.Sprint(recover()), message) }()
			misuse()
		}()
	}
	assert.NotPanics(t, func() { weakbus.NewQueue(bus, nil) })
	assert.False(t, errors.Is(weakbus.ErrFull, weakbus.ErrClosed))
}

func TestQueue_APostThatWaitsTooLongIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, logger := newLog()
		bus := weakbus.New(weakbus.WithLogger(logger))
		q := weakbus.NewQueue(bus, weakbus.Capacity(1), weakbus.WhenFull(weakbus.Block))
		weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
			if e.n == 0 { // its own queue is full, and it is the one who drains it
				assert.NoError(t, weakbus.Post(q, note{1}))
				assert.ErrorIs(t, weakbus.Post(q, note{2}), weakbus.ErrClosed)
			}
		})
		require.NoError(t, weakbus.Post(q, note{0}))
		go q.Drain()
		time.Sleep(6 * time.Second)
		synctest.Wait()
		assert.Contains(t, out.String(), "a publisher has waited 5s for room in a queue")
		require.NoError(t, q.Close())
		synctest.Wait()
	})
}

func TestQueue_APanicKeepsTheOrderWhateverLatestDropped(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus, weakbus.Capacity(3), weakbus.WhenFull(weakbus.Latest))
	var got []any
	first := true
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { got = append(got, e.n) })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e bool) { got = append(got, e) })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e string) {
		got = append(got, e)
		if first {
			first = false
			for _, post := range []error{weakbus.Post(q, note{2}), weakbus.Post(q, true), weakbus.Post(q, false), weakbus.Post(q, note{3})} {
				require.NoError(t, post)
			}
			panic("oops")
		}
	})
	require.NoError(t, weakbus.Post(q, "b"))
	require.NoError(t, weakbus.Post(q, note{1}))
	require.NoError(t, weakbus.Post(q, "c"))
	assert.Panics(t, func() { q.Drain() })
	assert.Equal(t, 5, q.Drain())
	assert.Equal(t, []any{"b", 1, "c", true, false, 3}, got)
}

func TestQueue_ABusClosedInMidDrainDropsTheRest(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 1 {
			assert.NoError(t, bus.Close())
		}
	})
	for i := range 5 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	assert.Equal(t, 2, q.Drain())
	assert.Equal(t, 3, q.Dropped())
	assert.Zero(t, q.Len())
}

func TestQueue_ARunThatStartsDuringADrainMissesNothing(t *testing.T) {
	bus := weakbus.New()
	q := weakbus.NewQueue(bus)
	heard := make(chan int, 10)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n > 0 {
			assert.NoError(t, weakbus.Post(q, note{e.n - 1}))
		}
		heard <- e.n
	})
	for range 2_000 {
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, weakbus.Post(q, note{1}))
		var wg sync.WaitGroup
		wg.Go(func() { q.Drain() })
		wg.Go(func() { _ = q.Run(ctx) })
		for range 2 {
			select {
			case <-heard:
			case <-time.After(10 * time.Second):
				t.Fatal("an event is left, and Run sleeps")
			}
		}
		cancel()
		wg.Wait()
	}
}
