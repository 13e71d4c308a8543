//go:build go1.27

package weakbus_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
)

func TestMethods_OfBusAndTopic(t *testing.T) {
	bus := weakbus.New()
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	d := &node{}
	fail := errors.New("fail")
	heard := 0

	bus.Subscribe(d, (*node).hear)
	bus.SubscribeFunc(&scope, func(note) { heard++ })
	bus.SubscribeContext(d, func(*node, context.Context, note) error { return fail })
	bus.SubscribeFuncContext(&scope, func(context.Context, note) error { return nil }, weakbus.Once())
	n, err := bus.PublishContext(t.Context(), note{1})
	assert.Equal(t, 4, n)
	assert.ErrorIs(t, err, fail)
	assert.Equal(t, 3, bus.Publish(note{2}), "one was spent")

	topic.Subscribe(d, (*node).hear)
	topic.SubscribeFunc(&scope, func(note) { heard++ })
	topic.SubscribeContext(d, func(*node, context.Context, note) error { return nil })
	topic.SubscribeFuncContext(&scope, func(context.Context, note) error { return nil })
	assert.Equal(t, 4, topic.Publish(note{3}))
	assert.Equal(t, []int{1, 2, 3}, d.heard)
	assert.Equal(t, 3, heard)

	queue := weakbus.NewQueue(bus)
	assert.NoError(t, queue.Post(note{4}))
	assert.NoError(t, queue.PostTo(&topic, note{5}))
	assert.Equal(t, 2, queue.Drain())
	assert.Equal(t, []int{1, 2, 3, 4, 5}, d.heard)
	topic.Retain()
	topic.Publish(note{6})
	for e := range topic.Events(t.Context(), weakbus.Replay()) {
		assert.Equal(t, 6, e.n)
		break
	}
	weakbus.TopicOf[string](bus).Retain()
	bus.Publish("x")
	for e := range bus.Events[string](t.Context(), weakbus.Replay()) {
		assert.Equal(t, "x", e)
		break
	}
	runtime.KeepAlive(&scope)
}
