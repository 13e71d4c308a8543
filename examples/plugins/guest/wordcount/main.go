//go:build wasip1

// Command wordcount is a plugin that counts the words of the lines it hears.
package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/guest"
)

type wordcount struct {
	lines, words int
	times        map[string]int
}

func (w *wordcount) Line(l event.Line) error {
	w.lines++
	for _, word := range strings.FieldsFunc(l.Text, notInWord) {
		w.words++
		w.times[strings.ToLower(word)]++
	}
	return nil
}

func notInWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' }

func (w *wordcount) Ask() error {
	often := slices.SortedFunc(maps.Keys(w.times), func(a, b string) int {
		return cmp.Or(w.times[b]-w.times[a], strings.Compare(a, b))
	})
	report := fmt.Sprintf("%d words in %d lines", w.words, w.lines)
	for i, word := range often[:min(3, len(often))] {
		report += fmt.Sprintf("%s %q %d", [...]string{"; most often", ",", ","}[i], word, w.times[word])
	}
	guest.Publish(report)
	return nil
}

func init() { guest.Serve(&wordcount{times: make(map[string]int)}) }

func main() {}
