package otelbus_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/otelbus"
)

func (c *clerk) ignore(context.Context, placed) error { return nil }

// BenchmarkPublish compares a bus that nobody observes, one whose trace does nothing, and one that is
// observed: for metrics only, for both where nothing is traced, and where all is.
func BenchmarkPublish(b *testing.B) {
	tracers := sdktrace.NewTracerProvider()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	traced, span := tracers.Tracer("bench").Start(context.Background(), "request")
	defer span.End()
	observe := func(b *testing.B, bus *weakbus.Bus) func() {
		stop, err := otelbus.Observe(bus, tracers, meters)
		if err != nil {
			b.Fatal(err)
		}
		return stop
	}
	for _, n := range []int{1, 10, 1000} {
		for _, c := range []struct {
			name string
			ctx  context.Context
			on   func(*testing.B, *weakbus.Bus) (stop func())
		}{
			{"off", context.Background(), func(*testing.B, *weakbus.Bus) func() { return func() {} }},
			{"stopped", context.Background(), func(b *testing.B, bus *weakbus.Bus) func() { observe(b, bus)(); return func() {} }},
			{"trace", context.Background(), func(_ *testing.B, bus *weakbus.Bus) func() { return bus.Observe(&weakbus.Trace{}) }},
			{"handles", context.Background(), func(_ *testing.B, bus *weakbus.Bus) func() {
				return bus.Observe(&weakbus.Trace{HandleEnd: func(context.Context, weakbus.SubscriptionInfo, error) {}})
			}},
			{"untraced", context.Background(), observe},
			{"traced", traced, observe},
		} {
			b.Run(fmt.Sprintf("n=%d/%s", n, c.name), func(b *testing.B) {
				bus := weakbus.New()
				defer c.on(b, bus)()
				clerks := make([]*clerk, n)
				for i := range clerks {
					clerks[i] = &clerk{name: "c"}
					weakbus.SubscribeContext(bus, clerks[i], (*clerk).ignore)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := weakbus.PublishContext(c.ctx, bus, placed{1}); err != nil {
						b.Fatal(err)
					}
				}
				runtime.KeepAlive(clerks)
			})
		}
	}
}
