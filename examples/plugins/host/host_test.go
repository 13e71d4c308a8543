package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/host"
)

// built is the directory with the plugins.
var built string

// sameCache has the command build write a cache that tests can read: wazero takes its version for
// a part of the key, and does not find it in the executable of a library's test.
const sameCache = "-X github.com/tetratelabs/wazero/internal/version.version=dev"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "plugins")
	if err == nil {
		built = dir
		err = buildPlugins()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(built)
		os.Exit(code)
	}))
}

// buildPlugins also gives a plugin that misbehaves the names of more that do.
func buildPlugins() error {
	build := exec.Command("go", "run", "-ldflags", sameCache, "./build", built)
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	code, err := os.ReadFile(filepath.Join(built, "failing.wasm"))
	for _, name := range []string{"flooding.wasm", "early.wasm"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(built, name), code, 0o600))
	}
	return err
}

// stage is a host with a bus and an audience.
type stage struct {
	*host.Host
	bus *weakbus.Bus

	mu       sync.Mutex
	reports  []event.Report
	unloaded []host.Unloaded
}

func newStage(t *testing.T, deadline time.Duration) *stage {
	t.Helper()
	s := &stage{bus: weakbus.New()}
	weakbus.Subscribe(s.bus, s, (*stage).onReport)
	weakbus.Subscribe(s.bus, s, (*stage).onUnloaded)
	var err error
	s.Host, err = host.New(t.Context(), s.bus, host.Config{Dir: built, Deadline: deadline})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.Close(context.Background()))
		assert.NoError(t, s.bus.Close())
	})
	return s
}

func (s *stage) onReport(r event.Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports = append(s.reports, r)
}

func (s *stage) onUnloaded(u host.Unloaded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unloaded = append(s.unloaded, u)
}

func (s *stage) load(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, s.Load(t.Context(), name))
	}
}

func (s *stage) publish(t *testing.T, number int, text string) int {
	t.Helper()
	n, err := weakbus.PublishContext(t.Context(), s.bus, event.Line{Number: number, Text: text})
	assert.NoError(t, err)
	return n
}

// ask returns the plugins' reports.
func (s *stage) ask(t *testing.T) (texts []string) {
	t.Helper()
	s.reports = nil
	_, err := weakbus.PublishContext(t.Context(), s.bus, event.Ask{})
	require.NoError(t, err)
	for _, r := range s.reports {
		texts = append(texts, r.Plugin+": "+r.Text)
	}
	return texts
}

// patient is a deadline for plugins that behave, on the slowest of machines.
const patient = 30 * time.Second

func TestPlugins_HearLinesAndPublishWhatTheyFind(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "longest", "wordcount")
	assert.Equal(t, []string{"longest", "wordcount"}, s.Loaded())
	for i, text := range []string{"Down, down, DOWN.", "", `the "Rabbit's" hole & Ω`} {
		assert.Equal(t, 2, s.publish(t, i+1, text))
	}
	assert.Equal(t, []string{
		`longest: characters of the longest lines:`,
		`longest:  1. 23 in line 3: the "Rabbit's" hole & Ω`,
		`longest:  2. 17 in line 1: Down, down, DOWN.`,
		`longest:  3. 0 in line 2: `,
		`wordcount: 7 words in 3 lines; most often "down" 3, "hole" 1, "rabbit's" 1`,
	}, s.ask(t))
}

func TestPlugins_HearTenThousandLines(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "longest", "wordcount")
	heard := 0
	for i := range 10_000 {
		heard += s.publish(t, i+1, fmt.Sprintf("line %d of ten thousand", i+1))
	}
	assert.Equal(t, 20_000, heard)
	got := s.ask(t)
	require.Len(t, got, 12)
	assert.Equal(t, "longest:  1. 26 in line 10000: line 10000 of ten thousand", got[1])
	assert.Equal(t, "longest: 10. 25 in line 1008: line 1008 of ten thousand", got[10])
	assert.Contains(t, got[11], "wordcount: 50000 words in 10000 lines;")
}

func TestReload_StartsFromNothing(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "wordcount")
	s.publish(t, 1, "one two")
	require.NoError(t, s.Unload(t.Context(), "wordcount"))
	assert.Zero(t, s.publish(t, 2, "three"))
	assert.Empty(t, s.ask(t))
	s.load(t, "wordcount")
	require.NoError(t, s.Reload(t.Context(), "wordcount"))
	s.publish(t, 3, "four")
	assert.Equal(t, []string{`wordcount: 1 words in 1 lines; most often "four" 1`}, s.ask(t))
	assert.Equal(t, []host.Unloaded{{Plugin: "wordcount"}, {Plugin: "wordcount"}}, s.unloaded)
}

func TestUnload_WaitsForTheHandlerThatIsRunning(t *testing.T) {
	s := newStage(t, 500*time.Millisecond)
	s.load(t, "looping")
	published := make(chan error)
	go func() {
		_, err := weakbus.PublishContext(t.Context(), s.bus, event.Line{Number: 1})
		published <- err
	}()
	require.Eventually(t, func() bool { return s.Busy("looping") }, patient, time.Millisecond)
	require.NoError(t, s.Unload(t.Context(), "looping"))
	require.Len(t, s.unloaded, 1)
	require.ErrorContains(t, s.unloaded[0].Err, "no answer within", "the handler ended by itself, not by Unload")
	require.ErrorContains(t, <-published, "no answer within")
}

func TestUnload_UnderLoadFailsNoHandler(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "longest", "wordcount")
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
					assert.GreaterOrEqual(t, s.publish(t, i, "one two three"), 1, "longest hears them all")
				}
			}
		})
	}
	for range 5 {
		assert.NoError(t, s.Reload(t.Context(), "wordcount"))
	}
	assert.NoError(t, s.Unload(t.Context(), "wordcount"))
	close(stop)
	publishers.Wait()
	assert.Equal(t, []string{"longest"}, s.Loaded())
	assert.Len(t, s.unloaded, 6)
	for _, u := range s.unloaded {
		assert.Equal(t, host.Unloaded{Plugin: "wordcount"}, u)
	}
}

func TestMisbehavingPlugin_IsClosedAndReportedAndHurtsNobodyElse(t *testing.T) {
	for name, want := range map[string]string{
		"failing":   "cannot make sense of line 1",
		"panicking": "panic: out of paper",
		"looping":   "no answer within 500ms: context deadline exceeded",
		"flooding":  "published more than 1000 reports in one call (recovered by wazero)",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 500*time.Millisecond)
			s.load(t, "longest", name, "wordcount")
			plugin, module := s.Inside(name)

			n, err := weakbus.PublishContext(t.Context(), s.bus, event.Line{Number: 1, Text: "one"})
			assert.Equal(t, 3, n, "all were called")
			var failed *weakbus.HandlerError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, name, failed.Label)
			assert.EqualError(t, failed.Err, want)
			require.Len(t, s.unloaded, 1)
			assert.Equal(t, name, s.unloaded[0].Plugin)
			assert.EqualError(t, s.unloaded[0].Err, want)

			assert.Equal(t, []string{"longest", "wordcount"}, s.Loaded())
			assert.Equal(t, 2, s.publish(t, 2, "two"))
			assert.Contains(t, s.ask(t), `wordcount: 2 words in 2 lines; most often "one" 1, "two" 1`)
			assert.True(t, module.IsClosed())
			collect(t, "plugin", func() bool { return plugin.Value() == nil })
			require.ErrorIs(t, s.Unload(t.Context(), name), host.ErrNotLoaded)
			s.load(t, name) // as good as new
		})
	}
}

func TestMisbehavingPlugin_FailsOnceWhoeverWaitsForIt(t *testing.T) {
	s := newStage(t, 500*time.Millisecond)
	s.load(t, "looping")
	errs := make(chan error)
	for range 4 {
		go func() {
			_, err := weakbus.PublishContext(t.Context(), s.bus, event.Line{Number: 1})
			errs <- err
		}()
	}
	failed := 0
	for range 4 {
		if <-errs != nil {
			failed++
		}
	}
	assert.Equal(t, 1, failed)
	assert.Len(t, s.unloaded, 1)
}

func TestPublisher_WhoGivesUpDoesNotClosePlugins(t *testing.T) {
	s := newStage(t, 500*time.Millisecond)
	s.load(t, "looping")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, nil)
	defer cancel()
	began := time.Now()
	_, err := weakbus.PublishContext(ctx, s.bus, event.Line{Number: 1})
	require.ErrorContains(t, err, "no answer within 500ms")
	assert.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond, "the plugin had all of its time")
}

// Whoever hears a report may publish lines: the plugin is not called within its own call.
func TestReport_MayBeAnsweredWithALine(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "wordcount")
	weakbus.SubscribeFunc(s.bus, s.bus.Scope(), func(event.Report) { s.publish(t, 1, "answer") }, weakbus.Once())
	assert.Equal(t, []string{"wordcount: 0 words in 0 lines"}, s.ask(t))
	assert.Equal(t, []string{`wordcount: 1 words in 1 lines; most often "answer" 1`}, s.ask(t))
}

func TestDrop_TheBusForgetsThePluginAndItsModuleIsClosed(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "longest", "wordcount")
	s.publish(t, 1, "one")
	plugin, module := s.Inside("wordcount")
	require.NoError(t, s.Drop("wordcount"))
	assert.Equal(t, 2, s.publish(t, 2, "two"), "until it is collected it hears lines")
	collect(t, "plugin", func() bool { return plugin.Value() == nil })
	assert.Equal(t, 1, s.publish(t, 3, "three"))
	assert.Equal(t, 1, weakbus.TopicOf[event.Line](s.bus).Len())
	collect(t, "module", module.IsClosed)
}

func TestHost_RetainsNothingOfPluginsThatAreGone(t *testing.T) {
	const rounds = 20
	s := newStage(t, patient)
	before := heap()
	s.load(t, "wordcount")
	size := heap() - before
	for round := range rounds {
		s.publish(t, 1, "one two three")
		plugin, module := s.Inside("wordcount")
		if round%2 == 0 {
			require.NoError(t, s.Unload(t.Context(), "wordcount"))
		} else {
			require.NoError(t, s.Drop("wordcount"))
		}
		collect(t, "plugin and module", func() bool { return plugin.Value() == nil && module.IsClosed() })
		s.load(t, "wordcount")
	}
	require.NoError(t, s.Unload(t.Context(), "wordcount"))
	after := heap()
	t.Logf("heap: %d KB, with a plugin %d KB more, after %d plugins %d KB", before>>10, size>>10, rounds+1, after>>10)
	assert.Greater(t, size, uint64(2<<20))
	assert.Less(t, after, before+size/2, "not even half a plugin is left")
	assert.Zero(t, weakbus.TopicOf[event.Line](s.bus).Len())
}

func TestLoad_RefusesWhatIsNoPlugin(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".wasm"), []byte(content), 0o600))
	}
	write("text", "this is not a module")
	write("empty", "\x00asm\x01\x00\x00\x00")
	h, err := host.New(t.Context(), weakbus.New(), host.Config{Dir: dir})
	require.NoError(t, err)
	for name, want := range map[string]string{
		"missing": "load plugin missing: open missing.wasm: no such file or directory",
		"../text": "load plugin ../text: readfile ../text.wasm: invalid argument",
		"text":    "load plugin text: invalid magic number",
		"empty":   `load plugin empty: not a plugin: it exports no function "buffer"`,
	} {
		assert.EqualError(t, h.Load(t.Context(), name), want)
	}
	assert.Empty(t, h.Loaded())
	require.NoError(t, h.Close(t.Context()))
	require.NoError(t, h.Close(t.Context()))
	assert.ErrorIs(t, h.Load(t.Context(), "text"), host.ErrClosed)
}

func TestLoad_OncePerName(t *testing.T) {
	s := newStage(t, patient)
	s.load(t, "wordcount")
	require.ErrorIs(t, s.Load(t.Context(), "wordcount"), host.ErrLoaded)
	assert.Equal(t, 1, s.publish(t, 1, "one"))
	require.ErrorIs(t, s.Reload(t.Context(), "longest"), host.ErrNotLoaded)
	assert.ErrorIs(t, s.Drop("longest"), host.ErrNotLoaded)
}

func TestLoadAll_LoadsWhatItCan(t *testing.T) {
	s := newStage(t, patient)
	err := s.LoadAll(t.Context())
	require.ErrorContains(t, err, "load plugin early: module[] function[_initialize] failed: published before it was loaded")
	assert.Equal(t, []string{"failing", "flooding", "longest", "looping", "panicking", "wordcount"}, s.Loaded())

	empty, err := host.New(t.Context(), s.bus, host.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	require.ErrorContains(t, empty.LoadAll(t.Context()), "no plugins in the directory")
	require.NoError(t, empty.Close(t.Context()))
}

// collect runs the garbage collector until done, within a bound.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for pause := time.Millisecond; pause < 10*time.Second; pause *= 2 {
		if runtime.GC(); done() {
			return
		}
		time.Sleep(pause)
	}
	require.Fail(t, what+" was not let go")
}

func heap() uint64 {
	for range 3 { // cleanups and finalizers of one collection let go what the next one takes
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
