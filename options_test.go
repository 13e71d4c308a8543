package weakbus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestOnce_ConcurrentPublishesCallItOnce(t *testing.T) {
	for range 50 {
		var topic weakbus.Topic[int]
		var scope weakbus.Scope
		var calls, ran atomic.Int64
		sub := weakbus.SubscribeFunc(&topic, &scope, func(int) { calls.Add(1) }, weakbus.Once())
		for range 10 {
			weakbus.SubscribeFunc(&topic, &scope, func(int) {})
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for n := range 20 {
					ran.Add(int64(topic.Publish(n)))
				}
			})
		}
		wg.Wait()
		require.Equal(t, int64(1), calls.Load())
		require.Equal(t, int64(4*20*10+1), ran.Load())
		require.Equal(t, weakbus.Spent, sub.State())
		require.False(t, sub.Cancel())
		require.Equal(t, 10, topic.Len())
		runtime.KeepAlive(&scope)
	}
}

func TestOnce_NestedPublishInItsOwnHandler(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		// Warm-up would spend it: filter that out.
		a, sub := s.node("a", weakbus.Once(), weakbus.Filter(func(e note) bool { return e.n > 0 }))
		a.on = func(note) { weakbus.Publish(s.bus, note{2}) }
		s.node("b")
		s.warm()
		assert.Equal(t, []string{"a", "b", "b"}, s.publish())
		assert.Equal(t, weakbus.Spent, sub.State())
		assert.Equal(t, []int{1}, a.heard)
	})
}

func TestOnce_PausedIsNotSpent(t *testing.T) {
	d := &node{}
	var topic weakbus.Topic[note]
	sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Once())
	sub.Pause()
	assert.Zero(t, topic.Publish(note{1}))
	sub.Resume()
	assert.Equal(t, 1, topic.Publish(note{2}))
	assert.Zero(t, topic.Publish(note{3}))
	assert.Equal(t, []int{2}, d.heard)
}

func TestOnce_IsSpentWhenItsHandlerPanics(t *testing.T) {
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	defer runtime.KeepAlive(&scope)
	sub := weakbus.SubscribeFunc(&topic, &scope, func(note) { panic("boom") }, weakbus.Once())
	assert.Panics(t, func() { topic.Publish(note{1}) })
	assert.Equal(t, weakbus.Spent, sub.State())
	assert.Zero(t, topic.Publish(note{1}))
	assert.Zero(t, topic.Len())
}

func TestFilter_LetsThroughWhatItKeeps(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		even, _ := s.node("even", weakbus.Filter(func(e note) bool { return e.n%2 == 0 }))
		all, _ := s.node("all")
		s.warm()
		before := weakbus.TopicOf[note](s.bus).Len()
		for n := range 4 {
			ran := weakbus.Publish(s.bus, note{n})
			assert.Equal(t, before-n%2, ran, "who is filtered out does not count")
		}
		assert.Equal(t, []int{0, 2}, even.heard)
		assert.Equal(t, []int{0, 1, 2, 3}, all.heard)
	})
}

func TestUntil_DoneAlreadyIsNeverCalled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := &node{}
	defer runtime.KeepAlive(d)
	var topic weakbus.Topic[note]
	sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Until(ctx))
	assert.Equal(t, weakbus.Cancelled, sub.State())
	assert.Zero(t, topic.Publish(note{1}))
	assert.Zero(t, topic.Len())
}

func TestUntil_DoneLaterEndsIt(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		a, sub := s.node("a", weakbus.Until(ctx))
		s.warm()
		assert.Equal(t, []string{"a"}, s.publish())
		before := runtime.NumGoroutine()
		cancel()
		assert.Empty(t, s.publish(), "from the very next call on")
		assert.Equal(t, weakbus.Cancelled, sub.State())
		assert.Equal(t, []int{1}, a.heard)
		assert.LessOrEqual(t, runtime.NumGoroutine(), before+1)
	})
}

func TestUntil_EndsWithoutAPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var topic weakbus.Topic[note]
		var scope weakbus.Scope
		sub := weakbus.SubscribeFunc(&topic, &scope, func(note) {}, weakbus.Until(ctx))
		synctest.Wait()
		assert.Equal(t, weakbus.Active, sub.State())
		cancel()
		synctest.Wait()
		assert.Equal(t, weakbus.Cancelled, sub.State())
		assert.Zero(t, scope.Len())
	})
}

// countingContext counts the functions that wait for it.
type countingContext struct {
	context.Context
	waiting int
}

// Value hides the context inside, which package context would talk to directly.
func (c *countingContext) Value(any) any { return nil }

func (c *countingContext) AfterFunc(f func()) func() bool {
	c.waiting++
	stop := context.AfterFunc(c.Context, f)
	return func() bool { c.waiting--; return stop() }
}

func TestUntil_LeavesNothingOnALongLivedContext(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	ctx := &countingContext{Context: parent}
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	subs := []*weakbus.Subscription{
		weakbus.SubscribeFunc(&topic, &scope, func(note) {}, weakbus.Until(ctx)),
		weakbus.SubscribeFunc(&topic, &scope, func(note) {}, weakbus.Until(ctx), weakbus.Once()),
		weakbus.SubscribeFunc(&topic, &scope, func(note) {}, weakbus.Until(ctx)),
	}
	assert.Equal(t, 3, ctx.waiting)
	topic.Publish(note{1})
	assert.Equal(t, 2, ctx.waiting, "the spent one")
	subs[0].Cancel()
	assert.Equal(t, 1, ctx.waiting, "the cancelled one")
	_ = scope.Close()
	assert.Zero(t, ctx.waiting)

	func() {
		d := &node{}
		weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Until(ctx))
		topic.Publish(note{1})
		runtime.KeepAlive(d)
	}()
	until(t, "registration of a collected receiver", func() bool { topic.Len(); return ctx.waiting == 0 })
}

func TestUntil_ContextThatReachesTheReceiverDoesNotKeepItAlive(t *testing.T) {
	type window struct {
		node
		cancel context.CancelFunc
	}
	bus := weakbus.New()
	w := &window{}
	ptr := weak.Make(w)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), t, w))
	w.cancel = cancel
	weakbus.Subscribe(bus, w, func(w *window, e note) { w.node.hear(e) }, weakbus.Until(ctx))
	weakbus.Publish(bus, note{1})
	w, ctx, cancel = nil, nil, nil
	collect(t, gone("window", ptr))
	_, _ = ctx, cancel
	runtime.KeepAlive(bus)
}

func TestUntil_BackgroundNeverEnds(t *testing.T) {
	d := &node{}
	var topic weakbus.Topic[note]
	weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Until(context.Background()))
	assert.Equal(t, 1, topic.Publish(note{1}))
	runtime.KeepAlive(d)
}

func TestOptions_Together(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var scope weakbus.Scope
		var order []string
		for i := range 3 {
			weakbus.SubscribeFunc(s.bus, &scope, func(e note) { order = append(order, fmt.Sprint("f", i)) },
				weakbus.Priority(i), weakbus.Once(), weakbus.Until(ctx), weakbus.Label(fmt.Sprint(i)),
				weakbus.Filter(func(e note) bool { return e.n == i }))
		}
		s.warm()
		for range 2 {
			for n := range 3 {
				weakbus.Publish(s.bus, note{n})
			}
		}
		assert.Equal(t, []string{"f0", "f1", "f2"}, order)
		assert.Zero(t, scope.Len())
	})
}

func TestFilter_ThatEndsItsSubscription(t *testing.T) {
	var sub *weakbus.Subscription
	for name, end := range map[string]func(*weakbus.Bus){
		"cancel": func(*weakbus.Bus) { sub.Cancel() },
		"pause":  func(*weakbus.Bus) { sub.Pause() },
		"close":  func(b *weakbus.Bus) { _ = b.Close() },
	} {
		for _, opts := range [][]weakbus.SubscribeOption{nil, {weakbus.Once()}} {
			t.Run(name, func(t *testing.T) {
				bus := weakbus.New()
				d := &node{}
				opts := append(opts, weakbus.Filter(func(note) bool { end(bus); return true }))
				sub = weakbus.Subscribe(bus, d, (*node).hear, opts...)
				assert.Zero(t, weakbus.Publish(bus, note{1}))
				assert.Empty(t, d.heard)
				assert.NotEqual(t, weakbus.Spent, sub.State())
			})
		}
	}
}

func TestSubscribe_RacingWithTheEndOfItsContextOrScope(t *testing.T) {
	var topic weakbus.Topic[note]
	keep := &other{}
	weakbus.Subscribe(&topic, keep, (*other).hear)
	d := &node{}
	for i := range 20_000 {
		ctx, cancel := context.WithCancel(t.Context())
		var scope weakbus.Scope
		var wg sync.WaitGroup
		wg.Go(func() {
			cancel()
			_ = scope.Close()
		})
		sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Until(ctx), weakbus.In(&scope))
		wg.Wait()
		if i%1_000 == 0 {
			require.Equal(t, weakbus.Cancelled, sub.State())
		}
	}
	assert.Equal(t, 1, topic.Len())
	assert.Equal(t, 1, topic.Publish(note{1}))
	assert.Empty(t, d.heard)
	runtime.KeepAlive(keep)
}

func TestUntil_DroppedBusesLeaveNothingOnALongLivedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receiver := &node{}
	make5000 := func(ctx context.Context) {
		for range 5_000 {
			weakbus.Subscribe(weakbus.New(), receiver, (*node).hear, weakbus.Until(ctx))
		}
	}
	other, end := context.WithCancel(t.Context())
	make5000(other) // what the runtime takes once, for so many cleanups, is not to be measured
	end()
	before := heapInUse()
	make5000(ctx)
	// Without tidying, 1.7 MB stay. The context keeps the table that it had at its fullest.
	until(t, "what dropped buses left on the context", func() bool { return heapInUse()-before < 512<<10 })
	t.Logf("%d bytes left", heapInUse()-before)
	runtime.KeepAlive(receiver)
}

func TestUntil_EndedByTheFilterOfItsOwnSubscription(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		s.node("a")
		s.node("b", weakbus.Until(ctx), weakbus.Filter(func(e note) bool {
			if e.n > 0 { // not while the stage is warmed up
				cancel()
			}
			return true
		}))
		s.node("c", weakbus.Until(ctx))
		s.warm()
		assert.Equal(t, []string{"a"}, s.publish())
	})
}

func TestReplay_WhoseFilterEndsTheContextIsNotHandedOver(t *testing.T) {
	var topic weakbus.Topic[note]
	topic.Retain().Publish(note{1})
	ctx, cancel := context.WithCancel(t.Context())
	d := &inbox{}
	weakbus.Subscribe(&topic, d, (*inbox).hear, weakbus.Replay(), weakbus.Until(ctx),
		weakbus.Filter(func(note) bool { cancel(); return true }))
	assert.Empty(t, d.all())
}
