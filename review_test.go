package weakbus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
)

// Stats promises the order of delivery, also before the next publish has put the list in order.
func TestStats_OrderOfDeliveryBeforeThePublishThatSorts(t *testing.T) {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("low"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("high"), weakbus.Priority(1))
	labels := func() (labels []string) {
		for _, sub := range bus.Stats().Topics[0].Subscriptions {
			labels = append(labels, sub.Label)
		}
		return labels
	}
	assert.Equal(t, []string{"high", "low"}, labels())
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"high", "low"}, labels())
}

// What HandleEnd of one handler cancels is skipped, as what the handler cancels is.
func TestObserve_HandleEndCancelsTheNext(t *testing.T) {
	for _, what := range []string{"Cancel", "Pause"} {
		onStages(t, func(t *testing.T, s *stage) {
			s.node("a", weakbus.Label("a"))
			_, b := s.node("b", weakbus.Label("b"))
			s.node("c", weakbus.Label("c"))
			s.warm()
			var started []string
			defer s.bus.Observe(&weakbus.Trace{
				HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
					if sub.Label != "" {
						started = append(started, sub.Label)
					}
					return ctx
				},
				HandleEnd: func(_ context.Context, sub weakbus.SubscriptionInfo, _ error) {
					switch {
					case sub.Label != "a":
					case what == "Cancel":
						b.Cancel()
					default:
						b.Pause()
					}
				}})()
			assert.Equal(t, []string{"a", "c"}, s.publish())
			assert.Equal(t, []string{"a", "c"}, started)
		})
	}
}

// No hook runs under the mutex of a retained event: it may look at the topic.
func TestPriority_IdleHookMayLookAtARetainedEvent(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus).Retain()
	var scope weakbus.Scope
	done := make(chan struct{})
	var once sync.Once
	defer bus.Observe(&weakbus.Trace{
		Ended: func(weakbus.SubscriptionInfo, weakbus.State) { topic.Publish(note{1}) },
		Idle: func(weakbus.TopicInfo) {
			topic.Last()
			once.Do(func() { close(done) })
		},
	})()
	weakbus.SubscribeFunc(topic, &scope, func(note) {})
	weakbus.SubscribeFunc(topic, &scope, func(note) {}, weakbus.Priority(1))
	go scope.Close()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		buf := make([]byte, 1<<16)
		t.Fatalf("deadlock: %s", buf[:runtime.Stack(buf, true)])
	}
}

// A handler that ends its goroutine has heard the event, with a logger too.
func TestWithLogger_AHandlerThatEndsItsGoroutineHasHeard(t *testing.T) {
	_, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	exit := false
	for range 10 {
		weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {
			if exit {
				runtime.Goexit()
			}
		})
	}
	for range 10 {
		weakbus.Publish(bus, note{1})
	}
	exit = true
	var wg sync.WaitGroup
	wg.Go(func() { weakbus.Publish(bus, note{1}) })
	wg.Wait()
	assert.Equal(t, 11, bus.Stats().Topics[0].Heard)
	assert.Equal(t, 11, bus.Stats().Topics[0].Published)
}

// grim is a context whose Err panics.
type grim struct {
	context.Context
	on *bool
}

func (g grim) Err() error {
	if *g.on {
		panic("grim")
	}
	return g.Context.Err()
}

// The panic of a context is that of the subscriber whose Until it is.
func TestOnPanic_OfAContextIsReportedForItsOwnSubscriber(t *testing.T) {
	for _, warm := range []bool{false, true} {
		var reported []string
		bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { reported = append(reported, p.Label) }))
		on := false
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var heard []string
		for _, name := range []string{"a", "b", "c", "d"} {
			opts := []weakbus.SubscribeOption{weakbus.Label(name)}
			if name == "b" {
				opts = append(opts, weakbus.Until(grim{ctx, &on}))
			}
			weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error {
				heard = append(heard, name)
				return nil
			}, opts...)
		}
		for range 6 {
			if warm {
				weakbus.Publish(bus, note{1})
			}
		}
		heard, on = nil, true
		ran := 0
		assert.NotPanics(t, func() { ran = weakbus.Publish(bus, note{1}) })
		assert.Equal(t, []string{"b"}, reported)
		assert.Equal(t, []string{"a", "c", "d"}, heard)
		assert.Equal(t, 4, ran)
	}
}

// An observer that comes while a publish is under way is told of the handlers with options from then on, be
// they called in a row or one by one.
func TestObserve_InTheMiddleOfAPublish(t *testing.T) {
	for _, warm := range []bool{false, true} {
		bus := weakbus.New()
		var j journal
		armed := false
		for _, name := range []string{"a", "b", "c", "d"} {
			weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error {
				if name == "b" && armed {
					bus.Observe(&weakbus.Trace{HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
						j.add("%s", sub.Label)
						return ctx
					}})
				}
				return nil
			}, weakbus.Label(name))
		}
		for range 6 {
			if warm {
				weakbus.Publish(bus, note{1})
			}
		}
		armed = true
		weakbus.Publish(bus, note{1})
		assert.Equal(t, []string{"c", "d"}, j.take(), "warm: %v", warm)
	}
}

// An event by its dynamic type, without a topic of its own: what is to be looked at between two calls is, also
// where the subscribers of the interface have been called before.
func TestPublish_ByDynamicTypeLooksBetweenTwoCalls(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint("OnPanic, ", n), func(t *testing.T) {
			told := 0
			bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { told++ }))
			for range n {
				weakbus.SubscribeFunc(bus, bus.Scope(), func(any) { panic("oops") })
			}
			for round := range 8 {
				assert.NotPanics(t, func() { assert.Equal(t, n, weakbus.Publish[any](bus, note{1})) })
				assert.Equal(t, n*(round+1), told)
			}
		})
		t.Run(fmt.Sprint("Stopper, ", n), func(t *testing.T) {
			bus := weakbus.New()
			heard := 0
			for range n {
				weakbus.SubscribeFunc(bus, bus.Scope(), func(e any) {
					heard++
					if s, ok := e.(*stoppable); ok {
						s.Stop()
					}
				})
			}
			weakbus.SubscribeFunc(bus, bus.Scope(), func(interface{ Stop() }) { heard++ }) // a leg of its own
			for range 8 {
				weakbus.Publish[any](bus, note{1})
			}
			heard = 0
			assert.Equal(t, 1, weakbus.Publish[any](bus, &stoppable{}))
			assert.Equal(t, 1, heard)
		})
	}
}

// Once that panics in a row is let go of as one that returns is.
func TestOnce_ThatPanicsInARowHasEnded(t *testing.T) {
	for _, onPanic := range []bool{false, true} {
		var opts []weakbus.BusOption
		if onPanic {
			opts = append(opts, weakbus.OnPanic(func(*weakbus.PanicError) {}))
		}
		bus := weakbus.New(opts...)
		var subs []*weakbus.Subscription
		for range 6 {
			sub := weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error { panic("oops") }, weakbus.Once())
			sub.Pause()
			subs = append(subs, sub)
		}
		for range 6 {
			weakbus.Publish(bus, note{1})
		}
		for _, sub := range subs {
			sub.Resume()
		}
		for range subs {
			if onPanic {
				weakbus.Publish(bus, note{1})
			} else {
				assert.Panics(t, func() { weakbus.Publish(bus, note{1}) })
			}
		}
		assert.Equal(t, map[weakbus.State]int{weakbus.Spent: 6}, bus.Stats().Topics[0].Ended)
		assert.Zero(t, bus.Stats().Topics[0].Live)
	}
}

// What is running is known to an observer that does not ask for handlers, also where all have heard an event,
// and a handler that has returned is not running.
func TestStats_RunningIsKnownWhereNobodyObservesHandlers(t *testing.T) {
	_, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	var running [][]string
	look := func() {
		var labels []string
		for _, r := range bus.Stats().Running {
			labels = append(labels, r.Subscription.Label)
		}
		running = append(running, labels)
	}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("a"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("b"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("c"), weakbus.Filter(func(note) bool { return true }))
	for range 8 {
		weakbus.Publish(bus, note{1})
	}
	defer bus.Observe(&weakbus.Trace{Failed: func(*weakbus.HandlerError) {}})()
	for range 8 {
		running = nil
		weakbus.Publish(bus, note{1})
		assert.Equal(t, [][]string{{"a"}, {"b"}, {"c"}}, running)
	}
}

// A mailbox of a closed bus goes on with what it accepted, until CloseWait.
func TestCloseWait_BesideAMailboxOfAClosedBus(t *testing.T) {
	rounds := 300
	if full {
		rounds = 6_000 // a handful of which come at the moment that counts
	}
	for i := range rounds {
		bus := weakbus.New()
		var scope weakbus.Scope
		var running atomic.Int32
		policy := weakbus.Overflow(i % 4)
		opts := []weakbus.SubscribeOption{weakbus.Async(50, policy)}
		switch i % 3 {
		case 1:
			opts = []weakbus.SubscribeOption{weakbus.Through(weakbus.NewMailbox(100, policy))}
		case 2:
			opts = append(opts, weakbus.Coalesce())
		}
		var over atomic.Bool
		for range 2 {
			weakbus.SubscribeFunc(bus, &scope, func(note) {
				running.Add(1)
				assert.False(t, over.Load(), "called after CloseWait")
				time.Sleep(time.Duration(rand.IntN(20)) * time.Microsecond)
				running.Add(-1)
			}, opts...)
		}
		for range 30 {
			weakbus.Publish(bus, note{1})
		}
		var closing sync.WaitGroup
		closing.Go(func() { _ = bus.Close() })
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		assert.NoError(t, scope.CloseWait(t.Context()))
		over.Store(true)
		assert.Zero(t, running.Load(), "running after CloseWait")
		closing.Wait()
	}
}
