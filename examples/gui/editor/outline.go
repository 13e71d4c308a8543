package editor

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"github.com/weakbus/weakbus"
)

// Outline is the panel that lists the parts of the text.
type Outline struct {
	panel
	list  *widget.List
	parts []line
}

// line is a line of the document, and where it is.
type line struct {
	number int
	text   string
}

// NewOutline returns an outline of doc. A tap on a part publishes [Goto].
func NewOutline(doc *Document) *Outline {
	o := &Outline{}
	o.list = newLines(doc, func() []line { return o.parts })
	o.extend(o, titled("Outline", o.list))
	o.follow(doc, "outline", o.show)
	return o
}

func (o *Outline) show(c Changed) {
	o.parts = outline(c.Lines)
	o.list.Refresh()
}

// outline returns the headings of a text in Markdown, or else the first line of each paragraph.
func outline(lines []string) []line {
	var headings, paragraphs []line
	blank := true
	for i, text := range lines {
		if strings.HasPrefix(text, "#") {
			headings = append(headings, line{i, strings.TrimLeft(text, "# ")})
		}
		if blank && text != "" {
			paragraphs = append(paragraphs, line{i, text})
		}
		blank = text == ""
	}
	if len(headings) > 0 {
		return headings
	}
	return paragraphs
}

// newLines returns a list of lines of doc that goes to the one that is tapped.
func newLines(doc *Document, lines func() []line) *widget.List {
	list := widget.NewList(
		func() int { return len(lines()) },
		func() fyne.CanvasObject {
			label := widget.NewLabel("")
			label.Truncation = fyne.TextTruncateEllipsis
			return label
		},
		func(i widget.ListItemID, row fyne.CanvasObject) { row.(*widget.Label).SetText(lines()[i].text) },
	)
	list.HideSeparators = true
	list.OnSelected = func(i widget.ListItemID) { weakbus.Publish(doc.bus, Goto{lines()[i].number}) }
	return list
}
