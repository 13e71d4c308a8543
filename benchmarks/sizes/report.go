package main

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
)

// unit is what a row is measured in.
type unit string

const (
	megabytes unit = "MB" // 1,000,000 bytes
	kilobytes unit = "KB" // 1,000 bytes
	seconds   unit = "s"
)

// size returns how many bytes, or seconds, the unit is.
func (u unit) size() float64 {
	return map[unit]float64{megabytes: 1e6, kilobytes: 1e3, seconds: 1}[u]
}

// row is one line of the table. Values are in its unit, and 0 where there is none.
type row struct {
	What    string  `json:"what"`
	Unit    unit    `json:"unit"`
	Bound   float64 `json:"bound,omitempty"`
	Aim     float64 `json:"aim,omitempty"`
	Before  float64 `json:"before,omitempty"` // of weakbus, before the two floors
	Weakbus float64 `json:"weakbus,omitempty"`
	Badu    float64 `json:"badu,omitempty"`
	Slices  float64 `json:"slices,omitempty"`
}

// gameBefore is what the library added to the game, in KB, while all of it was generic: at revision
// 383606b, with Go 1.26.8. The bound is two thirds of it. What else was before is of that revision too.
const gameBefore = 1168.8

// rows compares what was measured with the bounds, and with what was before the two floors of ADR 12.
func (s *survey) rows() []row {
	line := func(what string, u unit, bound, aim, before float64, values ...float64) row {
		values = append(values, 0, 0)
		return row{what, u, bound, aim, before, values[0] / u.size(), values[1] / u.size(), values[2] / u.size()}
	}
	each := func(value func(measurement) float64) []float64 {
		return []float64{value(s.plain[weakbus]), value(s.plain[badu]), value(s.plain[sliceOfFuncs])}
	}
	return []row{
		line("plain: binary", megabytes, 7.0, 5.0, 33.8, each(measurement.bytes)...),
		line("plain: stripped", megabytes, 0, 0, 23.7, each(measurement.strippedBytes)...),
		line("plain: CPU of the build", seconds, 6, 3, 77.6, each(measurement.seconds)...),
		line("plain: peak memory of the build", megabytes, 500, 300, 3673, each(measurement.memory)...),
		line("mixed: binary", megabytes, 9, 6.5, 34.0, s.mixed.bytes()),
		line("mixed: stripped", megabytes, 0, 0, 0, s.mixed.strippedBytes()),
		line("mixed: CPU of the build", seconds, 9, 5, 68.8, s.mixed.seconds()),
		line("mixed: peak memory of the build", megabytes, 0, 0, 0, s.mixed.memory()),
		line("each further receiver of a known event type", kilobytes, 9, 4, 64.6, s.receiver[:]...),
		line("each further event type, with one receiver", kilobytes, 60, 30, 358, s.event[:]...),
		line("the game in the browser: what the library adds", kilobytes, gameBefore*2/3, 0, gameBefore, float64(s.game.library)),
		line("the game in the browser: file", megabytes, 0, 0, 0, float64(s.game.file)),
		line("the game in the browser: file after gzip", megabytes, 0, 0, 0, float64(s.game.gzipped)),
		line("`go test ./...` from an empty cache: CPU", seconds, 42, 25, 84, s.tests.Seconds()),
	}
}

func (m measurement) bytes() float64         { return float64(m.size) }
func (m measurement) strippedBytes() float64 { return float64(m.stripped) }
func (m measurement) seconds() float64       { return m.cpu.Seconds() }
func (m measurement) memory() float64        { return float64(m.peak) }

// verdict says whether the bound and the aim are met.
func (r row) verdict() string {
	switch {
	case r.Bound == 0 || r.Weakbus == 0:
		return ""
	case r.over():
		return "missed"
	case r.Aim == 0 || r.Weakbus > r.Aim:
		return "bound met"
	default:
		return "aim met"
	}
}

// over reports whether the row is over its bound.
func (r row) over() bool { return r.Bound > 0 && r.Weakbus > r.Bound }

// format writes a value with its unit, and a dash for none.
func (u unit) format(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v < 100:
		return fmt.Sprintf("%.1f %s", v, u)
	}
	return fmt.Sprintf("%s %s", grouped(v), u)
}

// grouped writes a whole number with a comma before each three digits.
func grouped(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// checkSizes returns an error that names the sizes over their bounds.
func checkSizes(rows []row) error {
	var over []string
	for _, r := range rows {
		if r.over() {
			// In bytes: rounded, what is over a bound may look equal to it.
			is, most := math.Ceil(r.Weakbus*r.Unit.size()), r.Bound*r.Unit.size()
			over = append(over, fmt.Sprintf("  %s: %s bytes, at most %s", r.What, grouped(is), grouped(most)))
		}
	}
	if len(over) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%s", errTooLarge, strings.Join(over, "\n"))
}

// report is what was measured, and how. It is what -json prints.
type report struct {
	Go     string `json:"go"`
	CPUs   int    `json:"cpus"`
	Rounds int    `json:"rounds"`
	Rows   []row  `json:"rows"`
}

// newReport reports the rows that were measured.
func newReport(version string, rounds int, rows []row) report {
	rows = slices.DeleteFunc(rows, func(r row) bool { return r.Weakbus == 0 })
	return report{version, runtime.NumCPU(), rounds, rows}
}

// table writes the report as Markdown.
func (r report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Programs of %d receivers and %d event types for linux/amd64, built with %s on %d CPUs", fewReceivers, fewEvents, r.Go, r.CPUs)
	if r.Rounds > 1 {
		fmt.Fprintf(&b, "; CPU and memory are medians of %d builds", r.Rounds)
	}
	b.WriteString(". MB is 1,000,000 bytes. [sizes](benchmarks/sizes/doc.go) says what the plain and the mixed program do. Before is weakbus before the two floors.\n\n")
	b.WriteString("| what | bound | aim | before | weakbus | | badu/bus | slices of functions |\n")
	b.WriteString("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |\n")
	for _, l := range r.Rows {
		u := l.Unit
		cells := []string{l.What, u.format(l.Bound), u.format(l.Aim), u.format(l.Before), u.format(l.Weakbus), l.verdict(), u.format(l.Badu), u.format(l.Slices)}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// json writes the report as JSON.
func (r report) json() (string, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return string(text) + "\n", err
}

// readReport reads what json wrote.
func readReport(text []byte) (r report, err error) {
	err = json.Unmarshal(text, &r)
	return r, err
}
