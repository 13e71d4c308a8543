// Command film plays the arena without a display and draws what happened: an SVG that moves. In the
// directory of the game's module:
//
//	go run ./film -o arena.svg
//
// The run is a real one. Nobody unsubscribes an entity, and each number is what the bus answered. The
// collector runs when the film says so and at no other time, so that the same seed gives the same film.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/weakbus/weakbus/examples/game/arena"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "film:", err)
		os.Exit(1)
	}
}

// plan is how the film is made.
type plan struct {
	entities int
	seed     uint64
	warmUp   int   // frames that are played and not shown
	frames   int   // that are shown
	collect  []int // the frames after which the collector runs
	sample   int   // frames from one question to the bus to the next
}

// film is the one in the README: ten seconds, with a collection after 4.3 and after 8.3.
var film = plan{entities: 130, seed: 5, warmUp: 600, frames: 600, collect: []int{258, 498}, sample: 6}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("film", flag.ContinueOnError)
	name := flags.String("o", "", "write the film to `file`; without it, only the numbers are printed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	r, err := record(film)
	if err != nil {
		return err
	}
	for _, c := range r.collections {
		fmt.Fprintf(out, "frame %d: %d subscriptions, %d of them of dropped entities; a collection; %d subscriptions\n",
			c.before.frame, c.before.Subscriptions, c.before.OfDead, c.after.Subscriptions)
	}
	if *name == "" {
		return nil
	}
	return os.WriteFile(*name, draw(r), 0o644)
}

const fps = 60

// What is drawn of the arena.
const (
	width  = arena.Width
	height = arena.Height
)
