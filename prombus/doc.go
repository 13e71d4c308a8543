// Package prombus makes the metrics of a [weakbus.Bus] known to Prometheus.
//
//	metrics := prombus.New(bus, "orders", 64)
//	prometheus.MustRegister(metrics)
//	defer metrics.Close()
//
// # Metrics
//
// Each has the labels bus, which is the name that [New] got, and event, which is the type of the event
// as Go writes it: "order.Placed". Keys are never labels: what is published to a keyed sub-topic counts
// for its event type. Two types that Go writes alike, from two packages of one name, count as one.
//
//	weakbus_events_published_total                           counter    also those that nobody hears
//	weakbus_handler_calls_total                              counter    also those left to a mailbox or an executor
//	weakbus_publish_duration_seconds                         histogram  of the publishes that are timed
//	weakbus_subscriptions{state="active|paused"}             gauge      that are live
//	weakbus_events_waiting                                   gauge      in mailboxes and loops over Events
//	weakbus_subscriptions_ended_total{cause,heard}           counter    see weakbus.State for the causes
//	weakbus_events_dropped_total                             counter    by mailboxes, queues and loops
//	weakbus_handler_errors_total                             counter    that handlers returned
//	weakbus_handler_panics_total                             counter    of handlers and filters
//	weakbus_queue_events_waiting{queue}                      gauge      in queues; without event
//
// An event that handlers of an interface type hear counts as published for its own type, with those
// calls. The errors and panics of these handlers, and what their mailboxes drop, count for the interface type.
//
// The gauges are read from [weakbus.Bus.Stats] when somebody scrapes; the others are counted as things
// happen. A series of an event type begins at zero when the topic is first seen, so that increase and rate
// see its first count.
//
// A subscription that ended with cause="collected" and heard="false" is nearly always a mistake: nobody
// kept its receiver. The bus knows what was heard only since it is observed, so make the collector before
// you subscribe.
//
// # Cost
//
// A bus that is observed looks at each delivery; see [weakbus.Bus.Observe]. The collector adds a few
// atomic operations for each publish, none for each handler. To read the clock would cost more than that,
// so only one in so many publishes of each event type is timed: New says in how many.
//
// # Errors that nobody gets
//
// weakbus writes the errors of handlers that no publisher gets to slog.Default, unless somebody observes
// them. The collector does. Give the bus a weakbus.WithLogger to have them in the log too.
//
// # Files
//
// Beside the source are alerts.yml, rules for Prometheus, and dashboard.json, a dashboard for Grafana. A test
// compares the names in them with those that are exported.
package prombus
