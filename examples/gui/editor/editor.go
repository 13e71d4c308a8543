// Package editor is the content of a document's window, made with Fyne: the text, and beside it
// panels that open and close. The document is changed by any goroutine and publishes its changes
// to a weakbus; the widgets hear of them on Fyne's main goroutine.
//
// All functions here are for the main goroutine, but for the methods of [Document].
package editor

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/weakbus/weakbus"
)

// Editor is a widget that shows a document and the panels about it: the content of a window, to be
// closed with the window.
type Editor struct {
	panel
	text   *widget.TextGrid
	scroll *container.Scroll
	status *widget.Label
	marked int             // the line that was gone to last, or -1
	side   *fyne.Container // of the panels that are open
}

// New returns an editor of doc without any panels.
func New(doc *Document) *Editor {
	e := &Editor{
		text:   widget.NewTextGrid(),
		status: widget.NewLabel(""),
		marked: -1,
		side:   container.NewGridWithColumns(1),
	}
	e.text.ShowLineNumbers = true
	e.scroll = container.NewScroll(e.text)
	split := container.NewHSplit(e.scroll, e.side)
	split.Offset = 0.63
	e.extend(e, container.NewBorder(e.toolbar(doc), e.input(doc), nil, nil, split))
	e.follow(doc, "editor", e.show)
	weakbus.SubscribeFunc(doc.bus, &e.subs, e.goTo, weakbus.Label("editor"))
	return e
}

// toolbar has a check for each panel, and one to hide them all.
func (e *Editor) toolbar(doc *Document) fyne.CanvasObject {
	return container.NewHBox(
		e.toggle("Outline", func() Panel { return NewOutline(doc) }),
		e.toggle("Words", func() Panel { return NewWords(doc) }),
		e.toggle("Search", func() Panel { return NewSearch(doc) }),
		layout.NewSpacer(),
		widget.NewCheck("Hide panels", e.hidePanels),
	)
}

// toggle returns a check that opens a panel and closes it again.
func (e *Editor) toggle(title string, create func() Panel) *widget.Check {
	var open Panel
	return widget.NewCheck(title, func(on bool) {
		if on {
			open = create()
			e.Open(open)
			return
		}
		e.ClosePanel(open)
		open = nil // or else this function would keep it
	})
}

// Open shows a panel beside the text.
func (e *Editor) Open(p Panel) {
	e.side.Add(p)
	e.Refresh()
}

// ClosePanel closes a panel and removes it.
func (e *Editor) ClosePanel(p Panel) {
	p.Close()
	e.side.Remove(p)
	e.Refresh()
}

// Close closes the editor and its panels.
func (e *Editor) Close() error {
	for _, p := range e.side.Objects {
		p.(Panel).Close()
	}
	return e.panel.Close()
}

func (e *Editor) hidePanels(on bool) {
	for _, p := range e.side.Objects {
		if on {
			p.Hide()
		} else {
			p.Show()
		}
	}
	e.Refresh()
}

// input is where the user adds lines.
func (e *Editor) input(doc *Document) fyne.CanvasObject {
	entry := widget.NewEntry()
	entry.SetPlaceHolder("Add a line")
	entry.OnSubmitted = func(line string) {
		doc.Append(line)
		entry.SetText("")
	}
	return container.NewBorder(nil, nil, nil, e.status, entry)
}

func (e *Editor) show(c Changed) {
	e.text.SetText(strings.Join(c.Lines, "\n"))
	e.status.SetText(fmt.Sprintf("%s, %d lines", c.Name, len(c.Lines)))
	e.mark(e.marked)
}

// goTo brings a line to the top, as far as the text allows, and marks it.
func (e *Editor) goTo(g Goto) {
	if e.marked >= 0 {
		e.text.SetRowStyle(e.marked, nil)
	}
	e.marked = g.Line
	e.mark(g.Line)
	row := e.text.PositionForCursorLocation(g.Line, 0)
	e.scroll.ScrollToOffset(fyne.NewPos(0, row.Y))
}

func (e *Editor) mark(line int) {
	if line >= 0 {
		e.text.SetRowStyle(line, &widget.CustomTextGridStyle{BGColor: theme.Color(theme.ColorNameSelection)})
		e.text.Refresh()
	}
}
