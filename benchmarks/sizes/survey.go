package main

import (
	"context"
	"slices"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/progress"
)

// Programs whose differences are marginal costs.
const (
	manyReceivers, fewReceivers = 400, 200
	manyEvents, fewEvents       = 120, 60
)

// survey is everything that was measured. What was left out is zero.
type survey struct {
	plain    [libraries]measurement
	mixed    measurement
	receiver [libraries]float64 // bytes for each further one
	event    [libraries]float64 // the same, with one receiver
	game     gameSize
	tests    time.Duration // CPU
}

// compared returns the libraries that the settings ask for.
func (s settings) compared() []library {
	if s.check {
		return []library{weakbus}
	}
	return []library{weakbus, badu, sliceOfFuncs}
}

// programs returns the programs that each round builds.
func (s settings) programs() []program {
	var all []program
	for _, l := range s.compared() {
		all = append(all, program{library: l, receivers: fewReceivers, events: fewEvents})
	}
	return append(all, program{library: weakbus, receivers: fewReceivers, events: fewEvents, mixed: true})
}

// steps returns what progress counts of a survey, in the order in which measure takes them.
func (s settings) steps() []progress.Step {
	steps := []progress.Step{{Name: "building what the programs import"}} // mostly it has been built before
	build := func(p program) {
		steps = append(steps, progress.Step{Kind: "build", Name: p.String(), Seconds: p.seconds()})
	}
	for range s.rounds {
		for _, p := range s.programs() {
			build(p)
		}
	}
	for _, l := range s.compared() {
		for _, p := range marginal(l) {
			build(p)
		}
	}
	if s.check {
		return steps
	}
	steps = append(steps, progress.Step{Kind: "build", Name: "examples/game for the browser", Seconds: 5})
	if s.tests {
		steps = append(steps, progress.Step{Kind: "build", Name: "the tests of the library, with an empty cache", Seconds: 45})
	}
	return steps
}

// seconds is about how long p takes to build on two cores.
func (p program) seconds() float64 {
	return [...]float64{5, 2, 1}[p.library] * float64(p.receivers) / fewReceivers
}

// measure surveys what the settings ask for. It takes their steps.
func measure(ctx context.Context, s settings, b *builder, told *progress.Progress) (*survey, error) {
	told.Next()
	if err := b.warm(ctx); err != nil {
		return nil, err
	}
	out := &survey{}
	if err := out.programs(ctx, s, b, told); err != nil {
		return nil, err
	}
	for _, l := range s.compared() {
		if err := out.margins(ctx, b, l, told); err != nil {
			return nil, err
		}
	}
	if s.check {
		return out, nil
	}
	told.Next()
	wasm, err := b.browser(ctx)
	if err != nil {
		return nil, err
	}
	if out.game, err = sizeOfGame(wasm); err != nil || !s.tests {
		return out, err
	}
	told.Next()
	u, err := b.tests(ctx)
	out.tests = u.cpu
	return out, err
}

// programs measures the programs of 200 receivers. Each round builds all of them, so that what
// else the machine does meets all alike.
func (out *survey) programs(ctx context.Context, s settings, b *builder, told *progress.Progress) error {
	found := make(map[program][]measurement)
	for range s.rounds {
		for _, p := range s.programs() {
			told.Next()
			m, err := b.measure(ctx, p, !s.check)
			if err != nil {
				return err
			}
			if s.check {
				m.usage = usage{}
			}
			found[p] = append(found[p], m)
		}
	}
	for _, p := range s.programs() {
		m := median(found[p])
		if p.mixed {
			out.mixed = m
		} else {
			out.plain[p.library] = m
		}
	}
	return nil
}

// marginal returns programs whose differences are marginal costs: with most receivers, and with few and
// many of receivers and event types alike.
func marginal(l library) [3]program {
	return [3]program{
		{library: l, receivers: manyReceivers, events: fewEvents},
		{library: l, receivers: fewEvents, events: fewEvents},
		{library: l, receivers: manyEvents, events: manyEvents},
	}
}

// margins measures what a further receiver and a further event type cost.
func (out *survey) margins(ctx context.Context, b *builder, l library, told *progress.Progress) error {
	var sizes [3]float64
	for i, p := range marginal(l) {
		told.Next()
		m, err := b.measure(ctx, p, false)
		if err != nil {
			return err
		}
		sizes[i] = float64(m.size)
	}
	most, few, many := sizes[0], sizes[1], sizes[2]
	out.receiver[l] = (most - float64(out.plain[l].size)) / (manyReceivers - fewReceivers)
	out.event[l] = (many - few) / (manyEvents - fewEvents)
	return nil
}

// median returns the median of the times and that of the memory, and the sizes, which are all the same.
func median(m []measurement) measurement {
	out := m[0]
	middle := func(less func(a, b measurement) int) measurement {
		slices.SortFunc(m, less)
		return m[len(m)/2]
	}
	out.cpu = middle(func(a, b measurement) int { return int(a.cpu - b.cpu) }).cpu
	out.peak = middle(func(a, b measurement) int { return int(a.peak - b.peak) }).peak
	return out
}
