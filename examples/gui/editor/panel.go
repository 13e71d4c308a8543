package editor

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"github.com/weakbus/weakbus"
)

// Panel is a widget beside the text that shows something about it until it is closed.
//
// A panel that is merely removed from its window is not gone: Fyne's cache of renderers keeps a
// widget for a minute after it was used last, and to hear of a change is a use. Until then the
// panel would go on counting and searching for nobody. So whoever removes a panel closes it. That the bus
// refers to a panel weakly is the safety net: one that nobody closed is forgotten when Fyne has
// forgotten it.
type Panel interface {
	fyne.Widget

	// Close ends what the panel hears, at once: also what was handed to the main goroutine and
	// waits there. It returns nil.
	Close() error
}

// panel is what all panels have in common.
type panel struct {
	widget.BaseWidget
	subs weakbus.Scope // lives and dies with the panel
	body fyne.CanvasObject
}

// extend makes self, which p is part of, a widget that shows body.
func (p *panel) extend(self fyne.Widget, body fyne.CanvasObject) {
	p.body = body
	p.ExtendBaseWidget(self)
}

// titled puts a title over body.
func titled(title string, body fyne.CanvasObject) fyne.CanvasObject {
	heading := widget.NewLabelWithStyle(title, fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	return container.NewBorder(container.NewVBox(widget.NewSeparator(), heading), nil, nil, nil, body)
}

// follow has show called on the main goroutine, with the document as it is now and then whenever
// it changed, until the panel is closed. show may capture the panel: only the panel's scope holds it.
func (p *panel) follow(doc *Document, label string, show func(Changed)) {
	shown := -1
	weakbus.SubscribeFunc(doc.changed, &p.subs, func(Changed) {
		// Tasks pile up while a frame is drawn. The first of them shows the newest document, and
		// the others find nothing left to do.
		if now, _ := doc.changed.Last(); now.Version > shown {
			shown = now.Version
			show(now)
		}
	}, weakbus.Via(fyne.Do), weakbus.Replay(), weakbus.CatchUp(), weakbus.Label(label))
}

// CreateRenderer is for Fyne.
func (p *panel) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(p.body) }

// Close ends what the panel hears.
func (p *panel) Close() error { return p.subs.Close() }

// Hide hides the panel. A hidden panel hears nothing.
func (p *panel) Hide() {
	p.subs.Pause()
	p.BaseWidget.Hide()
}

// Show shows the panel again, with the document as it is by now.
func (p *panel) Show() {
	p.BaseWidget.Show()
	p.subs.Resume()
}
