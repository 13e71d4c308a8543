package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// inbox is a receiver for calls from other goroutines.
type inbox struct {
	mu    sync.Mutex
	heard []int
	calls atomic.Int32
	on    func(note)
}

func (b *inbox) hear(e note) {
	if b.calls.Add(1) != 1 {
		panic("two calls at once")
	}
	defer b.calls.Add(-1)
	if b.on != nil {
		b.on(e)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, e.n)
}

func (b *inbox) all() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]int(nil), b.heard...)
}

func count(n int) (ns []int) {
	for i := range n {
		ns = append(ns, i)
	}
	return ns
}

func TestAsync_KeepsOrderAndNeverCallsTwiceAtOnce(t *testing.T) { // [MBassador SynchronizedHandlerTest]
	bus := weakbus.New()
	one, many := &inbox{}, &inbox{}
	weakbus.Subscribe(bus, one, (*inbox).hear, weakbus.Async(16, weakbus.Block), weakbus.Filter(func(e note) bool { return e.n >= 0 }))
	weakbus.Subscribe(bus, many, (*inbox).hear, weakbus.Async(16, weakbus.Block), weakbus.Filter(func(e note) bool { return e.n < 0 }))
	const events = 5_000
	for i := range events {
		require.Equal(t, 1, weakbus.Publish(bus, note{i}))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range events {
				weakbus.Publish(bus, note{-1})
			}
		})
	}
	wg.Wait()
	require.NoError(t, bus.Close())
	assert.Equal(t, count(events), one.all())
	assert.Len(t, many.all(), 4*events, "no increment is lost")
}

func TestAsync_RunsOnAnotherGoroutineThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := &inbox{on: func(note) { time.Sleep(time.Second) }}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
		began := time.Now()
		for i := range 3 {
			weakbus.Publish(bus, note{i})
		}
		assert.Zero(t, time.Since(began), "the publisher does not wait")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		assert.Equal(t, count(3), d.all())
		assert.Len(t, bus.Stats().Topics[0].Subscriptions, 1)
		weakbus.Publish(bus, note{3})
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, count(4), d.all())
		// The bubble would not end with a goroutine left: there is no Close here.
	})
}

func TestAsync_OverflowPoliciesAreExact(t *testing.T) {
	for _, c := range []struct {
		policy  weakbus.Overflow
		want    []int
		dropped int
		ran     int // of the ten events, how many were accepted
	}{
		{weakbus.DropNewest, []int{0, 1, 2, 3}, 6, 4},
		{weakbus.DropOldest, []int{0, 7, 8, 9}, 6, 10},
		{weakbus.Latest, []int{0, 7, 8, 9}, 6, 10}, // 1 2 3 go for 4, 4 5 6 for 7
	} {
		t.Run(c.policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var drops, total atomic.Int64
				bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Dropped: func(d weakbus.Drop) {
					drops.Add(int64(d.Count))
					total.Store(int64(d.Total))
					assert.Equal(t, "box", d.Subscription.Label)
				}}))
				free := make(chan struct{})
				d := &inbox{on: func(note) { <-free }}
				weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(3, c.policy), weakbus.Label("box"))
				ran := 0
				for i := range 10 {
					ran += weakbus.Publish(bus, note{i})
					synctest.Wait() // the handler has the first one
				}
				assert.Equal(t, c.ran, ran)
				sub := bus.Stats().Topics[0].Subscriptions[0]
				assert.Equal(t, 3, sub.Waiting)
				assert.Equal(t, c.dropped, sub.Dropped)
				close(free)
				synctest.Wait()
				assert.Equal(t, c.want, d.all())
				assert.EqualValues(t, c.dropped, drops.Load())
				assert.EqualValues(t, c.dropped, total.Load())
			})
		})
	}
}

func TestAsync_BlockWaitsForRoomAContextOrTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, logger := newLog()
		bus := weakbus.New(weakbus.WithLogger(logger))
		free := make(chan struct{})
		d := &inbox{on: func(note) { <-free }}
		sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(1, weakbus.Block))
		weakbus.Publish(bus, note{0})
		synctest.Wait()
		weakbus.Publish(bus, note{1})

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		ran, err := weakbus.PublishContext(ctx, bus, note{2})
		assert.Zero(t, ran)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))

		done := make(chan int)
		go func() { done <- weakbus.Publish(bus, note{3}) }()
		time.Sleep(6 * time.Second)
		assert.Contains(t, out.String(), "a publisher has waited 5s for room in a mailbox")
		free <- struct{}{}
		assert.Equal(t, 1, <-done)
		go func() { done <- weakbus.Publish(bus, note{4}) }()
		synctest.Wait()
		sub.Cancel()
		assert.Equal(t, 0, <-done, "the end of the subscription frees the publisher")
		close(free)
		synctest.Wait()
		assert.Equal(t, []int{0, 1}, d.all(), "what waited is let go of")
	})
}

func TestAsync_AHandlerThatFeedsItsOwnFullMailboxIsFreedByCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, logger := newLog()
		bus := weakbus.New(weakbus.WithLogger(logger))
		d := &inbox{}
		d.on = func(e note) { weakbus.Publish(bus, note{e.n + 1}); weakbus.Publish(bus, note{e.n + 1}) }
		sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(1, weakbus.Block), weakbus.Label("hungry"))
		weakbus.Publish(bus, note{0})
		time.Sleep(6 * time.Second)
		synctest.Wait()
		assert.Empty(t, d.all(), "it waits for itself")
		assert.Contains(t, out.String(), "hungry")
		assert.Contains(t, out.String(), "does its handler publish to itself?")
		sub.Cancel()
		synctest.Wait()
		assert.Equal(t, []int{0}, d.all())
	})
}

func TestAsync_AnEventDoesNotKeepItsSubscriberAlive(t *testing.T) {
	bus := weakbus.New()
	free := make(chan struct{})
	busy := &inbox{on: func(note) { <-free }}
	weakbus.Subscribe(bus, busy, (*inbox).hear, weakbus.Async(8, weakbus.Block))
	var tasks []func()
	d, e := &node{}, &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.Via(func(task func()) { tasks = append(tasks, task) }))
	async := weakbus.Subscribe(bus, e, func(*node, note) {}, weakbus.Async(8, weakbus.Block))
	weakbus.Publish(bus, note{1})
	viaPtr, asyncPtr, busPtr := weak.Make(d), weak.Make(e), weak.Make(bus)
	d, e = nil, nil
	collect(t, gone("the receiver of a task", viaPtr))
	collect(t, gone("the receiver of a mailbox", asyncPtr))
	tasks[0]()
	assert.Equal(t, weakbus.Collected, sub.State())
	assert.Equal(t, weakbus.Collected, async.State())
	close(free)
	until(t, "the end of the call", func() bool { return len(busy.all()) == 1 })
	bus = nil
	collect(t, gone("the bus, that a task does not keep", busPtr))
	tasks[0]()
	runtime.KeepAlive(busy)
}

func TestAsync_EventsArriveThoughTheBusIsDropped(t *testing.T) {
	bus := weakbus.New()
	d := &inbox{}
	weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(1000, weakbus.Block))
	for i := range 500 {
		weakbus.Publish(bus, note{i})
	}
	ptr := weak.Make(bus)
	bus = nil
	until(t, "events", func() bool { return len(d.all()) == 500 })
	collect(t, gone("the bus", ptr))
}

func TestAsync_PauseCancelOnceUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		free := make(chan struct{})
		d := &inbox{on: func(note) { <-free }}
		plain := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
		c := &inbox{on: func(note) { <-free }}
		catching := weakbus.Subscribe(bus, c, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.CatchUp())
		o := &inbox{}
		once := weakbus.Subscribe(bus, o, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Once())
		ctx, cancel := context.WithCancel(t.Context())
		u := &inbox{on: func(note) { <-free }}
		until := weakbus.Subscribe(bus, u, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Until(ctx))
		for i := range 3 {
			weakbus.Publish(bus, note{i})
		}
		synctest.Wait()
		assert.Equal(t, []int{0}, o.all())
		assert.Equal(t, weakbus.Spent, once.State())
		plain.Pause()
		catching.Pause()
		cancel()
		weakbus.Publish(bus, note{3})
		close(free)
		synctest.Wait()
		assert.Equal(t, []int{0}, d.all(), "a pause meets what waits")
		assert.Equal(t, []int{0}, c.all())
		assert.Equal(t, []int{0}, u.all())
		assert.Equal(t, weakbus.Cancelled, until.State())
		plain.Resume()
		catching.Resume()
		weakbus.Publish(bus, note{4})
		synctest.Wait()
		assert.Equal(t, []int{0, 4}, d.all())
		assert.Equal(t, []int{0, 3, 4}, c.all(), "the latest missed event, in its place")
	})
}

func TestAsync_Replay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		weakbus.TopicOf[note](bus).Retain()
		weakbus.Publish(bus, note{1})
		d := &inbox{}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Replay())
		weakbus.Publish(bus, note{2})
		synctest.Wait()
		assert.Equal(t, []int{1, 2}, d.all())
	})
}

func TestAsync_PanicsGoexitsAndErrorsAreReportedAndTheRestIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, logger := newLog()
		var panics atomic.Int32
		bus := weakbus.New(weakbus.WithLogger(logger), weakbus.OnPanic(func(*weakbus.PanicError) { panics.Add(1) }))
		d := &inbox{}
		weakbus.SubscribeContext(bus, d, func(d *inbox, _ context.Context, e note) error {
			switch e.n {
			case 1:
				panic("one")
			case 2:
				runtime.Goexit()
			case 3:
				return errors.New("three")
			}
			d.hear(e)
			return nil
		}, weakbus.Async(8, weakbus.Block))
		for i := range 6 {
			weakbus.Publish(bus, note{i})
		}
		synctest.Wait()
		assert.Equal(t, []int{0, 4, 5}, d.all())
		assert.EqualValues(t, 1, panics.Load())
		assert.Contains(t, out.String(), "handler panicked: one")
		assert.Contains(t, out.String(), "three")
		require.NoError(t, bus.Close())
	})
}

func TestAsync_HandlerGetsTheValuesOfTheContextButNotItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		bus := weakbus.New()
		var value any
		var err error
		weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, _ note) error {
			time.Sleep(time.Second)
			value, err = ctx.Value(key{}), ctx.Err()
			return nil
		}, weakbus.Async(8, weakbus.Block))
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "request"))
		_, _ = weakbus.PublishContext(ctx, bus, note{1})
		cancel()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, "request", value)
		assert.NoError(t, err)
	})
}

func TestBusClose_WaitsForWhatWasAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := &inbox{on: func(note) { time.Sleep(100 * time.Millisecond) }}
		sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(100, weakbus.Block))
		// The bus's own scope holds this one until it has heard all.
		var held []int
		weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { time.Sleep(50 * time.Millisecond); held = append(held, e.n) }, weakbus.Async(100, weakbus.Block))
		for i := range 10 {
			weakbus.Publish(bus, note{i})
		}
		began := time.Now()
		require.NoError(t, bus.Close())
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, weakbus.Closed, sub.State())
		assert.Equal(t, count(10), d.all())
		assert.Equal(t, count(10), held)
		assert.Zero(t, weakbus.Publish(bus, note{11}))
		synctest.Wait()
		assert.Equal(t, count(10), d.all())
	})
}

func TestBusClose_DropsWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := &inbox{on: func(note) { time.Sleep(2 * time.Second) }}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(100, weakbus.Block))
		for i := range 10 {
			weakbus.Publish(bus, note{i})
		}
		began := time.Now()
		err := bus.Close()
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.EqualError(t, err, "weakbus: Close: 1 handlers of Async still running after 5s; 7 events were dropped")
		time.Sleep(20 * time.Second)
		assert.Equal(t, count(3), d.all(), "none starts afterwards")
		require.NoError(t, bus.Close())
	})
}

func TestBusClose_InAnAsyncHandlerDoesNotWaitForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := &inbox{on: func(e note) {
			if e.n == 0 {
				began := time.Now()
				assert.NoError(t, bus.Close())
				assert.Zero(t, time.Since(began))
			}
		}}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(100, weakbus.Block))
		for i := range 5 {
			weakbus.Publish(bus, note{i})
		}
		synctest.Wait()
		assert.Contains(t, fmt.Sprint(d.all()), "[0")
	})
}

func TestVia_RunsOnlyWhereTheExecutorRunsIt(t *testing.T) { // [psygnal test_queued_connections]
	bus := weakbus.New()
	var tasks []func()
	main := func(task func()) { tasks = append(tasks, task) } // as fyne.Do, glib.IdleAdd and others
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.Via(main))
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
	assert.Empty(t, d.heard)
	weakbus.Publish(bus, note{2})
	for _, task := range tasks {
		task()
	}
	assert.Equal(t, []int{1, 2}, d.heard)

	// What matters is the state when the task runs.
	tasks = nil
	weakbus.Publish(bus, note{3})
	sub.Pause()
	tasks[0]()
	assert.Equal(t, 0, weakbus.Publish(bus, note{4}))
	assert.Len(t, tasks, 1)
	sub.Resume()
	weakbus.Publish(bus, note{5})
	sub.Cancel()
	tasks[1]()
	assert.Equal(t, []int{1, 2}, d.heard)
	runtime.KeepAlive(d)
}

func TestVia_WithOtherOptions(t *testing.T) {
	var tasks []func()
	queue := weakbus.Via(func(task func()) { tasks = append(tasks, task) })
	run := func() {
		for len(tasks) > 0 {
			task := tasks[0]
			tasks = tasks[1:]
			task()
		}
	}
	var panics int
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { panics++ }))
	weakbus.TopicOf[note](bus).Retain()
	weakbus.Publish(bus, note{1})
	d, o, c, p := &node{}, &node{}, &node{}, &node{on: func(note) { panic("in a task") }}
	weakbus.Subscribe(bus, d, (*node).hear, queue, weakbus.Replay(), weakbus.Filter(func(e note) bool { return e.n != 2 }))
	once := weakbus.Subscribe(bus, o, (*node).hear, queue, weakbus.Once())
	catching := weakbus.Subscribe(bus, c, (*node).hear, queue, weakbus.CatchUp())
	weakbus.Subscribe(bus, p, (*node).hear, queue)
	assert.Len(t, tasks, 1, "the replay is a task as well")
	weakbus.Publish(bus, note{2})
	weakbus.Publish(bus, note{3})
	catching.Pause()
	run()
	assert.Equal(t, []int{1, 3}, d.heard)
	assert.Equal(t, []int{2}, o.heard)
	assert.Equal(t, weakbus.Spent, once.State())
	assert.Equal(t, 2, panics)
	weakbus.Publish(bus, note{4})
	catching.Resume()
	weakbus.Publish(bus, note{5})
	run()
	assert.Equal(t, []int{4, 5}, c.heard)
	runtime.KeepAlive([]any{d, o, c, p})
}

func TestAsyncAndVia_MisusePanics(t *testing.T) {
	var topic weakbus.Topic[note]
	d := &node{}
	via := weakbus.Via(func(task func()) { task() })
	for _, opts := range [][]weakbus.SubscribeOption{
		{via, via}, {via, weakbus.Async(1, weakbus.Block)}, {weakbus.Async(1, weakbus.Block), via},
		{weakbus.Async(1, weakbus.Block), weakbus.Async(2, weakbus.Block)},
	} {
		assert.Panics(t, func() { weakbus.Subscribe(&topic, d, (*node).hear, opts...) })
	}
	assert.PanicsWithValue(t, "weakbus: Async: capacity 0; it takes at least 1", func() { weakbus.Async(0, weakbus.Block) })
	assert.Panics(t, func() { weakbus.Async(1, 4) })
	assert.Panics(t, func() { weakbus.Via(nil) })
	assert.Zero(t, topic.Len())
}

func TestAsync_AReplaySurvivesCloseAndDoesNotOutliveAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		weakbus.TopicOf[note](bus).Retain()
		weakbus.Publish(bus, note{1})
		var scope weakbus.Scope
		scope.Pause()
		paused := &inbox{}
		weakbus.Subscribe(bus, paused, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Replay(), weakbus.In(&scope))
		synctest.Wait()
		weakbus.Publish(bus, note{2})
		scope.Resume()
		weakbus.Publish(bus, note{3})
		synctest.Wait()
		assert.Equal(t, []int{3}, paused.all(), "missed events are not kept without CatchUp")
		d := &inbox{}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Replay())
		require.NoError(t, bus.Close())
		assert.Equal(t, []int{3}, d.all())
	})
}

func TestBusClose_DoesNotCallWhoIsPausedAndKeepsOnceToOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		free := make(chan struct{})
		d, o := &inbox{on: func(note) { <-free }}, &inbox{on: func(note) { <-free }}
		sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
		for i := range 4 {
			weakbus.Publish(bus, note{i})
		}
		synctest.Wait()
		sub.Pause()
		done := make(chan error)
		go func() { done <- bus.Close() }()
		synctest.Wait()
		close(free)
		require.NoError(t, <-done)
		assert.Equal(t, []int{0}, d.all())
		runtime.KeepAlive(o)
	})
}

func TestCloseWait_EndsWhatAnAsyncSubscriberHasLeftAfterTheBusWasClosed(t *testing.T) {
	bus := weakbus.New()
	var scope weakbus.Scope
	d := &inbox{on: func(note) { time.Sleep(20 * time.Millisecond) }}
	sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(100, weakbus.Block), weakbus.In(&scope))
	for i := range 50 {
		weakbus.Publish(bus, note{i})
	}
	closed := make(chan error)
	go func() { closed <- bus.Close() }()
	for sub.State() != weakbus.Closed {
		runtime.Gosched()
	}
	scope.Len() // forgets nobody who is at work
	require.NoError(t, scope.CloseWait(t.Context()))
	heard := len(d.all())
	require.NoError(t, <-closed)
	time.Sleep(50 * time.Millisecond)
	assert.Len(t, d.all(), heard)
	assert.Less(t, heard, 50)
}

func TestVia_CatchUpHandsOverTheLatestOfTheTasksThatAPauseMet(t *testing.T) {
	var tasks []func()
	run := func() {
		for _, task := range tasks {
			task()
		}
		tasks = nil
	}
	bus := weakbus.New()
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.CatchUp(), weakbus.Via(func(task func()) { tasks = append(tasks, task) }))
	for i := range 4 {
		weakbus.Publish(bus, note{i})
	}
	sub.Pause()
	run()
	sub.Resume()
	run()
	assert.Equal(t, []int{3}, d.heard)
}

func TestAsync_CatchUpKeepsTheOrderOfPublishing(t *testing.T) {
	bus := weakbus.New()
	d := &inbox{}
	sub := weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.CatchUp(), weakbus.Async(1_000, weakbus.Block))
	var wg sync.WaitGroup
	var stop atomic.Bool
	wg.Go(func() {
		for !stop.Load() {
			sub.Pause()
			runtime.Gosched()
			sub.Resume()
		}
	})
	for i := range 50_000 {
		weakbus.Publish(bus, note{i})
	}
	stop.Store(true)
	wg.Wait()
	require.NoError(t, bus.Close())
	heard := d.all()
	require.NotEmpty(t, heard)
	assert.Equal(t, 49_999, heard[len(heard)-1])
	assert.IsIncreasing(t, heard)
}
