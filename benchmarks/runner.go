package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// runner measures peers in turn.
type runner struct {
	cases, peers *regexp.Regexp
	rounds       int
	// target is the least time that one measurement takes.
	target time.Duration
	// largest bounds the number of subscribers.
	largest  int
	progress io.Writer
}

// cell is what was measured of one peer in one case, or the reason why nothing was.
type cell struct {
	series
	reason string
}

// results holds the cells by case and by the name of the peer.
type results map[string]map[string]cell

// unfit is a reason why a peer is not measured in a case.
type unfit string

const (
	noCancel   unfit = "has nothing to cancel"
	tooMany    unfit = "has a goroutine or more for each subscriber: measured up to 1,000"
	tooSlow    unfit = "subscribing that many takes more than 4 seconds"
	notAtOnce  unfit = "delivers elsewhere: how that scales is not a matter of publishing"
	manyHands        = 1_000
	setupLimit       = 4 * time.Second
	patience         = time.Minute
)

func (u unfit) Error() string { return string(u) }

// compare measures each peer once in each round, so that what changes on the machine meanwhile
// meets all of them, and in another order each time, since a peer may leave work behind for the next.
func (r *runner) compare(out results, name string, ps []peers.Peer, rounds int, measure func(peers.Peer) (float64, error)) {
	if !r.cases.MatchString(name) {
		return
	}
	cells := map[string]cell{}
	out[name] = cells
	start := time.Now()
	shuffle := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		for _, i := range shuffle.Perm(len(ps)) {
			p := ps[i]
			if !r.peers.MatchString(p.Name) || cells[p.Name].reason != "" {
				continue
			}
			hung := time.AfterFunc(patience, func() { panic(fmt.Sprintf("%s: %s hangs", name, p.Name)) })
			ns, err := measure(p)
			hung.Stop()
			c := cells[p.Name]
			if err != nil {
				c.reason = err.Error()
			} else {
				c.series = append(c.series, ns)
			}
			cells[p.Name] = c
		}
	}
	fmt.Fprintf(r.progress, "%-28s %d rounds, %.1f s\n", name, rounds, time.Since(start).Seconds())
}

// time returns the nanoseconds of one operation; run does n of them.
func (r *runner) time(run func(n int)) float64 {
	for n := 1; ; {
		start := time.Now()
		run(n)
		took := time.Since(start)
		if took >= r.target {
			return float64(took) / float64(n)
		}
		perTarget := float64(r.target) / float64(max(took, 1)) * 1.2
		n = int(float64(n)*min(perTarget, 100)) + 1
	}
}

// crowd is a bus with subscribers.
type crowd struct {
	peers.Bus
	peer      peers.Peer
	receivers []peers.Receiver
	cancels   []func()
	idle      int // goroutines before
}

// gather makes a bus of p with n subscribers. They are never cancelled but to clear up.
func gather(p peers.Peer, n int, receiver func(i int) peers.Receiver) (*crowd, error) {
	if p.Goroutines && n > manyHands {
		return nil, tooMany
	}
	c := &crowd{peer: p, idle: runtime.NumGoroutine(), receivers: make([]peers.Receiver, n)}
	c.Bus = p.New()
	for i := range c.receivers {
		c.receivers[i] = receiver(i)
	}
	if err := c.subscribe(); err != nil {
		c.disperse()
		return nil, err
	}
	runtime.GC()
	return c, nil
}

func (c *crowd) subscribe() error {
	start := time.Now()
	for i, r := range c.receivers {
		if c.peer.Goroutines {
			c.cancels = append(c.cancels, c.Subscribe(r))
		} else {
			c.Add(r)
		}
		if i%1024 == 0 && time.Since(start) > setupLimit {
			return tooSlow
		}
	}
	return nil
}

// disperse cancels and closes, and waits for the goroutines to end, some of which never do.
func (c *crowd) disperse() {
	for _, cancel := range c.cancels {
		cancel()
	}
	if c.peer.Goroutines {
		c.settle()
	}
	if c.Close != nil {
		c.Close()
	}
	c.settle()
	runtime.KeepAlive(c.receivers)
}

func (c *crowd) settle() {
	for deadline := time.Now().Add(50 * time.Millisecond); runtime.NumGoroutine() > c.idle && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}
