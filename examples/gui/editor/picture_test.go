package editor_test

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/gui/editor"
)

var update = flag.Bool("update", false, "write the picture instead of comparing with it")

const picture = "../editor.png"

// light is Fyne's own theme, whatever the desktop prefers.
type light struct{ fyne.Theme }

func (l light) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	return l.Theme.Color(name, theme.VariantLight)
}

// TestPicture goes through a session as a user would: opens the panels, searches, imports a text
// from a goroutine, and taps a part of the outline. It compares the window with the picture of the README.
func TestPicture(t *testing.T) {
	loop := newMainLoop(t)
	fyne.CurrentApp().Settings().SetTheme(light{theme.DefaultTheme()})
	doc := editor.NewDocument(weakbus.New(), "alice.txt")
	w, e := open(t, doc)
	for _, name := range []string{"Outline", "Words", "Search"} {
		tap(t, e, name)
	}
	find(t, e, func(e *widget.Entry) bool { return e.PlaceHolder == "Search" }).SetText("rabbit")

	imported := make(chan error)
	go func() { imported <- doc.Import(t.Context(), strings.NewReader(alice(t)), 0) }()
	require.NoError(t, <-imported)
	loop.run()
	w.Resize(fyne.NewSize(1010, 580)) // without a frame loop, only this has everything laid out anew
	find(t, e, whichever[*widget.List]).Select(2)

	got := w.Canvas().Capture()
	if *update {
		var file bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.BestCompression}
		require.NoError(t, encoder.Encode(&file, got))
		require.NoError(t, os.WriteFile(picture, file.Bytes(), 0o644))
	}
	file, err := os.Open(picture)
	require.NoError(t, err)
	defer file.Close()
	want, err := png.Decode(file)
	require.NoError(t, err)
	assert.Less(t, difference(t, want, got), 0.01, "run the test with -update, and look at the picture")
}

// difference returns the share of pixels that differ visibly. Processors round differently, so
// the edges of letters may.
func difference(t *testing.T, a, b image.Image) float64 {
	require.Equal(t, a.Bounds(), b.Bounds())
	differ, size := 0, a.Bounds().Size()
	for y := range size.Y {
		for x := range size.X {
			p, q := color.GrayModel.Convert(a.At(x, y)).(color.Gray), color.GrayModel.Convert(b.At(x, y)).(color.Gray)
			if max(p.Y, q.Y)-min(p.Y, q.Y) > 32 {
				differ++
			}
		}
	}
	return float64(differ) / float64(size.X*size.Y)
}
