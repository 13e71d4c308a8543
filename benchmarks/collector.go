package main

import (
	"runtime"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// million is the number of subscriptions at which memory and collector are measured.
const million = 1_000_000

// The names of what weigh measures.
const (
	coldBytes  = "million/bytes"
	warmBytes  = "million/bytes after a publish"
	objectsGC  = "million/collection before"
	crowdGC    = "million/collection"
	subscribed = "million/subscribe"
)

// weights measures what a million subscriptions cost.
func (r *runner) weights(out results) {
	if r.largest < million {
		return
	}
	for _, name := range []string{coldBytes, warmBytes, objectsGC, crowdGC} {
		out[name] = map[string]cell{}
	}
	r.compare(out, subscribed, peers.All(), r.roundsFor(million), func(p peers.Peer) (float64, error) {
		return r.weigh(out, p)
	})
}

// weigh returns how long one subscription took, and adds the rest to out. The receivers are new
// each time: a weak pointer leaves a record at its object for as long as that lives, which a later
// peer would find there.
func (r *runner) weigh(out results, p peers.Peer) (float64, error) {
	if p.Goroutines {
		return 0, tooMany
	}
	c := &crowd{peer: p, receivers: make([]peers.Receiver, million), Bus: p.New()}
	for i := range c.receivers {
		c.receivers[i] = new(peers.Player)
	}
	before := inUse()
	objects := collection()
	start := time.Now()
	if err := c.subscribe(); err != nil {
		return 0, err
	}
	took := time.Since(start)
	cold := inUse()
	crowd := collection()
	c.Publish(event)
	c.Publish(event)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	warm := held(&m)
	runtime.KeepAlive(c)

	add := func(name string, v float64) {
		cell := out[name][p.Name]
		cell.series = append(cell.series, v)
		out[name][p.Name] = cell
	}
	add(coldBytes, float64(int64(cold-before))/million)
	add(warmBytes, float64(int64(warm-before))/million)
	add(objectsGC, objects)
	add(crowdGC, crowd)
	return float64(took) / million, nil
}

// collection returns the median time of a collection.
func collection() float64 {
	var times series
	for range 5 {
		start := time.Now()
		runtime.GC()
		times = append(times, float64(time.Since(start)))
	}
	return times.median()
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return held(&m)
}

// held counts what lies outside of the heap too: the record of a weak pointer does.
func held(m *runtime.MemStats) uint64 { return m.HeapAlloc + m.GCSys + m.OtherSys }
