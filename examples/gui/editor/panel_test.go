package editor_test

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus/examples/gui/editor"
)

func TestNewPanel_ShowsThePresentDocumentBeforeAnythingElseIsPublished(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument("one", "two")
	p := editor.NewWords(doc)
	loop.run()
	assert.Contains(t, texts(p), "2 lines, 2 words")
}

func TestChangesFromAGoroutine_ReachWidgetsOnTheMainGoroutineOnly(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument()
	p := editor.NewWords(doc)
	loop.run()

	imported := make(chan error)
	go func() { imported <- doc.Import(t.Context(), strings.NewReader(alice(t)), 0) }()
	require.NoError(t, <-imported)
	assert.Contains(t, texts(p), "0 lines", "the importer touched a widget")
	loop.run()
	assert.Contains(t, texts(p), "43 lines, 434 words")
}

func TestTasksThatPileUp_ShowTheNewestDocumentAtOnce(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument()
	p := editor.NewWords(doc)
	for range 3 {
		doc.Append("a line")
	}
	require.True(t, loop.step())
	assert.Contains(t, texts(p), "3 lines")
	assert.Equal(t, 3, loop.run())
	assert.Contains(t, texts(p), "3 lines")
}

func TestClose_EndsUpdatesAtOnceAlsoThoseThatWaitForTheMainGoroutine(t *testing.T) {
	loop := newMainLoop(t)
	bus, doc := newDocument("before")
	closed, open := editor.NewWords(doc), editor.NewWords(doc)
	loop.run()

	doc.Append("waits for the main goroutine")
	require.NoError(t, closed.Close())
	assert.Equal(t, 1, following(bus))
	assert.Equal(t, 2, loop.run(), "a task for each of them waited")
	assert.Contains(t, texts(closed), "1 lines")
	assert.Contains(t, texts(open), "2 lines")
}

func TestHiddenPanel_HearsNothingAndCatchesUpWhenItIsShown(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument("before")
	p := editor.NewWords(doc)
	loop.run()

	p.Hide()
	doc.Append("while it is hidden")
	doc.Append("twice")
	assert.Zero(t, loop.run())
	assert.Contains(t, texts(p), "1 lines")
	p.Show()
	assert.Equal(t, 1, loop.run(), "one event is enough to catch up")
	assert.Contains(t, texts(p), "3 lines")
}

func TestDroppedPanel_IsForgottenWithoutClose(t *testing.T) {
	loop := newMainLoop(t)
	bus, doc := newDocument("a line")
	p := editor.NewWords(doc) // which Fyne has not drawn
	loop.run()
	require.Equal(t, 1, following(bus))

	gone := weak.Make(p)
	runtime.KeepAlive(p)
	p = nil
	require.True(t, collected(gone))
	assert.Zero(t, following(bus))
	doc.Append("nobody hears this")
	assert.Zero(t, loop.run())
}

// Fyne reads the life of its caches from FYNE_CACHE when a program starts, so this test starts
// itself once more, with a shorter one. To see what it is without:
//
//	FYNE_CACHE=1m go test ./editor -run DrawnPanel -v
func TestDroppedDrawnPanel_IsForgottenWhenFyneHasForgottenIt(t *testing.T) {
	if os.Getenv("FYNE_CACHE") == "" {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), "FYNE_CACHE=1ms")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	loop := newMainLoop(t)
	bus, doc := newDocument("a line")
	w := test.NewWindow(widget.NewLabel("no panel"))
	defer w.Close()
	gone := drawAndDrop(w, loop, doc)

	require.False(t, collected(gone), "Fyne's cache should hold the panel")
	doc.Append("it still hears")
	assert.Equal(t, 1, loop.run())

	start, empty := time.Now(), func() bool { w.Canvas().Capture(); runtime.GC(); return gone.Value() == nil }
	require.Eventually(t, empty, 2*time.Minute, 100*time.Millisecond)
	t.Logf("the panel was gone after %v", time.Since(start).Round(time.Second))
	assert.Zero(t, following(bus))
}

// drawAndDrop shows a panel in w and takes it away again, without closing it.
func drawAndDrop(w fyne.Window, loop *mainLoop, doc *editor.Document) weak.Pointer[editor.Outline] {
	p, old := editor.NewOutline(doc), w.Content()
	w.SetContent(p)
	w.Resize(fyne.NewSize(300, 300))
	loop.run()
	w.SetContent(old)
	return weak.Make(p)
}
