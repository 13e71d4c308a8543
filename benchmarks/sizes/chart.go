package main

import (
	"fmt"
	"slices"
	"strings"
)

// panels are what the chart shows, each with a scale of its own, since their units differ.
var panels = []struct{ what, title string }{
	{"plain: binary", "Binary"},
	{"plain: CPU of the build", "CPU of the build"},
	{"plain: peak memory of the build", "Peak memory of the build"},
}

// bars are the rows of each panel, in the colours of results/chart.svg.
var bars = []struct {
	name, color string
	bold        bool
	value       func(row) float64
}{
	{"slices of functions", "#a0a0a0", false, func(r row) float64 { return r.Slices }},
	{"badu/bus", "#2166ac", false, func(r row) float64 { return r.Badu }},
	{"weakbus", "#d94801", true, func(r row) float64 { return r.Weakbus }},
	{"weakbus before", "#fdae6b", false, func(r row) float64 { return r.Before }},
}

// The layout of the chart, in pixels.
const (
	chartWidth  = 860
	panelsLeft  = 164 // the names end before
	panelWidth  = 228
	longestBar  = 144 // the rest of a panel is for the number
	panelsTop   = 78
	barHeight   = 18
	rowHeight   = 29
	panelsBelow = 70 // for the words
)

// chart draws what a plain program takes as an SVG. Scales are linear and begin at zero, so that lengths
// compare as the numbers do. Names are anchored at their ends, so that none is cut whatever font a viewer has.
func (r report) chart() (string, error) {
	title := fmt.Sprintf("A program of %d receivers and %d event types (less is better)", fewReceivers, fewEvents)
	bottom := panelsTop + rowHeight*len(bars)
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" font-family="Liberation Sans,Arial,Helvetica,sans-serif" font-size="14" fill="#1a1f2b" role="img" aria-label="%[3]s">`, chartWidth, bottom+panelsBelow, title)
	p(`<rect width="100%%" height="100%%" rx="8" fill="#fff"/>`)
	p(`<text x="%d" y="30" font-size="17" font-weight="bold" text-anchor="middle">%s</text>`, chartWidth/2, title)
	for i, bar := range bars {
		p(`<text x="%d" y="%d" text-anchor="end"%s>%s</text>`, panelsLeft-10, textAt(i), bold(bar.bold), bar.name)
	}
	for i, panel := range panels {
		at := slices.IndexFunc(r.Rows, func(l row) bool { return l.What == panel.what })
		if at < 0 {
			return "", fmt.Errorf("nothing to draw: %q was not measured", panel.what)
		}
		left, l := panelsLeft+panelWidth*i, r.Rows[at]
		most := 0.0
		for _, bar := range bars {
			most = max(most, bar.value(l))
		}
		p(`<text x="%d" y="%d" font-weight="bold">%s</text>`, left, panelsTop-12, panel.title)
		p(`<path d="M%d %dV%d" stroke="#b8c0cc"/>`, left, panelsTop, bottom)
		for j, bar := range bars {
			v := bar.value(l)
			end := float64(left) + longestBar*v/most
			p(`<path d="M%d %dH%.1fv%dH%dz" fill="%s"/>`, left, panelsTop+rowHeight*j+(rowHeight-barHeight)/2, end, barHeight, left, bar.color)
			p(`<text x="%.1f" y="%d"%s>%s</text>`, end+6, textAt(j), bold(bar.bold), l.Unit.format(v))
		}
	}
	for i, line := range r.chartNote() {
		p(`<text x="%d" y="%d" font-size="13" text-anchor="middle">%s</text>`, chartWidth/2, bottom+34+19*i, line)
	}
	p(`</svg>`)
	return b.String(), nil
}

// textAt returns the base line of the words of a row.
func textAt(row int) int { return panelsTop + rowHeight*row + rowHeight/2 + 5 }

func bold(is bool) string {
	if is {
		return ` font-weight="bold"`
	}
	return ""
}

// chartNote says what the numbers depend on.
func (r report) chartNote() []string {
	note := fmt.Sprintf("For linux/amd64, with %s on %d CPUs", r.Go, r.CPUs)
	if r.Rounds > 1 {
		note += fmt.Sprintf("; CPU and memory are medians of %d builds", r.Rounds)
	}
	return []string{note + ".", "weakbus before: nearly all of it was compiled for each event type, as measured then (ADR 12)."}
}
