//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
)

func TestForget_LetsGoOfTheRetainedEventAndGoesOnRetaining(t *testing.T) {
	for _, topic := range []*weakbus.Topic[*big]{
		new(weakbus.Topic[*big]), weakbus.TopicOf[*big](weakbus.New()), weakbus.TopicOf[*big](weakbus.New()).At(7),
	} {
		topic.Forget() // nothing to forget
		assert.Same(t, topic, topic.Retain(), "Retain returns its topic")
		event := retained(topic)
		_, ok := topic.Last()
		assert.True(t, ok)
		topic.Forget()
		_, ok = topic.Last()
		assert.False(t, ok)
		collect(t, gone("the event", event))
		heard := 0
		var scope weakbus.Scope
		weakbus.SubscribeFunc(topic, &scope, func(*big) { heard++ }, weakbus.Replay())
		assert.Zero(t, heard, "there is nothing to replay")
		topic.Publish(&big{})
		_, ok = topic.Last()
		assert.True(t, ok)
		scope.Close()
		topic.Forget()
	}
}

//go:noinline
func retained(topic *weakbus.Topic[*big]) weak.Pointer[big] {
	e := &big{}
	topic.Publish(e)
	return weak.Make(e)
}

func TestUpdate_ReadsKeepsAndPublishesInOneStep(t *testing.T) {
	bus := weakbus.New()
	for name, topic := range map[string]*weakbus.Topic[note]{
		"bare": new(weakbus.Topic[note]).Retain(), "of a bus": weakbus.TopicOf[note](bus).Retain(), "keyed": weakbus.TopicOf[note](weakbus.New()).At("k").Retain(),
	} {
		add := func(last note, ok bool) note {
			assert.Equal(t, last.n > 0, ok)
			return note{last.n + 1}
		}
		assert.Zero(t, topic.Update(add), name)
		var heard []int
		var scope weakbus.Scope
		weakbus.SubscribeFunc(topic, &scope, func(e note) { heard = append(heard, e.n) }, weakbus.Replay())
		assert.Equal(t, 1, topic.Update(add), name)
		last, ok := topic.Last()
		assert.True(t, ok)
		assert.Equal(t, note{2}, last, name)
		assert.Equal(t, []int{1, 2}, heard, name)
		scope.Close()
		topic.Forget()
	}
}

func TestUpdate_OfConcurrentOnesNoneIsLostAndReplayMissesNone(t *testing.T) {
	bus := weakbus.New()
	type counted interface{ number() int }
	weakbus.Tap(bus, weakbus.TapConfig[modelEvent]{Publish: func(context.Context, weakbus.TopicInfo, modelEvent) error {
		runtime.Gosched() // between the change and the handlers
		return nil
	}})
	for name, update := range map[string]func(){
		"a type": func() {
			weakbus.TopicOf[modelEvent](bus).Update(func(e modelEvent, _ bool) modelEvent { return modelEvent{e.n + 1} })
		},
		"an interface": func() {
			weakbus.TopicOf[counted](bus).Update(func(e counted, ok bool) counted { return modelEvent{numberOf(e, ok) + 1} })
		},
	} {
		weakbus.TopicOf[modelEvent](bus).Retain().Forget()
		weakbus.TopicOf[counted](bus).Retain().Forget()
		const updates, updaters = 2_000, 3
		var mu sync.Mutex
		highest := make([]int, 20)
		var scope weakbus.Scope
		var all sync.WaitGroup
		for range updaters {
			all.Go(func() {
				for range updates {
					update()
				}
			})
		}
		for i := range highest {
			weakbus.SubscribeFunc(bus, &scope, func(e counted) {
				mu.Lock()
				defer mu.Unlock()
				highest[i] = max(highest[i], e.number())
			}, weakbus.Replay())
			runtime.Gosched()
		}
		all.Wait()
		last, _ := weakbus.TopicOf[counted](bus).Last()
		assert.Equal(t, updates*updaters, last.number(), name)
		for _, n := range highest {
			assert.Equal(t, updates*updaters, n, name)
		}
		scope.Close()
	}
}

func numberOf(e interface{ number() int }, ok bool) int {
	if !ok {
		return 0
	}
	return e.number()
}

func TestUpdate_APanicInChangeOrAHandlerLeavesTheTopicWhole(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus).Retain()
	topic.Publish(note{1})
	assert.Panics(t, func() { topic.Update(func(note, bool) note { panic("change") }) })
	last, _ := topic.Last()
	assert.Equal(t, note{1}, last, "nothing was kept")
	var scope weakbus.Scope
	sub := weakbus.SubscribeFunc(topic, &scope, func(note) { panic("handler") })
	assert.PanicsWithValue(t, "handler", func() { topic.Update(func(note, bool) note { return note{2} }) })
	last, _ = topic.Last()
	assert.Equal(t, note{2}, last)
	sub.Cancel()
	require.NoError(t, scope.CloseWait(t.Context()), "the publish that panicked is over")
}

func TestUpdate_AHandlerMayUpdate(t *testing.T) {
	topic := new(weakbus.Topic[note]).Retain()
	add := func(last note, _ bool) note { return note{last.n + 1} }
	var scope weakbus.Scope
	var heard []int
	weakbus.SubscribeFunc(topic, &scope, func(e note) {
		if heard = append(heard, e.n); e.n < 3 {
			topic.Update(add)
		}
	})
	topic.Update(add)
	assert.Equal(t, []int{1, 2, 3}, heard)
	runtime.KeepAlive(&scope)
}

func TestUpdate_OnAClosedBusDoesNothing(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus).Retain()
	never := weakbus.TopicOf[string](bus)
	topic.Publish(note{1})
	require.NoError(t, bus.Close())
	assert.Zero(t, topic.Update(func(note, bool) note { t.Error("called"); return note{2} }))
	assert.Zero(t, never.Retain().Update(func(string, bool) string { t.Error("called"); return "" }))
	last, _ := topic.Last()
	assert.Equal(t, note{1}, last)
}

func TestClear_EndsAllSubscriptionsOfATopicAndGoesOn(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		d, sub := s.node("d")
		s.warm()
		topic := weakbus.TopicOf[note](s.bus)
		keyed := weakbus.SubscribeFunc(topic.At("k"), s.bus.Scope(), func(note) {})
		others := weakbus.SubscribeFunc(s.bus, s.bus.Scope(), func(string) {})
		live := topic.Len()
		assert.Equal(t, live, topic.Clear())
		assert.Zero(t, topic.Clear())
		assert.Equal(t, weakbus.Closed, sub.State())
		assert.False(t, sub.Cancel())
		assert.Zero(t, topic.Len())
		assert.Zero(t, weakbus.Publish(s.bus, note{1}))
		assert.Equal(t, weakbus.Active, keyed.State())
		assert.Equal(t, weakbus.Active, others.State())
		again := weakbus.Subscribe(s.bus, d, (*node).hear)
		assert.Equal(t, 1, topic.Len())
		assert.Equal(t, []string{"d"}, s.publish())
		assert.Equal(t, weakbus.Active, again.State())
		assert.Equal(t, live, s.bus.Stats().Topics[0].Ended[weakbus.Closed])
		assert.Equal(t, 1, topic.At("k").Clear())
		assert.Equal(t, weakbus.Closed, keyed.State())
	})
}

func TestClear_InAHandlerEndsThePublish(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		first, _ := s.node("first", weakbus.Priority(1))
		s.node("second")
		s.warm()
		first.on = func(note) { weakbus.TopicOf[note](s.bus).Clear() }
		assert.Equal(t, []string{"first"}, s.publish())
		assert.Empty(t, s.publish())
	})
}

func TestClear_DoesNotCountWhoWasCollectedAndLetsGoOfFunctions(t *testing.T) {
	bus := weakbus.New()
	var w, captured weak.Pointer[node]
	var scope weakbus.Scope
	func() {
		d, c := &node{}, &node{}
		w, captured = weak.Make(d), weak.Make(c)
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(bus, d, (*node).hear)
		weakbus.SubscribeFunc(bus, &scope, use(c))
	}()
	for range 20 {
		runtime.GC()
		if w.Value() == nil {
			break
		}
	}
	assert.Equal(t, 1, weakbus.TopicOf[note](bus).Clear())
	collect(t, gone("captured", captured))
	runtime.KeepAlive(&scope)
}

func TestClear_AMailboxStillDeliversWhatItAccepted(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a, release := held(t, bus, m)
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Publish(bus, note{1})
	assert.Equal(t, 1, weakbus.TopicOf[note](bus).Clear())
	assert.Zero(t, weakbus.Publish(bus, note{2}))
	release()
	require.NoError(t, bus.Wait(t.Context()))
	assert.Equal(t, []string{"hold", "1"}, a.log)
}

func TestClear_UnderConcurrentSubscribesAndPublishes(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {})
					topic.Publish(note{1})
				}
			}
		})
	}
	for range 500 {
		topic.Clear()
		runtime.Gosched()
	}
	close(done)
	all.Wait()
	topic.Clear()
	assert.Zero(t, topic.Len())
	assert.Zero(t, topic.Publish(note{1}))
}

func TestWait_IsForAllMailboxesOfTheBus(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	bus := weakbus.New()
	require.NoError(t, bus.Wait(t.Context()), "there is none")
	m := weakbus.NewMailbox(8, weakbus.Block)
	a, release := held(t, bus, m)
	d := &inbox{}
	weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
	weakbus.Publish(bus, note{1})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, bus.Wait(ctx), context.DeadlineExceeded)
	release()
	require.NoError(t, bus.Wait(t.Context()))
	assert.Equal(t, []int{1}, d.all())
	assert.Equal(t, []string{"hold"}, a.log)
	assert.Equal(t, 1, weakbus.Publish(bus, note{2}), "the bus is open")
	require.NoError(t, bus.Wait(t.Context()))
}

func TestShutdown_HasThePatienceOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		var left sync.WaitGroup
		left.Add(1)
		d := &inbox{on: func(note) { time.Sleep(time.Minute) }}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
		for i := range 3 {
			weakbus.Publish(bus, note{i})
		}
		began := time.Now()
		second := make(chan error)
		go func() { second <- bus.Shutdown(t.Context()) }()
		require.NoError(t, bus.Shutdown(t.Context()))
		assert.Equal(t, 3*time.Minute, time.Since(began), "longer than Close would wait")
		require.NoError(t, <-second, "a second call waits as the first does")
		assert.Equal(t, 3*time.Minute, time.Since(began))
		assert.Len(t, d.all(), 3)
		require.NoError(t, bus.Close())
		_, err := weakbus.PublishContext(t.Context(), bus, note{1})
		require.ErrorIs(t, err, weakbus.ErrClosed)
	})
}

func TestShutdown_SaysWhatItDroppedAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		d := &inbox{on: func(note) { time.Sleep(time.Minute) }}
		weakbus.Subscribe(bus, d, (*inbox).hear, weakbus.Async(8, weakbus.Block))
		for i := range 3 {
			weakbus.Publish(bus, note{i})
		}
		synctest.Wait()
		why := errors.New("the deploy is due")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		err := bus.Shutdown(ctx)
		require.ErrorIs(t, err, why)
		require.ErrorContains(t, err, "2 events were dropped")
		time.Sleep(time.Hour)
		assert.Equal(t, []int{0}, d.all())
		require.NoError(t, bus.Shutdown(ctx), "there is nothing left to wait for")
	})
}

func TestStateAndLen_LookAtTheContextOfUntil(t *testing.T) {
	bus := weakbus.New()
	var bare weakbus.Topic[note]
	for _, topic := range []*weakbus.Topic[note]{weakbus.TopicOf[note](bus), &bare, weakbus.TopicOf[note](bus).At(1)} {
		late := &lateContext{Context: t.Context(), done: make(chan struct{})}
		var scope weakbus.Scope
		sub := weakbus.SubscribeFunc(topic, &scope, func(note) { t.Error("called") }, weakbus.Until(late))
		assert.Equal(t, weakbus.Active, sub.State())
		late.end()
		assert.Equal(t, weakbus.Cancelled, sub.State())
		assert.Zero(t, topic.Len())
		assert.Zero(t, scope.Len())
		assert.Zero(t, topic.Publish(note{1}))
		assert.False(t, sub.Cancel())

		late = &lateContext{Context: t.Context(), done: make(chan struct{})}
		weakbus.SubscribeFunc(topic, &scope, func(note) { t.Error("called") }, weakbus.Until(late))
		late.end()
		assert.Zero(t, topic.Len(), "without anybody asking for the state")
	}
}

// lateContext is done before its channel is closed: its callbacks never come.
type lateContext struct {
	context.Context //nolint:containedctx // it is one
	mu              sync.Mutex
	done            chan struct{}
	err             error
}

func (c *lateContext) Done() <-chan struct{} { return c.done }

func (c *lateContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *lateContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = context.Canceled
}

// AfterFunc is what context.AfterFunc uses: it needs no goroutine.
func (c *lateContext) AfterFunc(func()) (stop func() bool) { return func() bool { return true } }

func TestLabel_CostsNothingInADelivery(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("x"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {})
	assert.Zero(t, testing.AllocsPerRun(100, func() { weakbus.Publish(bus, note{1}) }))
}

func TestSubscription_PrintsWhatItIs(t *testing.T) {
	bus := weakbus.New()
	d := &node{}
	sub := weakbus.Subscribe(weakbus.TopicOf[note](bus).At("k").At(7), d, (*node).hear, weakbus.Label("list"))
	assert.Equal(t, "*weakbus_test.node on weakbus_test.note[k 7] (list): active", fmt.Sprint(sub))
	sub.Pause()
	assert.Contains(t, fmt.Sprint(sub), ": paused")
	sub.Cancel()
	assert.Contains(t, fmt.Sprint(sub), ": cancelled")
	f := weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {})
	assert.Equal(t, "func(weakbus_test.note) on weakbus_test.note: active", f.String())
	var w weak.Pointer[weakbus.Bus]
	w, bus = weak.Make(bus), nil
	collect(t, gone("bus", w))
	assert.Contains(t, fmt.Sprint(f), "on a topic that is gone: ")
	runtime.KeepAlive(d)
}
