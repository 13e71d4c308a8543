package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// series are the measurements of one peer in one case, one for each round, in nanoseconds.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	switch n := len(sorted); {
	case n == 0:
		return math.NaN()
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

func (s series) min() float64 { return slices.Min(s) }
func (s series) max() float64 { return slices.Max(s) }

// scaled returns the series times factor.
func (s series) scaled(factor float64) series {
	out := make(series, len(s))
	for i, v := range s {
		out[i] = v * factor
	}
	return out
}

// String gives the median and the range, in one unit.
func (s series) String() string {
	median := s.median()
	unit := unitOf(median)
	text := fmt.Sprintf("%s %s", digits(median/unit.size), unit.name)
	if len(s) > 1 {
		text += fmt.Sprintf(" (%s–%s)", digits(s.min()/unit.size), digits(s.max()/unit.size))
	}
	return text
}

type unit struct {
	size float64
	name string
}

func unitOf(ns float64) unit {
	switch {
	case ns < 1e3:
		return unit{1, "ns"}
	case ns < 1e6:
		return unit{float64(time.Microsecond), "µs"}
	case ns < 1e9:
		return unit{float64(time.Millisecond), "ms"}
	default:
		return unit{float64(time.Second), "s"}
	}
}

// digits formats v with three significant digits or more, and without an exponent.
func digits(v float64) string {
	decimals := 0
	switch {
	case math.Abs(v) >= 1000:
		return thousands(int(math.Round(v)))
	case math.Abs(v) < 10:
		decimals = 2
	case math.Abs(v) < 100:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}
