//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"errors"
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

// timed records what it hears, and when, counted from its making.
type timed struct {
	mu    sync.Mutex
	start time.Time
	heard []int
	at    []time.Duration
	on    func(note)
}

func newTimed() *timed { return &timed{start: time.Now()} }

func (d *timed) hear(e note) {
	d.mu.Lock()
	d.heard = append(d.heard, e.n)
	d.at = append(d.at, time.Since(d.start))
	on := d.on
	d.mu.Unlock()
	if on != nil {
		on(e)
	}
}

func (d *timed) all() []int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int{}, d.heard...)
}

func (d *timed) times() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]time.Duration{}, d.at...)
}

// replaced returns what Stats says of the first subscription.
func replaced(bus *weakbus.Bus) int { return bus.Stats().Topics[0].Subscriptions[0].Replaced }

const second = time.Second

func TestDebounce_CallsWithTheLatestWhenNoneHasComeForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Dropped: func(weakbus.Drop) { t.Error("what is replaced is no drop") }}))
		d := newTimed()
		weakbus.Subscribe(bus, d, (*timed).hear, weakbus.Debounce(second))
		for i := range 5 {
			assert.Equal(t, 1, weakbus.Publish(bus, note{i}))
			time.Sleep(second / 2)
		}
		assert.Empty(t, d.all())
		assert.Equal(t, 1, bus.Stats().Topics[0].Subscriptions[0].Waiting)
		time.Sleep(10 * second)
		assert.Equal(t, []int{4}, d.all())
		weakbus.Publish(bus, note{5})
		time.Sleep(10 * second)
		assert.Equal(t, []int{4, 5}, d.all())
		assert.Equal(t, []time.Duration{3 * second, 13*second + second/2}, d.times())
		assert.Equal(t, 4, replaced(bus))
		runtime.KeepAlive(d)
	})
}

func TestThrottle_CallsAtOnceAndThenAtMostOnceInEachPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := newTimed()
		weakbus.Subscribe(bus, d, (*timed).hear, weakbus.Throttle(second))
		assert.Equal(t, 1, weakbus.Publish(bus, note{0}))
		assert.Equal(t, []int{0}, d.all(), "the first comes on the publisher's goroutine")
		for i := 1; i <= 25; i++ { // until 2.5 s
			time.Sleep(second / 10)
			weakbus.Publish(bus, note{i})
		}
		time.Sleep(10 * second)
		// What comes at the moment of a call may be in it or in the next.
		require.Len(t, d.all(), 4)
		assert.Equal(t, []time.Duration{0, second, 2 * second, 3 * second}, d.times())
		assert.Equal(t, 25, d.all()[3])
		weakbus.Publish(bus, note{26})
		assert.Len(t, d.all(), 5, "after a rest, at once again")
		assert.Equal(t, 22, replaced(bus))
		runtime.KeepAlive(d)
	})
}

func TestThrottle_TheTrailingCallBeginsAPeriodToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topic weakbus.Topic[note]
		d := newTimed()
		weakbus.Subscribe(&topic, d, (*timed).hear, weakbus.Throttle(second))
		topic.Publish(note{1})
		topic.Publish(note{2})
		time.Sleep(second + second/2)
		topic.Publish(note{3})
		assert.Equal(t, []int{1, 2}, d.all())
		time.Sleep(10 * second)
		assert.Equal(t, []time.Duration{0, second, 2 * second}, d.times())
		runtime.KeepAlive(d)
	})
}

func TestPace_ViaGetsTheCallsAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pace := range map[string]weakbus.SubscribeOption{"Debounce": weakbus.Debounce(second), "Throttle": weakbus.Throttle(second)} {
			var topic weakbus.Topic[note]
			tasks := make(chan func(), 9)
			d := newTimed()
			weakbus.Subscribe(&topic, d, (*timed).hear, pace, weakbus.Via(func(f func()) { tasks <- f }))
			topic.Publish(note{1})
			topic.Publish(note{2})
			time.Sleep(10 * second)
			assert.Empty(t, d.all(), name)
			want := map[string][]int{"Debounce": {2}, "Throttle": {1, 2}}[name]
			assert.Len(t, tasks, len(want), name)
			for range want {
				(<-tasks)()
			}
			assert.Equal(t, want, d.all(), name)
		}
	})
}

func TestPace_GoesThroughAMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		m := weakbus.NewMailbox(8, weakbus.Block)
		a := &actor{}
		weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Debounce(second), weakbus.Through(m))
		weakbus.Subscribe(bus, a, (*actor).onString, weakbus.Through(m))
		weakbus.Publish(bus, note{1})
		weakbus.Publish(bus, note{2})
		weakbus.Publish(bus, "at once")
		time.Sleep(2 * second)
		synctest.Wait()
		assert.Equal(t, []string{"at once", "2"}, a.log)
	})
}

func TestPace_APendingEventGoesWithItsSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(*weakbus.Bus, *weakbus.Subscription, func()){
			"Cancel": func(_ *weakbus.Bus, s *weakbus.Subscription, _ func()) { s.Cancel() },
			"Until":  func(_ *weakbus.Bus, _ *weakbus.Subscription, cancel func()) { cancel() },
			"Close":  func(b *weakbus.Bus, _ *weakbus.Subscription, _ func()) { require.NoError(t, b.Close()) },
			"Clear":  func(b *weakbus.Bus, _ *weakbus.Subscription, _ func()) { weakbus.TopicOf[*big](b).Clear() },
			"Pause":  func(_ *weakbus.Bus, s *weakbus.Subscription, _ func()) { s.Pause() }, // it is missed when its time comes
		} {
			for _, pace := range []weakbus.SubscribeOption{weakbus.Debounce(second), weakbus.Throttle(second)} {
				bus := weakbus.New()
				ctx, cancel := context.WithCancel(t.Context())
				var heard atomic.Int32
				sub := weakbus.SubscribeFunc(bus, bus.Scope(), func(*big) { heard.Add(1) }, pace, weakbus.Until(ctx))
				weakbus.Publish(bus, &big{})
				before := heard.Load()
				event := pending(bus)
				end(bus, sub, cancel)
				if name == "Pause" {
					time.Sleep(2 * second)
				}
				synctest.Wait()
				collect(t, gone(name, event))
				time.Sleep(10 * second)
				assert.Equal(t, before, heard.Load(), name)
				cancel()
			}
		}
	})
}

type big struct {
	p *big
	_ [64]byte
}

// pending publishes an event and returns a weak pointer to it.
//
//go:noinline
func pending(bus *weakbus.Bus) weak.Pointer[big] {
	e := &big{}
	weakbus.Publish(bus, e)
	return weak.Make(e)
}

func TestPace_APendingEventKeepsNeitherReceiverNorBus(t *testing.T) {
	for name, opts := range map[string][]weakbus.SubscribeOption{
		"Debounce":         {weakbus.Debounce(time.Hour)},
		"Throttle":         {weakbus.Throttle(time.Hour)},
		"Coalesce and Via": {weakbus.Coalesce(), weakbus.Via(func(f func()) { kept = f })},
	} {
		var receiver weak.Pointer[timed]
		var ofBus weak.Pointer[weakbus.Bus]
		var sub *weakbus.Subscription
		func() {
			bus, d := weakbus.New(), newTimed()
			receiver, ofBus = weak.Make(d), weak.Make(bus)
			sub = weakbus.Subscribe(bus, d, (*timed).hear, opts...)
			weakbus.Publish(bus, note{1})
			weakbus.Publish(bus, note{2})
		}()
		collect(t, gone(name+": receiver", receiver))
		collect(t, gone(name+": bus", ofBus))
		assert.Equal(t, weakbus.Collected, sub.State())
		if kept != nil {
			kept()
		}
	}
}

var kept func()

func TestPace_APendingEventIsLetGoOfWithItsReceiver(t *testing.T) {
	bus := weakbus.New()
	var receiver weak.Pointer[node]
	var event weak.Pointer[big]
	func() {
		d := &node{}
		receiver = weak.Make(d)
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(bus, d, func(*node, *big) {}, weakbus.Debounce(time.Hour))
		event = pending(bus)
	}()
	collect(t, gone("receiver", receiver))
	collect(t, gone("event", event))
	runtime.KeepAlive(bus)
}

func TestPace_WithPauseAndCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			pace weakbus.SubscribeOption
			want []int
		}{
			"Debounce": {weakbus.Debounce(second), []int{3}},
			"Throttle": {weakbus.Throttle(second), []int{1, 3}},
		} {
			var topic weakbus.Topic[note]
			d, deaf := newTimed(), newTimed()
			sub := weakbus.Subscribe(&topic, d, (*timed).hear, c.pace, weakbus.CatchUp())
			without := weakbus.Subscribe(&topic, deaf, (*timed).hear, c.pace)
			if name == "Throttle" {
				topic.Publish(note{1})
				time.Sleep(2 * second)
			}
			sub.Pause()
			without.Pause()
			topic.Publish(note{2})
			topic.Publish(note{3})
			time.Sleep(10 * second)
			assert.Equal(t, len(c.want)-1, len(d.all()), "%s: it is paused", name)
			sub.Resume()
			without.Resume()
			time.Sleep(10 * second)
			assert.Equal(t, c.want, d.all(), name)
			assert.Equal(t, c.want[:len(c.want)-1], append([]int{}, deaf.all()...), name)
		}
	})
}

func TestThrottle_DoesNotCallAPausedSubscriberThatCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topic weakbus.Topic[note]
		d := newTimed()
		sub := weakbus.Subscribe(&topic, d, (*timed).hear, weakbus.Throttle(second), weakbus.CatchUp())
		sub.Pause()
		assert.Zero(t, topic.Publish(note{1}))
		assert.Empty(t, d.all())
		sub.Resume()
		assert.Equal(t, []int{1}, d.all())
	})
}

func TestPace_WithReplayLosesNothingThatComesDuringTheFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, pace := range map[string]weakbus.SubscribeOption{"Debounce": weakbus.Debounce(second), "Throttle": weakbus.Throttle(second)} {
			topic := new(weakbus.Topic[note]).Retain()
			topic.Publish(note{1})
			d := newTimed()
			d.on = func(e note) {
				if e.n == 1 {
					topic.Publish(note{2})
				}
			}
			weakbus.Subscribe(topic, d, (*timed).hear, pace, weakbus.Replay())
			time.Sleep(10 * second)
			assert.Equal(t, []int{1, 2}, d.all(), name)
		}
	})
}

func TestPace_OncePanicsErrorsAndGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var panics, failures atomic.Int32
		bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { panics.Add(1) }),
			weakbus.WithTrace(&weakbus.Trace{Failed: func(*weakbus.HandlerError) { failures.Add(1) }}))
		var calls atomic.Int32
		sub := weakbus.SubscribeFuncContext(bus, bus.Scope(), func(_ context.Context, e note) error {
			calls.Add(1)
			switch e.n {
			case 1:
				panic("oops")
			case 2:
				return errors.New("no")
			case 3:
				runtime.Goexit()
			}
			return nil
		}, weakbus.Debounce(second))
		for i := range 4 {
			weakbus.Publish(bus, note{i + 1})
			time.Sleep(2 * second)
		}
		synctest.Wait()
		assert.EqualValues(t, 4, calls.Load(), "the timer lives on")
		assert.EqualValues(t, 1, panics.Load())
		assert.EqualValues(t, 1, failures.Load())
		assert.True(t, sub.Cancel())

		once := weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { calls.Add(1) }, weakbus.Debounce(second), weakbus.Once())
		weakbus.Publish(bus, note{1})
		time.Sleep(2 * second)
		weakbus.Publish(bus, note{1})
		time.Sleep(2 * second)
		assert.EqualValues(t, 5, calls.Load())
		assert.Equal(t, weakbus.Spent, once.State())
	})
}

func TestPace_ATimersHandlerThatWaitsForItselfIsNoSilentHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		var scope weakbus.Scope
		errs := make(chan error, 2)
		//weakvet:ignore vanishing the test says when it goes
		weakbus.SubscribeFunc(bus, &scope, func(note) {
			errs <- scope.CloseWait(context.Background())
			errs <- bus.Close()
		}, weakbus.Debounce(second))
		weakbus.Publish(bus, note{1})
		require.ErrorContains(t, <-errs, "called from within a handler")
		require.NoError(t, <-errs)
		runtime.KeepAlive(&scope)
	})
}

func TestPace_TheContextHasTheValuesOfTheLatestPublishersButNotItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		var got any
		weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, e note) error {
			got = ctx.Value(ctxKey{})
			return ctx.Err()
		}, weakbus.Debounce(second))
		for _, value := range []string{"first", "latest"} {
			ctx, cancel := context.WithCancel(context.WithValue(t.Context(), ctxKey{}, value))
			_, err := weakbus.PublishContext(ctx, bus, note{1})
			require.NoError(t, err)
			cancel()
		}
		time.Sleep(2 * second)
		synctest.Wait()
		assert.Equal(t, "latest", got)
	})
}

type ctxKey struct{}

func TestPace_UnderConcurrentPublishersAndEnds(t *testing.T) {
	bus := weakbus.New()
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					weakbus.Publish(bus, note{i})
				}
			}
		})
	}
	m := weakbus.NewMailbox(4, weakbus.DropOldest)
	for round := range 300 {
		d := newTimed()
		var subs []*weakbus.Subscription
		for _, opts := range [][]weakbus.SubscribeOption{
			{weakbus.Debounce(time.Microsecond)},
			{weakbus.Throttle(time.Microsecond)},
			{weakbus.Throttle(time.Microsecond), weakbus.Through(m), weakbus.Coalesce()},
			{weakbus.Coalesce(), weakbus.Async(2, weakbus.Block)},
			{weakbus.Coalesce(), weakbus.Through(m), weakbus.CatchUp()},
		} {
			subs = append(subs, weakbus.Subscribe(bus, d, (*timed).hear, opts...))
		}
		until := round % 20
		for range until {
			runtime.Gosched()
		}
		for _, sub := range subs {
			sub.Pause()
			sub.Resume()
			assert.True(t, sub.Cancel())
		}
		runtime.KeepAlive(d)
	}
	close(stop)
	wg.Wait()
	idle(t, m)
	require.NoError(t, bus.Wait(t.Context()))
}

func TestCoalesce_ReplacesWhatHasNotBegun(t *testing.T) {
	t.Run("Via", func(t *testing.T) {
		bus := weakbus.New()
		var tasks []func()
		d := newTimed()
		weakbus.Subscribe(bus, d, (*timed).hear, weakbus.Coalesce(), weakbus.Via(func(f func()) { tasks = append(tasks, f) }))
		d.on = func(e note) {
			if e.n == 3 { // it has begun
				weakbus.Publish(bus, note{4})
			}
		}
		for i := range 3 {
			assert.Equal(t, 1, weakbus.Publish(bus, note{i + 1}))
		}
		require.Len(t, tasks, 1)
		tasks[0]()
		require.Len(t, tasks, 2)
		tasks[1]()
		tasks[1]() // an executor that is mistaken
		assert.Equal(t, []int{3, 4}, d.all())
		assert.Equal(t, 2, replaced(bus))
	})
	for name, opt := range map[string]func(m *weakbus.Mailbox) weakbus.SubscribeOption{
		"Async":   func(*weakbus.Mailbox) weakbus.SubscribeOption { return weakbus.Async(8, weakbus.Block) },
		"Through": weakbus.Through,
	} {
		t.Run(name, func(t *testing.T) {
			bus := weakbus.New()
			m := weakbus.NewMailbox(8, weakbus.Block)
			d := newTimed()
			entered, leave := make(chan struct{}), make(chan struct{})
			d.on = func(e note) {
				if e.n == 0 {
					close(entered)
					<-leave
				}
			}
			weakbus.Subscribe(bus, d, (*timed).hear, weakbus.Coalesce(), opt(m))
			weakbus.Publish(bus, note{0})
			<-entered
			for i := range 20 { // more than there is room for
				assert.Equal(t, 1, weakbus.Publish(bus, note{i + 1}))
			}
			stats := bus.Stats().Topics[0].Subscriptions[0]
			assert.Equal(t, []int{1, 0, 19}, []int{stats.Waiting, stats.Dropped, stats.Replaced})
			close(leave)
			require.NoError(t, bus.Close(), "what it has is delivered")
			assert.Equal(t, []int{0, 20}, d.all())
			runtime.KeepAlive(d)
		})
	}
}

func TestCoalesce_InASharedMailboxTheLatestTakesThePlaceOfTheFirst(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a, release := held(t, bus, m)
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m), weakbus.Coalesce())
	weakbus.Publish(bus, "a")
	weakbus.Publish(bus, note{1})
	weakbus.Publish(bus, "b")
	weakbus.Publish(bus, note{2})
	release()
	idle(t, m)
	assert.Equal(t, []string{"hold", "a", "2", "b"}, a.log)
}

func TestCoalesce_AMailboxKeepsNoEventThatWasReplaced(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	_, release := held(t, bus, m)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*big) {}, weakbus.Through(m), weakbus.Coalesce())
	first := pending(bus)
	second := pending(bus)
	collect(t, gone("the event that was replaced", first))
	assert.NotNil(t, second.Value())
	release()
	idle(t, m)
	collect(t, gone("the event that was delivered", second))
}

func TestCoalesce_ADroppedTokenTakesItsEventAlong(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(1, weakbus.DropOldest)
	a, release := held(t, bus, m)
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m), weakbus.Coalesce())
	weakbus.Publish(bus, note{1})
	weakbus.Publish(bus, note{2})
	weakbus.Publish(bus, "pushes it out")
	release()
	idle(t, m)
	weakbus.Publish(bus, note{3})
	idle(t, m)
	assert.Equal(t, []string{"hold", "pushes it out", "3"}, a.log)
	assert.Equal(t, 1, m.Dropped())
}

func TestCoalesce_BesideThrottleReplacesWhatTheExecutorHasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topic weakbus.Topic[note]
		tasks := make(chan func(), 9)
		d := newTimed()
		weakbus.Subscribe(&topic, d, (*timed).hear, weakbus.Throttle(second), weakbus.Coalesce(),
			weakbus.Via(func(f func()) { tasks <- f }))
		for i := range 4 {
			topic.Publish(note{i})
			time.Sleep(2 * second)
		}
		require.Len(t, tasks, 1)
		(<-tasks)()
		assert.Equal(t, []int{3}, d.all())
	})
}

func TestPace_MisusePanics(t *testing.T) {
	bus := weakbus.New()
	on := func(opts ...weakbus.SubscribeOption) func() {
		return func() { weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, opts...) }
	}
	for remedy, f := range map[string]func(){
		"weakbus: Coalesce: nothing waits in a publish that calls the handler itself; add Via, Async or Through": on(weakbus.Coalesce()),
		"weakbus: Coalesce: nothing waits":                                              on(weakbus.Coalesce(), weakbus.Debounce(second)),
		"weakbus: Throttle: the subscription has a Debounce and a Throttle; choose one": on(weakbus.Debounce(second), weakbus.Throttle(second)),
		"weakbus: Debounce: 0s is no duration to wait; leave the option out":            func() { weakbus.Debounce(0) },
		"weakbus: Throttle: -1s is no duration to wait; leave the option out":           func() { weakbus.Throttle(-second) },
		"weakbus: Debounce: the subscription has a Debounce and a Throttle; choose one": on(weakbus.Throttle(second), weakbus.Debounce(second)),
	} {
		assert.Contains(t, panicOf(f), remedy)
	}
	assert.Zero(t, weakbus.TopicOf[note](bus).Len(), "nothing is left of them")
}
