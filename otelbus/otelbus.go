package otelbus

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/weakbus/weakbus"
)

const (
	// ScopeName is the name of the tracer and the meter.
	ScopeName = "github.com/weakbus/weakbus/otelbus"

	system  = "weakbus"
	publish = "publish"
	process = "process"
)

// buckets go from a microsecond to ten seconds.
var buckets = metric.WithExplicitBucketBoundaries(
	1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1, 5e-1, 1, 5, 10)

// Observe reports what happens on bus from now on, until stop is called: spans to the tracer provider and metrics
// to the meter provider. Where one of them is nil, there are none. The error is the meter's.
//
// stop does not wait. What is under way then is reported when it is over, and nothing else is. It may be
// called again.
func Observe(bus *weakbus.Bus, tracers trace.TracerProvider, meters metric.MeterProvider) (stop func(), err error) {
	o := &observer{}
	if tracers != nil {
		o.tracer = tracers.Tracer(ScopeName, trace.WithSchemaURL(semconv.SchemaURL))
	}
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	if err := o.instruments(meters.Meter(ScopeName, metric.WithSchemaURL(semconv.SchemaURL))); err != nil {
		return nil, err
	}
	return bus.Observe(&weakbus.Trace{
		PublishStart: o.publishStart,
		PublishEnd:   o.publishEnd,
		HandleStart:  o.handleStart,
		HandleEnd:    o.handleEnd,
	}), nil
}

// observer reports what happens on a bus.
type observer struct {
	tracer trace.Tracer // nil: there are no spans
	byType sync.Map     // of reflect.Type: *topic

	sent, consumed       metric.Int64Counter
	publishing, handling metric.Float64Histogram
}

// instruments makes the instruments.
func (o *observer) instruments(meter metric.Meter) error {
	sent, err1 := messagingconv.NewClientSentMessages(meter)
	consumed, err2 := messagingconv.NewClientConsumedMessages(meter)
	publishing, err3 := messagingconv.NewClientOperationDuration(meter, buckets)
	handling, err4 := messagingconv.NewProcessDuration(meter, buckets)
	o.sent, o.consumed, o.publishing, o.handling = sent.Inst(), consumed.Inst(), publishing.Inst(), handling.Inst()
	return errors.Join(err1, err2, err3, err4)
}

// topic is what is said of an event type.
type topic struct{ publish, process operation }

// operation is what is said of publishes of an event type, or of its handlers.
type operation struct {
	name     string // of spans
	panics   bool   // an error that no handler returned is a panic
	counted  []attribute.KeyValue
	timed    []attribute.KeyValue
	count    []metric.AddOption
	duration []metric.RecordOption
	span     []trace.SpanStartOption
}

func newOperation(name, event string, of attribute.KeyValue, kind trace.SpanKind) operation {
	op := operation{name: name + " " + event, panics: name == process}
	op.counted = []attribute.KeyValue{
		semconv.MessagingSystemKey.String(system), semconv.MessagingOperationName(name), semconv.MessagingDestinationName(event),
	}
	op.timed = append(op.counted[:3:3], of)
	op.count = []metric.AddOption{metric.WithAttributeSet(attribute.NewSet(op.counted...))}
	op.duration = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(op.timed...))}
	op.span = []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(op.timed...)}
	return op
}

// of returns what is said of an event type.
func (o *observer) of(event reflect.Type) *topic {
	if t, ok := o.byType.Load(event); ok {
		return t.(*topic)
	}
	name := event.String()
	t, _ := o.byType.LoadOrStore(event, &topic{
		publish: newOperation(publish, name, semconv.MessagingOperationTypeSend, trace.SpanKindProducer),
		process: newOperation(process, name, semconv.MessagingOperationTypeProcess, trace.SpanKindConsumer),
	})
	return t.(*topic)
}

// call is a publish, or a call of a handler, and the context of what happens in it.
type call struct {
	context.Context
	by    *observer
	start time.Time
	span  trace.Span // nil: there is none
}

// Value returns c itself for its observer.
func (c *call) Value(key any) any {
	if key == c.by {
		return c
	}
	return c.Context.Value(key)
}

// begin returns the context of a call. With traced, it has a span.
func (o *observer) begin(ctx context.Context, op *operation, traced bool, more ...attribute.KeyValue) *call {
	c := &call{Context: ctx, by: o}
	if traced {
		c.Context, c.span = o.tracer.Start(ctx, op.name, op.span...)
		c.span.SetAttributes(more...)
	}
	c.start = time.Now()
	return c
}

// end reports that the call whose context ctx is, is over.
func (o *observer) end(ctx context.Context, op *operation, n metric.Int64Counter, d metric.Float64Histogram, err error, more ...attribute.KeyValue) {
	c, ok := ctx.Value(o).(*call)
	if !ok {
		return // a trace that was told of it later has put another context in its place
	}
	took := time.Since(c.start).Seconds()
	count, duration := op.count, op.duration
	if err != nil {
		kind := errorType(err, op)
		more = append(more, kind)
		count = []metric.AddOption{metric.WithAttributes(append(op.counted[:3:3], kind)...)}
		duration = []metric.RecordOption{metric.WithAttributes(append(op.timed[:4:4], kind)...)}
	}
	n.Add(c, 1, count...)
	d.Record(c, took, duration...)
	if c.span == nil {
		return
	}
	c.span.SetAttributes(more...)
	if err != nil {
		c.span.SetStatus(codes.Error, err.Error()) // which says whose handler it was
		if f, ok := err.(*weakbus.HandlerError); ok {
			err = f.Err
		}
		c.span.RecordError(err)
	}
	c.span.End()
}

func (o *observer) publishStart(ctx context.Context, info weakbus.TopicInfo, _ any) context.Context {
	return o.begin(ctx, &o.of(info.Event).publish, o.tracer != nil && trace.SpanFromContext(ctx).IsRecording())
}

func (o *observer) publishEnd(ctx context.Context, info weakbus.TopicInfo, ran int, err error) {
	o.end(ctx, &o.of(info.Event).publish, o.sent, o.publishing, err, attribute.Int("weakbus.handlers", ran))
}

func (o *observer) handleStart(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
	op := &o.of(sub.Topic.Event).process
	if !o.traces(ctx) {
		return o.begin(ctx, op, false)
	}
	about := []attribute.KeyValue{
		attribute.String("weakbus.receiver", sub.Receiver.String()), attribute.String("weakbus.subscribed", sub.Site),
	}
	if sub.Label != "" {
		about = append(about, semconv.MessagingDestinationSubscriptionName(sub.Label))
	}
	return o.begin(ctx, op, true, about...)
}

// traces reports whether a handler with that context gets a span: if the context's span records, or is that
// of the publish that the handler belongs to, which may be over.
func (o *observer) traces(ctx context.Context) bool {
	if o.tracer == nil {
		return false
	}
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		return true
	}
	c, ok := ctx.Value(o).(*call)
	return ok && c.span != nil && span.SpanContext().IsSampled() && c.span.SpanContext().Equal(span.SpanContext())
}

func (o *observer) handleEnd(ctx context.Context, sub weakbus.SubscriptionInfo, err error) {
	o.end(ctx, &o.of(sub.Topic.Event).process, o.consumed, o.handling, err)
}

// errorType returns the attribute error.type: the type of the first error that a handler returned, if that is what
// err is about.
func errorType(err error, op *operation) attribute.KeyValue {
	if f, ok := errors.AsType[*weakbus.HandlerError](err); ok {
		return semconv.ErrorType(f.Err)
	}
	if op.panics {
		return semconv.ErrorTypeKey.String("panic")
	}
	return semconv.ErrorType(err)
}
