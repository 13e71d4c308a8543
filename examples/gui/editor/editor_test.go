package editor_test

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus/examples/gui/editor"
)

// open shows an editor of doc in a window.
func open(t *testing.T, doc *editor.Document) (fyne.Window, *editor.Editor) {
	e := editor.New(doc)
	w := test.NewTempWindow(t, e)
	w.SetOnClosed(func() { e.Close() })
	w.Resize(fyne.NewSize(1000, 640))
	return w, e
}

func TestToolbar_OpensPanelsAndClosesThem(t *testing.T) {
	loop := newMainLoop(t)
	bus, doc := newDocument("one", "two")
	_, e := open(t, doc)
	require.Equal(t, 1, following(bus))

	tap(t, e, "Words")
	loop.run()
	assert.Contains(t, texts(e), "2 lines, 2 words")
	tap(t, e, "Outline")
	assert.Equal(t, 3, following(bus))
	tap(t, e, "Words")
	assert.Equal(t, 2, following(bus))
	assert.NotContains(t, texts(e), "2 lines, 2 words")
}

func TestHidePanels_PausesThemUntilTheyAreShown(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument("one")
	_, e := open(t, doc)
	tap(t, e, "Words")
	tap(t, e, "Search")
	loop.run()

	tap(t, e, "Hide panels")
	doc.Append("two")
	assert.Equal(t, 1, loop.run(), "the text alone is to hear")
	tap(t, e, "Hide panels")
	assert.Equal(t, 2, loop.run(), "both panels are to catch up")
	assert.Contains(t, texts(e), "2 lines, 2 words")
}

func TestClosingTheWindow_ClosesTheEditorAndItsPanels(t *testing.T) {
	loop := newMainLoop(t)
	bus, doc := newDocument("one")
	e := editor.New(doc)
	w := test.NewWindow(e)
	w.SetOnClosed(func() { e.Close() })
	tap(t, e, "Outline")
	loop.run()
	require.Equal(t, 2, following(bus))
	w.Close()
	assert.Zero(t, following(bus))
}

func TestTypedLine_IsAppended(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument()
	_, e := open(t, doc)
	entry := find(t, e, whichever[*widget.Entry])
	test.Type(entry, "typed by the user")
	entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	loop.run()
	assert.Equal(t, "typed by the user", find(t, e, whichever[*widget.TextGrid]).Text())
	assert.Empty(t, entry.Text)
}

func TestOutline_ListsHeadingsOrElseParagraphsAndGoesThere(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument("first", "paragraph", "", "second", "paragraph")
	_, e := open(t, doc)
	tap(t, e, "Outline")
	loop.run()
	assert.Contains(t, texts(e), "first\nsecond")

	find(t, e, whichever[*widget.List]).Select(1)
	grid := find(t, e, whichever[*widget.TextGrid])
	assert.NotNil(t, grid.Row(3).Style, "the line should be marked")
	doc.Append("", "# A heading")
	loop.run()
	assert.NotNil(t, grid.Row(3).Style, "the mark should survive a change")
	assert.Contains(t, texts(e), "A heading")
	assert.NotContains(t, texts(e), "first\nsecond")
}

func TestSearch_FindsLinesThatComeLater(t *testing.T) {
	loop := newMainLoop(t)
	_, doc := newDocument("a Rabbit", "a cat")
	p := editor.NewSearch(doc)
	p.Resize(fyne.NewSize(400, 400))
	loop.run()
	find(t, p, whichever[*widget.Entry]).SetText("rabbit")
	assert.Contains(t, texts(p), "1: a Rabbit")
	doc.Append("another rabbit")
	loop.run()
	assert.Contains(t, texts(p), "2 lines")
	assert.Contains(t, texts(p), "3: another rabbit")
}
