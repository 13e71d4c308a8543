package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// The chart shows one case.
const (
	chartHands = 1_000
	chartTitle = "One event to 1,000 subscribers: time for each of them (less is better)"
)

var chartCase = caseName("publish", chartHands)

// chartNote says what a reader would not expect.
var chartNote = []string{
	"Why is weakbus faster than a bare loop?",
	"Its loop is unrolled: it calls four handlers",
	"in each turn. The bare loop calls one.",
}

// bar is one row of the chart.
type bar struct {
	name  string
	ns    float64
	group group
}

// group is what a colour tells.
type group int

const (
	ours group = iota
	synchronous
	asynchronous
	bare
)

var groups = []struct {
	group group
	name  string
	color string
}{
	{ours, "weakbus", "#d94801"},
	{synchronous, "calls handlers in Publish", "#2166ac"},
	{asynchronous, "calls them on other goroutines", "#92c5de"},
	{bare, "no bus: a loop over a slice", "#a0a0a0"},
}

// chartBars returns the bars of what was measured, the slowest first, which is drawn lowest.
func chartBars(cells map[string]cell, ps []peers.Peer) []bar {
	var bars []bar
	for _, p := range ps {
		c := cells[p.Name]
		if len(c.series) == 0 {
			continue
		}
		b := bar{p.Name, c.median() / chartHands, synchronous}
		switch {
		case p.Module == weakbusModule:
			b.group = ours
		case p.Kind == peers.Reference:
			b.group = bare
		case p.Kind == peers.Async:
			b.group = asynchronous
		}
		bars = append(bars, b)
	}
	slices.SortFunc(bars, func(a, b bar) int { return int(math.Copysign(1, b.ns-a.ns)) })
	return bars
}

// The layout of the chart, in pixels.
const (
	chartWidth = 860
	barsLeft   = 200 // the names end before
	barsRight  = 800
	barsTop    = 56
	barHeight  = 15
	rowHeight  = 24
	legendLeft = 480
)

// writeChart writes the bars to an SVG file. Names are anchored at their ends, so that none is cut whatever
// font a viewer has.
func writeChart(path string, bars []bar) error {
	decades := math.Ceil(math.Log10(bars[0].ns * 1.3))
	x := func(ns float64) float64 { // from half a nanosecond
		return barsLeft + (barsRight-barsLeft)*math.Log10(ns/0.5)/(decades-math.Log10(0.5))
	}
	bottom := barsTop + rowHeight*len(bars)
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" font-family="Liberation Sans,Arial,Helvetica,sans-serif" font-size="14" fill="#1a1f2b" role="img" aria-label="%[3]s">`, chartWidth, bottom+60, chartTitle)
	p(`<rect width="100%%" height="100%%" rx="8" fill="#fff"/>`)
	p(`<text x="%d" y="30" font-size="17" font-weight="bold" text-anchor="middle">%s</text>`, chartWidth/2, chartTitle)
	for power := range int(decades) + 1 {
		at := x(math.Pow10(power))
		p(`<path d="M%.1f %dV%d" stroke="#dde2ea"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`, at, barsTop, bottom+6, at, bottom+22, thousands(int(math.Pow10(power))))
	}
	p(`<text x="%d" y="%d" text-anchor="middle">nanoseconds for each subscriber, on a logarithmic scale</text>`, (barsLeft+barsRight)/2, bottom+46)
	for i, bar := range bars {
		y := bottom - rowHeight*(i+1)
		p(`<text x="%d" y="%d" text-anchor="end">%s</text>`, barsLeft-10, y+barHeight+1, html.EscapeString(bar.name))
		p(`<path d="M%d %dH%.1fv%dH%dz" fill="%s"/>`, barsLeft, y+4, x(bar.ns), barHeight, barsLeft, groups[bar.group].color)
		p(`<text x="%.1f" y="%d" font-size="13">%s</text>`, x(bar.ns)+6, y+barHeight+1, digits(bar.ns))
	}
	note := barsTop + 20*len(groups) + 20
	p(`<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#f6f8fb"/>`, legendLeft, barsTop+4, chartWidth-20-legendLeft, note-barsTop+18*len(chartNote)+4)
	for i, g := range groups {
		y := barsTop + 14 + 20*i
		p(`<rect x="%d" y="%d" width="20" height="12" fill="%s"/><text x="%d" y="%d">%s</text>`, legendLeft+14, y, g.color, legendLeft+42, y+11, g.name)
	}
	for i, line := range chartNote {
		weight := "normal"
		if i == 0 {
			weight = "bold"
		}
		p(`<text x="%d" y="%d" font-weight="%s">%s</text>`, legendLeft+14, note+14+18*i, weight, line)
	}
	p(`</svg>`)
	return os.WriteFile(path, b.Bytes(), 0o666)
}

// redraw draws the chart of dir again, from the numbers in its results.md.
func redraw(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "results.md"))
	if err != nil {
		return err
	}
	cells, err := storedCells(string(text))
	if err != nil {
		return err
	}
	return writeChart(filepath.Join(dir, "chart.svg"), chartBars(cells, peers.All()))
}

// storedCells returns the medians of the chart's case from the text of results.md.
func storedCells(text string) (map[string]cell, error) {
	_, text, found := strings.Cut(text, "\n## "+onePublishTitle+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	cells, column := map[string]cell{}, -1
	for line := range strings.Lines(text) {
		fields := strings.Split(line, "|")
		for i, f := range fields {
			fields[i] = strings.TrimSpace(f)
		}
		switch {
		case len(fields) < 3:
		case column < 0:
			column = slices.Index(fields, "to "+thousands(chartHands))
		case column < len(fields):
			if ns, ok := stored(fields[column]); ok {
				name, _, _ := strings.Cut(strings.Trim(fields[1], "*"), " (async)")
				cells[name] = cell{series: series{ns}}
			}
		}
	}
	if !found || len(cells) == 0 {
		return nil, fmt.Errorf("results.md has no numbers of %s", chartCase)
	}
	return cells, nil
}

// stored reads what series.String writes, but for the range.
func stored(text string) (ns float64, ok bool) {
	number, rest, _ := strings.Cut(text, " ")
	name, _, _ := strings.Cut(rest, " ")
	for _, size := range []float64{1, 1e3, 1e6, 1e9} {
		if u := unitOf(size); u.name == name {
			v, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
			return v * u.size, err == nil
		}
	}
	return 0, false
}
