package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"github.com/weakbus/weakbus/benchmarks/internal/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "benchmarks:", err)
		}
		os.Exit(2)
	}
}

// settings are the command line.
type settings struct {
	out    string
	redraw bool
	quick  bool
	cases  *regexp.Regexp
	peers  *regexp.Regexp
	rounds int
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{cases: regexp.MustCompile(""), peers: regexp.MustCompile("")}
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.out, "out", "", "write results.md, correctness.md and chart.svg to this `directory`")
	flags.BoolVar(&s.redraw, "redraw", false, "measure nothing: draw chart.svg from the results.md in the directory of -out")
	flags.BoolVar(&s.quick, "quick", false, "small crowds, two short rounds, no correctness: to see that everything runs")
	pattern := func(to **regexp.Regexp) func(string) error {
		return func(text string) (err error) { *to, err = regexp.Compile(text); return err }
	}
	flags.Func("run", "run only the cases that match this `regexp`: publish/1000, mix/10, correctness ...", pattern(&s.cases))
	flags.Func("peers", "run only the libraries whose name matches this `regexp`", pattern(&s.peers))
	flags.IntVar(&s.rounds, "rounds", 0, "how often to measure each library (default 9, 2 with -quick)")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.redraw && s.out == "" {
		return s, errors.New("-redraw needs -out, the directory of results.md")
	}
	if s.rounds < 0 {
		return s, fmt.Errorf("-rounds %d: there must be at least one", s.rounds)
	}
	return s, nil
}

// newRunner returns a runner for the settings.
func newRunner(s settings) *runner {
	r := &runner{cases: s.cases, peers: s.peers, rounds: 9, target: 15 * time.Millisecond, largest: million}
	if s.quick {
		r.rounds, r.target, r.largest = 2, time.Millisecond, 1_000
	}
	if s.rounds > 0 {
		r.rounds = s.rounds
	}
	return r
}

// run measures, then checks, and writes what it found.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 2 && args[0] == weighCommand {
		return weighHere(args[1], stdout)
	}
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if s.redraw {
		return redraw(s.out)
	}
	if s.out != "" {
		if err := os.MkdirAll(s.out, 0o777); err != nil {
			return err
		}
	}
	r, out := newRunner(s), results{}
	trials := r.chosen(append(r.all(), r.weights(ctx, out)...))
	steps := r.steps(trials)
	checked := !s.quick && s.cases.MatchString("correctness")
	if checked {
		steps = append(steps, correctnessSteps(s.peers)...)
	}
	told := progress.New(stderr, steps)
	defer told.Clear()
	for _, t := range trials {
		if err := r.compare(ctx, out, t, told); err != nil {
			return err
		}
	}
	told.Clear()
	if err := publishResults(s, r, out, stdout); err != nil || !checked {
		return err
	}
	t, err := correctness(ctx, s.peers, told)
	told.Clear()
	if err != nil {
		return err
	}
	return write(s.out, "correctness.md", "# Correctness\n\n"+t.String(), stdout)
}

func publishResults(s settings, r *runner, out results, stdout io.Writer) error {
	tables := out.tables()
	if len(tables) == 0 {
		return nil
	}
	var text strings.Builder
	text.WriteString("# Results\n\n" + environment(r.rounds))
	for _, t := range tables {
		text.WriteString("\n" + t.String())
	}
	if err := write(s.out, "results.md", text.String(), stdout); err != nil {
		return err
	}
	if s.out == "" || len(chartBars(out[chartCase], peers.All())) == 0 {
		return nil
	}
	return redraw(s.out) // from what was written, so that it can be drawn again
}

// write prints text, and writes it to a file of dir where there is one.
func write(dir, name, text string, stdout io.Writer) error {
	if _, err := fmt.Fprintln(stdout, text); err != nil {
		return err
	}
	if dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
}
