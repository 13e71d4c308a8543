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

	"github.com/weakbus/weakbus/benchmarks/internal/progress"
)

// errTooLarge is what -check found.
var errTooLarge = errors.New("over their bounds")

// errUsage is a mistake on the command line, which has been reported.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "sizes:", err)
	os.Exit(1)
}

// settings are the command line.
type settings struct {
	check, tests, json, redraw bool
	lib, out                   string
	rounds                     int
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("sizes", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&s.check, "check", false, "measure only sizes and only weakbus, and exit with 1 if a size is over its bound")
	flags.BoolVar(&s.tests, "tests", false, "measure also the tests of the library with an empty build cache, which takes minutes")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of a table")
	flags.StringVar(&s.out, "out", "", "write sizes.json and sizes.svg to this `directory`")
	flags.BoolVar(&s.redraw, "redraw", false, "measure nothing: print the table of the sizes.json in the directory of -out, and draw sizes.svg again")
	flags.StringVar(&s.lib, "lib", "", "measure the checkout of weakbus in this `directory` instead of the one around this module")
	flags.IntVar(&s.rounds, "rounds", 1, "build each timed program `N` times and give medians")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return s, err
		}
		return s, errUsage
	}
	mistake := ""
	switch {
	case flags.NArg() > 0:
		mistake = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	case s.rounds < 1:
		mistake = fmt.Sprintf("-rounds %d: there must be at least one", s.rounds)
	case s.redraw && s.out == "":
		mistake = "-redraw needs -out, the directory of sizes.json"
	case s.check && s.out != "":
		mistake = "-check measures only weakbus, so it does not go with -out"
	case s.check && (s.tests || s.rounds > 1):
		mistake = "-check measures no times, so it goes with neither -tests nor -rounds"
	}
	if mistake == "" {
		return s, nil
	}
	fmt.Fprintln(stderr, "sizes:", mistake)
	return s, errUsage
}

// run measures and reports. With -check it returns an error if a size is over its bound.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	r, err := s.report(ctx, stderr)
	if err != nil {
		return err
	}
	if s.out != "" {
		if err := r.write(s.out); err != nil {
			return err
		}
	}
	text := r.table()
	if s.json {
		if text, err = r.json(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(stdout, text); err != nil || !s.check {
		return err
	}
	return checkSizes(r.Rows)
}

// report measures, or reads what was stored.
func (s settings) report(ctx context.Context, stderr io.Writer) (r report, err error) {
	if s.redraw {
		text, err := os.ReadFile(filepath.Join(s.out, "sizes.json"))
		if err != nil {
			return r, err
		}
		return readReport(text)
	}
	dir, err := os.MkdirTemp("", "weakbus-sizes-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := newBuilder(ctx, dir, s.lib, platform)
	if err != nil {
		return r, err
	}
	told := progress.New(stderr, s.steps())
	defer told.Clear()
	found, err := measure(ctx, s, b, told)
	if err != nil {
		return r, err
	}
	return newReport(b.version, s.rounds, found.rows()), nil
}

// write writes sizes.json and sizes.svg to dir.
func (r report) write(dir string) error {
	drawing, err := r.chart()
	if err != nil {
		return err
	}
	text, err := r.json()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "sizes.json"), []byte(text), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "sizes.svg"), []byte(drawing), 0o666)
}
