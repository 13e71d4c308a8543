package weakbus_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestAt_ReachesItsOwnSubscribersThenTheParents(t *testing.T) { // [blinker test_no_double_send]
	var topic weakbus.Topic[note]
	var log []string
	parent, seven, eight, nested := &node{name: "parent", log: &log}, &node{name: "7", log: &log}, &node{name: "8", log: &log}, &node{name: "7/a", log: &log}
	weakbus.Subscribe(&topic, parent, (*node).hear, weakbus.Priority(10)) // lifts it over nobody of a sub-topic
	weakbus.Subscribe(topic.At(7), seven, (*node).hear)
	weakbus.Subscribe(topic.At(8), eight, (*node).hear)
	weakbus.Subscribe(topic.At(7).At("a"), nested, (*node).hear)
	defer runtime.KeepAlive([]*node{parent, seven, eight, nested})

	for _, c := range []struct {
		at   *weakbus.Topic[note]
		want []string
	}{
		{&topic, []string{"parent"}},
		{topic.At(7), []string{"7", "parent"}},
		{topic.At(8), []string{"8", "parent"}},
		{topic.At(9), []string{"parent"}},
		{topic.At(7).At("a"), []string{"7/a", "7", "parent"}},
		{topic.At(7).At("b"), []string{"7", "parent"}},
		{topic.At(9).At("a"), []string{"parent"}},
	} {
		log = nil
		assert.Equal(t, len(c.want), c.at.Publish(note{1}))
		assert.Equal(t, c.want, log)
		log = nil
		ran, err := c.at.PublishContext(t.Context(), note{1})
		require.NoError(t, err)
		assert.Equal(t, len(c.want), ran)
		assert.Equal(t, c.want, log)
	}
	assert.Equal(t, 1, topic.Len(), "subscribers of sub-topics are their own")
	assert.Equal(t, 1, topic.At(7).Len())
	assert.Equal(t, 0, topic.At(9).Len())
}

func TestAt_PrioritiesHoldWithinEachLevel(t *testing.T) {
	var topic weakbus.Topic[note]
	var log []string
	var keep []*node
	for _, at := range []*weakbus.Topic[note]{&topic, topic.At("k")} {
		for _, p := range []int{0, 5, -5} {
			d := &node{name: fmt.Sprintf("%v%d", at == &topic, p), log: &log}
			keep = append(keep, d)
			weakbus.Subscribe(at, d, (*node).hear, weakbus.Priority(p))
		}
	}
	topic.At("k").Publish(note{1})
	assert.Equal(t, []string{"false5", "false0", "false-5", "true5", "true0", "true-5"}, log)
	runtime.KeepAlive(keep)
}

func TestAt_EqualKeysOfDifferentTypesAreDifferent(t *testing.T) { // [MVVM Toolkit MultipleTokens; blinker test_int_sender]
	type id int
	type pair struct {
		a any
		b string
	}
	var topic weakbus.Topic[note]
	ptr := new(int)
	keys := []any{1, int64(1), uint8(1), id(1), 1.0, "1", true, nil, ptr, new(int), pair{1, "x"}, pair{int64(1), "x"},
		[1]int{1}, weak.Make(ptr), struct{}{}}
	keep := make([]*node, len(keys))
	for i, key := range keys {
		keep[i] = &node{}
		weakbus.Subscribe(topic.At(key), keep[i], (*node).hear)
	}
	for _, key := range keys {
		assert.Equal(t, 1, topic.At(key).Publish(note{1}), "%T %v", key, key)
	}
	for i, d := range keep {
		assert.Len(t, d.heard, 1, "%T", keys[i])
	}
	assert.Equal(t, 1, topic.At(fmt.Sprint(1)).Publish(note{2}), "equal strings made apart are one key")
}

func TestAt_KeysThatCannotBeFoundAgainPanic(t *testing.T) {
	var topic weakbus.Topic[note]
	for _, key := range []any{[]int{1}, map[int]int{}, func() {}, struct{ x any }{[]int{1}}, [1]any{func() {}}} {
		assert.PanicsWithValue(t, fmt.Sprintf("weakbus: At: a %T cannot be compared; use a comparable key, such as an ID or weak.Make(object)", key),
			func() { topic.At(key) })
	}
	assert.PanicsWithValue(t, "weakbus: At: NaN does not equal itself and would never be found again; use another key",
		func() { topic.At(math.NaN()) })
	assert.Panics(t, func() { topic.At(struct{ x float64 }{math.NaN()}) })
}

func TestAt_AWeakKeyPinsNothing(t *testing.T) { // [blinker test_filtered_receiver_weakref]
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	stays, sender := &node{}, &node{}
	weakbus.Subscribe(topic.At(weak.Make(stays)), stays, (*node).hear)
	weakbus.Subscribe(topic.At(weak.Make(sender)), sender, (*node).hear)
	ptr := weak.Make(sender)
	assert.Equal(t, 1, topic.At(weak.Make(sender)).Publish(note{1}))
	runtime.KeepAlive(sender)
	collect(t, gone("the sender", ptr))
	until(t, "its sub-topic", func() bool { return len(bus.Stats().Topics) == 2 })
	assert.Equal(t, 1, topic.At(weak.Make(stays)).Publish(note{2}))
	assert.Equal(t, []int{2}, stays.heard)
}

func TestAt_AHandleMadeBeforeTheSubscribersIsAsGood(t *testing.T) {
	var topic weakbus.Topic[note]
	before, also := topic.At("k"), topic.At("k")
	d, e := &node{}, &node{}
	sub := weakbus.Subscribe(also, d, (*node).hear)
	assert.Equal(t, 1, before.Publish(note{1}))
	assert.Equal(t, 1, before.Len())
	second := weakbus.Subscribe(before, e, (*node).hear)
	assert.Equal(t, 2, topic.At("k").Publish(note{2}))
	assert.Equal(t, 2, also.Len())
	sub.Cancel()
	second.Cancel()
	assert.Zero(t, before.Publish(note{3}))
	// Whichever was linked is no longer; another takes its place, for all of them.
	third := weakbus.Subscribe(topic.At("k"), d, (*node).hear)
	for _, handle := range []*weakbus.Topic[note]{before, also, topic.At("k")} {
		assert.Equal(t, 1, handle.Publish(note{4}))
	}
	third.Cancel()
	weakbus.Subscribe(before, d, (*node).hear)
	for _, handle := range []*weakbus.Topic[note]{before, also, topic.At("k")} {
		assert.Equal(t, 1, handle.Publish(note{5}))
	}
	assert.Equal(t, []int{1, 2, 4, 4, 4, 5, 5, 5}, d.heard)
	runtime.KeepAlive(e)
}

//weakvet:ignore vanishing they are to be collected
func TestAt_KeysUsedOnceLeaveNothing(t *testing.T) { // [blinker test_empty_bucket_growth; MVVM Toolkit AutoTrimming]
	const n = 20_000
	t.Run("cancelled", func(t *testing.T) {
		var topic weakbus.Topic[note]
		d := &node{}
		before := heapInUse()
		for i := range n {
			sub := weakbus.Subscribe(topic.At(i), d, (*node).hear)
			topic.At(i).Publish(note{i})
			sub.Cancel()
		}
		assert.Len(t, d.heard, n)
		d.heard = nil
		assert.Less(t, heapInUse()-before, int64(64<<10))
	})
	t.Run("published only", func(t *testing.T) {
		var topic weakbus.Topic[note]
		before := heapInUse()
		for i := range n {
			topic.At(i).Publish(note{i})
		}
		assert.Less(t, heapInUse()-before, int64(64<<10))
		runtime.KeepAlive(&topic)
	})
	t.Run("dropped, and no call follows", func(t *testing.T) {
		bus := weakbus.New()
		before := heapInUse()
		for i := range n {
			weakbus.Subscribe(weakbus.TopicOf[note](bus).At(i), &node{}, (*node).hear)
		}
		until(t, "sub-topics", func() bool { return heapInUse()-before < 64<<10 })
		assert.Len(t, bus.Stats().Topics, 1)
	})
	t.Run("dropped, outside a bus", func(t *testing.T) {
		var topic weakbus.Topic[note]
		before := heapInUse()
		for i := range n {
			weakbus.Subscribe(topic.At(i), &node{}, (*node).hear)
			if i%(n/20) == 0 {
				runtime.GC()
			}
		}
		// Without a sweep it is bounded by pruning when a key is added; Len prunes the rest.
		assert.Less(t, heapInUse()-before, int64(n/5*1_000))
		until(t, "sub-topics", func() bool { topic.Len(); return heapInUse()-before < 64<<10 })
		runtime.KeepAlive(&topic)
	})
}

func TestAt_ConcurrentUseOfOneKeyLosesNobody(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			d := &node{}
			for i := range 2_000 {
				key := i % 3
				sub := weakbus.Subscribe(topic.At(key), d, func(*node, note) {}, weakbus.Filter(func(e note) bool { return true }))
				if topic.At(key).Publish(note{1}) < 1 {
					t.Error("a subscriber was not there")
				}
				sub.Cancel()
			}
		})
	}
	wg.Wait()
	assert.Len(t, bus.Stats().Topics, 1, "no sub-topic is left")
}

func TestAt_CloseOfTheBusEndsSubTopics(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	d := &node{}
	handle := topic.At(1)
	sub := weakbus.Subscribe(handle, d, (*node).hear)
	require.NoError(t, bus.Close())
	assert.Equal(t, weakbus.Closed, sub.State())
	assert.Zero(t, handle.Publish(note{1}))
	assert.Equal(t, weakbus.Closed, weakbus.Subscribe(topic.At(1), d, (*node).hear).State())
	assert.Equal(t, weakbus.Closed, weakbus.Subscribe(topic.At(2), d, (*node).hear).State())
	_, err := topic.At(3).PublishContext(t.Context(), note{1})
	assert.ErrorIs(t, err, weakbus.ErrClosed)
	assert.Len(t, bus.Stats().Topics, 1)
	runtime.KeepAlive(d)
}

func TestAt_StopErrorsAndContextReachAcrossLevels(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[*stoppable](bus)
	var heard []string
	weakbus.SubscribeFunc(topic, bus.Scope(), func(*stoppable) { heard = append(heard, "parent") })
	sub := weakbus.SubscribeFunc(topic.At(1), bus.Scope(), func(e *stoppable) { heard = append(heard, "key"); e.Stop() })
	assert.Equal(t, 1, topic.At(1).Publish(&stoppable{}))
	assert.Equal(t, []string{"key"}, heard)
	sub.Cancel()

	ctx, cancel := context.WithCancel(t.Context())
	failing := weakbus.SubscribeFuncContext(topic.At(1), bus.Scope(), func(context.Context, *stoppable) error { cancel(); return assert.AnError })
	ran, err := topic.At(1).PublishContext(ctx, &stoppable{})
	assert.Equal(t, 1, ran)
	assert.ErrorIs(t, err, assert.AnError)
	assert.ErrorIs(t, err, context.Canceled)
	failing.Cancel()
	ran, err = topic.At(1).PublishContext(t.Context(), &stoppable{})
	assert.Equal(t, 1, ran)
	require.NoError(t, err)
}

func TestAt_WhoSubscribesDuringAPublishHearsTheNextOnAnyLevel(t *testing.T) {
	var topic weakbus.Topic[note]
	d, late := &node{}, &node{}
	d.on = func(note) {
		d.on = nil
		weakbus.Subscribe(&topic, late, (*node).hear)
		weakbus.Subscribe(topic.At(1), late, (*node).hear)
	}
	defer runtime.KeepAlive(d)
	weakbus.Subscribe(topic.At(1), d, (*node).hear)
	parent := &node{}
	weakbus.Subscribe(&topic, parent, (*node).hear)
	assert.Equal(t, 2, topic.At(1).Publish(note{1}))
	assert.Empty(t, late.heard)
	assert.Equal(t, 4, topic.At(1).Publish(note{2}))
	runtime.KeepAlive(parent)
}

func TestAt_TheDeathOfAWeakKeyEndsItsSubscriptions(t *testing.T) { // [blinker test_filtered_receiver_weakref]
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	sender, other := &node{}, &node{}
	d := &node{}
	ofSender := weakbus.Subscribe(topic.At(weak.Make(sender)), d, (*node).hear)
	nested := weakbus.Subscribe(topic.At("x").At(weak.Make(sender)), d, (*node).hear)
	stays := weakbus.Subscribe(topic.At(weak.Make(other)), d, (*node).hear)
	never := weakbus.Subscribe(topic.At(weak.Pointer[node]{}), d, (*node).hear)
	assert.Equal(t, 1, topic.At(weak.Make(sender)).Publish(note{1}))
	runtime.KeepAlive(sender)
	until(t, "the end of the sender's", func() bool { return ofSender.State() == weakbus.Collected && nested.State() == weakbus.Collected })
	assert.Equal(t, weakbus.Active, stays.State())
	assert.Equal(t, weakbus.Active, never.State(), "a pointer to nothing never dies")
	assert.Len(t, bus.Stats().Topics, 3)
	assert.Equal(t, 1, topic.At(weak.Make(other)).Publish(note{2}))
	runtime.KeepAlive([]*node{other, d})
}
