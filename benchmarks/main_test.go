package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"github.com/weakbus/weakbus/benchmarks/internal/progress"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSeries_MedianAndRange(t *testing.T) {
	assert.Equal(t, 2.0, series{3, 1, 2}.median())
	assert.Equal(t, 2.5, series{4, 1, 2, 3}.median())
	assert.Equal(t, series{2, 6}, series{1, 3}.scaled(2))
	assert.Equal(t, "2.00 ns (1.00–3.00)", series{3, 1, 2}.String())
	assert.Equal(t, "1.50 µs (1.00–2.00)", series{1000, 2000}.String())
	assert.Equal(t, "12.3 ms", series{12_345_678}.String())
	assert.Equal(t, "2.00 s", series{2e9}.String())
}

func TestDigits_ThreeAtLeast(t *testing.T) {
	for v, text := range map[float64]string{0.123: "0.12", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12_345.6: "12,346"} {
		assert.Equal(t, text, digits(v))
	}
}

func TestTable_AlignsAndMarksWhatIsMissing(t *testing.T) {
	var notes footnotes
	tab := table{title: "T", text: "Words.", columns: []string{"library", "n"}, rows: [][]string{
		{"a|b", "1.0"}, {"c"}, {"d", notes.mark("too slow")}, {"e", notes.mark("too slow")},
	}}
	tab.notes = notes.lines()
	assert.Equal(t, `## T

Words.

| library | n     |
| ------- | ----: |
| a\|b    | 1.0   |
| c       | –     |
| d       | – [1] |
| e       | – [1] |

[1] too slow.  
`, tab.String())
}

func TestSteps_CountCasesAndLibraries(t *testing.T) {
	s, err := parse([]string{"-run", "^mix|million$|correctness", "-rounds", "4", "-peers", "badu"}, io.Discard)
	require.NoError(t, err)
	r := newRunner(s)
	trials := r.chosen(append(r.all(), r.weights(context.Background(), results{})...))
	each := 1 / float64(len(peers.All()))
	assert.Equal(t, []progress.Step{
		{Kind: "case", Name: "mix/10", Seconds: 4 * each},
		{Kind: "case", Name: "mix/1000", Seconds: 4 * each},
		{Kind: "case", Name: "mix/100000", Seconds: 3 * 4 * each},
		{Kind: "case", Name: "million", Seconds: 20 * 3 * each},
	}, r.steps(trials))
	assert.Equal(t, []progress.Step{
		{Name: "building the probe with the race detector"},
		{Kind: "library", Name: "correctness of badu/bus", Seconds: 5},
	}, correctnessSteps(s.peers))
}

func TestRunner_TakesTurnsAndStopsWhereAPeerIsUnfit(t *testing.T) {
	var turns []string
	r := &runner{cases: regexp.MustCompile("^a$"), peers: regexp.MustCompile("x|y")}
	out := results{}
	ps := []peers.Peer{{Name: "x"}, {Name: "y"}, {Name: "z"}}
	measure := func(p peers.Peer) (float64, error) {
		turns = append(turns, p.Name)
		if p.Name == "y" {
			return 0, tooSlow
		}
		return float64(len(turns)), nil
	}
	trials := r.chosen([]trial{{"a", ps, 2, 1, measure}, {"b", ps, 2, 1, measure}})
	var told bytes.Buffer
	p := progress.New(&told, r.steps(trials))
	for _, c := range trials {
		require.NoError(t, r.compare(t.Context(), out, c, p))
	}
	assert.Equal(t, "case 1 of 1: a\n", told.String())
	assert.ElementsMatch(t, []string{"x", "y", "x"}, turns)
	require.Contains(t, out, "a")
	assert.NotContains(t, out, "b")
	assert.Len(t, out["a"]["x"].series, 2)
	assert.Equal(t, cell{reason: tooSlow.Error()}, out["a"]["y"])
	assert.NotContains(t, out["a"], "z")
}

func TestRunner_StopsWhenInterrupted(t *testing.T) {
	r := &runner{cases: regexp.MustCompile(""), peers: regexp.MustCompile("")}
	ctx, interrupt := context.WithCancel(t.Context())
	turns := 0
	c := trial{"a", []peers.Peer{{Name: "x"}, {Name: "y"}}, 9, 1, func(peers.Peer) (float64, error) {
		turns++
		interrupt()
		return 1, nil
	}}
	err := r.compare(ctx, results{}, c, progress.New(io.Discard, r.steps([]trial{c})))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, turns)
}

func TestRunner_TimesOneOperation(t *testing.T) {
	r := &runner{target: 20 * time.Millisecond}
	ns := r.time(func(n int) { time.Sleep(time.Duration(n) * time.Millisecond) })
	assert.GreaterOrEqual(t, ns, float64(time.Millisecond))
	assert.Less(t, ns, float64(20*time.Millisecond))
}

func TestChart_IsAnSVGThatNamesEveryBar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chart.svg")
	cells := map[string]cell{}
	for i, p := range peers.All() {
		cells[p.Name] = cell{series: series{float64(chartHands * (i + 1))}}
	}
	require.NoError(t, writeChart(path, chartBars(cells, peers.All())))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err = decoder.Token(); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, io.EOF)
	for _, p := range peers.All() {
		assert.Contains(t, string(text), ">"+p.Name+"<")
	}
}

func TestRedraw_DrawsTheSameFromTheStoredResults(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("results", "results.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "results.md"), text, 0o600))
	require.NoError(t, run(context.Background(), []string{"-redraw", "-out", dir}, io.Discard, io.Discard))
	got, err := os.ReadFile(filepath.Join(dir, "chart.svg"))
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join("results", "chart.svg"))
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "go run . -redraw -out results")

	cells, err := storedCells("\n## " + onePublishTitle + "\n\n| library | to 1 | to 1,000 |\n| --- | --- | --- |\n| **a** | 1 ns | 1.50 µs (1.00–2.00) |\n| b (async) | 1 ns | – [1] |\n| c (async) | 1 ns | 1,234 ns |\n")
	require.NoError(t, err)
	assert.Equal(t, map[string]cell{"a": {series: series{1500}}, "c": {series: series{1234}}}, cells)
	_, err = storedCells("# Results")
	require.Error(t, err)
	assert.Error(t, run(context.Background(), []string{"-redraw"}, io.Discard, io.Discard))
	assert.Error(t, run(context.Background(), []string{"-redraw", "-out", filepath.Join(dir, "none")}, io.Discard, io.Discard))
}

func TestChart_PutsTheFastestOnTop(t *testing.T) {
	ps := []peers.Peer{{Name: "slow", Kind: peers.Async}, {Name: "fast", Kind: peers.Sync}, {Name: "never"}}
	cells := map[string]cell{"slow": {series: series{3e3}}, "fast": {series: series{1e3}}, "never": {reason: "unfit"}}
	assert.Equal(t, []bar{{"slow", 3, asynchronous}, {"fast", 1, synchronous}}, chartBars(cells, ps))
}

func TestRun_WritesTablesAndChart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	var stdout, stderr bytes.Buffer
	args := []string{"-quick", "-rounds", "1", "-run", "publish/1000|mix/10|nobody|parallel/1|beside/0|deliver/1 of 1", "-peers", "bare|weakbus|badu", "-out", dir}
	require.NoError(t, run(context.Background(), args, &stdout, &stderr))
	assert.Regexp(t, `^case 1 of 7: publish/1000\n(case \d of 7, a.* left: .*\n)+$`, stderr.String())
	text, err := os.ReadFile(filepath.Join(dir, "results.md"))
	require.NoError(t, err)
	assert.Contains(t, stdout.String(), string(text))
	for _, title := range []string{"one type", "eight types", "to nobody", "beside others", "asynchronous delivery"} {
		assert.Contains(t, string(text), title)
	}
	assert.FileExists(t, filepath.Join(dir, "chart.svg"))
	assert.NoFileExists(t, filepath.Join(dir, "correctness.md"))
}

func TestWeigh_CountsWhatASubscriptionTakes(t *testing.T) {
	ps := peers.All()
	const n = 50_000
	bare, ours := weigh(ps[0], n), weigh(ps[2], n)
	assert.InDelta(t, 19, bare.Cold, 16) // two words, in a slice with room
	assert.Greater(t, ours.Cold, bare.Cold)
	assert.Positive(t, ours.Crowd)
	assert.Positive(t, ours.Subscribe)
	assert.Error(t, run(context.Background(), []string{weighCommand, "unheard of"}, io.Discard, io.Discard))
}

func TestRun_RefusesABadCommandLine(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-rounds", "-1"}, {"more"}, {"-unknown"}} {
		assert.Error(t, run(context.Background(), args, io.Discard, io.Discard), args)
	}
}

// A probe that is a shell script stands in for what libraries do.
func TestAsk_TellsWhatEndedTheProbe(t *testing.T) {
	for script, answer := range map[string]string{
		"echo kept": "kept",
		"exit 66":   "race",
		"exit 2":    "crash",
		"echo 'fatal error: all goroutines are asleep - deadlock!' >&2; exit 2": "deadlock",
	} {
		probe := filepath.Join(t.TempDir(), "probe")
		require.NoError(t, os.WriteFile(probe, []byte("#!/bin/sh\n"+script+"\n"), 0o777))
		got, err := ask(context.Background(), probe, "a library", "a check")
		require.NoError(t, err)
		assert.Equal(t, answer, got, script)
	}
	_, err := ask(context.Background(), "/nonexistent", "a library", "a check")
	assert.True(t, errors.Is(err, os.ErrNotExist), err)
}
