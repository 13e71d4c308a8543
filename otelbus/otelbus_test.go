package otelbus_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/otelbus"
)

type placed struct{ n int }

type billed struct{ n int }

var errNoPaper = errors.New("no paper")

// clerk bills what is placed.
type clerk struct {
	name string
	bus  *weakbus.Bus
}

func (c *clerk) onPlaced(ctx context.Context, p placed) error {
	_, _ = weakbus.PublishContext(ctx, c.bus, billed(p))
	return nil
}

func (c *clerk) onBilled(_ context.Context, b billed) error {
	if b.n < 0 {
		panic("negative")
	}
	return errNoPaper
}

// observed is a bus that is observed, and what was recorded.
type observed struct {
	*weakbus.Bus
	tracer trace.Tracer
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
	stop   func()
}

func observe(t testing.TB, opts ...weakbus.BusOption) *observed {
	t.Helper()
	o := &observed{Bus: weakbus.New(opts...), spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans))
	o.tracer = tracers.Tracer("test")
	stop, err := otelbus.Observe(o.Bus, tracers, sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader)))
	require.NoError(t, err)
	t.Cleanup(stop)
	o.stop = stop
	return o
}

// tree writes the spans that have ended as a tree, with their status.
func tree(spans []sdktrace.ReadOnlySpan) string {
	spans = slices.Clone(spans)
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int {
		return cmp.Compare(a.StartTime().UnixNano(), b.StartTime().UnixNano())
	})
	var out strings.Builder
	var write func(parent trace.SpanID, depth int)
	write = func(parent trace.SpanID, depth int) {
		for _, s := range spans {
			if s.Parent().SpanID() != parent {
				continue
			}
			fmt.Fprintf(&out, "%s%s", strings.Repeat("  ", depth), s.Name())
			if s.Status().Code == codes.Error {
				fmt.Fprintf(&out, ": %s", s.Status().Description)
			}
			out.WriteByte('\n')
			write(s.SpanContext().SpanID(), depth+1)
		}
	}
	write(trace.SpanID{}, 0)
	return out.String()
}

// attributes returns those of the first span of that name, without the place of the Subscribe, which it checks.
func attributes(t testing.TB, spans []sdktrace.ReadOnlySpan, name string) map[string]any {
	t.Helper()
	i := slices.IndexFunc(spans, func(s sdktrace.ReadOnlySpan) bool { return s.Name() == name })
	require.GreaterOrEqual(t, i, 0, name)
	all := make(map[string]any)
	for _, kv := range spans[i].Attributes() {
		all[string(kv.Key)] = kv.Value.AsInterface()
	}
	if site, ok := all["weakbus.subscribed"]; ok {
		assert.Contains(t, site, "otelbus_test.go:")
		delete(all, "weakbus.subscribed")
	}
	return all
}

// counts returns how many points each series has, by the name of its metric and its attributes.
func counts(t testing.TB, o *observed) map[string]int {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, o.reader.Collect(context.Background(), &all))
	found := make(map[string]int)
	for _, scope := range all.ScopeMetrics {
		assert.Equal(t, otelbus.ScopeName, scope.Scope.Name)
		for _, m := range scope.Metrics {
			assert.NotEmpty(t, m.Description)
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.Equal(t, "{message}", m.Unit)
				for _, p := range d.DataPoints {
					found[m.Name+" "+encode(p.Attributes)] = int(p.Value)
				}
			case metricdata.Histogram[float64]:
				assert.Equal(t, "s", m.Unit)
				for _, p := range d.DataPoints {
					found[m.Name+" "+encode(p.Attributes)] = int(p.Count)
					assert.Equal(t, 1e-6, p.Bounds[0])
				}
			}
		}
	}
	return found
}

func encode(set attribute.Set) string {
	var out []string
	for _, kv := range set.ToSlice() {
		if kv.Key != "messaging.system" {
			out = append(out, strings.TrimPrefix(kv.Value.AsString(), "otelbus_test."))
		}
	}
	return strings.Join(out, " ")
}

func TestObserve_OneTreeFromTheRequestToTheErrorOfANestedHandler(t *testing.T) {
	o := observe(t)
	c := &clerk{"c", o.Bus}
	weakbus.SubscribeContext(o.Bus, c, (*clerk).onPlaced, weakbus.Label("desk 1"))
	weakbus.SubscribeContext(o.Bus, c, (*clerk).onBilled)
	ctx, root := o.tracer.Start(t.Context(), "request")
	_, err := weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	root.End()

	spans := o.spans.Ended()
	failed := ": weakbus: *otelbus_test.clerk on otelbus_test.billed: no paper\n"
	assert.Equal(t, "request\n"+
		"  publish otelbus_test.placed\n"+
		"    process otelbus_test.placed\n"+
		"      publish otelbus_test.billed"+failed+
		"        process otelbus_test.billed"+failed, tree(spans))
	assert.Equal(t, map[string]any{
		"messaging.system": "weakbus", "messaging.operation.name": "publish", "messaging.operation.type": "send",
		"messaging.destination.name": "otelbus_test.placed", "weakbus.handlers": int64(1),
	}, attributes(t, spans, "publish otelbus_test.placed"))
	assert.Equal(t, map[string]any{
		"messaging.system": "weakbus", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.name": "otelbus_test.placed", "weakbus.receiver": "*otelbus_test.clerk",
		"messaging.destination.subscription.name": "desk 1",
	}, attributes(t, spans, "process otelbus_test.placed"))
	assert.Equal(t, "*errors.errorString", attributes(t, spans, "process otelbus_test.billed")["error.type"])
	assert.Equal(t, "*errors.errorString", attributes(t, spans, "publish otelbus_test.billed")["error.type"])
	for _, s := range spans {
		if s.Name() == "process otelbus_test.billed" {
			require.Len(t, s.Events(), 1)
			assert.Contains(t, s.Events()[0].Attributes, attribute.String("exception.message", "no paper"))
		}
	}
	kinds := make(map[string]trace.SpanKind)
	for _, s := range spans {
		kinds[s.Name()] = s.SpanKind()
		if s.Name() != "request" {
			assert.Equal(t, "https://opentelemetry.io/schemas/1.43.0", s.InstrumentationScope().SchemaURL)
		}
	}
	assert.Equal(t, trace.SpanKindProducer, kinds["publish otelbus_test.placed"])
	assert.Equal(t, trace.SpanKindConsumer, kinds["process otelbus_test.placed"])

	assert.Equal(t, map[string]int{
		"messaging.client.sent.messages placed publish":                               1,
		"messaging.client.sent.messages *errors.errorString billed publish":           1,
		"messaging.client.operation.duration placed publish send":                     1,
		"messaging.client.operation.duration *errors.errorString billed publish send": 1,
		"messaging.client.consumed.messages placed process":                           1,
		"messaging.client.consumed.messages *errors.errorString billed process":       1,
		"messaging.process.duration placed process process":                           1,
		"messaging.process.duration *errors.errorString billed process process":       1,
	}, counts(t, o))
	runtime.KeepAlive(c)
}

func TestObserve_NoSpanWhereTheContextHasNone(t *testing.T) {
	o := observe(t)
	c := &clerk{"c", o.Bus}
	weakbus.SubscribeContext(o.Bus, c, (*clerk).onPlaced)
	weakbus.Publish(o.Bus, placed{1})
	_, err := weakbus.PublishContext(t.Context(), o.Bus, placed{1})
	require.NoError(t, err)
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("never")
	ctx, span := never.Start(t.Context(), "not sampled")
	_, err = weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	span.End()
	ctx, span = o.tracer.Start(t.Context(), "over")
	span.End()
	_, err = weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	assert.Equal(t, "over\n", tree(o.spans.Ended()))
	assert.Equal(t, 4, counts(t, o)["messaging.client.sent.messages placed publish"], "all count")
	assert.Equal(t, 4, counts(t, o)["messaging.process.duration placed process process"])
	runtime.KeepAlive(c)
}

func TestObserve_HandlersThatRunLaterAreInTheTrace(t *testing.T) {
	for name, option := range map[string]func(run *[]func()) weakbus.SubscribeOption{
		"Async":   func(*[]func()) weakbus.SubscribeOption { return weakbus.Async(4, weakbus.Block) },
		"Through": func(*[]func()) weakbus.SubscribeOption { return weakbus.Through(weakbus.NewMailbox(4, weakbus.Block)) },
		"Via": func(run *[]func()) weakbus.SubscribeOption {
			return weakbus.Via(func(f func()) { *run = append(*run, f) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := observe(t)
			gate := make(chan struct{})
			var run []func()
			weakbus.SubscribeFuncContext(o.Bus, o.Scope(), func(ctx context.Context, p placed) error {
				<-gate
				_, _ = weakbus.PublishContext(ctx, o.Bus, billed(p))
				return nil
			}, option(&run))
			weakbus.SubscribeFunc(o.Bus, o.Scope(), func(p placed) {}, weakbus.Filter(func(p placed) bool { return p.n == 0 }))
			weakbus.SubscribeFunc(o.Bus, o.Scope(), func(billed) {})
			ctx, root := o.tracer.Start(t.Context(), "request")
			for range 2 {
				_, err := weakbus.PublishContext(ctx, o.Bus, placed{1})
				require.NoError(t, err)
			}
			root.End()
			close(gate)
			for _, f := range run {
				f()
			}
			require.NoError(t, o.Wait(t.Context()))
			later := "  publish otelbus_test.placed\n" +
				"    process otelbus_test.placed\n" +
				"      publish otelbus_test.billed\n" +
				"        process otelbus_test.billed\n"
			assert.Equal(t, "request\n"+later+later, tree(o.spans.Ended()))
		})
	}
}

func TestObserve_PanicsAreErrorsOfTheHandler(t *testing.T) {
	for name, opts := range map[string][]weakbus.SubscribeOption{"plain": nil, "guarded": {weakbus.Filter(func(billed) bool { return true })}} {
		t.Run(name, func(t *testing.T) {
			o := observe(t)
			c := &clerk{"c", o.Bus}
			weakbus.SubscribeContext(o.Bus, c, (*clerk).onBilled, opts...)
			ctx, root := o.tracer.Start(t.Context(), "request")
			assert.Panics(t, func() { _, _ = weakbus.PublishContext(ctx, o.Bus, billed{-1}) })
			root.End()
			require.Len(t, o.spans.Ended(), 3, "all have ended")
			assert.Equal(t, "panic", attributes(t, o.spans.Ended(), "process otelbus_test.billed")["error.type"])
			assert.NotContains(t, attributes(t, o.spans.Ended(), "publish otelbus_test.billed"), "error.type")
			assert.Equal(t, 1, counts(t, o)["messaging.client.consumed.messages panic billed process"])
			runtime.KeepAlive(c)
		})
	}
}

func TestObserve_AContextThatIsDoneIsAnErrorOfThePublish(t *testing.T) {
	o := observe(t)
	ctx, cancel := context.WithCancel(t.Context())
	weakbus.SubscribeFunc(o.Bus, o.Scope(), func(placed) { cancel() })
	weakbus.SubscribeFunc(o.Bus, o.Scope(), func(placed) { t.Error("called") })
	_, err := weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, counts(t, o)["messaging.client.consumed.messages placed process"])
	assert.NotContains(t, counts(t, o), "messaging.client.sent.messages placed publish", "it has error.type")
}

func TestObserve_KeysAreNoAttributes(t *testing.T) {
	o := observe(t)
	for key := range 5 {
		weakbus.TopicOf[placed](o.Bus).At(key).Publish(placed{1})
	}
	assert.Equal(t, map[string]int{
		"messaging.client.sent.messages placed publish":           5,
		"messaging.client.operation.duration placed publish send": 5,
	}, counts(t, o))
}

func TestObserve_NothingIsRecordedAfterStop(t *testing.T) {
	o := observe(t)
	c := &clerk{"c", o.Bus}
	weakbus.SubscribeContext(o.Bus, c, (*clerk).onPlaced)
	weakbus.SubscribeContext(o.Bus, c, (*clerk).onBilled)
	ctx, root := o.tracer.Start(t.Context(), "request")
	defer root.End()
	_, err := weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	started, before := len(o.spans.Started()), counts(t, o)
	o.stop()
	o.stop()
	_, err = weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	weakbus.Publish(o.Bus, placed{1})
	assert.Len(t, o.spans.Started(), started)
	assert.Equal(t, before, counts(t, o))
	runtime.KeepAlive(c)
}

func TestObserve_WhatIsUnderWayWhenItStopsIsReported(t *testing.T) {
	o := observe(t)
	weakbus.SubscribeFuncContext(o.Bus, o.Scope(), func(ctx context.Context, p placed) error {
		o.stop()
		_, err := weakbus.PublishContext(ctx, o.Bus, billed(p))
		return err
	})
	ctx, root := o.tracer.Start(t.Context(), "request")
	_, err := weakbus.PublishContext(ctx, o.Bus, placed{1})
	require.NoError(t, err)
	root.End()
	assert.Equal(t, "request\n  publish otelbus_test.placed\n    process otelbus_test.placed\n", tree(o.spans.Ended()))
}

func TestObserve_WithoutOneOfTheProviders(t *testing.T) {
	spans, reader := tracetest.NewSpanRecorder(), sdkmetric.NewManualReader()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	for _, c := range []struct {
		name             string
		spans, recording int
		observe          func(*weakbus.Bus) (func(), error)
	}{
		{"no metrics", 3, 1, func(b *weakbus.Bus) (func(), error) { return otelbus.Observe(b, tracers, nil) }},
		{"no spans", 1, 1, func(b *weakbus.Bus) (func(), error) {
			return otelbus.Observe(b, nil, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		}},
		{"neither", 1, 1, func(b *weakbus.Bus) (func(), error) { return otelbus.Observe(b, nil, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			spans.Reset()
			bus := weakbus.New()
			stop, err := c.observe(bus)
			require.NoError(t, err)
			defer stop()
			recording := 0
			weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, _ placed) error {
				if trace.SpanFromContext(ctx).IsRecording() {
					recording++
				}
				return nil
			})
			ctx, root := tracers.Tracer("test").Start(t.Context(), "request")
			_, err = weakbus.PublishContext(ctx, bus, placed{1})
			require.NoError(t, err)
			root.End()
			assert.Len(t, spans.Ended(), c.spans)
			assert.Equal(t, c.recording, recording, "the caller's span is not hidden")
		})
	}
}

func TestObserve_TwiceOnOneBus(t *testing.T) {
	o := observe(t)
	reader := sdkmetric.NewManualReader()
	stop, err := otelbus.Observe(o.Bus, nil, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.NoError(t, err)
	defer stop()
	weakbus.SubscribeFunc(o.Bus, o.Scope(), func(placed) {})
	weakbus.Publish(o.Bus, placed{1})
	assert.Equal(t, counts(t, o), counts(t, &observed{reader: reader}))
	assert.Len(t, counts(t, o), 4)
}

func TestObserve_DoesNotKeepABusWhoseStopWasDropped(t *testing.T) {
	tracers, meters := sdktrace.NewTracerProvider(), sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	bus := weakbus.New()
	_, err := otelbus.Observe(bus, tracers, meters)
	require.NoError(t, err)
	weakbus.Publish(bus, placed{1})
	w := weak.Make(bus)
	bus = nil
	require.Eventually(t, func() bool { runtime.GC(); return w.Value() == nil }, 10*time.Second, time.Millisecond)
	runtime.KeepAlive(tracers)
	runtime.KeepAlive(meters)
}

func TestObserve_PublishesAtOnce(t *testing.T) {
	o := observe(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			c := &clerk{"c", o.Bus}
			sub := weakbus.SubscribeContext(o.Bus, c, (*clerk).onPlaced)
			ctx, root := o.tracer.Start(t.Context(), "request")
			for range 100 {
				_, _ = weakbus.PublishContext(ctx, o.Bus, placed{1})
			}
			root.End()
			sub.Cancel()
			runtime.KeepAlive(c)
		})
	}
	wg.Wait()
	assert.Equal(t, 400, counts(t, o)["messaging.client.sent.messages placed publish"])
	assert.Equal(t, len(o.spans.Started()), len(o.spans.Ended()))
}
