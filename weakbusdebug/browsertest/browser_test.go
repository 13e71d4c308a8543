package browsertest

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbusdebug"
)

var pictures = flag.String("pictures", "", "directory to write debug.png and debug-dark.png to")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tab is a page in a browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// open opens the page of a bus in a browser of its own.
func open(t *testing.T, bus *weakbus.Bus, width, height int) tab {
	t.Helper()
	return openThrough(t, bus, width, height, func(h http.Handler) http.Handler { return h })
}

// openThrough is open with something before the page.
func openThrough(t *testing.T, bus *weakbus.Bus, width, height int, through func(http.Handler) http.Handler) tab {
	t.Helper()
	page := weakbusdebug.New(bus, weakbusdebug.Record())
	mux := http.NewServeMux()
	mux.Handle("/debug/bus/", through(page))
	srv := httptest.NewServer(mux)
	t.Cleanup(func() {
		page.Close()
		srv.Close()
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height), chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank"))) // starts it, with a context that has no deadline
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	b := tab{t, ctx}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)))
	exceptions := make(chan string, 100)
	require.NoError(t, chromedp.Listen(ctx, func(e any) {
		if e, ok := e.(*runtime.EventExceptionThrown); ok {
			select {
			case exceptions <- fmt.Sprintf("%+v", e.ExceptionDetails):
			default:
			}
		}
	}))
	t.Cleanup(func() {
		if len(exceptions) > 0 {
			t.Error("the page threw: ", <-exceptions)
		}
	})
	b.do(chromedp.Navigate(srv.URL+"/debug/bus/"), chromedp.WaitVisible(chromedp.CSS("#topics button")))
	return b
}

func (b tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

// eval returns what a JavaScript expression yields.
func eval[T any](b tab, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	require.NoError(b.t, err, js)
	return v
}

func (b tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector("`+selector+`").innerText`)
}

// eventually waits until a JavaScript condition holds.
func (b tab) eventually(js string) {
	b.t.Helper()
	for until := time.Now().Add(20 * time.Second); !eval[bool](b, js); time.Sleep(50 * time.Millisecond) {
		require.True(b.t, time.Now().Before(until), "never came true: %s", js)
	}
}

// press presses a key.
func (b tab) press(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key))
}

const button = `[...document.querySelectorAll("#topics button")].find(b => b.textContent === "`

func TestPage_ShowsTopicsAndSubscriptions(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	b.eventually(`document.querySelector("#state").textContent === "live"`)
	b.eventually(button + `browsertest.Hit[player]")` + ` !== undefined`)
	topics := b.text("#topics")
	for _, name := range []string{"browsertest.Step", "browsertest.Hit", "browsertest.Died", "browsertest.Saved"} {
		assert.Contains(t, topics, name)
	}
	eval[bool](b, button+`browsertest.Step").click(), true`)
	b.eventually(`document.querySelector("#chosen").textContent.includes("browsertest.Step")`)
	subs := eval[[][]string](b, `[...document.querySelectorAll("#subs tbody tr")].map(r => [...r.cells].map(c => c.textContent))`)
	require.Len(t, subs, 3)
	assert.Equal(t, []string{"*browsertest.world", "world", "10", "active", "yes"}, subs[0][:5])
	assert.Equal(t, []string{"*browsertest.screen", "view", "0", "active", "yes"}, subs[1][:5])
	assert.Equal(t, []string{"*browsertest.screen", "minimap", "-5", "paused", "nothing yet"}, subs[2][:5])
	for _, row := range subs {
		assert.Regexp(t, `browsertest/program_test\.go:\d+$`, row[8])
	}
	b.eventually(`document.querySelector("#waiting").innerText.includes("queue questions")`)
	b.eventually(`document.querySelector("#running").innerText.includes("cloud (*browsertest.disk)")`)
	b.eventually(`document.querySelector("#early").innerText.includes("hint (*browsertest.screen)")`)
	assert.Regexp(t, `program_test\.go:\d+`, b.text("#early"))
}

func TestPage_FiltersAndPauses(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	b.eventually(`document.querySelectorAll("#log tbody tr").length > 20`)
	b.do(chromedp.SendKeys(chromedp.CSS("#filter"), "hit"))
	b.eventually(`(r => r.length > 0 && r.every(x => x.textContent.toLowerCase().includes("hit")))([...document.querySelectorAll("#log tbody tr")])`)
	b.eventually(`[...document.querySelectorAll("#topics button")].every(b => b.textContent.startsWith("browsertest.Hit"))`)

	b.do(chromedp.Click(chromedp.CSS("#pause")))
	assert.Equal(t, "true", eval[string](b, `document.querySelector("#pause").getAttribute("aria-pressed")`))
	before := b.text("#log")
	time.Sleep(time.Second) // what would have come, had it not been paused
	assert.Equal(t, before, b.text("#log"))
	assert.Equal(t, "paused", b.text("#state"))
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	b.eventually(`document.querySelector("#log").innerText !== ` + strconv.Quote(before))
}

func TestPage_TellsTheStoryOfAnEvent(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	died := `[...document.querySelectorAll("#log button")].find(b => b.textContent === "browsertest.Died")`
	b.eventually(died + ` !== undefined`)
	eval[bool](b, died+`.click(), true`)
	b.eventually(`!document.querySelector("#story").hidden`)
	depth := eval[map[string]int](b, `Object.fromEntries([...document.querySelectorAll("#tree li > span > code:first-child")].map(c => {
		let n = 0;
		for (let e = c; e.id !== "tree"; e = e.parentNode) n += e.tagName === "UL";
		return [c.textContent, n];
	}))`)
	assert.Equal(t, map[string]int{"browsertest.Step": 0, "browsertest.Hit[player]": 2, "browsertest.Died": 4}, depth)
	assert.Equal(t, "story-title", eval[string](b, `document.activeElement.id`))
	b.press("\u001b") // Escape
	b.eventually(`document.querySelector("#story").hidden`)
}

func TestPage_WorksByKeyboard(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	seen := map[string]bool{}
	for range 8 {
		b.press("\t")
		id := eval[string](b, `(e => e.id || e.textContent)(document.activeElement)`)
		seen[id] = true
		if id == "pause" {
			b.press(" ")
			assert.Equal(t, "true", eval[string](b, `document.activeElement.getAttribute("aria-pressed")`))
			b.press("\r")
			assert.Equal(t, "false", eval[string](b, `document.activeElement.getAttribute("aria-pressed")`))
		}
		if strings.HasPrefix(id, "browsertest.Hit") {
			b.press("\r")
			b.eventually(`document.querySelector("#chosen").textContent.includes(document.activeElement.textContent)`)
			time.Sleep(1500 * time.Millisecond) // the next picture must not take the focus away
			assert.Equal(t, id, eval[string](b, `document.activeElement.textContent`))
			break
		}
	}
	assert.True(t, seen["filter"] && seen["pause"], "%v", seen)
	unnamed := eval[[]string](b, `[...document.querySelectorAll("button,input,canvas,table,[role=region]")].filter(e =>
		!(e.textContent.trim() || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.labels && e.labels.length)).map(e => e.outerHTML)`)
	assert.Empty(t, unnamed)
}

// Long names wrap, at any width, and nothing is cut off.
func TestPage_FitsAnyWidth(t *testing.T) {
	bus := play(t)
	type AnEventWithANameThatIsFarTooLongForAnyColumnAndHasNoPlaceToBreakItAt struct{ N int }
	view := &screen{name: "long"}
	weakbus.Subscribe(bus, view, func(*screen, AnEventWithANameThatIsFarTooLongForAnyColumnAndHasNoPlaceToBreakItAt) {},
		weakbus.Label("ALabelThatIsFarTooLongForAnyColumnAndHasNoPlaceToBreakItAtEither"))
	weakbus.Publish(bus, AnEventWithANameThatIsFarTooLongForAnyColumnAndHasNoPlaceToBreakItAt{1})
	b := open(t, bus, 1280, 900)
	b.eventually(`document.querySelectorAll("#log tbody tr").length > 20`)
	b.eventually(button + `browsertest.Died") !== undefined`)
	eval[bool](b, `document.querySelectorAll("#topics button").forEach(b => b.textContent.includes("TooLong") && b.click()), true`)
	b.eventually(`document.querySelector("#subs").innerText.includes("ALabelThat")`)
	for _, width := range []int{360, 480, 640, 768, 1024, 1280, 1560, 1920} {
		b.do(chromedp.EmulateViewport(int64(width), 1400))
		cut := eval[[]string](b, `[...document.querySelectorAll("body *")].filter(e => {
			if (e.closest("thead") && getComputedStyle(e.closest("thead")).position === "absolute") return false; // for readers only
			const r = e.getBoundingClientRect();
			return r.width > 1 && (r.right > innerWidth + 1 || r.left < -1) || e.matches("td,th,code,button,section,.scroll") && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1 && getComputedStyle(e).display !== "inline";
		}).map(e => e.tagName + "." + e.className + "#" + e.id + ": " + e.textContent.slice(0, 60))`)
		assert.Empty(t, cut, "%d pixels wide", width)
		if *pictures != "" {
			eval[bool](b, `scrollTo(0, 0), true`)
			b.shot(filepath.Join(os.TempDir(), "weakbusdebug-"+strconv.Itoa(width)+".png"))
		}
	}
	goruntime.KeepAlive(view)
}

// Markup in what is shown stays text, and the policy lets no script in.
func TestPage_ShowsMarkupAsText(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	b.eventually(`document.querySelector("#log").innerText.includes("<b>death</b>")`)
	assert.Zero(t, eval[int](b, `document.querySelectorAll("#log b").length`))
	assert.True(t, eval[bool](b, `(() => { const s = document.createElement("script"); s.textContent = "window.bad = 1"; document.body.append(s); return window.bad === undefined })()`))
}

// What a viewer is told that has lost entries, here by a stream that says so.
func TestPage_SaysWhatWasLost(t *testing.T) {
	b := openThrough(t, play(t), 1280, 900, func(page http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/events") {
				w.Header().Set("Content-Type", "text/event-stream")
				fmt.Fprint(w, "data: {\"lost\":41}\n\ndata: {\"lost\":1}\n\n")
				w.(http.Flusher).Flush()
			}
			page.ServeHTTP(w, r)
		})
	})
	b.eventually(`document.querySelector("#lost").innerText === "42 entries were lost: this page did not keep up."`)
	assert.Equal(t, "alert", eval[string](b, `document.querySelector("#lost").getAttribute("role")`))
}

func TestPage_Picture(t *testing.T) {
	b := open(t, play(t), 1280, 900)
	died := `[...document.querySelectorAll("#log button")].find(b => b.textContent === "browsertest.Died")`
	b.eventually(`document.querySelector("#figures").innerText.includes("panics") && document.querySelectorAll("#lanes .lane").length > 4`)
	b.eventually(died + ` !== undefined`)
	if *pictures == "" {
		return
	}
	time.Sleep(28 * time.Second) // for the lanes to fill
	eval[bool](b, button+`browsertest.Saved").click(), true`)
	b.eventually(died + ` !== undefined`)
	eval[bool](b, died+`.click(), true`)
	eval[bool](b, `document.querySelector("#pause").click(), document.activeElement.blur(), scrollTo(0, 0), true`)
	b.do(chromedp.EmulateViewport(1280, 1500))
	for name, scheme := range map[string]string{"debug.png": "light", "debug-dark.png": "dark"} {
		b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
		time.Sleep(300 * time.Millisecond)
		b.shot(filepath.Join(*pictures, name))
	}
}

// shot writes a picture of the page.
func (b tab) shot(file string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(file, png, 0o644))
}
