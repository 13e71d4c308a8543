package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
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

// measure surveys what the settings ask for.
func measure(ctx context.Context, s settings, b *builder, progress io.Writer) (*survey, error) {
	tell := func(what any) { fmt.Fprintln(progress, "sizes: building", what) }
	tell("what the programs import")
	if err := b.warm(ctx); err != nil {
		return nil, err
	}
	compared := []library{weakbus, badu, sliceOfFuncs}
	if s.check {
		compared = compared[:1]
	}
	out := &survey{}
	if err := out.programs(ctx, s, b, compared, tell); err != nil {
		return nil, err
	}
	for _, l := range compared {
		if err := out.margins(ctx, b, l, tell); err != nil {
			return nil, err
		}
	}
	if s.check {
		return out, nil
	}
	tell("examples/game for the browser")
	wasm, err := b.browser(ctx)
	if err != nil {
		return nil, err
	}
	if out.game, err = sizeOfGame(wasm); err != nil || !s.tests {
		return out, err
	}
	tell("and running the tests of the library, with an empty cache")
	u, err := b.tests(ctx)
	out.tests = u.cpu
	return out, err
}

// programs measures the programs of 200 receivers. Each round builds all of them, so that what
// else the machine does meets all alike.
func (out *survey) programs(ctx context.Context, s settings, b *builder, compared []library, tell func(any)) error {
	var cases []program
	for _, l := range compared {
		cases = append(cases, program{library: l, receivers: fewReceivers, events: fewEvents})
	}
	cases = append(cases, program{library: weakbus, receivers: fewReceivers, events: fewEvents, mixed: true})
	found := make(map[program][]measurement)
	for range s.rounds {
		for _, p := range cases {
			tell(p)
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
	for _, p := range cases {
		m := median(found[p])
		if p.mixed {
			out.mixed = m
		} else {
			out.plain[p.library] = m
		}
	}
	return nil
}

// margins measures what a further receiver and a further event type cost.
func (out *survey) margins(ctx context.Context, b *builder, l library, tell func(any)) error {
	size := func(receivers, events int) (float64, error) {
		p := program{library: l, receivers: receivers, events: events}
		tell(p)
		m, err := b.measure(ctx, p, false)
		return float64(m.size), err
	}
	most, err := size(manyReceivers, fewEvents)
	if err != nil {
		return err
	}
	few, err := size(fewEvents, fewEvents)
	if err != nil {
		return err
	}
	many, err := size(manyEvents, manyEvents)
	if err != nil {
		return err
	}
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
