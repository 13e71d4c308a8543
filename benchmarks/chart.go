package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The chart shows one case.
const (
	chartHands = 1_000
	chartTitle = "One event to 1,000 subscribers: time for each of them (less is better)"
)

var chartCase = caseName("publish", chartHands)

// bar is one row of the chart.
type bar struct {
	name  string
	ns    float64
	group group
}

// group is what a colour tells.
type group int

const (
	ours group = iota
	synchronous
	asynchronous
	bare
)

var groups = []struct {
	group group
	name  string
	color color.Color
}{
	{ours, "weakbus", color.RGBA{R: 0xd9, G: 0x48, B: 0x01, A: 0xff}},
	{synchronous, "calls handlers in Publish", color.RGBA{R: 0x21, G: 0x66, B: 0xac, A: 0xff}},
	{asynchronous, "calls them on other goroutines", color.RGBA{R: 0x92, G: 0xc5, B: 0xde, A: 0xff}},
	{bare, "no bus: a bare loop", color.Gray{Y: 0xa0}},
}

// chartBars returns the bars of what was measured, the slowest first, which is drawn lowest.
func chartBars(cells map[string]cell, ps []peers.Peer) []bar {
	var bars []bar
	for _, p := range ps {
		c := cells[p.Name]
		if len(c.series) == 0 {
			continue
		}
		b := bar{p.Name, c.median() / chartHands, synchronous}
		switch {
		case p.Module == weakbusModule:
			b.group = ours
		case p.Kind == peers.Reference:
			b.group = bare
		case p.Kind == peers.Async:
			b.group = asynchronous
		}
		bars = append(bars, b)
	}
	slices.SortFunc(bars, func(a, b bar) int { return int(math.Copysign(1, b.ns-a.ns)) })
	return bars
}

// families stand in, in the SVG, where a viewer lacks the font that the plot was laid out with.
// The first two have its measures.
const families = "font-family:Liberation Sans,Arial,Helvetica,sans-serif"

// writeChart writes the bars to an SVG file.
func writeChart(path string, bars []bar) error {
	p, err := newChart(bars)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	height := vg.Length(len(bars))*vg.Points(19) + vg.Points(80)
	svg, err := p.WriterTo(vg.Points(720), height, "svg")
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	var text bytes.Buffer
	if _, err := svg.WriteTo(&text); err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	whole := bytes.ReplaceAll(text.Bytes(), []byte("font-family:Liberation Sans"), []byte(families))
	return os.WriteFile(path, whole, 0o666)
}

func newChart(bars []bar) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = chartTitle
	p.Title.Padding = vg.Points(8)
	p.X.Label.Text = "nanoseconds for each subscriber, logarithmic"
	p.X.Scale = plot.LogScale{}
	p.X.Tick.Marker = powersOfTen{}
	names := make([]string, len(bars))
	for i, b := range bars {
		names[i] = b.name
	}
	p.NominalY(names...)
	p.Y.Padding = vg.Points(12) // for a wider font than this one
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(350), -vg.Points(10)
	p.Legend.Padding = vg.Points(3)
	for _, g := range groups {
		key := &barsOf{bars: bars, group: g.group, fill: g.color}
		p.Add(key)
		p.Legend.Add(g.name, key)
	}
	labels, err := valueLabels(bars)
	if err != nil {
		return nil, err
	}
	p.Add(labels)
	p.X.Min, p.X.Max = 0.5, math.Pow(10, math.Ceil(math.Log10(bars[0].ns*2)))
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Variant, style.Font.Size = "Sans", vg.Points(11)
	}
	p.Title.TextStyle.Font.Size = vg.Points(14)
	return p, nil
}

// barsOf draws the bars of one group. The bar chart of the plot library begins at zero, which a
// logarithmic axis does not have.
type barsOf struct {
	bars  []bar
	group group
	fill  color.Color
}

// Plot implements plot.Plotter.
func (b *barsOf) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	half := vg.Points(6)
	for i, bar := range b.bars {
		if bar.group == b.group {
			left, right, y := toX(p.X.Min), toX(bar.ns), toY(float64(i))
			c.FillPolygon(b.fill, []vg.Point{{X: left, Y: y - half}, {X: right, Y: y - half}, {X: right, Y: y + half}, {X: left, Y: y + half}})
		}
	}
}

// DataRange implements plot.DataRanger: it leaves room around the first and the last bar.
func (b *barsOf) DataRange() (xmin, xmax, ymin, ymax float64) {
	return 1, 1, -0.7, float64(len(b.bars)) - 0.3
}

// Thumbnail implements plot.Thumbnailer.
func (b *barsOf) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.fill, []vg.Point{{X: c.Min.X, Y: c.Min.Y}, {X: c.Max.X, Y: c.Min.Y}, {X: c.Max.X, Y: c.Max.Y}, {X: c.Min.X, Y: c.Max.Y}})
}

func valueLabels(bars []bar) (*plotter.Labels, error) {
	data := plotter.XYLabels{}
	for i, b := range bars {
		data.XYs = append(data.XYs, plotter.XY{X: b.ns, Y: float64(i)})
		data.Labels = append(data.Labels, digits(b.ns))
	}
	labels, err := plotter.NewLabels(data)
	if err != nil {
		return nil, fmt.Errorf("chart: %w", err)
	}
	labels.Offset = vg.Point{X: vg.Points(4)}
	for i := range labels.TextStyle {
		style := &labels.TextStyle[i]
		style.Font.Variant, style.Font.Size, style.YAlign = "Sans", vg.Points(10), draw.YCenter
	}
	return labels, nil
}

// powersOfTen marks 1, 10, 100 and so on.
type powersOfTen struct{}

// Ticks implements plot.Ticker.
func (powersOfTen) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for v := 1.0; v <= most*1.001; v *= 10 {
		if v >= least {
			ticks = append(ticks, plot.Tick{Value: v, Label: thousands(int(v))})
		}
	}
	return ticks
}
