package prombus_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/prombus"
)

type placed struct{ n int }

type billed struct{ n int }

// desk hears of orders.
type desk struct {
	name string
	sum  int
}

func (d *desk) onPlaced(p placed) { d.sum += p.n }

func (d *desk) onBilled(_ context.Context, b billed) error {
	if b.n < 0 {
		panic("negative")
	}
	return errors.New("no paper")
}

// registry returns a registry that has the metrics of bus, and the collector.
func registry(t testing.TB, bus *weakbus.Bus, every int) (*prometheus.Registry, *prombus.Collector) {
	c := prombus.New(bus, "test", every)
	t.Cleanup(c.Close)
	reg := prometheus.NewPedanticRegistry()
	require.NoError(t, reg.Register(c))
	return reg, c
}

// find returns the one series of name that has all these labels, or nil.
func find(t testing.TB, reg prometheus.Gatherer, name string, labels ...string) *dto.Metric {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.Metric {
			for i := 0; i < len(labels); i += 2 {
				if !hasLabel(m, labels[i], labels[i+1]) {
					continue series
				}
			}
			return m
		}
	}
	return nil
}

func hasLabel(m *dto.Metric, name, value string) bool {
	for _, l := range m.Label {
		if l.GetName() == name && l.GetValue() == value {
			return true
		}
	}
	return false
}

// value returns that of the series, or -1 if there is none.
func value(t testing.TB, reg prometheus.Gatherer, name string, labels ...string) float64 {
	t.Helper()
	m := find(t, reg, name, labels...)
	switch {
	case m == nil:
		return -1
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	default:
		return float64(m.Histogram.GetSampleCount())
	}
}

// until waits until done, collecting meanwhile.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { runtime.GC(); return done() }, 10*time.Second, time.Millisecond, what)
}

const placedType, billedType = "prombus_test.placed", "prombus_test.billed"

func TestCollector_CountsPublishesAndCalls(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	weakbus.Publish(bus, placed{1}) // to nobody
	a, b := &desk{name: "a"}, &desk{name: "b"}
	weakbus.Subscribe(bus, a, (*desk).onPlaced)
	weakbus.Subscribe(bus, b, (*desk).onPlaced)
	weakbus.Publish(bus, placed{2})
	assert.Equal(t, 2.0, value(t, reg, "weakbus_events_published_total", "event", placedType, "bus", "test"))
	assert.Equal(t, 2.0, value(t, reg, "weakbus_handler_calls_total", "event", placedType))
	assert.Equal(t, 2.0, value(t, reg, "weakbus_publish_duration_seconds", "event", placedType))
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}

func TestCollector_KeysAreNoLabels(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	d := &desk{name: "d"}
	topic := weakbus.TopicOf[placed](bus)
	for key := range 10 {
		weakbus.Subscribe(topic.At(key), d, (*desk).onPlaced)
		topic.At(key).Publish(placed{1})
	}
	assert.Equal(t, 10.0, value(t, reg, "weakbus_events_published_total", "event", placedType))
	assert.Equal(t, 10.0, value(t, reg, "weakbus_subscriptions", "event", placedType, "state", "active"))
	n, err := testutil.GatherAndCount(reg, "weakbus_events_published_total", "weakbus_subscriptions", "weakbus_events_waiting")
	require.NoError(t, err)
	assert.Equal(t, 4, n, "one series, two states, one gauge")
	runtime.KeepAlive(d)
}

func TestCollector_ErrorsAndPanics(t *testing.T) {
	var recovered int
	bus := weakbus.New(weakbus.OnPanic(func(*weakbus.PanicError) { recovered++ }))
	reg, _ := registry(t, bus, 1)
	d := &desk{name: "d"}
	weakbus.SubscribeContext(bus, d, (*desk).onBilled)
	assert.Equal(t, -1.0, value(t, reg, "weakbus_handler_errors_total", "event", "no such event"))
	assert.Equal(t, 0.0, value(t, reg, "weakbus_handler_errors_total", "event", billedType), "it begins at zero")
	weakbus.Publish(bus, billed{1})
	_, err := weakbus.PublishContext(t.Context(), bus, billed{1})
	require.Error(t, err)
	weakbus.Publish(bus, billed{-1})
	assert.Equal(t, 2.0, value(t, reg, "weakbus_handler_errors_total", "event", billedType))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_handler_panics_total", "event", billedType))
	assert.Equal(t, 3.0, value(t, reg, "weakbus_publish_duration_seconds", "event", billedType))
	assert.Equal(t, 1, recovered)
	runtime.KeepAlive(d)
}

func TestCollector_APanicThatReachesThePublisherIsCountedAndTimed(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	d := &desk{name: "d"}
	weakbus.SubscribeContext(bus, d, (*desk).onBilled)
	assert.Panics(t, func() { weakbus.Publish(bus, billed{-1}) })
	assert.Equal(t, 1.0, value(t, reg, "weakbus_handler_panics_total", "event", billedType))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_publish_duration_seconds", "event", billedType))
	runtime.KeepAlive(d)
}

func TestCollector_EndsByCauseAndWhetherTheyHeard(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 0)
	ended := func(cause, heard string) float64 {
		return value(t, reg, "weakbus_subscriptions_ended_total", "event", placedType, "cause", cause, "heard", heard)
	}
	d := &desk{name: "d"}
	weakbus.Subscribe(bus, d, (*desk).onPlaced, weakbus.Once())
	assert.Equal(t, 0.0, ended("collected", "false"), "it begins at zero")
	weakbus.Publish(bus, placed{1})
	weakbus.Subscribe(bus, d, (*desk).onPlaced).Cancel()
	weakbus.Subscribe(bus, &desk{name: "lost"}, (*desk).onPlaced) //weakvet:ignore vanishing it is to be collected
	until(t, "collected", func() bool { return ended("collected", "false") == 1 })
	weakbus.Subscribe(bus, d, (*desk).onPlaced)
	require.NoError(t, bus.Close())
	assert.Equal(t, 1.0, ended("spent", "true"))
	assert.Equal(t, 1.0, ended("cancelled", "false"))
	assert.Equal(t, 1.0, ended("closed", "false"))
	assert.Equal(t, 0.0, value(t, reg, "weakbus_subscriptions", "event", placedType, "state", "active"))
	runtime.KeepAlive(d)
}

func TestCollector_GaugesAreReadAtScrape(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	d := &desk{name: "d"}
	var tasks []func()
	weakbus.Subscribe(bus, d, (*desk).onPlaced, weakbus.Via(func(f func()) { tasks = append(tasks, f) }))
	weakbus.Subscribe(bus, d, (*desk).onPlaced).Pause()
	assert.Equal(t, 1.0, value(t, reg, "weakbus_subscriptions", "event", placedType, "state", "active"))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_subscriptions", "event", placedType, "state", "paused"))

	gate, entered := make(chan struct{}), make(chan struct{}, 3)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(billed) { entered <- struct{}{}; <-gate }, weakbus.Async(2, weakbus.DropNewest))
	weakbus.Publish(bus, billed{1})
	<-entered // it is being handled, so that the next two wait and the last finds no room
	for range 3 {
		weakbus.Publish(bus, billed{1})
	}
	assert.Equal(t, 2.0, value(t, reg, "weakbus_events_waiting", "event", billedType))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_events_dropped_total", "event", billedType))
	close(gate)
	require.NoError(t, bus.Wait(t.Context()))
	assert.Equal(t, 0.0, value(t, reg, "weakbus_events_waiting", "event", billedType))

	q := weakbus.NewQueue(bus, weakbus.QueueLabel("frame"))
	require.NoError(t, weakbus.Post(q, placed{1}))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_queue_events_waiting", "queue", "frame"))
	q.Drain()
	assert.Equal(t, 0.0, value(t, reg, "weakbus_queue_events_waiting", "queue", "frame"))
	assert.Len(t, tasks, 1)
	runtime.KeepAlive(d)
}

func TestCollector_OneInNPublishesOfEachTypeIsTimed(t *testing.T) {
	for every, want := range map[int]float64{1: 9, 4: 3, 100: 1, 0: 0} {
		bus := weakbus.New()
		reg, _ := registry(t, bus, every)
		for range 9 {
			weakbus.Publish(bus, placed{1})
		}
		weakbus.Publish(bus, billed{1})
		assert.Equal(t, want, value(t, reg, "weakbus_publish_duration_seconds", "event", placedType), every)
		assert.Equal(t, min(want, 1), value(t, reg, "weakbus_publish_duration_seconds", "event", billedType), "a rare one too")
	}
	assert.Panics(t, func() { prombus.New(weakbus.New(), "test", -1) })
}

// relay publishes another event from its handler, with the context that it got.
type relay struct {
	bus *weakbus.Bus
}

func (r *relay) onPlaced(ctx context.Context, p placed) error {
	if p.n > 0 {
		_, err := weakbus.PublishContext(ctx, r.bus, placed{p.n - 1})
		return err
	}
	return nil
}

func TestCollector_ANestedPublishIsNotTimedWithTheOuterOne(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 100)
	r := &relay{bus: bus}
	weakbus.SubscribeContext(bus, r, (*relay).onPlaced)
	_, err := weakbus.PublishContext(t.Context(), bus, placed{3}) // timed; the three in it are not
	require.NoError(t, err)
	assert.Equal(t, 4.0, value(t, reg, "weakbus_events_published_total", "event", placedType))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_publish_duration_seconds", "event", placedType))
	runtime.KeepAlive(r)
}

func TestCollector_TheContextOfTheCallerComesThrough(t *testing.T) {
	bus := weakbus.New()
	registry(t, bus, 1)
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "mine"))
	defer cancel()
	var got any
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, _ placed) error {
		got = ctx.Value(key{})
		cancel()
		return ctx.Err()
	})
	_, err := weakbus.PublishContext(ctx, bus, placed{1})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "mine", got)
}

func TestCollector_NothingIsCountedAfterClose(t *testing.T) {
	bus := weakbus.New()
	reg, c := registry(t, bus, 1)
	d := &desk{name: "d"}
	weakbus.Subscribe(bus, d, (*desk).onPlaced)
	weakbus.Publish(bus, placed{1})
	c.Close()
	c.Close()
	weakbus.Publish(bus, placed{1})
	weakbus.Subscribe(bus, d, (*desk).onPlaced).Cancel()
	assert.Equal(t, 1.0, value(t, reg, "weakbus_events_published_total", "event", placedType), "it keeps its count")
	assert.Equal(t, -1.0, value(t, reg, "weakbus_subscriptions_ended_total", "cause", "cancelled"))
	assert.Nil(t, find(t, reg, "weakbus_subscriptions"), "gauges are gone")
	runtime.KeepAlive(d)
}

func TestCollector_DoesNotKeepTheBus(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	weakbus.Publish(bus, placed{1})
	w := weak.Make(bus)
	bus = nil
	until(t, "the bus is collected", func() bool { return w.Value() == nil })
	assert.Equal(t, 1.0, value(t, reg, "weakbus_events_published_total", "event", placedType))
	assert.Nil(t, find(t, reg, "weakbus_subscriptions"))
}

func TestCollector_SeveralBusesInOneRegistry(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	for _, name := range []string{"a", "b"} {
		bus := weakbus.New()
		c := prombus.New(bus, name, 1)
		defer c.Close()
		require.NoError(t, reg.Register(c))
		weakbus.Publish(bus, placed{1})
	}
	bus := weakbus.New()
	twice := prombus.New(bus, "a", 1)
	defer twice.Close()
	assert.ErrorAs(t, reg.Register(twice), new(prometheus.AlreadyRegisteredError), "one name, two buses")
	assert.Equal(t, 1.0, value(t, reg, "weakbus_events_published_total", "bus", "a"))
	assert.Equal(t, 1.0, value(t, reg, "weakbus_events_published_total", "bus", "b"))
}

func TestCollector_LintFindsNothing(t *testing.T) {
	reg, done := everything(t)
	defer done()
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestCollector_PublishesAndScrapesAtOnce(t *testing.T) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 3)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := &desk{name: "d"}
			var scope weakbus.Scope
			for range 200 {
				weakbus.Subscribe(bus, d, func(*desk, placed) {}, weakbus.In(&scope))
				weakbus.Publish(bus, placed{1})
			}
			_ = scope.Close()
		})
	}
	wg.Go(func() {
		for range 50 {
			_, err := reg.Gather()
			assert.NoError(t, err)
		}
	})
	wg.Wait()
	assert.Equal(t, 800.0, value(t, reg, "weakbus_events_published_total", "event", placedType))
}

// everything returns a registry in which each metric has a series.
func everything(t testing.TB) (*prometheus.Registry, func()) {
	bus := weakbus.New()
	reg, _ := registry(t, bus, 1)
	q := weakbus.NewQueue(bus, weakbus.QueueLabel("frame"))
	d := &desk{name: "d"}
	weakbus.Subscribe(bus, d, (*desk).onPlaced)
	weakbus.Publish(bus, placed{1})
	return reg, func() { runtime.KeepAlive(d); runtime.KeepAlive(q); runtime.KeepAlive(bus) }
}

// families returns what is exported, with the names of the labels.
func families(t testing.TB) map[string][]string {
	reg, done := everything(t)
	defer done()
	all, err := reg.Gather()
	require.NoError(t, err)
	names := make(map[string][]string)
	for _, f := range all {
		require.True(t, strings.HasPrefix(f.GetName(), "weakbus_"), f.GetName())
		for _, l := range f.Metric[0].Label {
			names[f.GetName()] = append(names[f.GetName()], l.GetName())
		}
	}
	return names
}

func TestCollector_Labels(t *testing.T) {
	assert.Equal(t, map[string][]string{
		"weakbus_events_published_total":    {"bus", "event"},
		"weakbus_handler_calls_total":       {"bus", "event"},
		"weakbus_publish_duration_seconds":  {"bus", "event"},
		"weakbus_subscriptions":             {"bus", "event", "state"},
		"weakbus_events_waiting":            {"bus", "event"},
		"weakbus_subscriptions_ended_total": {"bus", "cause", "event", "heard"},
		"weakbus_events_dropped_total":      {"bus", "event"},
		"weakbus_handler_errors_total":      {"bus", "event"},
		"weakbus_handler_panics_total":      {"bus", "event"},
		"weakbus_queue_events_waiting":      {"bus", "queue"},
	}, families(t))
}
