package editor

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Search is the panel that finds lines, also in text that is still to come.
type Search struct {
	panel
	query *widget.Entry
	count *widget.Label
	list  *widget.List
	lines []string
	hits  []line
}

// NewSearch returns a search in doc for a text that the user types.
func NewSearch(doc *Document) *Search {
	s := &Search{query: widget.NewEntry(), count: widget.NewLabel("")}
	s.query.SetPlaceHolder("Search")
	s.query.OnChanged = func(string) { s.find() }
	s.list = newLines(doc, func() []line { return s.hits })
	s.extend(s, titled("Search", container.NewBorder(container.NewBorder(nil, nil, nil, s.count, s.query), nil, nil, nil, s.list)))
	s.follow(doc, "search", s.show)
	return s
}

func (s *Search) show(c Changed) {
	s.lines = c.Lines
	s.find()
}

func (s *Search) find() {
	s.hits = nil
	if query := strings.ToLower(s.query.Text); query != "" {
		for i, text := range s.lines {
			if strings.Contains(strings.ToLower(text), query) {
				s.hits = append(s.hits, line{i, fmt.Sprintf("%d: %s", i+1, text)})
			}
		}
	}
	s.count.SetText(fmt.Sprintf("%d lines", len(s.hits)))
	s.list.Refresh()
}
