package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"github.com/weakbus/weakbus/benchmarks/internal/progress"
)

// runner measures peers in turn.
type runner struct {
	cases, peers *regexp.Regexp
	rounds       int
	// target is the least time that one measurement takes.
	target time.Duration
	// largest bounds the number of subscribers.
	largest int
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

// chosen returns the trials that the settings ask for.
func (r *runner) chosen(trials []trial) []trial {
	return slices.DeleteFunc(trials, func(t trial) bool { return !r.cases.MatchString(t.name) })
}

// steps returns what progress counts of the trials.
func (r *runner) steps(trials []trial) []progress.Step {
	var steps []progress.Step
	for _, t := range trials {
		share := float64(len(choose(t.peers, r.peers))) / float64(len(t.peers))
		steps = append(steps, progress.Step{Kind: "case", Name: t.name, Seconds: t.seconds * float64(t.rounds) * share})
	}
	return steps
}

// choose returns the peers whose names match.
func choose(ps []peers.Peer, only *regexp.Regexp) []peers.Peer {
	return slices.DeleteFunc(slices.Clone(ps), func(p peers.Peer) bool { return !only.MatchString(p.Name) })
}

// compare measures each peer once in each round, so that what changes on the machine meanwhile
// meets all of them, and in another order each time, since a peer may leave work behind for the next.
// It tells of its progress between two measurements, and never during one.
func (r *runner) compare(ctx context.Context, out results, t trial, told *progress.Progress) error {
	told.Next()
	cells := map[string]cell{}
	out[t.name] = cells
	shuffle := rand.New(rand.NewPCG(1, 2))
	for round := range t.rounds {
		for turn, i := range shuffle.Perm(len(t.peers)) {
			p := t.peers[i]
			if !r.peers.MatchString(p.Name) || cells[p.Name].reason != "" {
				continue
			}
			told.Part(round*len(t.peers)+turn, t.rounds*len(t.peers))
			hung := time.AfterFunc(patience, func() { panic(fmt.Sprintf("%s: %s hangs", t.name, p.Name)) })
			ns, err := t.measure(p)
			hung.Stop()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c := cells[p.Name]
			if err != nil {
				c.reason = err.Error()
			} else {
				c.series = append(c.series, ns)
			}
			cells[p.Name] = c
		}
	}
	return nil
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
