package weakbusdebug

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

type locked struct{ n int }

func (*locked) String() string { panic("no method of an event is called") }
func (locked) Error() string   { panic("no method of an event is called") }

func TestWritten_IsShortAndCallsNothing(t *testing.T) {
	type inner struct {
		A any
		B []int
	}
	type event struct {
		Name   string
		At     time.Time
		hidden time.Time
		For    time.Duration
		On     bool
		Rate   float64
		Bits   uint8
		In     inner
		P, Nil *inner
		M      map[string]int
		F      func()
		Err    error
	}
	at := time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)
	for want, event := range map[string]any{
		"nil":                         nil,
		"7":                           7,
		`"a\nb"`:                      "a\nb",
		"{n:1}":                       locked{1},
		"&{n:2}":                      &locked{2},
		"[1 2]":                       [2]int{1, 2},
		"[0 0 0 0 0 0 0 0 … of 1000]": make([]int, 1000),
		`{Name:"x" At:2026-11-25T14:00:00.000Z hidden:time.Time For:1.5s On:true Rate:0.5 Bits:3 In:{A:1 B:[1]} P:*weakbusdebug.inner Nil:nil M:map[string]int of 1 F:nil Err:{n:0}}`: event{
			"x", at, at, 1500 * time.Millisecond, true, .5, 3, inner{1, []int{1}}, &inner{}, nil, map[string]int{"a": 1}, nil, locked{},
		},
		"(1+2i)":        1 + 2i,
		"[[[[[]int]]]]": [][][][][]int{{{{{1}}}}},
	} {
		assert.Equal(t, want, written(event))
	}
	long := written(strings.Repeat("ä", 1000))
	assert.Less(t, len(long), 120)
	assert.Contains(t, long, "of 2000 bytes")
	assert.LessOrEqual(t, len(clip(written([8]string{0: strings.Repeat("x", 79), 1: strings.Repeat("x", 79), 2: strings.Repeat("x", 79), 3: strings.Repeat("x", 79)}))), maxText+len("…"))
}

func TestSeconds_CountTheLastMinute(t *testing.T) {
	var s seconds
	now := time.Unix(1_000_000, 0)
	for i := range 200 {
		for range i % 3 {
			s.count(now.Add(time.Duration(i-200) * time.Second))
		}
	}
	s.count(now) // of the second that is not over
	counts := s.last(now)
	for i, n := range counts {
		assert.Equal(t, (140+i)%3, n, i)
	}
	_, rate := rates(&s, now)
	assert.InDelta(t, (195%3+196%3+197%3+198%3+199%3)/5.0, rate, 1e-9)
	later := s.last(now.Add(time.Hour))
	assert.Zero(t, later)
}

func TestShort_KeepsTheEndOfAPath(t *testing.T) {
	assert.Equal(t, "c/d/e.go:7", short("/a/b/c/d/e.go:7"))
	assert.Equal(t, "e.go:7", short("e.go:7"))
}
