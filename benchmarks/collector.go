package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// million is the number of subscriptions at which memory and collector are measured.
const million = 1_000_000

// The cases of what a million subscriptions weigh.
const (
	millionCase = "million"
	coldBytes   = "million/bytes"
	warmBytes   = "million/bytes after a publish"
	objectsGC   = "million/collection before"
	crowdGC     = "million/collection"
)

// weight is what a million subscriptions of one peer cost.
type weight struct {
	// Unfit is the reason why nothing was measured.
	Unfit string
	// Cold and Warm are bytes of a subscription, after a collection and after publishing.
	Cold, Warm float64
	// Objects and Crowd are nanoseconds of one collection, before and after subscribing.
	Objects, Crowd float64
	// Subscribe is the nanoseconds of one subscription.
	Subscribe float64
}

// weights returns the case of what a million subscriptions cost, if the runner has one that large. Each is
// measured in a process of its own: the runtime keeps for reuse the records of weak pointers that are gone,
// so that a second measurement in one process would find less memory taken than the first.
func (r *runner) weights(ctx context.Context, out results) []trial {
	if r.largest < million {
		return nil
	}
	return []trial{{millionCase, peers.All(), r.roundsFor(million), 20, func(p peers.Peer) (float64, error) {
		if p.Goroutines {
			return 0, tooMany
		}
		w, err := weighElsewhere(ctx, p)
		if err != nil {
			return 0, err
		}
		for name, v := range map[string]float64{coldBytes: w.Cold, warmBytes: w.Warm, objectsGC: w.Objects, crowdGC: w.Crowd} {
			if out[name] == nil {
				out[name] = map[string]cell{}
			}
			out[name][p.Name] = cell{series: append(out[name][p.Name].series, v)}
		}
		return w.Subscribe, nil
	}}}
}

// weighCommand is the first argument of the process that weighs; the second is the peer.
const weighCommand = "weigh"

func weighElsewhere(ctx context.Context, p peers.Peer) (w weight, err error) {
	program, err := os.Executable()
	if err != nil {
		return w, err
	}
	cmd := exec.CommandContext(ctx, program, weighCommand, p.Name)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return w, err
	}
	if w.Unfit != "" {
		return w, errors.New(w.Unfit)
	}
	return w, nil
}

// weighHere is the process that weighs.
func weighHere(name string, stdout io.Writer) error {
	ps := peers.All()
	i := slices.IndexFunc(ps, func(p peers.Peer) bool { return p.Name == name })
	if i < 0 {
		return fmt.Errorf("no library is named %q", name)
	}
	return json.NewEncoder(stdout).Encode(weigh(ps[i], million))
}

// weigh measures n subscriptions.
func weigh(p peers.Peer, n int) (w weight) {
	c := &crowd{peer: p, receivers: make([]peers.Receiver, n), Bus: p.New()}
	for i := range c.receivers {
		c.receivers[i] = new(peers.Player)
	}
	before := inUse()
	w.Objects = collection()
	start := time.Now()
	if err := c.subscribe(); err != nil {
		return weight{Unfit: err.Error()}
	}
	w.Subscribe = float64(time.Since(start)) / float64(n)
	w.Cold = float64(int64(inUse()-before)) / float64(n)
	w.Crowd = collection()
	c.Publish(event)
	c.Publish(event)
	w.Warm = float64(int64(held()-before)) / float64(n)
	runtime.KeepAlive(c)
	return w
}

// collection returns the median time of a collection.
func collection() float64 {
	var times series
	for range 3 {
		start := time.Now()
		runtime.GC()
		times = append(times, float64(time.Since(start)))
	}
	return times.median()
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	return held()
}

// held counts what lies outside of the heap too: the record of a weak pointer does.
func held() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.GCSys + m.OtherSys
}
