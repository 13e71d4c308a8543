package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
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
	Weakbus float64 `json:"weakbus,omitempty"`
	Badu    float64 `json:"badu,omitempty"`
	Slices  float64 `json:"slices,omitempty"`
}

// gameBefore is what the library added to the game, in KB, while all of it was generic: at revision
// 383606b, with Go 1.26.8. The bound is two thirds of it.
const gameBefore = 1168.8

// rows compares what was measured with the bounds.
func (s *survey) rows() []row {
	line := func(what string, u unit, bound, aim float64, values ...float64) row {
		values = append(values, 0, 0)
		return row{what, u, bound, aim, values[0] / u.size(), values[1] / u.size(), values[2] / u.size()}
	}
	each := func(value func(measurement) float64) []float64 {
		return []float64{value(s.plain[weakbus]), value(s.plain[badu]), value(s.plain[sliceOfFuncs])}
	}
	return []row{
		line("plain: binary", megabytes, 7.0, 5.0, each(measurement.bytes)...),
		line("plain: stripped", megabytes, 0, 0, each(measurement.strippedBytes)...),
		line("plain: CPU of the build", seconds, 6, 3, each(measurement.seconds)...),
		line("plain: peak memory of the build", megabytes, 500, 300, each(measurement.memory)...),
		line("mixed: binary", megabytes, 9, 6.5, s.mixed.bytes()),
		line("mixed: stripped", megabytes, 0, 0, s.mixed.strippedBytes()),
		line("mixed: CPU of the build", seconds, 9, 5, s.mixed.seconds()),
		line("mixed: peak memory of the build", megabytes, 0, 0, s.mixed.memory()),
		line("each further receiver of a known event type", kilobytes, 9, 4, s.receiver[:]...),
		line("each further event type, with one receiver", kilobytes, 60, 30, s.event[:]...),
		line("the game in the browser: what the library adds", kilobytes, gameBefore*2/3, 0, float64(s.game.library)),
		line("the game in the browser: file", megabytes, 0, 0, float64(s.game.file)),
		line("the game in the browser: file after gzip", megabytes, 0, 0, float64(s.game.gzipped)),
		line("`go test ./...` from an empty cache: CPU", seconds, 42, 25, s.tests.Seconds()),
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

// writeTable writes the rows that were measured as Markdown.
func writeTable(w io.Writer, version string, rounds int, rows []row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Programs of %d receivers and %d event types for linux/amd64, built with %s on %d CPUs", fewReceivers, fewEvents, version, runtime.NumCPU())
	if rounds > 1 {
		fmt.Fprintf(&b, "; CPU and memory are medians of %d builds", rounds)
	}
	b.WriteString(". MB is 1,000,000 bytes. [sizes](benchmarks/sizes/doc.go) says what the plain and the mixed program do.\n\n")
	b.WriteString("| what | bound | aim | weakbus | | badu/bus | slices of functions |\n")
	b.WriteString("| --- | ---: | ---: | ---: | --- | ---: | ---: |\n")
	for _, r := range rows {
		if r.Weakbus == 0 {
			continue
		}
		cells := []string{r.What, r.Unit.format(r.Bound), r.Unit.format(r.Aim), r.Unit.format(r.Weakbus), r.verdict(), r.Unit.format(r.Badu), r.Unit.format(r.Slices)}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJSON writes the rows that were measured.
func writeJSON(w io.Writer, version string, rows []row) error {
	measured := rows[:0:0]
	for _, r := range rows {
		if r.Weakbus != 0 {
			measured = append(measured, r)
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Go   string `json:"go"`
		Rows []row  `json:"rows"`
	}{version, measured})
}
