package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table is a table of Markdown with a heading and what a reader has to know of it.
type table struct {
	title   string
	text    string
	columns []string
	rows    [][]string
	notes   []string
}

// String renders the table with aligned columns. What a cell lacks is a dash.
func (t *table) String() string {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.columns}, t.rows...) {
		for i := range t.columns {
			widths[i] = max(widths[i], utf8.RuneCountInString(cellText(row, i)), 3)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n", t.title)
	if t.text != "" {
		fmt.Fprintf(&b, "%s\n\n", t.text)
	}
	writeRow(&b, t.columns, widths)
	b.WriteString("|")
	for i, width := range widths {
		dashes := strings.Repeat("-", width)
		if i > 0 {
			dashes = dashes[1:] + ":"
		}
		fmt.Fprintf(&b, " %s |", dashes)
	}
	b.WriteString("\n")
	for _, row := range t.rows {
		writeRow(&b, row, widths)
	}
	for i, note := range t.notes {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s\n", note)
	}
	return b.String()
}

func writeRow(b *strings.Builder, row []string, widths []int) {
	b.WriteString("|")
	for i, width := range widths {
		text := cellText(row, i)
		fmt.Fprintf(b, " %s%s |", text, strings.Repeat(" ", width-utf8.RuneCountInString(text)))
	}
	b.WriteString("\n")
}

func cellText(row []string, i int) string {
	if i >= len(row) || row[i] == "" {
		return "–"
	}
	return strings.ReplaceAll(row[i], "|", `\|`)
}

// footnotes numbers the reasons why cells are empty, each once for a table.
type footnotes struct{ reasons []string }

// mark returns a dash with the number of the reason.
func (f *footnotes) mark(reason string) string {
	for i, r := range f.reasons {
		if r == reason {
			return fmt.Sprintf("– [%d]", i+1)
		}
	}
	f.reasons = append(f.reasons, reason)
	return fmt.Sprintf("– [%d]", len(f.reasons))
}

func (f *footnotes) lines() []string {
	lines := make([]string, len(f.reasons))
	for i, reason := range f.reasons {
		lines[i] = fmt.Sprintf("[%d] %s.  ", i+1, reason)
	}
	return lines
}
