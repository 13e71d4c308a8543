//go:build wasip1

// Command longest is a plugin that keeps the ten longest of the lines it hears.
package main

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/guest"
)

const kept = 10

type longest struct {
	lines []event.Line // the longest first; of the same length, the earliest
}

func (p *longest) Line(l event.Line) error {
	at, _ := slices.BinarySearchFunc(p.lines, l, func(a, b event.Line) int {
		if length(a) < length(b) {
			return 1
		}
		return -1 // behind those of the same length
	})
	p.lines = slices.Insert(p.lines, at, l)
	p.lines = p.lines[:min(kept, len(p.lines))]
	return nil
}

func length(l event.Line) int { return utf8.RuneCountInString(l.Text) }

func (p *longest) Ask() error {
	guest.Publish("characters of the longest lines:")
	for i, l := range p.lines {
		guest.Publish(fmt.Sprintf("%2d. %d in line %d: %s", i+1, length(l), l.Number, l.Text))
	}
	return nil
}

func init() { guest.Serve(&longest{}) }

func main() {}
