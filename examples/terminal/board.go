package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weakbus/weakbus"
)

// Posted is what crosses from one terminal to the other.
type Posted struct {
	Author, Text string
}

// notes is the panel that is always there: what was posted, newest last.
type notes struct {
	lines []string
}

func newNotes(bus *weakbus.Bus) *notes {
	n := &notes{}
	weakbus.Subscribe(bus, n, (*notes).posted)
	return n
}

func (n *notes) posted(p Posted) {
	n.lines = append(n.lines, p.Author+": "+p.Text)
	if len(n.lines) > 200 {
		n.lines = n.lines[1:]
	}
}

func (n *notes) view(height int) string {
	lines := n.lines[max(0, len(n.lines)-height):]
	return strings.Join(lines, "\n")
}

// tally is the panel that comes and goes: who posted how often since it is open. To close it, its owner
// forgets it; nothing is unsubscribed.
type tally struct {
	counts map[string]int
}

func newTally(bus *weakbus.Bus) *tally {
	t := &tally{counts: map[string]int{}}
	weakbus.Subscribe(bus, t, (*tally).posted)
	return t
}

func (t *tally) posted(p Posted) { t.counts[p.Author]++ }

func (t *tally) view() string {
	var parts []string
	for author, n := range t.counts {
		parts = append(parts, fmt.Sprintf("%s %d", author, n))
	}
	slices.Sort(parts)
	return "since this panel is open: " + strings.Join(parts, ", ")
}
