package otelbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/otelbus"
)

// Ordered and Paid are events.
type Ordered struct{ Cents int }

type Paid struct{ Cents int }

// Till takes the money for what is ordered.
type Till struct {
	Name string
	Bus  *weakbus.Bus
}

// OnOrdered hands its context on, so that the payment is part of the trace.
func (t *Till) OnOrdered(ctx context.Context, o Ordered) error {
	_, err := weakbus.PublishContext(ctx, t.Bus, Paid(o))
	return err
}

func (t *Till) OnPaid(context.Context, Paid) error { return errors.New("the drawer is stuck") }

// A request whose events are spans of its trace.
func Example() {
	spans := tracetest.NewSpanRecorder() // a program has an exporter
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	bus := weakbus.New()
	stop, err := otelbus.Observe(bus, tracers, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	till := &Till{Name: "front", Bus: bus}
	weakbus.SubscribeContext(bus, till, (*Till).OnOrdered)
	weakbus.SubscribeContext(bus, till, (*Till).OnPaid)

	ctx, request := tracers.Tracer("shop").Start(context.Background(), "POST /order")
	_, _ = weakbus.PublishContext(ctx, bus, Ordered{Cents: 250})
	request.End()
	runtime.KeepAlive(till)

	fmt.Print(tree(spans.Ended())) // a helper of the tests
	// Output:
	// POST /order
	//   publish otelbus_test.Ordered: weakbus: *otelbus_test.Till on otelbus_test.Ordered: weakbus: *otelbus_test.Till on otelbus_test.Paid: the drawer is stuck
	//     process otelbus_test.Ordered: weakbus: *otelbus_test.Till on otelbus_test.Ordered: weakbus: *otelbus_test.Till on otelbus_test.Paid: the drawer is stuck
	//       publish otelbus_test.Paid: weakbus: *otelbus_test.Till on otelbus_test.Paid: the drawer is stuck
	//         process otelbus_test.Paid: weakbus: *otelbus_test.Till on otelbus_test.Paid: the drawer is stuck
}

// Metrics count what has no trace, too.
func ExampleObserve() {
	reader := sdkmetric.NewManualReader() // a program has an exporter
	bus := weakbus.New()
	stop, err := otelbus.Observe(bus, nil, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	if err != nil {
		fmt.Println(err)
		return
	}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Paid) {})
	for range 3 {
		weakbus.Publish(bus, Paid{Cents: 100})
	}
	stop()
	weakbus.Publish(bus, Paid{Cents: 100}) // not counted

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		fmt.Println(err)
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			fmt.Println(m.Name, data.DataPoints[0].Value)
		case metricdata.Histogram[float64]:
			fmt.Println(m.Name, data.DataPoints[0].Count)
		}
	}
	// Unordered output:
	// messaging.client.sent.messages 3
	// messaging.client.consumed.messages 3
	// messaging.client.operation.duration 3
	// messaging.process.duration 3
}
