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
	grey       = color.RGBA{0x98, 0xa2, 0xb3, 0xff}
	teams      = []color.RGBA{
		{0x5a, 0xc8, 0xfa, 0xff}, {0xff, 0x9f, 0x43, 0xff}, {0x7b, 0xd8, 0x8f, 0xff},
		{0xf3, 0x6d, 0x8d, 0xff}, {0xc7, 0x9b, 0xf2, 0xff}, {0xf6, 0xd8, 0x5c, 0xff},
	}
)

// painter has what is drawn with.
type painter struct {
	shapes [2]*ebiten.Image // by team in turn; white, of radius spriteRadius, as all sprites
	ring   *ebiten.Image
	dot    *ebiten.Image // one pixel
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
	for _, sprite := range []**ebiten.Image{&p.shapes[0], &p.shapes[1], &p.ring} {
		*sprite = ebiten.NewImage(2*spriteRadius, 2*spriteRadius)
	}
	p.dot = ebiten.NewImage(1, 1)
	p.dot.Fill(color.White)
	vector.StrokeCircle(p.ring, spriteRadius, spriteRadius, spriteRadius-2, 1.5, color.White, true)
	vector.FillCircle(p.shapes[0], spriteRadius, spriteRadius, spriteRadius, color.White, true)
	var triangle vector.Path // points to where it flies: right
	triangle.MoveTo(2*spriteRadius, spriteRadius)
	triangle.LineTo(spriteRadius/2, 2)
	triangle.LineTo(spriteRadius/2, 2*spriteRadius-2)
	triangle.Close()
	vector.FillPath(p.shapes[1], &triangle, nil, &vector.DrawPathOptions{AntiAlias: true})
	return p, nil
}

// arena draws the entities, paler the more they are worn, a hollow one where the game has dropped one that
// waits for the collector, and a flash where one has just been killed.
func (p *painter) arena(screen *ebiten.Image, w *arena.World, hud *arena.HUD) {
	screen.Fill(background)
	for _, g := range w.Ghosts() {
		p.sprite(screen, p.ring, g.X, g.Y, g.Radius, 0, grey, 0.8)
	}
	for _, e := range w.Entities() {
		alpha := 0.4 + 0.6*float32(e.Health)/arena.FullHealth
		p.sprite(screen, p.shapes[e.Team%len(p.shapes)], e.X, e.Y, e.Radius, math.Atan2(e.VY, e.VX), teams[e.Team%len(teams)], alpha)
	}
	const frames = 15
	for _, s := range hud.Flashes(w.Frame() - frames) {
		age := float64(w.Frame()-s.Frame) / frames
		p.sprite(screen, p.shapes[0], s.X, s.Y, 4+12*age, 0, teams[s.Team%len(teams)], float32(1-age)/2)
	}
}

func (p *painter) sprite(screen, sprite *ebiten.Image, x, y, radius, angle float64, c color.Color, alpha float32) {
	op := &ebiten.DrawImageOptions{Filter: ebiten.FilterLinear}
	op.GeoM.Translate(-spriteRadius, -spriteRadius)
	op.GeoM.Rotate(angle)
	op.GeoM.Scale(radius/spriteRadius, radius/spriteRadius)
	op.GeoM.Translate(x, y)
	op.ColorScale.ScaleWithColor(c)
	op.ColorScale.ScaleAlpha(alpha)
	screen.DrawImage(sprite, op)
}

// overlay draws the HUD and the numbers of the bus.
func (p *painter) overlay(screen *ebiten.Image, hud *arena.HUD, s arena.Stats) {
	op := &ebiten.DrawImageOptions{}
	op.GeoM.Scale(296, 242)
	op.GeoM.Translate(16, 16)
	op.ColorScale.ScaleWithColor(panel)
	screen.DrawImage(p.dot, op)
	p.write(screen, p.large, 30, 24, fmt.Sprintf("score %d", hud.Score))
	p.write(screen, p.small, 30, 68, fmt.Sprintf(""+
		"subscriptions          %6d\n"+
		"● of living entities   %6d\n"+
		"○ of dropped ones,\n"+
		"  until a collection   %6d\n"+
		"forgotten by the bus   %6d\n"+
		"late calls / frame     %6.0f\n"+
		"events / frame         %6.0f\n"+
		"publishing, ms / frame %6.2f",
		s.Subscriptions, s.Subscriptions-s.OfDead, s.OfDead, s.Pruned, s.Late, s.Events,
		float64(s.Publishing)/float64(time.Millisecond)))
}

func (p *painter) write(screen *ebiten.Image, face *text.GoTextFace, x, y float64, s string) {
	op := &text.DrawOptions{}
	op.GeoM.Translate(x, y)
	op.ColorScale.ScaleWithColor(bright)
	op.LineSpacing = 1.4 * face.Size
	text.Draw(screen, s, face, op)
}
