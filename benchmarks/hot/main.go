//lint:file-ignore U1000 unused fields give objects the size and the pointer that collection needs

// Command hot measures how long dropped subscribers outlive their last reference on a topic
// that never rests: to upgrade a weak pointer while the collector marks keeps the object for
// that cycle.
//
// It drops ten of a hundred subscribers while one goroutine publishes at a steady rate and another
// makes garbage, and counts the collections until the last of the ten is gone. It prints the
// median and the worst of a number of trials, for several rates and sizes of the live heap:
// once as it is, once with each publish held back while the collector marks, as a queue could do it.
//
//	go run ./hot
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weakbus/weakbus"
)

func main() {
	trials := flag.Int("trials", 20, "trials for each rate and heap")
	most := flag.Int("most", 50, "collections after which a trial gives up")
	flag.Parse()
	if err := run(*trials, *most); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// period is the time between two publishes.
type period struct {
	name string
	time time.Duration
}

var periods = []period{{"60 Hz", time.Second / 60}, {"1 kHz", time.Millisecond}, {"10 kHz", 100 * time.Microsecond}}

func run(trials, most int) error {
	if trials < 1 || most < 1 {
		return fmt.Errorf("hot: -trials %d -most %d: both take at least 1", trials, most)
	}
	fmt.Println("| live heap | rate | as it is: median, worst | held while marking: median, worst | a hold: median, longest |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, megabytes := range []int{10, 200} {
		heap := grow(megabytes << 20)
		for _, p := range periods {
			free, _ := repeat(trials, most, p.time, false)
			held, holds := repeat(trials, most, p.time, true)
			fmt.Printf("| %d MB | %s | %s | %s | %s |\n", megabytes, p.name, describe(free, most), describe(held, most), durations(holds))
		}
		runtime.KeepAlive(heap)
	}
	return nil
}

// describe returns the median and the worst of the trials.
func describe(collections []int, most int) string {
	slices.Sort(collections)
	name := func(n int) string {
		if n > most {
			return fmt.Sprintf("over %d", most)
		}
		return fmt.Sprint(n)
	}
	return name(collections[len(collections)/2]) + ", " + name(collections[len(collections)-1])
}

func durations(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	slices.Sort(d)
	return fmt.Sprintf("%v, %v", d[len(d)/2].Round(100*time.Microsecond), d[len(d)-1].Round(100*time.Microsecond))
}

func repeat(trials, most int, every time.Duration, hold bool) (collections []int, holds []time.Duration) {
	for range trials {
		n, h := trial(most, every, hold)
		collections, holds = append(collections, n), append(holds, h...)
	}
	return collections, holds
}

type tick struct{ n int }

type listener struct {
	next *listener
	n    int
}

func (l *listener) onTick(e tick) { l.n += e.n }

// trial returns the number of collections until the dropped are gone, most+1 if they are not
// by then, and how long publishes were held.
func trial(most int, every time.Duration, hold bool) (collections int, holds []time.Duration) {
	const all, dropped = 100, 10
	topic := weakbus.TopicOf[tick](weakbus.New())
	keep := make([]*listener, all)
	for i := range keep {
		keep[i] = &listener{}
		weakbus.Subscribe(topic, keep[i], (*listener).onTick)
	}
	var gone atomic.Int32
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		holds = publish(topic, every, hold, stop)
	}()
	litter(10 * every) // under way
	for i := range dropped {
		// Not by a weak pointer: to look at one would keep the object alive as the topic does.
		runtime.AddCleanup(keep[i], func(struct{}) { gone.Add(1) }, struct{}{})
		keep[i] = nil
	}
	first := cycles()
	for gone.Load() < dropped && collections <= most {
		litter(time.Millisecond)
		collections = int(cycles() - first)
	}
	close(stop)
	<-stopped
	runtime.KeepAlive(keep)
	return collections, holds
}

// publish publishes at a steady rate until stop is closed.
func publish(topic *weakbus.Topic[tick], every time.Duration, hold bool, stop <-chan struct{}) (holds []time.Duration) {
	phase, next := newPhase(), time.Now()
	for {
		select {
		case <-stop:
			return holds
		default:
		}
		if hold {
			began := time.Now()
			for phase.marking() {
				time.Sleep(100 * time.Microsecond)
			}
			if d := time.Since(began); d > 50*time.Microsecond {
				holds = append(holds, d)
			}
		}
		topic.Publish(tick{1})
		next = next.Add(every)
		if d := time.Until(next); d > 0 {
			time.Sleep(d)
		} else {
			next = time.Now()
		}
	}
}

var litterbox atomic.Pointer[[]byte]

// litter makes garbage for a while, a gigabyte a second or so.
func litter(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Microsecond) {
		for range 32 {
			b := make([]byte, 16<<10)
			litterbox.Store(&b)
		}
	}
}

// node makes a heap that takes as long to mark as one of ordinary objects.
type node struct {
	left, right *node
	payload     [6]int
}

// grow returns about so many bytes of live objects.
func grow(bytes int) *node {
	root := &node{}
	level := []*node{root}
	for made := 64; made < bytes; {
		var next []*node
		for _, n := range level {
			n.left, n.right = &node{}, &node{}
			next = append(next, n.left, n.right)
			if made += 128; made >= bytes {
				break
			}
		}
		level = next
	}
	return root
}

func cycles() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// phase tells when the collector is marking. Each cycle stops the world twice, before and after it
// marks, so one pause more than two for each finished cycle means that it is at it. The runtime
// promises nothing of the kind, and a cycle that resumes marking pauses more often: good enough for a
// measurement, not for a library.
type phase struct{ base uint64 }

func newPhase() *phase {
	runtime.GC()
	return &phase{extraPauses()}
}

func (p *phase) marking() bool {
	extra := extraPauses()
	if extra > p.base+1 { // marking was resumed
		p.base = extra - 1
	}
	return extra > p.base
}

func extraPauses() (pauses uint64) {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	for _, n := range s[1].Value.Float64Histogram().Counts {
		pauses += n
	}
	return pauses - 2*s[0].Value.Uint64()
}
