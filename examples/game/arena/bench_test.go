package arena

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkFrame plays 5,000 entities at 60 frames a second, which is what the collector has to be
// measured at: without the pauses it always meets a publish, and keeps the dead for that.
// It reports what a frame's drain takes, the work of the handlers included. Run it
// with -benchtime 600x, which is ten seconds; the ns/op are those of the pace.
func BenchmarkFrame(b *testing.B) {
	w := New(5_000, 1)
	frames := time.NewTicker(time.Second / 60)
	defer frames.Stop()
	var all []time.Duration
	var events, late float64
	for b.Loop() {
		<-frames.C
		if err := w.Update(); err != nil {
			b.Fatal(err)
		}
		all = append(all, w.meter.publishing)
		events += float64(w.meter.events)
		late += float64(w.meter.late)
		w.meter = meter{}
	}
	slices.Sort(all)
	n := len(all)
	b.ReportMetric(float64(all[n/2].Microseconds()), "publishing-µs/median")
	b.ReportMetric(float64(all[n*99/100].Microseconds()), "publishing-µs/p99")
	b.ReportMetric(events/float64(n), "events/frame")
	b.ReportMetric(late/float64(n), "late/frame")
}
