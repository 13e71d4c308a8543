// Command quickstart shows what weakbus is for: it publishes the lines of a text to three
// windows, drops one of them half way without unsubscribing it, and goes on.
//
//	go run ./examples/quickstart [FILE]
//
// With -debug it shows its bus on a page, prints the page's address, and goes on publishing until it is
// interrupted:
//
//	go run ./examples/quickstart -debug :0
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
	"weak"

	"github.com/weakbus/weakbus"
)

//go:embed alice.txt
var alice []byte

// Line is the event.
type Line struct {
	Number int
	Text   string
}

// Words counts words.
type Words struct {
	heard, words int
	title        string
}

// OnLine counts the words of the line.
func (w *Words) OnLine(l Line) {
	w.heard++
	w.words += len(strings.Fields(l.Text))
}

// Longest remembers the longest line.
type Longest struct {
	heard int
	line  Line
}

// OnLine keeps the line if it is the longest so far.
func (w *Longest) OnLine(l Line) {
	w.heard++
	if utf8.RuneCountInString(l.Text) > utf8.RuneCountInString(w.line.Text) {
		w.line = l
	}
}

// Search finds lines. Like a real window it has a screen buffer, which is what one wants back
// when it is closed.
type Search struct {
	heard  *int // shared with main, which wants to tell the story
	word   string
	found  []int
	screen []byte
}

// OnLine notes the line if it contains the word.
func (w *Search) OnLine(l Line) {
	*w.heard++
	if strings.Contains(strings.ToLower(l.Text), w.word) {
		w.found = append(w.found, l.Number)
	}
}

const screenBytes = 8 << 20

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 0 || args[0] != "-debug" {
		name, lines, err := input(args)
		if err != nil {
			return err
		}
		return show(out, weakbus.New(), name, lines)
	}
	if len(args) < 2 {
		return errors.New("usage: quickstart -debug ADDRESS [FILE], for instance -debug :0")
	}
	name, lines, err := input(args[2:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return debug(ctx, args[1], out, name, lines)
}

// input returns the lines of the file that was asked for.
func input(args []string) (name string, lines []string, err error) {
	name, text := "alice.txt", alice
	switch len(args) {
	case 0:
	case 1:
		name = filepath.Base(args[0])
		if text, err = os.ReadFile(args[0]); err != nil {
			return "", nil, err
		}
	default:
		return "", nil, errors.New("usage: quickstart [FILE]")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return "", nil, fmt.Errorf("%s is empty: there is nothing to publish", name)
	}
	r := bufio.NewReader(bytes.NewReader(text))
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
		if err != nil {
			return name, lines, nil // a bytes.Reader has no error but io.EOF
		}
	}
}

func show(out io.Writer, bus *weakbus.Bus, name string, lines []string) error {
	p := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	words, longest, heard := &Words{title: "words"}, &Longest{}, 0
	weakbus.Subscribe(bus, words, (*Words).OnLine)
	weakbus.Subscribe(bus, longest, (*Longest).OnLine)
	search := &Search{heard: &heard, word: "rabbit", screen: make([]byte, screenBytes)}
	weakbus.Subscribe(bus, search, (*Search).OnLine)
	topic := weakbus.TopicOf[Line](bus)

	half := len(lines) / 2
	p("%s: %d lines. Three windows subscribe to them; the bus holds the windows weakly.\n", name, len(lines))
	delivered := publish(topic, lines, 0, half)
	p("Lines 1 to %d published, %d deliveries:", half, delivered)
	p("  words    heard %3d lines   %d words", words.heard, words.words)
	p("  longest  heard %3d lines   line %d, %d characters", longest.heard, longest.line.Number, utf8.RuneCountInString(longest.line.Text))
	p("  search   heard %3d lines   %q in %d of them\n", heard, search.word, len(search.found))

	subscribed, before := topic.Len(), heap()
	gone := weak.Make(search)
	search = nil
	p("The search window is dropped. Nobody unsubscribes it; the last pointer to it is gone.")
	cycles, err := collect(gone)
	if err != nil {
		return err
	}
	p("The garbage collector runs (%d %s).\n", cycles, plural(cycles, "time", "times"))

	first := heard
	delivered = publish(topic, lines, half, len(lines))
	p("Lines %d to %d published, %d deliveries:", half+1, len(lines), delivered)
	p("  words    heard %3d lines   %d words", words.heard, words.words)
	p("  longest  heard %3d lines   line %d, %d characters", longest.heard, longest.line.Number, utf8.RuneCountInString(longest.line.Text))
	p("  search   heard %3d lines   %d after it was dropped\n", heard, heard-first)

	after := heap()
	p("Subscriptions  %d before, %d now: the bus pruned %d by itself.", subscribed, topic.Len(), subscribed-topic.Len())
	p("Memory         %.1f MB before, %.1f MB now: the window's %d MB are free.", megabytes(before), megabytes(after), screenBytes>>20)
	runtime.KeepAlive(words)
	runtime.KeepAlive(longest)
	return nil
}

func publish(topic *weakbus.Topic[Line], lines []string, from, to int) (delivered int) {
	for i := from; i < to; i++ {
		delivered += topic.Publish(Line{i + 1, lines[i]})
	}
	return delivered
}

// collect runs the collector until the window is gone. One run does it; the runtime does not
// promise it.
func collect(window weak.Pointer[Search]) (cycles int, err error) {
	for cycles = 1; cycles <= 100; cycles++ {
		if runtime.GC(); window.Value() == nil {
			return cycles, nil
		}
		time.Sleep(time.Millisecond)
	}
	return 0, errors.New("the collector kept the dropped window")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func megabytes(n uint64) float64 { return float64(n) / (1 << 20) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
