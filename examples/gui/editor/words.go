package editor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Words is the panel that counts.
type Words struct {
	panel
	total, frequent *widget.Label
}

// NewWords returns a word count of doc.
func NewWords(doc *Document) *Words {
	w := &Words{total: widget.NewLabel(""), frequent: widget.NewLabel("")}
	w.frequent.Wrapping = fyne.TextWrapWord
	w.extend(w, titled("Words", container.NewVBox(w.total, w.frequent)))
	w.follow(doc, "words", w.show)
	return w
}

func (w *Words) show(c Changed) {
	count, words := map[string]int{}, 0
	for _, text := range c.Lines {
		for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '-' }) {
			words++
			count[word]++
		}
	}
	w.total.SetText(fmt.Sprintf("%d lines, %d words, %d different", len(c.Lines), words, len(count)))
	w.frequent.SetText(strings.Join(frequent(count), ", "))
}

// frequent returns the most frequent of the longer words.
func frequent(count map[string]int) []string {
	maps.DeleteFunc(count, func(word string, _ int) bool { return len(word) < 4 })
	words := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	words = words[:min(len(words), 8)]
	for i, word := range words {
		words[i] = fmt.Sprintf("%s %d", word, count[word])
	}
	return words
}
