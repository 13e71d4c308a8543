package weakbustest_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

// crowd is n subscribers of one source, so many that they are delivered to from a snapshot once it
// is warm.
type crowd struct {
	bus  *weakbus.Bus
	huds []*hud
	subs []*weakbus.Subscription
	log  []string
}

func newCrowd(n int, opts ...weakbus.SubscribeOption) *crowd {
	c := &crowd{bus: weakbus.New()}
	for i := range n {
		h := &hud{name: string(rune('a' + i))}
		h.on = func(score) { c.log = append(c.log, h.name) }
		c.huds = append(c.huds, h)
		c.subs = append(c.subs, weakbus.Subscribe(c.bus, h, (*hud).onScore, opts...))
	}
	return c
}

// warm has the topic's snapshot built.
func (c *crowd) warm() *crowd {
	for range 4 {
		weakbus.Publish(c.bus, score{0})
	}
	return c
}

func (c *crowd) publish() []string {
	c.log = nil
	weakbus.Publish(c.bus, score{1})
	return c.log
}

// shapes runs test on the ways that a delivery takes.
func shapes(t *testing.T, test func(t *testing.T, c *crowd)) {
	for name, make := range map[string]func() *crowd{
		"cold":    func() *crowd { return newCrowd(4) },
		"warm":    func() *crowd { return newCrowd(4).warm() },
		"options": func() *crowd { return newCrowd(4, weakbus.Label("x")).warm() },
		"traced": func() *crowd {
			c := &crowd{bus: weakbus.New(weakbus.WithTrace(&weakbus.Trace{}))}
			for _, name := range []string{"a", "b", "c", "d"} {
				h := &hud{name: name, on: func(score) { c.log = append(c.log, name) }}
				c.huds, c.subs = append(c.huds, h), append(c.subs, weakbus.Subscribe(c.bus, h, (*hud).onScore))
			}
			return c.warm()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := make()
			test(t, c)
			runtime.KeepAlive(c)
		})
	}
}

func TestExpire_EndsTheSubscriptionOnceAsCollected(t *testing.T) {
	shapes(t, func(t *testing.T, c *crowd) {
		sub := c.subs[1]
		assert.True(t, weakbustest.Expire(sub))
		assert.False(t, weakbustest.Expire(sub))
		assert.False(t, sub.Cancel())
		assert.Equal(t, weakbus.Collected, sub.State())
		assert.Equal(t, []string{"a", "c", "d"}, c.publish())
		assert.Equal(t, 3, weakbus.TopicOf[score](c.bus).Len())
		assert.Equal(t, map[weakbus.State]int{weakbus.Collected: 1}, c.bus.Stats().Topics[0].Ended)
	})
}

func TestExpire_ReportsFalseForWhatHadEnded(t *testing.T) {
	bus := weakbus.New()
	h := &hud{}
	cancelled := weakbus.Subscribe(bus, h, (*hud).onScore)
	cancelled.Cancel()
	spent := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Once())
	weakbus.Publish(bus, score{1})
	//weakvet:ignore vanishing it is to expire
	collected := weakbus.Subscribe(bus, &hud{}, (*hud).onScore)
	weakbustest.Collect(t, func() bool { return collected.State() == weakbus.Collected })
	closed := weakbus.Subscribe(bus, h, (*hud).onScore)
	require.NoError(t, bus.Close())
	for want, sub := range map[weakbus.State]*weakbus.Subscription{
		weakbus.Cancelled: cancelled, weakbus.Spent: spent, weakbus.Collected: collected, weakbus.Closed: closed,
	} {
		assert.False(t, weakbustest.Expire(sub), want)
		assert.Equal(t, want, sub.State())
	}
	assert.PanicsWithValue(t, "weakbustest: Expire: nil Subscription; pass what Subscribe returned", func() { weakbustest.Expire(nil) })
	runtime.KeepAlive(h)
}

// What psygnal #432 came from: listener 1 drops the last reference to listener 2 in mid-publish,
// and the collector is quick.
func TestExpire_InMidPublishOfALaterSubscriberSkipsIt(t *testing.T) {
	shapes(t, func(t *testing.T, c *crowd) {
		c.huds[0].on = func(score) { c.log = append(c.log, "a"); weakbustest.Expire(c.subs[2]) }
		assert.Equal(t, []string{"a", "b", "d"}, c.publish())
		assert.Equal(t, []string{"a", "b", "d"}, c.publish())
	})
}

func TestExpire_InMidPublishOfAnEarlierOneOrOneselfTakesEffectNextTime(t *testing.T) {
	shapes(t, func(t *testing.T, c *crowd) {
		c.huds[2].on = func(score) {
			c.log = append(c.log, "c")
			weakbustest.Expire(c.subs[0])
			assert.True(t, weakbustest.Expire(c.subs[2]))
		}
		assert.Equal(t, []string{"a", "b", "c", "d"}, c.publish())
		assert.Equal(t, []string{"b", "d"}, c.publish())
	})
}

func TestExpire_OfAllFromAHandlerLeavesAnEmptyTopic(t *testing.T) {
	shapes(t, func(t *testing.T, c *crowd) {
		c.huds[0].on = func(score) {
			c.log = append(c.log, "a")
			for _, sub := range c.subs {
				weakbustest.Expire(sub)
			}
			assert.Zero(t, weakbus.TopicOf[score](c.bus).Len())
		}
		assert.Equal(t, []string{"a"}, c.publish())
		assert.Empty(t, c.publish())
	})
}

func TestExpire_WhileANestedPublishRunsReachesBoth(t *testing.T) {
	shapes(t, func(t *testing.T, c *crowd) {
		depth := 0
		c.huds[0].on = func(score) {
			c.log = append(c.log, "a")
			if depth++; depth == 1 {
				weakbus.Publish(c.bus, score{2})
			} else {
				weakbustest.Expire(c.subs[3])
			}
		}
		assert.Equal(t, []string{"a", "a", "b", "c", "b", "c"}, c.publish())
	})
}

func TestExpire_BetweenTwoPublishesWithAWarmSnapshot(t *testing.T) {
	c := newCrowd(26).warm()
	for i, sub := range c.subs {
		require.True(t, weakbustest.Expire(sub))
		require.Len(t, c.publish(), 25-i)
	}
}

func TestExpire_WhilePausedThenResumed(t *testing.T) {
	for name, opts := range map[string][]weakbus.SubscribeOption{"plain": nil, "catching up": {weakbus.CatchUp()}} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(3, opts...)
			c.warm()
			c.log = nil
			c.subs[1].Pause()
			weakbus.Publish(c.bus, score{1})
			assert.True(t, weakbustest.Expire(c.subs[1]))
			c.subs[1].Resume()
			assert.Equal(t, weakbus.Collected, c.subs[1].State())
			assert.Equal(t, []string{"a", "c"}, c.log, "what it missed is let go of")
			assert.Equal(t, []string{"a", "c"}, c.publish())
		})
	}
}

func TestExpire_UnderAScopeLetsGoOfTheFunction(t *testing.T) {
	bus := weakbus.New()
	var scope weakbus.Scope
	captured, calls := &hud{}, 0
	ref := weak.Make(captured)
	sub := subscribeFor(bus, &scope, captured, &calls)
	captured = nil
	weakbus.Publish(bus, score{1})
	assert.True(t, weakbustest.Expire(sub))
	assert.Zero(t, scope.Len())
	assert.Zero(t, weakbus.TopicOf[score](bus).Len())
	assert.Zero(t, weakbus.Publish(bus, score{1}))
	assert.Equal(t, 1, calls)
	weakbustest.Collect(t, func() bool { return ref.Value() == nil })
	runtime.KeepAlive(&scope)
}

func subscribeFor(bus *weakbus.Bus, scope *weakbus.Scope, captured *hud, calls *int) *weakbus.Subscription {
	return weakbus.SubscribeFunc(bus, scope, func(score) { captured.name = "called"; *calls++ })
}

func TestExpire_OfOneSubscriptionSparesTheOthersOfItsReceiver(t *testing.T) {
	bus := weakbus.New()
	h := &hud{}
	first, second := weakbus.Subscribe(bus, h, (*hud).onScore), weakbus.Subscribe(bus, h, (*hud).onScore)
	weakbustest.Expire(first)
	assert.Equal(t, 1, weakbus.Publish(bus, score{1}))
	assert.Equal(t, weakbus.Active, second.State())
	runtime.KeepAlive(h)
}

func TestExpire_OnceFromItsOwnHandlerIsSpentAlready(t *testing.T) {
	c := newCrowd(2, weakbus.Once())
	c.huds[0].on = func(score) { assert.False(t, weakbustest.Expire(c.subs[0])) }
	c.huds[1].on = func(score) { assert.Fail(t, "called") }
	assert.True(t, weakbustest.Expire(c.subs[1]))
	c.publish()
	assert.Equal(t, weakbus.Spent, c.subs[0].State())
}

func TestExpire_LetsGoOfWhatWaitsInAMailbox(t *testing.T) {
	bus := weakbustest.NewBus(t)
	enter, leave := make(chan bool), make(chan bool)
	h := &hud{on: func(score) { enter <- true; <-leave }}
	sub := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Async(10, weakbus.Block))
	for i := range 5 {
		weakbus.Publish(bus, score{i})
	}
	<-enter
	assert.True(t, weakbustest.Expire(sub), "it does not wait for the handler")
	close(leave)
	require.NoError(t, bus.Close())
	assert.Equal(t, []int{0}, h.heard)
}

func TestExpire_WakesAPublisherThatWaitsForRoom(t *testing.T) {
	bus := weakbustest.NewBus(t)
	enter, leave := make(chan bool), make(chan bool)
	h := &hud{on: func(score) { enter <- true; <-leave }}
	sub := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Async(1, weakbus.Block))
	weakbus.Publish(bus, score{1})
	<-enter
	weakbus.Publish(bus, score{2})
	var wg sync.WaitGroup
	wg.Go(func() { assert.Zero(t, weakbus.Publish(bus, score{3})) })
	weakbustest.Expire(sub)
	wg.Wait()
	close(leave)
	runtime.KeepAlive(h)
}

func TestExpire_SkipsTasksThatViaHasHandedOver(t *testing.T) {
	bus := weakbus.New()
	var tasks []func()
	h := &hud{}
	sub := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Via(func(task func()) { tasks = append(tasks, task) }))
	weakbus.Publish(bus, score{1})
	weakbus.Publish(bus, score{2})
	tasks[0]()
	assert.True(t, weakbustest.Expire(sub))
	tasks[1]()
	assert.Equal(t, []int{1}, h.heard)
}

func TestExpire_InTheCallThatCatchesUpEndsIt(t *testing.T) {
	bus := weakbus.New()
	h := &hud{}
	sub := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.CatchUp())
	sub.Pause()
	weakbus.Publish(bus, score{1})
	h.on = func(score) {
		weakbus.Publish(bus, score{2}) // waits at the gate
		assert.True(t, weakbustest.Expire(sub))
		weakbus.Publish(bus, score{3})
	}
	sub.Resume()
	assert.Equal(t, []int{1}, h.heard)
	assert.Equal(t, weakbus.Collected, sub.State())
	assert.Zero(t, weakbus.TopicOf[score](bus).Len())
}

func TestExpire_OfASubscriberThatWasReplayedTo(t *testing.T) {
	var topic weakbus.Topic[score]
	topic.Retain()
	topic.Publish(score{1})
	h := &hud{}
	sub := weakbus.Subscribe(&topic, h, (*hud).onScore, weakbus.Replay())
	assert.True(t, weakbustest.Expire(sub))
	topic.Publish(score{2})
	assert.Equal(t, []int{1}, h.heard)
	assert.Zero(t, topic.Len())
}

func TestExpire_OnAKeyedSubTopicLeavesNoSubTopicBehind(t *testing.T) {
	bus := weakbus.New()
	damage := weakbus.TopicOf[score](bus)
	h := &hud{}
	sub := weakbus.Subscribe(damage.At("boss"), h, (*hud).onScore)
	weakbus.Subscribe(damage, h, (*hud).onScore)
	assert.Equal(t, 2, damage.At("boss").Publish(score{1}))
	assert.True(t, weakbustest.Expire(sub))
	assert.Equal(t, 1, damage.At("boss").Publish(score{1}))
	assert.Len(t, bus.Stats().Topics, 1)
	runtime.KeepAlive(h)
}

func TestExpire_OnTheTopicOfAnInterfaceType(t *testing.T) {
	bus := weakbus.New()
	h, audit := &hud{}, &hud{}
	weakbus.Subscribe(bus, h, (*hud).onScore)
	sub := weakbus.Subscribe(bus, audit, func(h *hud, e any) { h.onScore(e.(score)) })
	h.on = func(score) { weakbustest.Expire(sub) }
	assert.Equal(t, 1, weakbus.Publish(bus, score{1}), "expired by an earlier handler of the same event")
	assert.Empty(t, audit.heard)
	assert.Equal(t, weakbus.Collected, sub.State())
	runtime.KeepAlive(audit)
}

func TestExpire_LeavesItsContextAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := newCrowd(1, weakbus.Until(ctx))
	assert.True(t, weakbustest.Expire(c.subs[0]))
	cancel()
	assert.Equal(t, weakbus.Collected, c.subs[0].State())
}

func TestExpire_IsToldToTraceAndLoggerAsACollection(t *testing.T) {
	var log bytes.Buffer
	var causes []weakbus.State
	idle := 0
	bus := weakbus.New(weakbus.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), weakbus.WithTrace(&weakbus.Trace{
		Ended: func(_ weakbus.SubscriptionInfo, cause weakbus.State) { causes = append(causes, cause) },
		Idle:  func(weakbus.TopicInfo) { idle++ },
	}))
	h := &hud{}
	unheard, heard := weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Once()), weakbus.Subscribe(bus, h, (*hud).onScore)
	weakbustest.Expire(unheard)
	weakbus.Publish(bus, score{1})
	weakbustest.Expire(heard)
	assert.Equal(t, []weakbus.State{weakbus.Collected, weakbus.Collected}, causes)
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("was collected before it heard its first event")), "only the first")
	assert.Equal(t, 1, idle)
	runtime.KeepAlive(h)
}

func TestExpire_IsSeenByCloseWait(t *testing.T) {
	bus := weakbustest.NewBus(t)
	var scope weakbus.Scope
	enter, leave := make(chan bool), make(chan bool)
	sub := weakbus.SubscribeFunc(bus, &scope, func(score) { enter <- true; <-leave })
	var wg sync.WaitGroup
	wg.Go(func() { weakbus.Publish(bus, score{1}) })
	<-enter
	weakbustest.Expire(sub)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, scope.CloseWait(ctx), context.Canceled, "the handler is still running")
	close(leave)
	assert.NoError(t, scope.CloseWait(context.Background()))
	wg.Wait()
}

func TestExpire_ConcurrentlyIsDoneByOne(t *testing.T) {
	c := newCrowd(8)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 4 {
		wg.Go(func() {
			for _, sub := range c.subs {
				if weakbustest.Expire(sub) {
					mu.Lock()
					done++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 8, done)
	assert.Empty(t, c.publish())
}
