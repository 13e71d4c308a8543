package weakbus_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestPublish_CompactionInAHandlerLetsNobodyJoinThePublish(t *testing.T) {
	// The first chunk has room left behind it; the handler makes it the last one again.
	var topic weakbus.Topic[note]
	a, b, late, c := &node{}, &node{}, &node{}, &other{}
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
	runtime.KeepAlive(c)
}

func TestFilter_ThatEndsItsSubscription(t *testing.T) {
	var sub *weakbus.Subscription
	for name, end := range map[string]func(*weakbus.Bus){
		"cancel": func(*weakbus.Bus) { sub.Cancel() },
		"pause":  func(*weakbus.Bus) { sub.Pause() },
		"close":  func(b *weakbus.Bus) { _ = b.Close() },
	} {
		for _, opts := range [][]weakbus.SubscribeOption{nil, {weakbus.Once()}} {
			t.Run(name, func(t *testing.T) {
				bus := weakbus.New()
				d := &node{}
				opts := append(opts, weakbus.Filter(func(note) bool { end(bus); return true }))
				sub = weakbus.Subscribe(bus, d, (*node).hear, opts...)
				assert.Zero(t, weakbus.Publish(bus, note{1}))
				assert.Empty(t, d.heard)
				assert.NotEqual(t, weakbus.Spent, sub.State())
			})
		}
	}
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

func TestSubscribe_RacingWithTheEndOfItsContextOrScope(t *testing.T) {
	var topic weakbus.Topic[note]
	keep := &other{}
	weakbus.Subscribe(&topic, keep, (*other).hear)
	d := &node{}
	for i := range 20_000 {
		ctx, cancel := context.WithCancel(t.Context())
		var scope weakbus.Scope
		var wg sync.WaitGroup
		wg.Go(func() {
			cancel()
			_ = scope.Close()
		})
		sub := weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Until(ctx), weakbus.In(&scope))
		wg.Wait()
		if i%1_000 == 0 {
			require.Equal(t, weakbus.Cancelled, sub.State())
		}
	}
	assert.Equal(t, 1, topic.Len())
	assert.Equal(t, 1, topic.Publish(note{1}))
	assert.Empty(t, d.heard)
	runtime.KeepAlive(keep)
}

func TestUntil_DroppedBusesLeaveNothingOnALongLivedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	receiver := &node{}
	before := heapInUse()
	for range 5_000 {
		weakbus.Subscribe(weakbus.New(), receiver, (*node).hear, weakbus.Until(ctx))
	}
	until(t, "what dropped buses left on the context", func() bool { return heapInUse()-before < 128<<10 })
	runtime.KeepAlive(receiver)
}
