// Package otellink carries the trace context of OpenTelemetry in the headers of package link, so that a handler in
// another process is in the trace of the publisher:
//
//	l := link.Open(bus, t, link.Propagate(otellink.Propagator{}))
package otellink

import (
	"context"
	"maps"
	"slices"

	"go.opentelemetry.io/otel/propagation"

	"github.com/weakbus/weakbus/link"
)

// Propagator is a link.Propagator. It starts no spans.
type Propagator struct {
	// Format says what travels, and how; nil stands for W3C trace context and baggage.
	Format propagation.TextMapPropagator
}

var _ link.Propagator = Propagator{}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

func (p Propagator) format() propagation.TextMapPropagator {
	if p.Format == nil {
		return w3c
	}
	return p.Format
}

// Inject writes the trace context of ctx to header.
func (p Propagator) Inject(ctx context.Context, header map[string][]string) {
	p.format().Inject(ctx, carrier(header))
}

// Extract returns ctx with the trace context that header has.
func (p Propagator) Extract(ctx context.Context, header map[string][]string) context.Context {
	return p.format().Extract(ctx, carrier(header))
}

// carrier leaves keys in lower case, as W3C writes them. It is tempting to use propagation.HeaderCarrier, which
// writes Traceparent; but the headers of NATS are case-sensitive.
type carrier map[string][]string

// Get returns the value of a key, or "".
func (c carrier) Get(key string) string {
	if v := c[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Set sets the value of a key.
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys returns the keys.
func (c carrier) Keys() []string { return slices.Collect(maps.Keys(c)) }
