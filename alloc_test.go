package weakbus_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
)

// TestAllocations is the budget: allocations for each call in steady state.
func TestAllocations(t *testing.T) {
	type event struct {
		a, b int
		s    string
	}
	ctx := context.Background()
	cancellable, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, n := range []int{0, 1, 2, 10, 1_000} {
		bus := weakbus.New()
		guarded := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) {}))
		tapped := weakbus.New()
		weakbus.Tap(tapped, weakbus.TapConfig[event]{Publish: func(context.Context, weakbus.TopicInfo, event) error { return nil }})
		topic := weakbus.TopicOf[event](bus)
		var scope weakbus.Scope
		var stops weakbus.Topic[*stoppable]
		keep := make([]*node, n)
		for i := range keep {
			keep[i] = &node{}
			weakbus.Subscribe(bus, keep[i], func(*node, event) {})
			weakbus.Subscribe(guarded, keep[i], func(*node, event) {})
			weakbus.Subscribe(tapped, keep[i], func(*node, event) {})
			weakbus.SubscribeContext(bus, keep[i], func(*node, context.Context, event) error { return nil })
			weakbus.SubscribeFunc(bus, &scope, func(event) {}, weakbus.Filter(func(event) bool { return true }))
			weakbus.SubscribeFunc(&stops, &scope, func(*stoppable) {})
		}
		stop := &stoppable{}
		receiver := &node{}
		sub := weakbus.Subscribe(bus, receiver, func(*node, string) {})
		for _, c := range []struct {
			name   string
			budget float64
			call   func()
		}{
			{"Topic.Publish", 0, func() { topic.Publish(event{1, 2, "x"}) }},
			{"Publish on the bus", 0, func() { weakbus.Publish(bus, event{1, 2, "x"}) }},
			{"Publish with OnPanic", 0, func() { weakbus.Publish(guarded, event{}) }},
			{"Publish with a Tap", 0, func() { weakbus.Publish(tapped, event{}) }},
			{"Publish of a stoppable event", 0, func() { stops.Publish(stop) }},
			{"Topic.PublishContext", 0, func() { _, _ = topic.PublishContext(ctx, event{}) }},
			{"PublishContext, cancellable", 0, func() { _, _ = weakbus.PublishContext(cancellable, bus, event{}) }},
			{"TopicOf", 0, func() { weakbus.TopicOf[event](bus) }},
			{"Pause and Resume", 0, func() { sub.Pause(); sub.Resume() }},
			{"State", 0, func() { sub.State() }},
			{"Len", 0, func() { topic.Len() }},
			{"Subscribe and Cancel", 6, func() { weakbus.Subscribe(topic, receiver, func(*node, event) {}).Cancel() }},
			{"SubscribeFunc and Cancel", 10, func() { weakbus.SubscribeFunc(topic, &scope, func(event) {}).Cancel() }},
		} {
			for range 3 {
				c.call()
			}
			t.Run(fmt.Sprintf("%s, n=%d", c.name, n), func(t *testing.T) {
				if raceEnabled {
					t.Skip("the race detector allocates")
				}
				least := math.Inf(1) // a collection takes the snapshot, and building another allocates
				for range 3 {
					least = min(least, testing.AllocsPerRun(200, c.call))
				}
				assert.LessOrEqual(t, least, c.budget)
			})
		}
		runtime.KeepAlive(keep)
		runtime.KeepAlive(receiver)
		runtime.KeepAlive(&scope)
	}
}
