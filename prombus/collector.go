package prombus

import (
	"context"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weakbus/weakbus"
)

// Collector counts what happens on a bus. It is a [prometheus.Collector]. Make one with New.
//
// It does not keep the bus alive: when the bus is collected, the counts stay as they are and the gauges
// are gone. Nor does the bus need the collector to be registered. All methods are safe for concurrent use.
type Collector struct {
	counts []prometheus.Collector // those below
	byType sync.Map               // of reflect.Type: *figures, to look up no labels for each event
	closed atomic.Bool
	source weak.Pointer[source]

	published, calls, ended, dropped, failed, panicked *prometheus.CounterVec
	duration                                           *prometheus.HistogramVec
	subscriptions, waiting, queued                     *prometheus.Desc
}

var _ prometheus.Collector = (*Collector)(nil)

// source is what the bus calls. Only the bus refers to it, so that the collector does not keep the bus.
type source struct {
	*Collector
	bus   *weakbus.Bus
	stop  func()
	every uint64
}

// figures are the series of one event type.
type figures struct {
	event            string
	published, calls prometheus.Counter
	duration         prometheus.Observer
	n                atomic.Uint64 // publishes, for those to be timed
}

// buckets go from a microsecond to four seconds: from a handler that sets a field to a publisher that
// waits for room in a mailbox.
var buckets = prometheus.ExponentialBuckets(1e-6, 4, 12)

// New observes bus, which has that name in the label bus, until Close is called or the bus is
// collected. Of each event type, the first publish and then one in every is timed: 1 times all
// of them, 0 none. Register what New returns.
//
// Subscriptions that were made before are counted as well, but what they heard before is not known.
func New(bus *weakbus.Bus, name string, every int) *Collector {
	if every < 0 {
		panic("prombus: New: one in " + strconv.Itoa(every) + " publishes to be timed; 1 times all, 0 none")
	}
	labels := prometheus.Labels{"bus": name}
	c := &Collector{
		subscriptions: desc("subscriptions", "Live subscriptions.", labels, "event", "state"),
		waiting:       desc("events_waiting", "Events that wait in mailboxes and loops.", labels, "event"),
		queued:        desc("queue_events_waiting", "Events that wait in queues.", labels, "queue"),
	}
	c.published = c.counter("events_published_total", "Events that were published, also those that nobody hears.", labels)
	c.calls = c.counter("handler_calls_total", "Calls of handlers by publishes, including those left to a mailbox or an executor.", labels)
	c.ended = c.counter("subscriptions_ended_total", "Subscriptions that have ended, and whether they had heard anything.", labels, "cause", "heard")
	c.dropped = c.counter("events_dropped_total", "Events that full mailboxes, queues and loops have dropped.", labels)
	c.failed = c.counter("handler_errors_total", "Errors that handlers returned.", labels)
	c.panicked = c.counter("handler_panics_total", "Panics of handlers and filters.", labels)
	c.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "weakbus_publish_duration_seconds", Help: "How long publishes took, handlers included, of those that were timed.",
		ConstLabels: labels, Buckets: buckets,
	}, []string{"event"})
	c.counts = append(c.counts, c.duration)

	s := &source{Collector: c, bus: bus, every: uint64(every)}
	c.source = weak.Make(s)
	s.stop = bus.Observe(&weakbus.Trace{
		PublishStart: s.publishStart,
		PublishEnd:   s.publishEnd,
		Ended:        s.subscriptionEnded,
		Dropped:      func(d weakbus.Drop) { s.dropped.WithLabelValues(s.of(d.Event).event).Add(float64(d.Count)) },
		Failed:       func(e *weakbus.HandlerError) { s.failed.WithLabelValues(s.of(e.Event).event).Inc() },
		Panicked:     func(e *weakbus.PanicError) { s.panicked.WithLabelValues(s.of(e.Event).event).Inc() },
	})
	return c
}

func desc(name, help string, bus prometheus.Labels, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("weakbus_"+name, help, labels, bus)
}

// counter makes a counter with the label event and others.
func (c *Collector) counter(name, help string, bus prometheus.Labels, more ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weakbus_" + name, Help: help, ConstLabels: bus}, append([]string{"event"}, more...))
	c.counts = append(c.counts, v)
	return v
}

// of returns the figures of an event type, whose series it makes on first use.
func (c *Collector) of(event reflect.Type) *figures {
	if f, ok := c.byType.Load(event); ok {
		return f.(*figures)
	}
	name := event.String()
	f, _ := c.byType.LoadOrStore(event, &figures{
		event: name, published: c.published.WithLabelValues(name), calls: c.calls.WithLabelValues(name),
		duration: c.duration.WithLabelValues(name),
	})
	for _, v := range []*prometheus.CounterVec{c.dropped, c.failed, c.panicked} {
		v.WithLabelValues(name)
	}
	c.ended.WithLabelValues(name, weakbus.Collected.String(), "false") // the one that alerts are about
	return f.(*figures)
}

// timed is the context of a publish that is timed, and of what its handlers do. A publish in there that
// is not timed hides it: with a zero start.
type timed struct {
	context.Context
	by    *source
	start time.Time
}

// Value returns t itself for its source.
func (t *timed) Value(key any) any {
	if key == t.by {
		return t
	}
	return t.Context.Value(key)
}

func (s *source) publishStart(ctx context.Context, topic weakbus.TopicInfo, _ any) context.Context {
	f := s.of(topic.Event)
	f.published.Inc()
	switch {
	case s.every == 0:
	case (f.n.Add(1)-1)%s.every == 0:
		return &timed{ctx, s, time.Now()}
	case ctx.Value(s) != nil:
		return &timed{ctx, s, time.Time{}}
	}
	return ctx
}

func (s *source) publishEnd(ctx context.Context, topic weakbus.TopicInfo, ran int, _ error) {
	f := s.of(topic.Event)
	if ran > 0 {
		f.calls.Add(float64(ran))
	}
	if s.every == 0 {
		return
	}
	if t, ok := ctx.Value(s).(*timed); ok && !t.start.IsZero() {
		f.duration.Observe(time.Since(t.start).Seconds())
	}
}

func (s *source) subscriptionEnded(info weakbus.SubscriptionInfo, cause weakbus.State) {
	s.ended.WithLabelValues(s.of(info.Topic.Event).event, cause.String(), strconv.FormatBool(info.Heard)).Inc()
}

// Close stops observing the bus. Counts stay as they are, and gauges are gone. It does not wait for
// publishes that are under way. It may be called again.
func (c *Collector) Close() {
	c.closed.Store(true)
	if s := c.source.Value(); s != nil {
		s.stop()
	}
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, v := range c.counts {
		v.Describe(ch)
	}
	ch <- c.subscriptions
	ch <- c.waiting
	ch <- c.queued
}

// Collect implements [prometheus.Collector]. It takes the bus's Stats, which walks all subscriptions.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	if s := c.source.Value(); s != nil && !c.closed.Load() {
		c.gauges(ch, s.bus.Stats())
	}
	for _, v := range c.counts {
		v.Collect(ch)
	}
}

// live is what gauges say of an event type.
type live struct{ active, paused, waiting int }

// gauges tells what Stats shows. Keyed sub-topics are added to their topic.
func (c *Collector) gauges(ch chan<- prometheus.Metric, stats weakbus.Stats) {
	topics, queues := make(map[string]live), make(map[string]int)
	for _, t := range stats.Topics {
		event := c.of(t.Event).event
		l := topics[event]
		for _, s := range t.Subscriptions {
			if l.waiting += s.Waiting; s.State == weakbus.Paused {
				l.paused++
			} else {
				l.active++
			}
		}
		topics[event] = l
	}
	for _, q := range stats.Queues {
		queues[q.Label] += q.Waiting
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for event, l := range topics {
		gauge(c.subscriptions, l.active, event, weakbus.Active.String())
		gauge(c.subscriptions, l.paused, event, weakbus.Paused.String())
		gauge(c.waiting, l.waiting, event)
	}
	for label, n := range queues {
		gauge(c.queued, n, label)
	}
}
