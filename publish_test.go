//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// Re-entrancy.

func TestPublish_HandlerCancelsItself(t *testing.T) { // [Boost.Signals2 test_remove_self]
	for _, who := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(who), func(t *testing.T) {
			onStages(t, func(t *testing.T, s *stage) {
				names := []string{"a", "b", "c"}
				for i, name := range names {
					d, sub := s.node(name)
					if i == who {
						d.on = func(note) { assert.True(t, sub.Cancel()) }
					}
				}
				s.warm()
				assert.Equal(t, names, s.publish())
				rest := append(append([]string{}, names[:who]...), names[who+1:]...)
				assert.Equal(t, rest, s.publish())
				assert.Equal(t, rest, s.publish())
			})
		})
	}
}

func TestPublish_AllHandlersCancelThemselves(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		for _, name := range []string{"a", "b", "c"} {
			d, sub := s.node(name)
			d.on = func(note) { sub.Cancel() }
		}
		s.warm()
		assert.Equal(t, []string{"a", "b", "c"}, s.publish())
		assert.Empty(t, s.publish())
	})
}

func TestPublish_HandlerCancelsALaterSubscriber(t *testing.T) { // [Boost.Signals2 test_remove_after]
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		_, b := s.node("b")
		s.node("c")
		a.on = func(note) { b.Cancel() }
		s.warm()
		assert.Equal(t, []string{"a", "c"}, s.publish())
		assert.Equal(t, weakbus.Cancelled, b.State())
	})
}

func TestPublish_HandlerCancelsAnEarlierSubscriber(t *testing.T) { // [Boost.Signals2 test_remove_prior]
	onStages(t, func(t *testing.T, s *stage) {
		_, a := s.node("a")
		b, _ := s.node("b")
		b.on = func(note) { a.Cancel() }
		s.warm()
		assert.Equal(t, []string{"a", "b"}, s.publish())
		assert.Equal(t, []string{"b"}, s.publish())
	})
}

func TestPublish_HandlerPausesALaterSubscriber(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		_, b := s.node("b")
		a.on = func(note) { b.Pause() }
		s.warm()
		assert.Equal(t, []string{"a"}, s.publish())
		a.on = func(note) { b.Resume() }
		assert.Equal(t, []string{"a", "b"}, s.publish(), "resumed before its turn")
	})
}

func TestPublish_HandlerSubscribesAnother(t *testing.T) { // [Boost.Signals2 slot_connect_test]
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		a.on = func(note) {
			s.node("late")
			s.node("first", weakbus.Priority(1))
			a.on = nil
		}
		s.warm()
		assert.Equal(t, []string{"a"}, s.publish(), "who subscribes during a publish hears the next one")
		assert.Equal(t, []string{"first", "a", "late"}, s.publish())
	})
}

func TestPublish_HandlerPublishesDepthFirst(t *testing.T) { // [psygnal immediate mode]
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		b, _ := s.node("b")
		a.on = func(e note) {
			if e.n < 3 {
				weakbus.Publish(s.bus, note{e.n + 1})
			}
		}
		s.warm()
		s.publish()
		assert.Equal(t, []int{1, 2, 3}, a.heard)
		assert.Equal(t, []int{3, 2, 1}, b.heard, "the innermost publish ends first")
	})
}

func TestPublish_HandlerClosesTheBus(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		s.node("b")
		a.on = func(note) { assert.NoError(t, s.bus.Close()) }
		s.warm()
		assert.Equal(t, []string{"a"}, s.publish())
		assert.Empty(t, s.publish())
	})
}

func TestPublish_HandlerClosesTheScope(t *testing.T) { // [EnTT ClearFromCallback]
	onStages(t, func(t *testing.T, s *stage) {
		var scope weakbus.Scope
		a, _ := s.node("a", weakbus.In(&scope))
		s.node("b", weakbus.In(&scope))
		s.node("c")
		a.on = func(note) { assert.NoError(t, scope.Close()) }
		s.warm()
		assert.Equal(t, []string{"a", "c"}, s.publish())
		assert.Zero(t, scope.Len())
	})
}

func TestPublish_HandlerFreesAnOwnerWhoseCloseCancels(t *testing.T) { // [Boost.Signals2 deadlock_regression_test]
	onStages(t, func(t *testing.T, s *stage) {
		type window struct {
			node
			subs weakbus.Scope
		}
		w := &window{}
		weakbus.SubscribeFunc(s.bus, &w.subs, func(note) {
			if w != nil {
				_ = w.subs.Close()
				w = nil
				runtime.GC()
			}
		})
		s.node("after")
		s.warm()
		assert.Equal(t, []string{"after"}, s.publish())
	})
}

func TestPublish_NothingThatAHandlerCallsDeadlocks(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		var scope weakbus.Scope
		a, sub := s.node("a", weakbus.In(&scope))
		a.on = func(e note) {
			if e.n > 2 {
				return
			}
			topic := weakbus.TopicOf[note](s.bus)
			sub.Pause()
			sub.Resume()
			scope.Pause()
			scope.Resume()
			topic.Len()
			scope.Len()
			s.node("new", weakbus.In(&scope), weakbus.Once(), weakbus.Priority(e.n))
			weakbus.Subscribe(s.bus, a, func(*node, string) {}).Cancel()
			weakbus.Publish(s.bus, "other type")
			topic.Publish(note{e.n + 1})
			if _, err := topic.PublishContext(context.Background(), note{e.n + 2}); err != nil {
				assert.ErrorIs(t, err, weakbus.ErrClosed)
			}
			runtime.GC()
			assert.NoError(t, scope.Close())
			assert.NoError(t, s.bus.Close())
		}
		s.warm()
		assert.NotEmpty(t, s.publish())
	})
}

// Order.

func TestPublish_OrdersByPriorityThenBySubscription(t *testing.T) { // [psygnal test_call_priority]
	onStages(t, func(t *testing.T, s *stage) {
		for _, p := range []int{0, 5, -5, 10, math.MinInt, math.MaxInt, 5, 0} {
			s.node(fmt.Sprint(p), weakbus.Priority(p))
		}
		s.warm()
		lo, hi := fmt.Sprint(math.MinInt), fmt.Sprint(math.MaxInt)
		assert.Equal(t, []string{hi, "10", "5", "5", "0", "0", "-5", lo}, s.publish())
	})
}

func TestPublish_OrderSurvivesRemovals(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		var want []string
		var cancel []*weakbus.Subscription
		for i := range 400 {
			_, sub := s.node(fmt.Sprint(i))
			if i%3 == 0 {
				cancel = append(cancel, sub)
			} else {
				want = append(want, fmt.Sprint(i))
			}
		}
		s.warm()
		for _, sub := range cancel {
			require.True(t, sub.Cancel())
		}
		for range 40 { // over all changes of the snapshot
			require.Equal(t, want, s.publish())
		}
		weakbus.TopicOf[note](s.bus).Len()
		require.Equal(t, want, s.publish())
	})
}

func TestPublish_PrioritySubscribedWhileRunningWaits(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		b, _ := s.node("b")
		a.on = func(note) { s.node("before b", weakbus.Priority(1)); a.on = nil }
		b.on = func(note) { s.node("last", weakbus.Priority(-1)); b.on = nil }
		s.warm()
		assert.Equal(t, []string{"a", "b"}, s.publish())
		assert.Equal(t, []string{"before b", "a", "b", "last"}, s.publish())
	})
}

func TestSubscribe_InFrontOfALowerPriorityCopiesNothing(t *testing.T) {
	const n = 10_000
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	var order []int
	hear := func(i int) func(note) { return func(note) { order = append(order, i) } }
	weakbus.SubscribeFunc(&topic, &scope, hear(n), weakbus.Priority(-1))
	ps := make([]*inbox, n/2) // of another sort, so that each subscriber has a chunk of its own
	before := allocated()
	for i := range ps {
		ps[i] = &inbox{on: hear(2 * i)}
		weakbus.Subscribe(&topic, ps[i], (*inbox).hear)
		weakbus.SubscribeFunc(&topic, &scope, hear(2*i+1))
	}
	assert.Less(t, (allocated()-before)/n, uint64(2_000), "bytes for each subscriber")
	require.Equal(t, n+1, topic.Publish(note{}))
	assert.True(t, slices.IsSorted(order))
	runtime.KeepAlive(ps)
	runtime.KeepAlive(&scope)
}

// allocated returns how many bytes have been allocated so far.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Whoever is subscribed in front of others between two publishes is in the place of its priority from the
// next one on, however that is published.
func TestPublish_PutsNewSubscribersInOrder(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		want := []string{}
		for i := range 20 {
			s.node(fmt.Sprint("low", i))
			s.warm()
			for _, p := range []int{2, 1, 2} {
				s.node(fmt.Sprint("p", p), weakbus.Priority(p))
			}
			if i%3 == 0 {
				weakbus.TopicOf[note](s.bus).Len()
			}
			want = want[:0]
			for range 2 * (i + 1) {
				want = append(want, "p2")
			}
			for range i + 1 {
				want = append(want, "p1")
			}
			for k := range i + 1 {
				want = append(want, fmt.Sprint("low", k))
			}
			require.Equal(t, want, s.publish())
		}
	})
}

// Panics, Goexit, errors.

func TestPublish_PanicReachesThePublisherAndLeavesTheBusWhole(t *testing.T) { // [MBassador testExceptionInHandlerInvocation]
	onStages(t, func(t *testing.T, s *stage) {
		s.node("a")
		b, _ := s.node("b")
		s.node("c")
		b.on = func(note) { panic("boom") }
		s.warm()
		assert.PanicsWithValue(t, "boom", func() { s.publish() })
		assert.Equal(t, []string{"a", "b"}, s.log)
		b.on = nil
		assert.Equal(t, []string{"a", "b", "c"}, s.publish())
		_, sub := s.node("d")
		assert.Equal(t, []string{"a", "b", "c", "d"}, s.publish())
		assert.True(t, sub.Cancel())
	})
}

func TestOnPanic_ReportsOnceAndTheRestRun(t *testing.T) {
	var reports []*weakbus.PanicError
	cause := errors.New("cause")
	onStages(t, func(t *testing.T, s *stage) {
		reports = nil
		s.node("a")
		b, _ := s.node("b", weakbus.Label("the middle one"))
		c, _ := s.node("c")
		s.node("d")
		b.on = func(note) { panic(cause) }
		c.on = func(note) { panic("plain value") }
		s.warm()
		before := weakbus.TopicOf[note](s.bus).Len()
		s.log = nil
		assert.Equal(t, before, weakbus.Publish(s.bus, note{1}), "a handler that panicked did run")
		assert.Equal(t, []string{"a", "b", "c", "d"}, s.log)

		require.Len(t, reports, 2)
		p := reports[0]
		assert.ErrorIs(t, p, cause)
		assert.Equal(t, "the middle one", p.Label)
		assert.Equal(t, reflect.TypeFor[note](), p.Event)
		assert.Equal(t, reflect.TypeFor[*node](), p.Receiver)
		assert.Contains(t, string(p.Stack), "(*node).hear")
		assert.Contains(t, p.Error(), "*weakbus_test.node on weakbus_test.note (the middle one): handler panicked: cause")
		assert.NoError(t, reports[1].Unwrap())
		assert.Contains(t, reports[1].Error(), "plain value")
	}, weakbus.OnPanic(func(p *weakbus.PanicError) { reports = append(reports, p) }))
}

func TestOnPanic_NamesTheFunctionOfSubscribeFunc(t *testing.T) {
	var got *weakbus.PanicError
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { got = p }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { panic(1) })
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
	require.NotNil(t, got)
	assert.Equal(t, reflect.TypeFor[func(note)](), got.Receiver)
	assert.Equal(t, 1, got.Value)
}

func TestOnPanic_ItsOwnPanicReachesThePublisher(t *testing.T) {
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { panic("in report") }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { panic(1) })
	assert.PanicsWithValue(t, "in report", func() { weakbus.Publish(bus, note{1}) })
}

func TestPublish_PanicInAFilterIsOneInTheHandler(t *testing.T) {
	reported := 0
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { reported++ }))
	d, e := &node{}, &node{}
	weakbus.Subscribe(bus, d, (*node).hear, weakbus.Filter(func(note) bool { panic("filter") }))
	weakbus.Subscribe(bus, e, (*node).hear)
	weakbus.Publish(bus, note{1})
	assert.Equal(t, 1, reported)
	assert.Empty(t, d.heard)
	assert.Equal(t, []int{1}, e.heard)
}

func TestPublish_GoexitLeavesTheBusWhole(t *testing.T) {
	for name, opts := range map[string][]weakbus.BusOption{
		"default": nil,
		"OnPanic": {weakbus.OnPanic(func(p *weakbus.PanicError) { t.Error("a Goexit is not a panic:", p) })},
	} {
		t.Run(name, func(t *testing.T) {
			onStages(t, func(t *testing.T, s *stage) {
				s.node("a")
				b, _ := s.node("b")
				s.node("c")
				b.on = func(note) { runtime.Goexit() }
				s.warm()
				var wg sync.WaitGroup
				wg.Go(func() { s.publish(); t.Error("the goroutine should have ended") })
				wg.Wait()
				assert.Equal(t, []string{"a", "b"}, s.log)
				b.on = nil
				assert.Equal(t, []string{"a", "b", "c"}, s.publish())
			}, opts...)
		})
	}
}

func TestPublishContext_JoinsErrorsThatNameTheSubscriber(t *testing.T) { // [Django test_send_robust_fail]
	onStages(t, func(t *testing.T, s *stage) {
		fail := errors.New("disk full")
		ctx := context.WithValue(t.Context(), t, "value")
		var order []string
		handler := func(name string, err error) func(*node, context.Context, note) error {
			return func(d *node, got context.Context, e note) error {
				if e.n > 0 {
					order = append(order, name)
					assert.Equal(t, "value", got.Value(t))
					return err
				}
				return nil
			}
		}
		d := &node{}
		defer runtime.KeepAlive(d)
		weakbus.SubscribeContext(s.bus, d, handler("a", fail), weakbus.Label("saver"))
		weakbus.SubscribeContext(s.bus, d, handler("b", nil))
		weakbus.SubscribeFuncContext(s.bus, s.bus.Scope(), func(_ context.Context, e note) error {
			if e.n > 0 {
				return fmt.Errorf("other: %w", context.Canceled)
			}
			return nil
		})
		plain, _ := s.node("plain")
		s.warm()
		n, err := weakbus.PublishContext(ctx, s.bus, note{1})
		assert.Equal(t, weakbus.TopicOf[note](s.bus).Len(), n)
		assert.Equal(t, []string{"a", "b"}, order)
		assert.Equal(t, []int{1}, plain.heard)
		require.ErrorIs(t, err, fail)
		var he *weakbus.HandlerError
		require.ErrorAs(t, err, &he)
		assert.Equal(t, "saver", he.Label)
		assert.Equal(t, reflect.TypeFor[*node](), he.Receiver)
		assert.Equal(t, reflect.TypeFor[note](), he.Event)
		assert.Equal(t, "weakbus: *weakbus_test.node on weakbus_test.note (saver): disk full", he.Error())
		assert.ErrorIs(t, err, context.Canceled, "returned by a handler, not by the publish")
		assert.Contains(t, err.Error(), "func(context.Context, weakbus_test.note) error on")
	})
}

func TestPublishContext_StopsBeforeTheNextHandlerWhenDone(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		ctx, cancel := context.WithCancel(t.Context())
		a, _ := s.node("a", weakbus.Priority(1))
		s.node("b")
		a.on = func(note) { cancel() }
		s.warm()
		s.log = nil
		n, err := weakbus.PublishContext(ctx, s.bus, note{1})
		assert.Equal(t, 1, n)
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, []string{"a"}, s.log)
		n, err = weakbus.PublishContext(ctx, s.bus, note{2})
		assert.Zero(t, n)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestPublishContext_DoneInTheLastHandlerIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { cancel() })
	n, err := weakbus.PublishContext(ctx, bus, note{1})
	assert.Equal(t, 1, n)
	assert.NoError(t, err, "all handlers ran")
}

func TestPublishContext_NobodySubscribed(t *testing.T) { // [Django test_send_no_receivers]
	n, err := weakbus.PublishContext(t.Context(), weakbus.New(), note{1})
	assert.Zero(t, n)
	assert.NoError(t, err)
	var topic weakbus.Topic[note]
	n, err = topic.PublishContext(t.Context(), note{1})
	assert.Zero(t, n)
	assert.NoError(t, err)
}

func TestPublish_LogsErrorsThatItCannotReturn(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(old)
	for name, opts := range map[string][]weakbus.BusOption{
		"default": nil, "OnPanic": {weakbus.OnPanic(func(*weakbus.PanicError) {})},
	} {
		t.Run(name, func(t *testing.T) {
			out.Reset()
			bus := weakbus.New(opts...)
			d := &node{}
			defer runtime.KeepAlive(d)
			weakbus.SubscribeContext(bus, d, func(*node, context.Context, note) error { return errors.New("lost?") })
			assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
			assert.Contains(t, out.String(), "*weakbus_test.node on weakbus_test.note: lost?")
			assert.Contains(t, out.String(), "level=ERROR")
		})
	}
}

// Early stop.

type stoppable struct {
	weakbus.Stopper
	n int
}

func TestPublish_StopperEndsThePublish(t *testing.T) { // [EnTT collector]
	for _, fillers := range []int{0, 40} {
		t.Run(fmt.Sprint(fillers, " fillers"), func(t *testing.T) {
			var topic weakbus.Topic[*stoppable]
			var scope weakbus.Scope
			heard := 0
			weakbus.SubscribeFunc(&topic, &scope, func(*stoppable) { heard++ })
			weakbus.SubscribeFunc(&topic, &scope, func(e *stoppable) { heard++; e.Stop() })
			weakbus.SubscribeFunc(&topic, &scope, func(*stoppable) { heard++ })
			for range fillers {
				weakbus.SubscribeFunc(&topic, &scope, func(*stoppable) { heard++ })
			}
			for range 4 {
				heard = 0
				e := &stoppable{}
				assert.Equal(t, 2, topic.Publish(e))
				assert.Equal(t, 2, heard)
				assert.True(t, e.Stopped())
				assert.Zero(t, topic.Publish(e), "stopped already")
			}
			n, err := topic.PublishContext(t.Context(), &stoppable{})
			assert.Equal(t, 2, n)
			assert.NoError(t, err)
			runtime.KeepAlive(&scope)
		})
	}
}

func TestPublish_NilPointerOfAStoppableTypeIsAnEventLikeOthers(t *testing.T) {
	var topic weakbus.Topic[*stoppable]
	var scope weakbus.Scope
	weakbus.SubscribeFunc(&topic, &scope, func(*stoppable) {})
	assert.Equal(t, 1, topic.Publish(nil))
	runtime.KeepAlive(&scope)
}

func TestPublish_StopsOnAnyEventWithStopped(t *testing.T) {
	var topic weakbus.Topic[fmt.Stringer]
	var scope weakbus.Scope
	weakbus.SubscribeFunc(&topic, &scope, func(e fmt.Stringer) {
		if s, ok := e.(*namedStop); ok {
			s.Stop()
		}
	})
	weakbus.SubscribeFunc(&topic, &scope, func(fmt.Stringer) {})
	assert.Equal(t, 1, topic.Publish(&namedStop{}))
	assert.Equal(t, 2, topic.Publish(weakbus.Active))
	runtime.KeepAlive(&scope)
}

type namedStop struct{ weakbus.Stopper }

func (*namedStop) String() string { return "named" }

// Concurrency.

func TestConcurrent_PublisherHearsItsOwnEvent(t *testing.T) { // [MVVM Toolkit ConcurrentOperations]
	bus := weakbus.New()
	keep := make([]*node, 50)
	for i := range keep {
		keep[i] = &node{}
		weakbus.Subscribe(bus, keep[i], func(*node, message) {})
	}
	var wg sync.WaitGroup
	for g := range 1_024 {
		wg.Go(func() {
			d := &listener64{}
			sub := weakbus.Subscribe(bus, d, (*listener64).hear)
			weakbus.Publish(bus, message{from: g, to: d})
			assert.Equal(t, int64(1), d.heard.Load(), "goroutine %d", g)
			if g%2 == 0 {
				assert.True(t, sub.Cancel())
				weakbus.Publish(bus, message{from: g, to: d})
				assert.Equal(t, int64(1), d.heard.Load())
			}
			runtime.KeepAlive(d)
		})
	}
	wg.Wait()
	runtime.KeepAlive(keep)
}

type message struct {
	from int
	to   *listener64
}

type listener64 struct {
	name  *string
	heard atomic.Int64
}

func (d *listener64) hear(m message) {
	if m.to == d {
		d.heard.Add(1)
	}
}

func TestConcurrent_CancelHappensBeforeTheNextCall(t *testing.T) {
	// One goroutine publishes without pause; after Cancel has returned on another, the
	// handler must not start again.
	for range 200 {
		var topic weakbus.Topic[int]
		receivers := make([]*gate, 20)
		subs := make([]*weakbus.Subscription, len(receivers))
		for i := range receivers {
			receivers[i] = &gate{}
			subs[i] = weakbus.Subscribe(&topic, receivers[i], (*gate).hear)
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					topic.Publish(n)
				}
			}
		})
		for i, sub := range subs {
			require.True(t, sub.Cancel())
			receivers[i].closed.Store(true) // a call that starts from now on is an error
		}
		close(stop)
		wg.Wait()
		for _, d := range receivers {
			require.LessOrEqual(t, d.late.Load(), int64(1), "one call may have been under way")
		}
	}
}

// gate counts the calls that began after it was closed.
type gate struct {
	name   *string
	closed atomic.Bool
	late   atomic.Int64
}

func (g *gate) hear(int) {
	if g.closed.Load() {
		g.late.Add(1)
	}
}

func TestPublish_CompactionInAHandlerLetsNobodyJoinThePublish(t *testing.T) {
	// The first chunk has room left behind it; the handler makes it the last one again.
	var topic weakbus.Topic[note]
	a, b, late, c := &node{}, &node{}, &node{}, &other{}
	defer runtime.KeepAlive(a)
	subA := weakbus.Subscribe(&topic, a, (*node).hear)
	weakbus.Subscribe(&topic, b, (*node).hear)
	subC := weakbus.Subscribe(&topic, c, (*other).hear)
	a.on = func(note) {
		subA.Cancel()
		subC.Cancel()
		weakbus.Subscribe(&topic, late, (*node).hear)
	}
	assert.Equal(t, 2, topic.Publish(note{1}))
	assert.Empty(t, late.heard)
	assert.Equal(t, 2, topic.Publish(note{2}))
	assert.Equal(t, []int{2}, late.heard)
	runtime.KeepAlive(b)
	runtime.KeepAlive(c)
}

func TestPublish_LogsAnErrorThoughALaterHandlerPanics(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(old)
	bus := weakbus.New()
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, *stoppable) error { return errors.New("first") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*stoppable) { panic("second") })
	assert.Panics(t, func() { weakbus.Publish(bus, &stoppable{}) })
	assert.Contains(t, out.String(), "first")
}

func TestPublish_OnePausedSubscriberCostsNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var topic weakbus.Topic[note]
	nodes := make([]*node, 1_000)
	for i := range nodes {
		nodes[i] = &node{}
		sub := weakbus.Subscribe(&topic, nodes[i], func(*node, note) {})
		if i == 500 {
			sub.Pause()
		}
	}
	for range 100 {
		topic.Publish(note{1})
	}
	assert.Zero(t, testing.AllocsPerRun(500, func() { topic.Publish(note{1}) }))
	runtime.KeepAlive(nodes)
}

// stubborn is an event that cannot even say whether it was stopped.
type stubborn struct{ name string }

func (*stubborn) Stopped() bool { panic("in Stopped") }

func TestOnPanic_IsNotToldOfThePublishersOwnPanic(t *testing.T) {
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { t.Error("no handler was called:", p) }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*stubborn) {})
	assert.PanicsWithValue(t, "in Stopped", func() { weakbus.Publish(bus, &stubborn{}) })
}
