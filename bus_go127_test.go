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
	runtime.KeepAlive(&scope)
}
