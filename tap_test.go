package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// tapOf returns a tap that takes down all that it is told.
func tapOf(j *journal) weakbus.TapConfig[note] {
	return weakbus.TapConfig[note]{
		Publish: func(_ context.Context, topic weakbus.TopicInfo, e note) error {
			j.add("%v %d", topic, e.n)
			return nil
		},
		Interest: func(topic weakbus.TopicInfo, active bool) { j.add("%v %v", topic, active) },
	}
}

func TestTap_SeesEachEventBeforeItsSubscribers(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		d, _ := s.node("d")
		s.warm()
		j := &journal{}
		d.on = func(e note) { j.add("heard %d", e.n) }
		stop := weakbus.Tap(s.bus, weakbus.TapConfig[note]{Publish: tapOf(j).Publish})
		weakbus.Publish(s.bus, note{1})
		weakbus.Publish[any](s.bus, note{2})
		_, err := weakbus.PublishContext(t.Context(), s.bus, note{3})
		require.NoError(t, err)
		q := weakbus.NewQueue(s.bus)
		require.NoError(t, weakbus.Post(q, note{4}))
		q.Drain()
		assert.Equal(t, []string{"weakbus_test.note 1", "heard 1", "weakbus_test.note 2", "heard 2",
			"weakbus_test.note 3", "heard 3", "weakbus_test.note 4", "heard 4"}, j.take())
		unobserve := s.bus.Observe(&weakbus.Trace{})
		weakbus.Publish(s.bus, note{5})
		assert.Equal(t, []string{"weakbus_test.note 5", "heard 5"}, j.take())
		unobserve()
		stop()
		stop()
		weakbus.Publish(s.bus, note{6})
		assert.Equal(t, []string{"heard 6"}, j.take())
	})
}

func TestTap_IsNoSubscriber(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	bus.Observe(&weakbus.Trace{
		Active:  func(i weakbus.TopicInfo) { t.Error("active:", i) },
		Unheard: func(topic weakbus.TopicInfo, event any) { j.add("unheard %v", event) },
	})
	defer weakbus.Tap(bus, tapOf(j))()
	assert.Zero(t, weakbus.Publish(bus, note{1}))
	assert.Equal(t, []string{"weakbus_test.note 1", "unheard {1}"}, j.take())
	assert.Zero(t, weakbus.TopicOf[note](bus).Len())
	assert.Zero(t, bus.Stats().Topics[0].Live)
	assert.Empty(t, bus.Stats().Topics[0].Subscriptions)
}

func TestTap_IsToldTheKeysOfSubTopicsAndWhoListens(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	weakbus.SubscribeFunc(topic.At("before"), bus.Scope(), func(note) {})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	j := &journal{}
	stop := weakbus.Tap(bus, tapOf(j))
	assert.Equal(t, []string{"weakbus_test.note[before] true"}, j.take(), "first what is active already, of this type")
	topic.At("k").At(7).Publish(note{1})
	assert.Equal(t, []string{"weakbus_test.note[k 7] 1"}, j.take())
	sub := weakbus.SubscribeFunc(topic.At("k"), bus.Scope(), func(note) {})
	second := weakbus.SubscribeFunc(topic.At("k"), bus.Scope(), func(note) {})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	sub.Cancel()
	second.Cancel()
	assert.Equal(t, []string{"weakbus_test.note[k] true", "weakbus_test.note[k] false"}, j.take())
	require.NoError(t, bus.Close())
	assert.Equal(t, []string{"weakbus_test.note[before] false"}, j.take())
	weakbus.Publish(bus, note{2})
	assert.Empty(t, j.take(), "nothing is published on a closed bus")
	stop()
}

func TestTap_InterestEndsWithTheLastOneThatTheCollectorTook(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	defer weakbus.Tap(bus, tapOf(j))()
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &node{}, (*node).hear)
	var lines []string
	until(t, "the end of interest", func() bool { lines = append(lines, j.take()...); return len(lines) == 2 })
	assert.Equal(t, []string{"weakbus_test.note true", "weakbus_test.note false"}, lines)
}

func TestTap_ErrorsGoToPublishContextOrNowAndThenToTheLog(t *testing.T) {
	log, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	no := errors.New("no")
	weakbus.Tap(bus, weakbus.TapConfig[note]{Publish: func(context.Context, weakbus.TopicInfo, note) error { return no }})
	heard := 0
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error { heard++; return errors.New("handler") })
	ran, err := weakbus.PublishContext(t.Context(), bus, note{1})
	assert.Equal(t, []int{1, 1}, []int{ran, heard}, "its subscribers hear it all the same")
	require.ErrorIs(t, err, no)
	require.ErrorContains(t, err, "handler")
	assert.NotContains(t, log.String(), "a tap failed")
	for range 150 {
		weakbus.Publish(bus, note{1})
	}
	assert.Equal(t, 3, strings.Count(log.String(), "a tap failed: no"), "the 1st, the 10th and the 100th")
}

func TestTap_GetsTheContextAndObserversOnes(t *testing.T) {
	bus := weakbus.New()
	var got []any
	weakbus.Tap(bus, weakbus.TapConfig[note]{Publish: func(ctx context.Context, _ weakbus.TopicInfo, _ note) error {
		got = append(got, ctx.Value(ctxKey{}))
		return nil
	}})
	weakbus.Publish(bus, note{1})
	_, _ = weakbus.PublishContext(context.WithValue(t.Context(), ctxKey{}, "mine "), bus, note{1})
	defer bus.Observe((&journal{}).spans(""))()
	_, _ = weakbus.PublishContext(context.WithValue(t.Context(), ctxKey{}, "mine "), bus, note{1})
	assert.Equal(t, []any{nil, "mine ", "mine P"}, got)
}

func TestTap_PanicsReachThePublisherAndLeaveTheBusWhole(t *testing.T) {
	bus := weakbus.New()
	heard := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard++ })
	stop := weakbus.Tap(bus, weakbus.TapConfig[note]{Publish: func(_ context.Context, _ weakbus.TopicInfo, e note) error {
		if e.n == 2 {
			runtime.Goexit()
		}
		panic("oops")
	}})
	assert.PanicsWithValue(t, "oops", func() { weakbus.Publish(bus, note{1}) })
	assert.PanicsWithValue(t, "oops", func() { _, _ = weakbus.PublishContext(t.Context(), bus, note{1}) })
	var exits sync.WaitGroup
	exits.Go(func() { weakbus.Publish(bus, note{2}) })
	exits.Wait()
	assert.Zero(t, heard)
	stop()
	assert.Equal(t, 1, weakbus.Publish(bus, note{3}))
}

func TestTap_SeesUpdatesAndStoppedEvents(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	weakbus.Tap(bus, tapOf(j))
	weakbus.TopicOf[note](bus).Retain().Update(func(note, bool) note { return note{7} })
	assert.Equal(t, []string{"weakbus_test.note 7"}, j.take())
	seen := 0
	weakbus.Tap(bus, weakbus.TapConfig[*stoppable]{Publish: func(context.Context, weakbus.TopicInfo, *stoppable) error { seen++; return nil }})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e *stoppable) { e.Stop() })
	weakbus.Publish(bus, &stoppable{})
	assert.Equal(t, 1, seen)
}

// A bridge publishes what comes from elsewhere from within its tap, and may stop and start others there.
func TestTap_MayUseTheBus(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { j.add("heard %d", e.n) })
	var stop func()
	stop = weakbus.Tap(bus, weakbus.TapConfig[note]{
		Publish: func(_ context.Context, _ weakbus.TopicInfo, e note) error {
			j.add("tap %d", e.n)
			if e.n == 1 {
				weakbus.Publish(bus, note{2})
				stop()
				weakbus.Tap(bus, tapOf(j))
			}
			return nil
		},
		Interest: func(i weakbus.TopicInfo, active bool) {
			if len(i.Keys) == 0 && active {
				weakbus.SubscribeFunc(weakbus.TopicOf[note](bus).At(1), bus.Scope(), func(note) {})
			}
			j.add("interest in %v: %v", i, active)
		},
	})
	assert.Equal(t, []string{"interest in weakbus_test.note: true", "interest in weakbus_test.note[1]: true"}, j.take())
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"tap 1", "tap 2", "heard 2", "weakbus_test.note true", "weakbus_test.note[1] true", "heard 1"}, j.take())
}

func TestTap_UnderConcurrentPublishes(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	var heard, tapped atomic.Int64
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard.Add(1) })
	var publishers sync.WaitGroup
	for key := range 2 {
		publishers.Go(func() {
			for range 20_000 {
				topic.At(key).Publish(note{1})
			}
		})
	}
	for range 300 {
		stop := weakbus.Tap(bus, weakbus.TapConfig[note]{
			Publish:  func(context.Context, weakbus.TopicInfo, note) error { tapped.Add(1); return nil },
			Interest: func(weakbus.TopicInfo, bool) {},
		})
		runtime.Gosched()
		stop()
	}
	publishers.Wait()
	assert.EqualValues(t, 40_000, heard.Load())
	before := tapped.Load()
	weakbus.Publish(bus, note{1})
	assert.Equal(t, before, tapped.Load())
}

func TestTap_LeavesOtherTypesAlone(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	weakbus.Tap(bus, weakbus.TapConfig[note]{Publish: func(context.Context, weakbus.TopicInfo, note) error { return nil }})
	assert.Zero(t, testing.AllocsPerRun(100, func() { weakbus.Publish(bus, "x") }))
}

func TestTap_KeepsNoSubscriber(t *testing.T) {
	bus := weakbus.New()
	defer weakbus.Tap(bus, tapOf(&journal{}))()
	var w weak.Pointer[node]
	func() {
		d := &node{}
		w = weak.Make(d)
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(bus, d, (*node).hear)
		weakbus.Publish(bus, note{1})
	}()
	collect(t, gone("receiver", w))
}

func TestTap_MisusePanics(t *testing.T) {
	assert.Contains(t, panicOf(func() { weakbus.Tap(weakbus.New(), weakbus.TapConfig[fmt.Stringer]{}) }),
		"weakbus: Tap: fmt.Stringer is an interface; tap the types that implement it")
	assert.Contains(t, panicOf(func() { weakbus.Tap(nil, weakbus.TapConfig[note]{}) }), "weakbus: Tap: nil *Bus or a zero one; make one with New")
	weakbus.Tap(weakbus.New(), weakbus.TapConfig[note]{})()
}
