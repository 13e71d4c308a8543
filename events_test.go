package weakbus_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestEvents_YieldsWhatIsPublishedUntilItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		ctx, cancel := context.WithCancel(t.Context())
		var got []int
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for e := range weakbus.Events[note](ctx, bus) {
				got = append(got, e.n)
			}
		}()
		synctest.Wait()
		runtime.GC() // the loop keeps its subscription alive
		assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
		synctest.Wait()
		weakbus.Publish(bus, note{2})
		weakbus.Publish(bus, note{3})
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3}, got)
		cancel()
		<-ended
		assert.Zero(t, weakbus.Publish(bus, note{4}))
		assert.Zero(t, weakbus.TopicOf[note](bus).Len())
	})
}

func TestEvents_EndsByBreakPanicAndClose(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	topic.Retain()
	topic.Publish(note{1})
	for e := range weakbus.Events[note](t.Context(), topic, weakbus.Replay()) {
		assert.Equal(t, 1, e.n)
		break
	}
	assert.Zero(t, topic.Len())
	assert.Panics(t, func() {
		for range weakbus.Events[note](t.Context(), topic, weakbus.Replay()) {
			panic("in the body")
		}
	})
	assert.Zero(t, topic.Len())

	var got []int
	for e := range weakbus.Events[note](t.Context(), topic, weakbus.Replay()) {
		got = append(got, e.n)
		if e.n == 1 {
			topic.Publish(note{2})
			require.NoError(t, bus.Close())
		}
	}
	assert.Equal(t, []int{1, 2}, got, "what was accepted before Close still comes")
	for range weakbus.Events[note](t.Context(), bus) {
		t.Error("the bus is closed")
	}
}

func TestEvents_OptionsEndIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbus.New()
		var scope weakbus.Scope
		ctx, cancel := context.WithCancel(t.Context())
		for _, c := range []struct {
			option weakbus.SubscribeOption
			end    func()
		}{
			{weakbus.In(&scope), func() { _ = scope.Close() }},
			{weakbus.Until(ctx), cancel},
			{weakbus.Once(), func() { weakbus.Publish(bus, note{1}) }},
		} {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for e := range weakbus.Events[note](context.Background(), bus, c.option) {
					assert.Equal(t, 1, e.n)
				}
			}()
			synctest.Wait()
			c.end()
			<-ended
		}
	})
}

func TestEvents_IsBounded(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	topic.Retain()
	topic.Publish(note{0})
	take := func(opts ...weakbus.SubscribeOption) (got []int) {
		for e := range weakbus.Events[note](t.Context(), topic, append(opts, weakbus.Replay())...) {
			got = append(got, e.n)
			if len(got) == 1 {
				for i := range 300 {
					topic.Publish(note{i + 1})
				}
				s := bus.Stats().Topics[0].Subscriptions[0]
				assert.Equal(t, 300-s.Dropped, s.Waiting)
				topic.Publish(note{-1})
			}
			if e.n == -1 {
				break
			}
		}
		topic.Publish(note{0})
		return got
	}
	got := take()
	assert.Len(t, got, 1+256)
	assert.Equal(t, []int{0, 46, 47}, got[:3], "the oldest were dropped")
	got = take(weakbus.Async(2, weakbus.DropOldest))
	assert.Equal(t, []int{0, 300, -1}, got)
	got = take(weakbus.Async(1000, weakbus.DropNewest))
	assert.Len(t, got, 302)
}

func TestEvents_EachLoopSubscribesAnew(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	topic.Retain()
	seq := weakbus.Events[note](t.Context(), bus, weakbus.Replay())
	assert.Zero(t, topic.Len(), "nothing happens before the loop")
	for round := range 3 {
		topic.Publish(note{round})
		for e := range seq {
			assert.Equal(t, round, e.n)
			break
		}
	}
	assert.Panics(t, func() { weakbus.Events[note](noContext, bus) })
	assert.Panics(t, func() { weakbus.Events[note](t.Context(), (*weakbus.Bus)(nil)) })
}
