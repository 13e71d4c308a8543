// Command plugins publishes the lines of a text to plugins, each of them a WebAssembly module,
// and unloads, reloads and drops some on the way. Two of the plugins do something useful, three
// misbehave. In this directory:
//
//	go generate && go run . [-svg FILE] [TEXT]
//
// TEXT is a file, or - for the standard input. The option -svg writes a picture of the output.
package main

//go:generate go run ./build plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/host"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "plugins:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("plugins", flag.ContinueOnError)
	dir := flags.String("plugins", "plugins", "the `directory` of the plugins; go generate fills it")
	picture := flags.String("svg", "", "the `file` for a picture of the output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	name := "../quickstart/alice.txt"
	switch flags.NArg() {
	case 0:
	case 1:
		name = flags.Arg(0)
	default:
		return errors.New("usage: plugins [-plugins DIR] [-svg FILE] [TEXT]")
	}
	lines, err := read(name, in)
	if err != nil {
		return err
	}
	var output bytes.Buffer
	if err := show(ctx, io.MultiWriter(out, &output), *dir, filepath.Base(name), lines); err != nil {
		return err
	}
	if *picture == "" {
		return nil
	}
	return draw(*picture, "go run .", output.String())
}

// read returns the lines of the text.
func read(name string, in io.Reader) (lines []string, err error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	r := bufio.NewReader(in) // a bufio.Scanner would not take lines of any length
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
		switch {
		case errors.Is(err, io.EOF) && len(lines) == 0:
			return nil, fmt.Errorf("%s is empty: there is nothing to publish", name)
		case errors.Is(err, io.EOF):
			return lines, nil
		case err != nil:
			return nil, err
		}
	}
}

// terminal is the user interface: it says what it hears.
type terminal struct {
	mu  sync.Mutex
	out io.Writer
}

func (t *terminal) printf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, format+"\n", args...)
}

// reportColumn is where say puts what is said.
const reportColumn = len("  ") + 10 + len(" ")

func (t *terminal) say(who, what string) { t.printf("  %-10s %s", who, what) }

func (t *terminal) onLoaded(l host.Loaded)  { t.say(l.Plugin, "loaded") }
func (t *terminal) onReport(r event.Report) { t.say(r.Plugin, r.Text) }

func (t *terminal) onUnloaded(u host.Unloaded) {
	if u.Err != nil {
		t.say(u.Plugin, "closed: "+u.Err.Error())
	} else {
		t.say(u.Plugin, "unloaded")
	}
}

const deadline = 2 * time.Second

func show(ctx context.Context, out io.Writer, dir, name string, lines []string) (err error) {
	bus := weakbus.New()
	defer bus.Close()
	t := &terminal{out: out}
	weakbus.Subscribe(bus, t, (*terminal).onLoaded)
	weakbus.Subscribe(bus, t, (*terminal).onUnloaded)
	weakbus.Subscribe(bus, t, (*terminal).onReport)
	h, err := host.New(ctx, bus, host.Config{Dir: dir, Deadline: deadline})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(ctx)) }()
	if err := h.LoadAll(ctx); err != nil {
		return err
	}
	return (&story{terminal: t, bus: bus, host: h, name: name, lines: lines}).tell(ctx)
}
