package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// burst is the number of events that a peer that delivers elsewhere is given before it is waited
// for. One at a time it would be measured at its slowest.
const burst = 64

var event = peers.Tick{Points: 1}

// oneType makes receivers of one type.
func oneType(int) peers.Receiver { return new(peers.Player) }

// manyTypes makes receivers of eight types in random order, the same order for every peer.
func manyTypes() func(int) peers.Receiver {
	r := rand.New(rand.NewPCG(1, 2))
	return func(int) peers.Receiver { return peers.NewKind(r.IntN(8)) }
}

// warmUp is how many publishes to subscribers come before those that are timed: libraries arrange
// themselves in the first ones, weakbus after each collection.
const warmUp = 5

// publish measures a publish to n receivers: until the handlers have run.
func (r *runner) publish(p peers.Peer, n int, receiver func(int) peers.Receiver) (float64, error) {
	if p.Kind == peers.Async || p.Kind == peers.Queued {
		return r.deliver(p, n, max(burst, p.Burst), receiver)
	}
	c, err := gather(p, n, receiver)
	if err != nil {
		return 0, err
	}
	defer c.disperse()
	publish := c.Publish
	for range warmUp {
		publish(event)
	}
	return r.time(func(times int) {
		for range times {
			publish(event)
		}
	}), nil
}

// deliver measures one event of a burst to n receivers, until all have received all.
func (r *runner) deliver(p peers.Peer, n, burst int, receiver func(int) peers.Receiver) (float64, error) {
	latch := peers.NewLatch()
	c, err := gather(p, n, func(i int) peers.Receiver {
		return &peers.Counted{Receiver: receiver(i), Latch: latch}
	})
	if err != nil {
		return 0, err
	}
	defer c.disperse()
	publish := c.Publish
	ns := r.time(func(times int) {
		for range times {
			latch.Expect(n * burst)
			for range burst {
				publish(event)
			}
			if c.Deliver != nil {
				c.Deliver()
			}
			latch.Wait()
		}
	})
	return ns / float64(burst), nil
}

// nobody measures a publish that nobody hears.
func (r *runner) nobody(p peers.Peer) (float64, error) {
	c, err := gather(p, 0, oneType)
	if err != nil {
		return 0, err
	}
	defer c.disperse()
	publish := c.Publish
	return r.time(func(times int) {
		for range times {
			publish(event)
		}
	}), nil
}

// parallel measures a publish to 1,000, by as many goroutines at once as asked for: the time
// that passes for each publish of all.
func (r *runner) parallel(p peers.Peer, goroutines int) (float64, error) {
	if p.Kind != peers.Sync && p.Kind != peers.Reference {
		return 0, notAtOnce
	}
	c, err := gather(p, 1_000, func(int) peers.Receiver { return new(peers.Reader) })
	if err != nil {
		return 0, err
	}
	defer c.disperse()
	publish := c.Publish
	ns := r.time(func(times int) {
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for range times {
					publish(event)
				}
			})
		}
		wg.Wait()
	})
	return ns / float64(goroutines), nil
}

// come measures subscribing and cancelling beside others.
func (r *runner) come(p peers.Peer, others int) (float64, error) {
	if p.Kind == peers.Reference {
		return 0, noCancel
	}
	c, err := gather(p, others, oneType)
	if err != nil {
		return 0, err
	}
	defer c.disperse()
	player := new(peers.Player)
	subscribe := c.Subscribe
	return r.time(func(times int) {
		for range times {
			subscribe(player)()
		}
	}), nil
}

// sizes of crowds, of which the runner takes those that are not too large for it.
var (
	publishSizes = []int{1, 10, 1_000, 100_000}
	mixSizes     = []int{10, 1_000, 100_000}
	besideSizes  = []int{0, 1_000, 100_000, 1_000_000}
)

// trial is a case that the runner measures.
type trial struct {
	name   string
	peers  []peers.Peer
	rounds int
	// seconds is about what a round of all peers took on two cores. Where that is wrong by the same factor for
	// all, no estimate is.
	seconds float64
	measure func(peers.Peer) (float64, error)
}

// all returns every case but that of the collector.
func (r *runner) all() []trial {
	var all []trial
	ps := peers.All()
	for _, n := range r.upTo(publishSizes) {
		all = append(all, trial{caseName("publish", n), ps, r.roundsFor(n), publishSeconds(n), func(p peers.Peer) (float64, error) {
			return r.sized(n).publish(p, n, oneType)
		}})
	}
	for _, n := range r.upTo(mixSizes) {
		all = append(all, trial{caseName("mix", n), ps, r.roundsFor(n), publishSeconds(n), func(p peers.Peer) (float64, error) {
			return r.sized(n).publish(p, n, manyTypes())
		}})
	}
	all = append(all, trial{"nobody", ps, r.rounds, 1, r.nobody})
	for _, n := range goroutineCounts() {
		all = append(all, trial{caseName("parallel", n), ps, r.rounds, 0.5, func(p peers.Peer) (float64, error) {
			return r.parallel(p, n)
		}})
	}
	for _, n := range r.upTo(besideSizes) {
		all = append(all, trial{caseName("beside", n), ps, r.roundsFor(n), besideSeconds(n), func(p peers.Peer) (float64, error) {
			return r.come(p, n)
		}})
	}
	for _, d := range deliveries {
		all = append(all, trial{d.name, peers.Deferred(), r.rounds, 1, func(p peers.Peer) (float64, error) {
			return r.deliver(p, d.receivers, d.burst, oneType)
		}})
	}
	return all
}

func publishSeconds(n int) float64 {
	if n < 100_000 {
		return 1
	}
	return 3
}

func besideSeconds(n int) float64 {
	if n < million {
		return 1
	}
	return 10
}

// deliveries are the cases of delivery elsewhere.
var deliveries = []struct {
	name, column     string
	receivers, burst int
}{
	{"deliver/1 of 1", "one event to 1", 1, 1},
	{"deliver/64 of 1", "one of 64 to 1", 1, burst},
	{"deliver/64 of 10", "one of 64 to 10", 10, burst},
	{"deliver/4096 of 1", "one of 4,096 to 1", 1, 4_096},
}

func caseName(what string, n int) string { return fmt.Sprintf("%s/%d", what, n) }

func goroutineCounts() []int {
	if cores := runtime.GOMAXPROCS(0); cores > 1 {
		return []int{1, cores}
	}
	return []int{1}
}

func (r *runner) upTo(sizes []int) []int {
	var fit []int
	for _, n := range sizes {
		if n <= r.largest {
			fit = append(fit, n)
		}
	}
	return fit
}

// sized measures large crowds for longer: a publish takes so long that few would be measured.
func (r *runner) sized(n int) *runner {
	if n < 100_000 {
		return r
	}
	longer := *r
	longer.target *= 4
	return &longer
}

// roundsFor gives large crowds fewer rounds: to make them takes longer than to measure them.
func (r *runner) roundsFor(n int) int {
	switch {
	case n >= 1_000_000:
		return min(r.rounds, 3)
	case n >= 100_000:
		return min(r.rounds, 5)
	default:
		return r.rounds
	}
}
