package prombus_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/prombus"
)

// Paid is an event.
type Paid struct{ Cents int }

// Ledger hears of payments.
type Ledger struct {
	Name  string
	Total int
}

func (l *Ledger) OnPaid(p Paid) { l.Total += p.Cents }

// Metrics of a bus, as Prometheus scrapes them.
func Example() {
	bus := weakbus.New()
	metrics := prombus.New(bus, "shop", 64)
	defer metrics.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)

	ledger := &Ledger{Name: "main"}
	weakbus.Subscribe(bus, ledger, (*Ledger).OnPaid)
	for range 3 {
		weakbus.Publish(bus, Paid{Cents: 100})
	}

	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "weakbus_events_published") || strings.HasPrefix(line, "weakbus_subscriptions{") {
			fmt.Print(line)
		}
	}
	runtime.KeepAlive(ledger)
	// Output:
	// weakbus_events_published_total{bus="shop",event="prombus_test.Paid"} 3
	// weakbus_subscriptions{bus="shop",event="prombus_test.Paid",state="active"} 1
	// weakbus_subscriptions{bus="shop",event="prombus_test.Paid",state="paused"} 0
}

// Close takes the gauges away and keeps the counts.
func ExampleCollector_Close() {
	bus := weakbus.New()
	metrics := prombus.New(bus, "shop", 1)
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	weakbus.Publish(bus, Paid{Cents: 100})
	metrics.Close()
	weakbus.Publish(bus, Paid{Cents: 100}) // not counted

	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range families {
		if m := f.GetMetric()[0]; m.GetCounter().GetValue() > 0 {
			fmt.Println(f.GetName(), m.GetCounter().GetValue())
		}
		if f.GetName() == "weakbus_subscriptions" {
			fmt.Println("a gauge is left")
		}
	}
	// Output:
	// weakbus_events_published_total 1
}
