package arena

import (
	"runtime"
	"testing"
	"time"
)

// BenchmarkUpdate plays frames with 5,000 entities. publishing is the part of a frame that the
// drain takes, the handlers' work included; worst is the longest one.
func BenchmarkUpdate(b *testing.B) {
	w := New(5_000, 1)
	play(b, w, 300)
	runtime.GC()
	w.Stats()
	var worst, total time.Duration
	var events, late float64
	for b.Loop() {
		if err := w.Update(); err != nil {
			b.Fatal(err)
		}
		worst = max(worst, w.meter.publishing)
		total += w.meter.publishing
		events += float64(w.meter.events)
		late += float64(w.meter.late)
		w.meter = meter{}
	}
	n := float64(b.N)
	b.ReportMetric(float64(total.Microseconds())/n, "publishing-µs/frame")
	b.ReportMetric(float64(worst.Microseconds()), "worst-µs")
	b.ReportMetric(events/n, "events/frame")
	b.ReportMetric(late/n, "late/frame")
}

// BenchmarkStats is the overlay's cost, once a second, with 5,000 entities.
func BenchmarkStats(b *testing.B) {
	w := New(5_000, 1)
	play(b, w, 300)
	for b.Loop() {
		w.Stats()
	}
}
