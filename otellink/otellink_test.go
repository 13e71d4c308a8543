package otellink_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/link/linktest"
	"github.com/weakbus/weakbus/otellink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type placed struct{ ID string }

func TestTraceContextCrosses(t *testing.T) {
	for name, p := range map[string]struct {
		otellink.Propagator
		keys []string
	}{
		"default":    {otellink.Propagator{}, []string{"weakbus-origin", "traceparent", "baggage"}},
		"trace only": {otellink.Propagator{Format: propagation.TraceContext{}}, []string{"weakbus-origin", "traceparent"}},
	} {
		t.Run(name, func(t *testing.T) {
			var hub linktest.Hub
			var buses [2]*weakbus.Bus
			var links [2]*link.Link
			for i := range links {
				buses[i] = weakbus.New()
				links[i] = link.Open(buses[i], hub.Join(), link.Propagate(p))
				require.NoError(t, link.Share[placed](links[i], "placed"))
				defer func() { assert.NoError(t, links[i].Close(context.Background())) }()
			}
			got := make(chan context.Context, 1)
			var scope weakbus.Scope
			weakbus.SubscribeFuncContext(buses[1], &scope, func(ctx context.Context, _ placed) error { got <- ctx; return nil })
			raw := make(chan *link.Message, 1)
			spy := hub.Join()
			_, err := spy.Receive("placed", "placed", true, func(m *link.Message) { raw <- m })
			require.NoError(t, err)
			require.NoError(t, links[1].Sync(t.Context()))

			span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3}, TraceFlags: trace.FlagsSampled})
			member, err := baggage.NewMember("tenant", "acme")
			require.NoError(t, err)
			bag, err := baggage.New(member)
			require.NoError(t, err)
			ctx := baggage.ContextWithBaggage(trace.ContextWithSpanContext(t.Context(), span), bag)
			_, err = weakbus.PublishContext(ctx, buses[0], placed{"1"})
			require.NoError(t, err)

			there := <-got
			assert.Equal(t, span.TraceID(), trace.SpanContextFromContext(there).TraceID())
			assert.True(t, trace.SpanContextFromContext(there).IsRemote())
			assert.True(t, trace.SpanContextFromContext(there).IsSampled())
			if name == "default" {
				assert.Equal(t, "acme", baggage.FromContext(there).Member("tenant").Value())
			}
			var keys []string
			for k := range (<-raw).Header {
				keys = append(keys, k)
			}
			assert.ElementsMatch(t, p.keys, keys)
			require.NoError(t, spy.Close(t.Context()))
			runtime.KeepAlive(&scope)
		})
	}
}
