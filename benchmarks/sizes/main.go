package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	check, tests, json bool
	lib                string
	rounds             int
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("sizes", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&s.check, "check", false, "measure only sizes and only weakbus, and exit with 1 if a size is over its bound")
	flags.BoolVar(&s.tests, "tests", false, "measure also the tests of the library with an empty build cache, which takes minutes")
	flags.BoolVar(&s.json, "json", false, "print JSON instead of a table")
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
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weakbus-sizes-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b, err := newBuilder(ctx, dir, s.lib, platform)
	if err != nil {
		return err
	}
	found, err := measure(ctx, s, b, stderr)
	if err != nil {
		return err
	}
	rows := found.rows()
	if s.json {
		err = writeJSON(stdout, b.version, rows)
	} else {
		err = writeTable(stdout, b.version, s.rounds, rows)
	}
	if err != nil || !s.check {
		return err
	}
	return checkSizes(rows)
}
