package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weakbus/weakbus/benchmarks/internal/progress"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func every(receivers, events int) []program {
	return []program{
		{library: weakbus, receivers: receivers, events: events},
		{library: badu, receivers: receivers, events: events},
		{library: sliceOfFuncs, receivers: receivers, events: events},
		{library: weakbus, receivers: receivers, events: events, mixed: true},
	}
}

// Each program is built as -check does it and run here, so they do what the documentation says.
func TestPrograms_BuildAndDeliver(t *testing.T) {
	b, err := newBuilder(t.Context(), t.TempDir(), "", []string{"GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH})
	require.NoError(t, err)
	assert.Equal(t, runtime.Version(), b.version)
	for _, p := range every(10, 3) {
		t.Run(p.String(), func(t *testing.T) {
			binary, u, err := b.build(t.Context(), p, "the nonce")
			require.NoError(t, err)
			assert.Positive(t, u.cpu)
			if runtime.GOOS == "linux" {
				assert.Greater(t, u.peak, int64(10e6), "no compiler is that small")
			}
			printed, err := exec.CommandContext(t.Context(), binary).CombinedOutput()
			require.NoError(t, err, string(printed))
			want := make([]string, p.receivers, p.receivers+1)
			for r := range want {
				want[r] = "1"
				if p.kind(r) == keyed {
					want[r] = "0" // nothing is published to the keys
				}
			}
			assert.Equal(t, append(want, "the nonce"), strings.Split(strings.TrimSpace(string(printed)), "\n"))
		})
	}
}

func TestMeasure_StrippedOnlyWhereAsked(t *testing.T) {
	b, err := newBuilder(t.Context(), t.TempDir(), "", platform)
	require.NoError(t, err)
	p := program{library: sliceOfFuncs, receivers: 1, events: 1}
	m, err := b.measure(t.Context(), p, true)
	require.NoError(t, err)
	assert.Positive(t, m.stripped)
	assert.Greater(t, m.size, m.stripped)
	again, err := b.measure(t.Context(), p, false)
	require.NoError(t, err)
	assert.Zero(t, again.stripped)
	assert.Equal(t, m.size, again.size, "sizes do not depend on the nonce")
	assert.Positive(t, again.cpu)
}

func TestSource_IsFormattedAndNew(t *testing.T) {
	for _, p := range every(fewReceivers, fewEvents) {
		text, err := p.source("nonce")
		require.NoError(t, err, p)
		f, err := parser.ParseFile(token.NewFileSet(), "main.go", text, parser.SkipObjectResolution)
		require.NoError(t, err, p)
		types := 0
		ast.Inspect(f, func(n ast.Node) bool {
			if _, ok := n.(*ast.TypeSpec); ok {
				types++
			}
			return true
		})
		assert.Equal(t, fewReceivers+fewEvents, types, p)
		other, err := p.source("other")
		require.NoError(t, err, p)
		assert.NotEqual(t, text, other, p)
	}
}

func TestSource_MixesEvenly(t *testing.T) {
	p := program{library: weakbus, receivers: fewReceivers, events: fewEvents, mixed: true}
	var of [kinds]int
	ofEvent := map[int]map[kind]bool{}
	for r := range p.receivers {
		of[p.kind(r)]++
		e := r % p.events
		if ofEvent[e] == nil {
			ofEvent[e] = map[kind]bool{}
		}
		ofEvent[e][p.kind(r)] = true
	}
	assert.Equal(t, [kinds]int{40, 40, 40, 40, 40}, of)
	for e, kinds := range ofEvent {
		assert.GreaterOrEqual(t, len(kinds), 3, "event %d", e)
	}
	text, err := p.source("")
	require.NoError(t, err)
	for call, n := range map[string]int{
		"weakbus.SubscribeFunc(bus, scope, ": 40, "weakbus.SubscribeContext(": 40, "weakbus.Once(), weakbus.Async(": 40, ".At(": 40,
		"weakbus.Subscribe(": 120, "weakbus.Post(": 20, "weakbus.PublishContext(": 20, "weakbus.Publish(": 20, "queue.Drain()": 1,
	} {
		assert.Equal(t, n, bytes.Count(text, []byte(call)), call)
	}
}

func TestBuilder_RefusesWhatIsNoCheckout(t *testing.T) {
	_, err := newBuilder(t.Context(), t.TempDir(), ".", platform)
	assert.ErrorContains(t, err, "not a checkout of github.com/weakbus/weakbus")
	_, err = newBuilder(t.Context(), t.TempDir(), t.TempDir(), platform)
	assert.Error(t, err)
	b, err := newBuilder(t.Context(), t.TempDir(), "../..", platform)
	require.NoError(t, err)
	assert.NotEmpty(t, b.library)
}

func TestMedian(t *testing.T) {
	of := func(cpu time.Duration, peak int64) measurement {
		return measurement{size: 7, stripped: 5, usage: usage{cpu, peak}}
	}
	assert.Equal(t, of(2, 20), median([]measurement{of(3, 10), of(1, 20), of(2, 30)}))
	assert.Equal(t, of(1, 1), median([]measurement{of(1, 1)}))
}

// found is a survey whose rows are a whole number of units.
func found() *survey {
	s := &survey{mixed: measurement{size: 9_000_000}, tests: 50 * time.Second}
	s.plain[weakbus] = measurement{6_800_000, 4_900_000, usage{2 * time.Second, 410e6}}
	s.plain[badu] = measurement{3_400_000, 2_400_000, usage{time.Second, 133e6}}
	s.plain[sliceOfFuncs] = measurement{size: 2_200_000}
	s.receiver = [libraries]float64{9_000.4, 900, 300}
	s.event = [libraries]float64{60_000, 9_000, 1_000}
	return s
}

func TestRows_CompareWithBoundsAndAims(t *testing.T) {
	verdicts := map[string]string{}
	for _, r := range found().rows() {
		verdicts[r.What] = r.verdict()
	}
	assert.Equal(t, "bound met", verdicts["plain: binary"])
	assert.Equal(t, "aim met", verdicts["plain: CPU of the build"])
	assert.Equal(t, "bound met", verdicts["mixed: binary"], "a bound belongs to what it allows")
	assert.Equal(t, "missed", verdicts["each further receiver of a known event type"])
	assert.Equal(t, "bound met", verdicts["each further event type, with one receiver"])
	assert.Equal(t, "missed", verdicts["`go test ./...` from an empty cache: CPU"])
	assert.Empty(t, verdicts["plain: stripped"], "it has no bound")
	assert.Empty(t, verdicts["mixed: CPU of the build"], "it was not measured")
}

func TestCheckSizes_NamesWhatIsOver(t *testing.T) {
	s := found()
	s.tests = 0
	err := checkSizes(s.rows())
	require.ErrorIs(t, err, errTooLarge)
	assert.EqualError(t, err, "over their bounds:\n  each further receiver of a known event type: 9,001 bytes, at most 9,000")
	s.receiver[weakbus] = 9_000
	assert.NoError(t, checkSizes(s.rows()))
}

func TestTable_HasOnlyWhatWasMeasured(t *testing.T) {
	head, body, _ := strings.Cut(newReport("go1.26.8", 3, found().rows()).table(), "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |\n")
	assert.Contains(t, head, fmt.Sprintf("200 receivers and 60 event types for linux/amd64, built with go1.26.8 on %d CPUs; CPU and memory are medians of 3 builds. MB is 1,000,000 bytes. ", runtime.NumCPU()))
	assert.Equal(t, `| plain: binary | 7.0 MB | 5.0 MB | 33.8 MB | 6.8 MB | bound met | 3.4 MB | 2.2 MB |
| plain: stripped | – | – | 23.7 MB | 4.9 MB |  | 2.4 MB | – |
| plain: CPU of the build | 6.0 s | 3.0 s | 77.6 s | 2.0 s | aim met | 1.0 s | – |
| plain: peak memory of the build | 500 MB | 300 MB | 3,673 MB | 410 MB | bound met | 133 MB | – |
| mixed: binary | 9.0 MB | 6.5 MB | 34.0 MB | 9.0 MB | bound met | – | – |
| each further receiver of a known event type | 9.0 KB | 4.0 KB | 64.6 KB | 9.0 KB | missed | 0.9 KB | 0.3 KB |
| each further event type, with one receiver | 60.0 KB | 30.0 KB | 358 KB | 60.0 KB | bound met | 9.0 KB | 1.0 KB |
| `+"`go test ./...`"+` from an empty cache: CPU | 42.0 s | 25.0 s | 84.0 s | 50.0 s | missed | – | – |
`, body)
}

func TestJSON_HasOnlyWhatWasMeasured(t *testing.T) {
	r := newReport("go1.26.8", 3, found().rows())
	text, err := r.json()
	require.NoError(t, err)
	out, err := readReport([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, r, out)
	assert.Equal(t, "go1.26.8", out.Go)
	assert.Len(t, out.Rows, 8)
	assert.Equal(t, row{"plain: binary", megabytes, 7, 5, 33.8, 6.8, 3.4, 2.2}, out.Rows[0])
}

// The committed chart and the table in BENCHMARKS.md are those of the committed numbers.
func TestRedraw_DrawsTheSameFromTheStoredResults(t *testing.T) {
	results := filepath.Join("..", "results")
	stored, err := os.ReadFile(filepath.Join(results, "sizes.json"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sizes.json"), stored, 0o600))
	var table bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-redraw", "-out", dir}, &table, io.Discard))
	for _, name := range []string{"sizes.json", "sizes.svg"} {
		want, err := os.ReadFile(filepath.Join(results, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "go run ./sizes -redraw -out results")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "BENCHMARKS.md"))
	require.NoError(t, err)
	assert.Contains(t, string(text), table.String(), "go run ./sizes -redraw -out results prints it")
	require.ErrorIs(t, run(t.Context(), []string{"-redraw", "-out", filepath.Join(dir, "none")}, io.Discard, io.Discard), os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sizes.json"), []byte("{"), 0o600))
	require.Error(t, run(t.Context(), []string{"-redraw", "-out", dir}, io.Discard, io.Discard))
}

func TestChart_ShowsEveryNumberInsideItsPanel(t *testing.T) {
	r := newReport("go1.26.8", 3, found().rows())
	text, err := r.chart()
	require.NoError(t, err)
	var drawing struct {
		Texts []struct {
			X     float64 `xml:"x,attr"`
			Words string  `xml:",chardata"`
		} `xml:"text"`
	}
	require.NoError(t, xml.Unmarshal([]byte(text), &drawing))
	at := map[string]float64{}
	for _, t := range drawing.Texts {
		at[t.Words] = t.X
	}
	for i, values := range [][]string{{"2.2 MB", "3.4 MB", "6.8 MB", "33.8 MB"}, {"–", "1.0 s", "2.0 s", "77.6 s"}, {"133 MB", "410 MB", "3,673 MB"}} {
		left := float64(panelsLeft + panelWidth*i)
		for _, v := range values {
			require.Contains(t, at, v)
			if v != "–" { // two panels have one
				assert.Greater(t, at[v], left, v)
				// No digit is wider than 0.62 of its height in a usual font, bold ones included.
				assert.Less(t, at[v]+0.62*14*float64(len(v)), left+panelWidth, v)
			}
		}
	}
	for _, bar := range bars {
		assert.Contains(t, at, bar.name)
	}
	r.Rows = r.Rows[1:]
	_, err = r.chart()
	assert.ErrorContains(t, err, `"plain: binary" was not measured`)
}

func TestSteps_CountEveryBuild(t *testing.T) {
	kinds := func(s settings) (builds, others int) {
		for _, step := range s.steps() {
			if step.Kind == "build" {
				builds++
				assert.Positive(t, step.Seconds)
			} else {
				others++
			}
		}
		return builds, others
	}
	builds, others := kinds(settings{rounds: 3, tests: true})
	assert.Equal(t, 3*4+3*3+2, builds)
	assert.Equal(t, 1, others)
	builds, others = kinds(settings{rounds: 1, check: true})
	assert.Equal(t, 2+3, builds)
	assert.Equal(t, 1, others)
	steps := settings{rounds: 1}.steps()
	assert.Equal(t, progress.Step{Kind: "build", Name: "badu/bus, 200 receivers, 60 event types", Seconds: 2}, steps[2])
	assert.Equal(t, progress.Step{Kind: "build", Name: "weakbus, 400 receivers, 60 event types", Seconds: 10}, steps[5])
}

func TestFormat(t *testing.T) {
	assert.Equal(t, "–", megabytes.format(0))
	assert.Equal(t, "99.9 KB", kilobytes.format(99.94))
	assert.Equal(t, "100 KB", kilobytes.format(100.4))
	assert.Equal(t, "3,600 MB", megabytes.format(3600))
	assert.Equal(t, "1,234,567 s", seconds.format(1_234_567))
}

// vector writes a length before its parts, as WebAssembly does. No part is longer than 127 bytes.
func vector(parts ...string) string {
	all := strings.Join(parts, "")
	return string(rune(len(all))) + all
}

// tinyGame is a module with one import and three functions.
func tinyGame() string {
	names := "\x04" + "\x00" + vector("imported") +
		"\x01" + vector("github.com_weakbus_weakbus.New") +
		"\x02" + vector("github.com_weakbus_weakbus_examples_game_arena.main") +
		"\x03" + vector("type:.eq.github.com_weakbus_weakbus_internal_core.key")
	return "\x00asm\x01\x00\x00\x00" +
		"\x02" + vector("\x01", vector("gojs"), vector("now"), "\x00\x05") + // imports
		"\x0a" + vector("\x03", vector("1234"), vector("123456"), vector("12345678")) + // code
		"\x00" + vector(vector("producers"), "Go") +
		"\x00" + vectorLong(vector("name")+"\x00"+vector("module")+"\x01"+vectorLong(names))
}

func vectorLong(all string) string {
	return string([]byte{byte(len(all)) | 0x80, byte(len(all) >> 7)}) + all
}

func TestWasm_NamesFunctionsBehindImports(t *testing.T) {
	functions, err := wasmFunctions([]byte(tinyGame()))
	require.NoError(t, err)
	assert.Equal(t, []wasmFunction{
		{"github.com_weakbus_weakbus.New", 4},
		{"github.com_weakbus_weakbus_examples_game_arena.main", 6},
		{"type:.eq.github.com_weakbus_weakbus_internal_core.key", 8},
	}, functions)
	s, err := sizeOfGame([]byte(tinyGame()))
	require.NoError(t, err)
	assert.Equal(t, int64(4+30+8+53), s.library, "code and names of the library, but not of the game")
	assert.Equal(t, int64(len(tinyGame())), s.file)
	assert.Positive(t, s.gzipped)
}

func TestWasm_ReportsWhatItCannotRead(t *testing.T) {
	readable := 0
	for n := range len(tinyGame()) {
		if _, err := wasmFunctions([]byte(tinyGame()[:n])); err == nil {
			readable++
		}
	}
	assert.Equal(t, 4, readable, "cut before a section, it can be read; cut inside one, it cannot")
	_, err := wasmFunctions([]byte("\x7fELF"))
	assert.ErrorContains(t, err, "not a WebAssembly module")
	_, err = wasmFunctions([]byte("\x00asm\x01\x00\x00\x00" + "\x02" + vector("\x01", vector("env"), vector("memory"), "\x02\x00")))
	assert.ErrorContains(t, err, "import of kind 2")
	_, err = sizeOfGame([]byte("\x00asm\x01\x00\x00\x00"))
	assert.ErrorContains(t, err, "no function of the library")
}

func TestParse(t *testing.T) {
	s, err := parse([]string{"-check", "-lib", "x", "-json"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, settings{check: true, json: true, lib: "x", rounds: 1}, s)
	for args, complaint := range map[string]string{
		"more": "unexpected argument", "-rounds 0": "at least one", "-check -tests": "-check measures no times", "-check -rounds 2": "-check measures no times", "-check -out x": "does not go with -out", "-redraw": "-redraw needs -out", "-other": "not defined",
	} {
		var stderr bytes.Buffer
		err := run(context.Background(), strings.Fields(args), io.Discard, &stderr)
		require.ErrorIs(t, err, errUsage, args)
		assert.Contains(t, stderr.String(), complaint)
	}
}
