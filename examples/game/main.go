// Command game is an arena full of entities that live on a weakbus: each hears the events of the
// bus for as long as the arena keeps it, and nobody unsubscribes the dead. The overlay tells how
// the bus forgets them.
//
//	go run .                                     on the desktop
//	go run ./web                                 in the browser
//	go run . -frames 600 -collect 240 -screenshot desktop.png
//
// C runs the collector between two frames.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"runtime"

	"github.com/hajimehoshi/ebiten/v2"
	"github.com/hajimehoshi/ebiten/v2/inpututil"

	"github.com/weakbus/weakbus/examples/game/arena"
)

func main() {
	err := run(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "game:", err)
		os.Exit(1)
	}
}

// game is what Ebitengine runs: Update sixty times a second, and Draw.
type game struct {
	world *arena.World
	hud   *arena.HUD // this is what keeps it hearing
	paint *painter
	stats arena.Stats

	frames     int    // the last one; 0 for a game without end
	collect    int    // every so many frames; 0 for never
	screenshot string // of the last frame; empty for none
	done       bool   // the last frame was drawn
	err        error  // of the screenshot
}

func run(args []string, out io.Writer) error {
	g := &game{}
	flags := flag.NewFlagSet("game", flag.ContinueOnError)
	entities := flags.Int("entities", 400, "how many `entities` there are, at most")
	seed := flags.Uint64("seed", 1, "the `number` that the game depends on")
	flags.IntVar(&g.frames, "frames", 0, "end after so many `frames`; 0 for never")
	flags.IntVar(&g.collect, "collect", 0, "run the collector every so many `frames`; 0 leaves it to the runtime")
	flags.StringVar(&g.screenshot, "screenshot", "", "write a PNG of the last frame to `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *entities < 1:
		return fmt.Errorf("-entities %d: at least one is needed", *entities)
	case g.frames < 0 || g.collect < 0:
		return errors.New("-frames and -collect cannot be negative")
	case g.screenshot != "" && g.frames == 0:
		return errors.New("-screenshot needs -frames, to know which is the last")
	}
	g.world = arena.New(*entities, *seed)
	g.hud = arena.NewHUD(g.world.Bus())
	return g.play(out)
}

// play returns when the game is over, and tells then what the bus still has.
func (g *game) play(out io.Writer) (err error) {
	if g.paint, err = newPainter(); err != nil {
		return err
	}
	ebiten.SetWindowSize(arena.Width, arena.Height)
	ebiten.SetWindowTitle("weakbus arena")
	if err := ebiten.RunGame(g); err != nil {
		return err
	}
	if g.err != nil {
		return g.err
	}
	before := g.world.Stats()
	runtime.GC()
	after := g.world.Stats()
	_, err = fmt.Fprintf(out, "frame %d: %d entities; %d subscriptions of entities, %d after a collection; %d pruned\n",
		g.world.Frame(), after.Entities, before.Subscriptions, after.Subscriptions, after.Pruned)
	return err
}

// Update implements [ebiten.Game].
func (g *game) Update() error {
	if g.done {
		return ebiten.Termination
	}
	if g.over() {
		return nil // until it is drawn
	}
	if err := g.world.Update(); err != nil {
		return err
	}
	f := g.world.Frame()
	if g.collect > 0 && f%g.collect == 0 || inpututil.IsKeyJustPressed(ebiten.KeyC) {
		runtime.GC() // between two publishes, so that none keeps a dead entity meanwhile
	}
	if f%ebiten.DefaultTPS == 0 || f == 1 || g.over() {
		g.stats = g.world.Stats()
	}
	return nil
}

func (g *game) over() bool { return g.frames > 0 && g.world.Frame() >= g.frames }

// Draw implements [ebiten.Game].
func (g *game) Draw(screen *ebiten.Image) {
	g.paint.arena(screen, g.world, g.hud)
	g.paint.overlay(screen, g.hud, g.stats)
	if g.over() && !g.done {
		g.done = true
		if g.screenshot != "" {
			g.err = shoot(screen, g.screenshot)
		}
	}
}

// Layout implements [ebiten.Game].
func (g *game) Layout(int, int) (width, height int) { return arena.Width, arena.Height }

// shoot saves a picture of the screen.
func shoot(screen *ebiten.Image, name string) error {
	picture := image.NewRGBA(screen.Bounds())
	screen.ReadPixels(picture.Pix)
	var buf bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&buf, picture); err != nil {
		return fmt.Errorf("screenshot: %w", err)
	}
	return save(name, buf.Bytes())
}
