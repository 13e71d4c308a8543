package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"time"

	"github.com/hajimehoshi/ebiten/v2"
	"github.com/hajimehoshi/ebiten/v2/text/v2"
	"github.com/hajimehoshi/ebiten/v2/vector"
	"golang.org/x/image/font/gofont/gomono"

	"github.com/weakbus/weakbus/examples/game/arena"
)

var (
	background = color.RGBA{0x10, 0x14, 0x1c, 0xff}
	panel      = color.RGBA{0x08, 0x0a, 0x0e, 0xd8}
	bright     = color.RGBA{0xf2, 0xf4, 0xf8, 0xff}
	teams      = []color.RGBA{
		{0x5a, 0xc8, 0xfa, 0xff}, {0xff, 0x9f, 0x43, 0xff}, {0x7b, 0xd8, 0x8f, 0xff},
		{0xf3, 0x6d, 0x8d, 0xff}, {0xc7, 0x9b, 0xf2, 0xff}, {0xf6, 0xd8, 0x5c, 0xff},
	}
)

// painter has what is drawn with.
type painter struct {
	shapes [2]*ebiten.Image // by team in turn; white, of radius spriteRadius
	small  *text.GoTextFace
	large  *text.GoTextFace
}

const spriteRadius = 16

func newPainter() (*painter, error) {
	source, err := text.NewGoTextFaceSource(bytes.NewReader(gomono.TTF))
	if err != nil {
		return nil, err
	}
	p := &painter{
		small: &text.GoTextFace{Source: source, Size: 15},
		large: &text.GoTextFace{Source: source, Size: 26},
	}
	for i := range p.shapes {
		p.shapes[i] = ebiten.NewImage(2*spriteRadius, 2*spriteRadius)
	}
	vector.FillCircle(p.shapes[0], spriteRadius, spriteRadius, spriteRadius, color.White, true)
	var triangle vector.Path // points to where it flies: right
	triangle.MoveTo(2*spriteRadius, spriteRadius)
	triangle.LineTo(spriteRadius/2, 2)
	triangle.LineTo(spriteRadius/2, 2*spriteRadius-2)
	triangle.Close()
	vector.FillPath(p.shapes[1], &triangle, nil, &vector.DrawPathOptions{AntiAlias: true})
	return p, nil
}

// arena draws the entities, paler the more they are worn, and a ring where one has just been killed.
func (p *painter) arena(screen *ebiten.Image, w *arena.World, hud *arena.HUD) {
	screen.Fill(background)
	for _, e := range w.Entities() {
		op := &ebiten.DrawImageOptions{Filter: ebiten.FilterLinear}
		op.GeoM.Translate(-spriteRadius, -spriteRadius)
		op.GeoM.Rotate(math.Atan2(e.VY, e.VX))
		op.GeoM.Scale(e.Radius/spriteRadius, e.Radius/spriteRadius)
		op.GeoM.Translate(e.X, e.Y)
		op.ColorScale.ScaleWithColor(teams[e.Team%len(teams)])
		op.ColorScale.ScaleAlpha(0.4 + 0.6*float32(e.Health)/arena.FullHealth)
		screen.DrawImage(p.shapes[e.Team%len(p.shapes)], op)
	}
	const frames = 30
	for _, s := range hud.Flashes(w.Frame() - frames) {
		age := float32(w.Frame()-s.Frame) / frames
		c := teams[s.Team%len(teams)]
		c = color.RGBA{faded(c.R, age), faded(c.G, age), faded(c.B, age), faded(c.A, age)}
		vector.StrokeCircle(screen, float32(s.X), float32(s.Y), 4+20*age, 1.5, c, true)
	}
}

func faded(v uint8, age float32) uint8 { return uint8(float32(v) * max(0, 1-age)) }

// overlay draws the HUD and the numbers of the bus.
func (p *painter) overlay(screen *ebiten.Image, hud *arena.HUD, s arena.Stats) {
	vector.FillRect(screen, 16, 16, 358, 252, panel, true)
	p.write(screen, p.large, 30, 24, fmt.Sprintf("score %d", hud.Score))
	p.write(screen, p.small, 30, 68, fmt.Sprintf(""+
		"live entities          %6d\n"+
		"live subscriptions     %6d\n"+
		"  of the living        %6d\n"+
		"  of the dead          %6d  uncollected\n"+
		"pruned so far          %6d\n"+
		"late calls / frame     %6.0f  to the dead\n"+
		"events / frame         %6.0f\n"+
		"publishing / frame     %6.2f  ms\n"+
		"frames / second        %6.0f",
		s.Entities, s.Subscriptions, s.Subscriptions-s.OfDead, s.OfDead, s.Pruned, s.Late, s.Events,
		float64(s.Publishing)/float64(time.Millisecond), ebiten.ActualFPS()))
}

func (p *painter) write(screen *ebiten.Image, face *text.GoTextFace, x, y float64, s string) {
	op := &text.DrawOptions{}
	op.GeoM.Translate(x, y)
	op.ColorScale.ScaleWithColor(bright)
	op.LineSpacing = 1.4 * face.Size
	text.Draw(screen, s, face, op)
}
