// Package progress says how far a long measurement is: which step of how many, its name, and about
// how much time is left. It starts nothing that would run while something is measured: it writes only when
// it is told of progress.
package progress

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// Step is a part of the work that has a name.
type Step struct {
	// Kind is what is counted: "case" for "case 2 of 17". Each kind has a count of its own. A step
	// without a kind is not counted, and only its name is shown.
	Kind, Name string
	// Seconds is about how long the step takes. Once some of a kind are done, it matters only how many times
	// those of another it is: what they took tells how long the rest takes. With 0 the step may take any
	// time: nothing follows from it, and nothing is known of it.
	Seconds float64
}

// A Progress is not for concurrent use.
type Progress struct {
	w        io.Writer
	rewrites bool // w is a terminal: there is one line
	shown    int  // width of what stands in that line
	steps    []Step
	current  int                      // index of the step under way, -1 before the first
	part     float64                  // of the current step, from 0 to 1
	began    time.Time                // the current step
	took     map[string]time.Duration // by kind, of the steps before it whose Seconds are known
}

// New returns the progress of steps that will be taken in this order.
func New(w io.Writer, steps []Step) *Progress {
	return &Progress{w: w, rewrites: isTerminal(w), steps: steps, current: -1, took: map[string]time.Duration{}}
}

// isTerminal reports whether w is a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Next says that the next step begins, which ends the one before it.
func (p *Progress) Next() {
	if p.current >= 0 && p.steps[p.current].Seconds > 0 {
		p.took[p.steps[p.current].Kind] += time.Since(p.began)
	}
	p.current, p.part, p.began = p.current+1, 0, time.Now()
	if p.rewrites {
		p.rewrite(p.line())
		return
	}
	fmt.Fprintln(p.w, p.line())
}

// Part says that so many of equal parts of the current step are done.
func (p *Progress) Part(done, of int) {
	p.part = float64(done) / float64(of)
	if p.rewrites {
		p.rewrite(p.line())
	}
}

// Clear removes the line from the terminal, for other text. The next progress writes it anew.
func (p *Progress) Clear() {
	if p.shown > 0 {
		p.rewrite("")
		fmt.Fprint(p.w, "\r")
	}
}

// columns is what fits into one line of a terminal. In the last column some of them wrap.
const columns = 79

// rewrite puts text in the place of the last. Spaces, not a control sequence, cover the rest of it, which
// every terminal understands.
func (p *Progress) rewrite(text string) {
	if runes := []rune(text); len(runes) > columns {
		text = string(runes[:columns-1]) + "…"
	}
	width := utf8.RuneCountInString(text)
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(0, p.shown-width)))
	p.shown = width
}

// line is what there is to say. The name is at the end, because it may be cut.
func (p *Progress) line() string {
	s := p.steps[p.current]
	text := ""
	if s.Kind != "" {
		nth, all := p.count(s.Kind)
		text = fmt.Sprintf("%s %d of %d", s.Kind, nth, all)
	}
	if left, ok := p.left(); ok {
		if text != "" {
			text += ", "
		}
		text += about(left)
	}
	if text == "" {
		return s.Name
	}
	return text + ": " + s.Name
}

// count returns how many steps of a kind have begun, and how many there are.
func (p *Progress) count(kind string) (begun, all int) {
	for i, s := range p.steps {
		if s.Kind != kind {
			continue
		}
		all++
		if i <= p.current {
			begun++
		}
	}
	return begun, all
}

// basis is the share of the work from which the time that is left can be told.
const basis = 0.05

// left returns the time that is left, and whether enough is done to tell. The rest of a kind goes on as those
// that are done did, and a kind of which nothing is done as it is expected to.
func (p *Progress) left() (time.Duration, bool) {
	done, all := map[string]float64{}, map[string]float64{}
	for i, s := range p.steps {
		all[s.Kind] += s.Seconds
		switch {
		case i < p.current:
			done[s.Kind] += s.Seconds
		case i == p.current:
			done[s.Kind] += s.Seconds * p.part
		}
	}
	var left, doneOfAll, allOfAll float64
	for kind := range all {
		rest := all[kind] - done[kind]
		if done[kind] > 0 && done[kind] >= basis*all[kind] {
			rest *= p.tookBy(kind).Seconds() / done[kind]
		}
		left, doneOfAll, allOfAll = left+rest, doneOfAll+done[kind], allOfAll+all[kind]
	}
	return time.Duration(left * float64(time.Second)), doneOfAll > 0 && doneOfAll >= basis*allOfAll
}

// tookBy returns what the steps of a kind took so far.
func (p *Progress) tookBy(kind string) time.Duration {
	took := p.took[kind]
	if s := p.steps[p.current]; s.Kind == kind && s.Seconds > 0 && p.part > 0 {
		took += time.Since(p.began)
	}
	return took
}

// about says how much time is left, as roughly as it is known.
func about(left time.Duration) string {
	switch {
	case left <= 5*time.Second:
		return "a few seconds left"
	case left <= 50*time.Second:
		return fmt.Sprintf("about %.0f s left", 10*math.Ceil(left.Seconds()/10))
	case left < 59*time.Minute+30*time.Second:
		return fmt.Sprintf("about %.0f min left", math.Round(left.Minutes()))
	}
	tens := int(math.Round(left.Minutes() / 10))
	if tens%6 == 0 {
		return fmt.Sprintf("about %d h left", tens/6)
	}
	return fmt.Sprintf("about %d h %d min left", tens/6, tens%6*10)
}
