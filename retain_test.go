package weakbus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestRetain_KeepsTheLastEventForReplay(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	weakbus.Publish(bus, note{1})
	_, ok := topic.Last()
	assert.False(t, ok, "nothing is kept without Retain")
	topic.Retain()
	_, ok = topic.Last()
	assert.False(t, ok, "nothing was published since")
	d := &node{}
	weakbus.Subscribe(bus, d, (*node).hear, weakbus.Replay())
	assert.Empty(t, d.heard)

	assert.Equal(t, 1, weakbus.Publish(bus, note{2}))
	late, plain := &node{}, &node{}
	sub := weakbus.Subscribe(bus, late, (*node).hear, weakbus.Replay())
	assert.Equal(t, []int{2}, late.heard, "before Subscribe returns")
	assert.Equal(t, weakbus.Active, sub.State())
	weakbus.Subscribe(bus, plain, (*node).hear)
	assert.Empty(t, plain.heard)
	assert.Equal(t, 3, weakbus.Publish(bus, note{3}))
	assert.Equal(t, []int{2, 3}, late.heard)
	last, ok := topic.Last()
	assert.True(t, ok)
	assert.Equal(t, note{3}, last)
	topic.Retain()
	_, ok = topic.Last()
	assert.True(t, ok, "a second Retain changes nothing")
}

func TestRetain_KeepsWhatNobodyHeard(t *testing.T) {
	var topic weakbus.Topic[note]
	topic.Retain()
	assert.Zero(t, topic.Publish(note{4}))
	d := &node{}
	weakbus.SubscribeContext(&topic, d, func(d *node, _ context.Context, e note) error { d.hear(e); return nil }, weakbus.Replay())
	assert.Equal(t, []int{4}, d.heard)
	_, err := topic.PublishContext(t.Context(), note{5})
	require.NoError(t, err)
	last, _ := topic.Last()
	assert.Equal(t, note{5}, last)
}

func TestRetain_KeepsExactlyOneEventAlive(t *testing.T) { // [psygnal test_emit_should_not_prevent_gc]
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*node) {})
	plain := &node{}
	ptr := weak.Make(plain)
	weakbus.Publish(bus, plain)
	plain = nil
	collect(t, gone("an event that nobody keeps", ptr))

	weakbus.TopicOf[*node](bus).Retain() //weakvet:ignore retained that it keeps the event is the test
	first, second := &node{}, &node{}
	ptr, last := weak.Make(first), weak.Make(second)
	weakbus.Publish(bus, first)
	weakbus.Publish(bus, second)
	first, second = nil, nil
	collect(t, gone("the event before the last", ptr))
	assert.NotNil(t, last.Value())
	runtime.KeepAlive(bus)
}

func TestRetain_OnSubTopicsParentsAndInterfaces(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[login](bus)
	topic.Retain()
	weakbus.TopicOf[auditable](bus).Retain()
	topic.At(1).Retain()
	topic.At(1).Publish(login{"one"})
	topic.At(2).Publish(login{"two"})
	last, _ := topic.At(1).Last()
	assert.Equal(t, "one", last.user)
	last, _ = topic.Last()
	assert.Equal(t, "two", last.user, "what reaches the parent's subscribers")
	seen, _ := weakbus.TopicOf[auditable](bus).Last()
	assert.Equal(t, login{"two"}, seen)
	_, ok := topic.At(2).Last()
	assert.False(t, ok)
	weakbus.Publish(bus, &transfer{amount: 1})
	seen, _ = weakbus.TopicOf[auditable](bus).Last()
	assert.Equal(t, "transfer 1", seen.Audit())
	var replayed string
	weakbus.SubscribeFunc(topic.At(1), bus.Scope(), func(e login) { replayed = e.user }, weakbus.Replay()).Cancel()
	assert.Equal(t, "one", replayed)
	last, ok = topic.At(1).Last()
	assert.True(t, ok, "a sub-topic that retains stays without subscribers")
	assert.Equal(t, "one", last.user)
}

func TestReplay_WithOtherOptions(t *testing.T) {
	newTopic := func() *weakbus.Topic[note] {
		topic := &weakbus.Topic[note]{}
		topic.Retain()
		topic.Publish(note{1})
		return topic
	}
	t.Run("Once", func(t *testing.T) {
		topic, d := newTopic(), &node{}
		sub := weakbus.Subscribe(topic, d, (*node).hear, weakbus.Replay(), weakbus.Once())
		assert.Equal(t, weakbus.Spent, sub.State())
		topic.Publish(note{2})
		assert.Equal(t, []int{1}, d.heard)
		assert.Zero(t, topic.Len())
	})
	t.Run("Filter", func(t *testing.T) {
		topic, d := newTopic(), &node{}
		weakbus.Subscribe(topic, d, (*node).hear, weakbus.Replay(), weakbus.Filter(func(e note) bool { return e.n > 1 }))
		topic.Publish(note{2})
		assert.Equal(t, []int{2}, d.heard)
	})
	t.Run("a closed scope", func(t *testing.T) {
		topic, d := newTopic(), &node{}
		var scope weakbus.Scope
		_ = scope.Close()
		weakbus.Subscribe(topic, d, (*node).hear, weakbus.Replay(), weakbus.In(&scope))
		assert.Empty(t, d.heard)
	})
	t.Run("a paused scope", func(t *testing.T) {
		topic, d, catcher := newTopic(), &node{}, &node{}
		var scope weakbus.Scope
		scope.Pause()
		weakbus.Subscribe(topic, d, (*node).hear, weakbus.Replay(), weakbus.In(&scope))
		weakbus.Subscribe(topic, catcher, (*node).hear, weakbus.Replay(), weakbus.CatchUp(), weakbus.In(&scope))
		assert.Empty(t, catcher.heard)
		scope.Resume()
		assert.Empty(t, d.heard, "missed events are not kept")
		assert.Equal(t, []int{1}, catcher.heard)
	})
	t.Run("Priority", func(t *testing.T) {
		topic := newTopic()
		var log []string
		low, high := &node{name: "low", log: &log}, &node{name: "high", log: &log}
		weakbus.Subscribe(topic, low, (*node).hear, weakbus.Replay())
		weakbus.Subscribe(topic, high, (*node).hear, weakbus.Replay(), weakbus.Priority(1))
		topic.Publish(note{2})
		assert.Equal(t, []string{"low", "high", "high", "low"}, log)
	})
}

func TestReplay_HandlerPublishesCancelsPauses(t *testing.T) {
	var topic weakbus.Topic[note]
	topic.Retain()
	topic.Publish(note{1})
	d := &node{}
	d.on = func(e note) {
		if e.n < 4 { // two at once: of those that come while it is busy, the latest counts
			topic.Publish(note{e.n + 1})
			topic.Publish(note{e.n + 2})
		}
	}
	sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Replay())
	assert.Equal(t, []int{1, 3, 5}, d.heard)
	d.on = nil
	topic.Publish(note{9})
	assert.Equal(t, []int{1, 3, 5, 9}, d.heard)
	sub.Cancel()

	cancels := &node{}
	var scope weakbus.Scope
	cancels.on = func(note) { _ = scope.Close(); topic.Publish(note{10}) }
	sub = weakbus.Subscribe(&topic, cancels, (*node).hear, weakbus.Replay(), weakbus.In(&scope))
	assert.Equal(t, weakbus.Cancelled, sub.State())
	assert.Equal(t, []int{9}, cancels.heard)

	pauses := &node{}
	var other weakbus.Scope
	pauses.on = func(note) { other.Pause(); topic.Publish(note{11}) }
	weakbus.Subscribe(&topic, pauses, (*node).hear, weakbus.Replay(), weakbus.In(&other))
	pauses.on = nil
	other.Resume()
	topic.Publish(note{12})
	assert.Equal(t, []int{10, 12}, pauses.heard)
}

func TestReplay_PanicEndsTheSubscription(t *testing.T) {
	topic := weakbus.Topic[note]{}
	topic.Retain()
	topic.Publish(note{1})
	d := &node{on: func(note) { panic("oops") }}
	assert.PanicsWithValue(t, "oops", func() { weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Replay()) })
	assert.Zero(t, topic.Len())

	var reported []*weakbus.PanicError
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { reported = append(reported, p) }))
	weakbus.TopicOf[note](bus).Retain()
	weakbus.Publish(bus, note{1})
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.Replay(), weakbus.Label("replayed"))
	assert.Equal(t, weakbus.Active, sub.State())
	require.Len(t, reported, 1)
	assert.Equal(t, "replayed", reported[0].Label)
	assert.Equal(t, "oops", reported[0].Value)
}

func TestReplay_NoEventIsLostOrComesTwiceOrOutOfOrder(t *testing.T) {
	for round := range 200 {
		var topic weakbus.Topic[note]
		topic.Retain()
		topic.Publish(note{0})
		const events = 200
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := 1; i <= events; i++ {
				topic.Publish(note{i})
			}
		})
		var mu sync.Mutex
		var scope weakbus.Scope
		heard := make([][]int, 4)
		for i := range heard {
			wg.Go(func() {
				weakbus.SubscribeFunc(&topic, &scope, func(e note) {
					mu.Lock()
					defer mu.Unlock()
					heard[i] = append(heard[i], e.n)
				}, weakbus.Replay())
			})
		}
		wg.Wait()
		for _, ns := range heard {
			require.NotEmpty(t, ns)
			for k := 1; k < len(ns); k++ {
				require.Less(t, ns[k-1], ns[k], "round %d: %v", round, ns)
			}
			require.Equal(t, events, ns[len(ns)-1])
		}
		runtime.KeepAlive(&scope)
	}
}

func TestCatchUp_HandsTheLatestMissedEventOnResume(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		d, sub := s.node("d", weakbus.CatchUp(), weakbus.Filter(func(e note) bool { return e.n%10 != 9 }))
		plain, plainSub := s.node("plain")
		s.warm()
		sub.Pause()
		plainSub.Pause()
		for _, n := range []int{1, 2, 3, 9} {
			weakbus.Publish(s.bus, note{n})
		}
		sub.Resume()
		plainSub.Resume()
		assert.Equal(t, []int{3}, d.heard, "the latest that the filter lets through")
		assert.Empty(t, plain.heard)
		sub.Resume()
		weakbus.Publish(s.bus, note{4})
		sub.Pause()
		sub.Resume()
		assert.Equal(t, []int{3, 4}, d.heard, "nothing was missed")
	})
}

func TestCatchUp_ScopesAndPausesThatOverlap(t *testing.T) {
	bus := weakbus.New()
	var scope weakbus.Scope
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.CatchUp(), weakbus.In(&scope))
	scope.Pause()
	sub.Pause()
	sub.Pause() // does not nest [psygnal test_nested_pause]
	weakbus.Publish(bus, note{1})
	scope.Resume()
	assert.Empty(t, d.heard, "its own pause goes on")
	weakbus.Publish(bus, note{2})
	sub.Resume()
	assert.Equal(t, []int{2}, d.heard)

	scope.Pause()
	weakbus.Publish(bus, note{3})
	sub.Cancel()
	scope.Resume()
	assert.Equal(t, []int{2}, d.heard)
}

func TestCatchUp_HandlerPausesAgainWithoutLosingTheNext(t *testing.T) {
	bus := weakbus.New()
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.CatchUp())
	sub.Pause()
	weakbus.Publish(bus, note{1})
	d.on = func(note) {
		d.on = nil
		weakbus.Publish(bus, note{2}) // kept: it is busy
		sub.Pause()
		weakbus.Publish(bus, note{3})
	}
	sub.Resume()
	assert.Equal(t, []int{1}, d.heard)
	assert.Equal(t, weakbus.Paused, sub.State())
	sub.Resume()
	assert.Equal(t, []int{1, 3}, d.heard)
	weakbus.Publish(bus, note{4})
	assert.Equal(t, []int{1, 3, 4}, d.heard)
}

func TestCatchUp_PanicLeavesTheSubscriberActive(t *testing.T) {
	bus := weakbus.New()
	d := &node{on: func(note) { panic("oops") }}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.CatchUp())
	sub.Pause()
	weakbus.Publish(bus, note{1})
	assert.PanicsWithValue(t, "oops", sub.Resume)
	d.on = nil
	assert.Equal(t, 1, weakbus.Publish(bus, note{2}))
	assert.Equal(t, []int{1, 2}, d.heard)
}

func TestCatchUp_KeepsNoReceiverAndLetsGoOfTheEvent(t *testing.T) {
	bus := weakbus.New()
	d := &node{}
	sub := weakbus.Subscribe(bus, d, func(*node, *other) {}, weakbus.CatchUp())
	sub.Pause()
	missed := &other{}
	event, receiver := weak.Make(missed), weak.Make(d)
	weakbus.Publish(bus, missed)
	missed = nil
	runtime.GC()
	assert.NotNil(t, event.Value(), "kept for the subscriber")
	runtime.KeepAlive(d)
	collect(t, gone("the receiver", receiver))
	collect(t, gone("the missed event", event))
	assert.Equal(t, weakbus.Collected, sub.State())
	sub.Resume()
	runtime.KeepAlive(bus)
}

func TestCatchUp_ConcurrentPausesLoseNoLatestEvent(t *testing.T) {
	for range 300 {
		var topic weakbus.Topic[note]
		var mu sync.Mutex
		var heard []int
		var scope weakbus.Scope
		sub := weakbus.SubscribeFunc(&topic, &scope, func(e note) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, e.n)
		}, weakbus.CatchUp())
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 50 {
				topic.Publish(note{i})
			}
		})
		for range 2 {
			wg.Go(func() {
				for range 20 {
					sub.Pause()
					runtime.Gosched()
					sub.Resume()
				}
			})
		}
		wg.Wait()
		sub.Resume()
		require.NotEmpty(t, heard)
		require.Equal(t, 49, heard[len(heard)-1], fmt.Sprint(heard))
		for k := 1; k < len(heard); k++ {
			require.Less(t, heard[k-1], heard[k])
		}
		runtime.KeepAlive(&scope)
	}
}

func TestCatchUp_APanicInAScopesResumeLeavesTheOthersWhole(t *testing.T) {
	bus := weakbus.New()
	var scope weakbus.Scope
	bad, good := &node{on: func(note) { panic("bad") }}, &node{}
	weakbus.Subscribe(bus, bad, (*node).hear, weakbus.CatchUp(), weakbus.In(&scope))
	weakbus.Subscribe(bus, good, (*node).hear, weakbus.CatchUp(), weakbus.In(&scope))
	scope.Pause()
	weakbus.Publish(bus, note{1})
	assert.PanicsWithValue(t, "bad", scope.Resume)
	bad.on = nil
	assert.Equal(t, 2, weakbus.Publish(bus, note{2}))
	assert.Equal(t, []int{1, 2}, good.heard)
}

func TestCatchUp_APanicLeavesNoOldEventBehind(t *testing.T) {
	bus := weakbus.New()
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.CatchUp())
	d.on = func(note) {
		d.on = nil
		weakbus.Publish(bus, note{2})
		panic("oops")
	}
	sub.Pause()
	weakbus.Publish(bus, note{1})
	assert.Panics(t, sub.Resume)
	weakbus.Publish(bus, note{3})
	sub.Pause()
	sub.Resume()
	assert.Equal(t, []int{1, 3}, d.heard, "2 would come too late")
}

func TestReplay_AFilterThatEndsItsSubscription(t *testing.T) {
	var topic weakbus.Topic[note]
	topic.Retain()
	topic.Publish(note{1})
	var scope weakbus.Scope
	d := &node{}
	weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Replay(), weakbus.In(&scope),
		weakbus.Filter(func(note) bool { return scope.Close() == nil }))
	assert.Empty(t, d.heard)
}

func TestRetain_KeepsNothingThatIsPublishedAfterClose(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	topic.Retain()
	topic.Publish(note{1})
	require.NoError(t, bus.Close())
	topic.Publish(note{2})
	last, _ := topic.Last()
	assert.Equal(t, note{1}, last)
}

func TestCatchUp_KeepsThatTheFilterHasNotSeenAnEvent(t *testing.T) {
	var topic weakbus.Topic[note]
	topic.Retain()
	topic.Publish(note{13})
	var tasks []func()
	run := func() {
		due := tasks
		tasks = nil
		for _, task := range due {
			task()
		}
	}
	d := &node{}
	sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Replay(), weakbus.CatchUp(),
		weakbus.Filter(func(e note) bool { return e.n != 13 }),
		weakbus.Via(func(task func()) { tasks = append(tasks, task) }))
	sub.Pause()
	run() // the task meets the pause before the filter has seen its event
	sub.Resume()
	run()
	run()
	assert.Empty(t, d.heard)
	topic.Publish(note{14})
	run()
	assert.Equal(t, []int{14}, d.heard)
	runtime.KeepAlive(d)
}
