package prombus_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/prombus"
)

// BenchmarkPublish compares a bus that nobody observes, one whose trace does nothing, and one with a
// collector.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		for _, c := range []struct {
			name string
			on   func(*weakbus.Bus) (stop func())
		}{
			{"off", func(*weakbus.Bus) func() { return func() {} }},
			{"stopped", func(bus *weakbus.Bus) func() { prombus.New(bus, "b", 1).Close(); return func() {} }},
			{"trace", func(bus *weakbus.Bus) func() { return bus.Observe(&weakbus.Trace{}) }},
			{"timed=0", func(bus *weakbus.Bus) func() { return prombus.New(bus, "b", 0).Close }},
			{"timed=64", func(bus *weakbus.Bus) func() { return prombus.New(bus, "b", 64).Close }},
			{"timed=1", func(bus *weakbus.Bus) func() { return prombus.New(bus, "b", 1).Close }},
		} {
			b.Run(fmt.Sprintf("n=%d/%s", n, c.name), func(b *testing.B) {
				bus := weakbus.New()
				defer c.on(bus)()
				desks := make([]*desk, n)
				for i := range desks {
					desks[i] = &desk{name: "d"}
					weakbus.Subscribe(bus, desks[i], (*desk).onPlaced)
				}
				b.ReportAllocs()
				for b.Loop() {
					weakbus.Publish(bus, placed{1})
				}
				runtime.KeepAlive(desks)
			})
		}
	}
}

// BenchmarkGather is a scrape of a bus with many subscriptions.
func BenchmarkGather(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			bus := weakbus.New()
			reg, _ := registry(b, bus, 1)
			desks := make([]*desk, n)
			for i := range desks {
				desks[i] = &desk{name: "d"}
				weakbus.Subscribe(bus, desks[i], (*desk).onPlaced)
			}
			for b.Loop() {
				if _, err := reg.Gather(); err != nil {
					b.Fatal(err)
				}
			}
			runtime.KeepAlive(desks)
			runtime.KeepAlive(bus) // the collector does not
		})
	}
}
