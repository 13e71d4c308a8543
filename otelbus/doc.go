// Package otelbus reports what happens on a [weakbus.Bus] to OpenTelemetry.
//
//	stop, err := otelbus.Observe(bus, tracerProvider, meterProvider)
//	if err != nil {
//		return err
//	}
//	defer stop()
//
// It follows the semantic conventions for messaging, version 1.43.0. Those are in development: their names
// may change, and then the names here change too.
//
// # Spans
//
// A publish makes a span if the span in its context records, and so does each handler of that publish:
//
//	GET /order                      the caller's
//	└─ publish order.Placed         producer, operation type send
//	   └─ process order.Placed      consumer, operation type process
//	      └─ publish order.Billed   by the handler, with the context that it got
//	         └─ process order.Billed
//
// So use PublishContext, and handlers that take a context and hand it on. Publish has no context and makes no
// span. Queues forget the context. A handler that Async, Through, Via or a timer calls later has its span in
// the same trace, below that of the publish, which has ended by then.
//
// Spans have the attributes messaging.system, messaging.operation.name, messaging.operation.type and
// messaging.destination.name, which is the event type as Go writes it. Keys are never attributes, nor are events.
// That of a publish has weakbus.handlers too: how many handlers were called, or left to a mailbox or
// an executor. That of a handler has weakbus.receiver, the type of its receiver,
// weakbus.subscribed, the file and line of the Subscribe, and, if the subscription has a label,
// messaging.destination.subscription.name.
//
// A span of what failed has the status Error, the error, and error.type.
//
// # Metrics
//
//	messaging.client.sent.messages        events that were published, also those that nobody hears
//	messaging.client.operation.duration   of publishes; handlers that the publisher called are included
//	messaging.client.consumed.messages    calls of handlers
//	messaging.process.duration            of calls of handlers
//
// They count all publishes and handlers, also those without a span. Their attributes are messaging.system,
// messaging.operation.name, messaging.destination.name, for durations messaging.operation.type, and for what
// failed error.type: the type of the error, or "panic" for a handler that panicked or ended its goroutine. A
// panic that reaches the publisher is an error of the handler, not of the publish.
//
// The conventions advise buckets for durations that begin at 5 ms. Handlers take microseconds, so the buckets
// here begin at 1 µs. A view of the meter provider can choose others.
//
// Metrics do not tell two buses apart. Give each a meter provider with a resource or a scope of its own where that
// matters.
//
// # Cost
//
// A bus that is observed looks at each delivery, and here at the time too. The benchmarks of this package
// measure it. Where each nanosecond counts, see package prombus, which does nothing for each handler.
//
// # Errors that nobody gets
//
// weakbus writes errors of handlers that no publisher gets to slog.Default, or to the logger of
// weakbus.WithLogger. That stays so.
package otelbus
