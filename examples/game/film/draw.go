package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// The picture: the arena on the left, the numbers and their curve on the right.
const (
	left, top   = 16, 16
	scale       = 0.65
	panel       = left + scale*width + 28 // where the right part begins
	panelWidth  = 264
	graphTop    = 280
	graphHeight = 110
	total       = panel + panelWidth + 24
	tall        = top + scale*height + 16
)

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %[2]g" width="%[1]g" height="%[2]g" font-family="system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif" font-size="15" role="img" aria-label="%[3]s">
<!-- Made by go run ./film -o arena.svg in examples/game. -->
<style>
.living{fill:#5ac8fa}.dropped{fill:none;stroke:#98a2b3;stroke-width:2}.number{font-size:40px;font-weight:600;fill:#f2f4f8}.count{font-weight:600;fill:#f2f4f8}text{fill:#c3cad6}.small{font-size:13px;fill:#98a2b3}.curve{fill:#98a2b3;fill-opacity:.45}.mark{stroke:#ffb347;stroke-dasharray:3 3}.event{fill:#ffb347;font-weight:600}
.count,.number{font-variant-numeric:tabular-nums}
</style>
<defs><clipPath id="arena"><rect width="%[4]d" height="%[5]d"/></clipPath></defs>
<rect width="100%%" height="100%%" rx="10" fill="#10141c"/>
`

const label = "Entities fly about and die. The number of subscriptions rises while dropped entities wait for the garbage collector, and falls with each collection."

// drawing is an SVG in the making.
type drawing struct {
	bytes.Buffer
	*recording
	still int // the frame that a viewer shows who knows no animation
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.Buffer, format, args...) }

// draw returns the film.
func draw(r *recording) []byte {
	d := &drawing{recording: r, still: r.collections[0].before.frame - 1}
	d.printf(head, float64(total), float64(tall), label, width, height)
	d.printf(`<g transform="translate(%d %d) scale(%g)"><rect width="%d" height="%d" rx="8" fill="#161c27"/><g clip-path="url(#arena)">`+"\n", left, top, scale, width, height)
	d.printf(`<g class="dropped">` + "\n")
	for _, l := range r.lives {
		d.ghost(l)
	}
	d.printf(`</g><g class="living">` + "\n")
	for _, l := range r.lives {
		d.life(l)
	}
	d.printf("</g></g></g>\n")
	d.numbers()
	d.graph()
	d.events()
	d.printf("</svg>\n")
	return d.Bytes()
}

// life draws an entity, which flies for as long as it lives.
func (d *drawing) life(l *life) {
	path := simplify(l.path, 1)
	var times, places []string
	add := func(frame int, p point) {
		times = append(times, d.time(frame))
		places = append(places, fmt.Sprintf("%.0f,%.0f", p.x, p.y))
	}
	first, last := path[0], path[len(path)-1]
	if first.frame > 0 {
		add(0, first)
	}
	for _, p := range path {
		add(p.frame, p)
	}
	if last.frame < d.frames {
		add(d.frames, last)
	}
	still := l.at(d.still)
	d.printf(`<circle r="%.0f" transform="translate(%.0f,%.0f)"%s><animateTransform attributeName="transform" type="translate" dur="%s" repeatCount="indefinite" keyTimes="%s" values="%s"/>`,
		l.radius, still.x, still.y, d.hidden(first.frame, l.dropped), d.duration(), strings.Join(times, ";"), strings.Join(places, ";"))
	d.visible(first.frame, l.dropped)
	d.printf("</circle>\n")
}

// ghost draws where an entity was dropped, until the collector has taken it.
func (d *drawing) ghost(l *life) {
	if l.dropped == never {
		return
	}
	at := l.path[len(l.path)-1]
	d.printf(`<circle r="%.0f" cx="%.0f" cy="%.0f"%s>`, l.radius-1, at.x, at.y, d.hidden(l.dropped, l.gone))
	d.visible(l.dropped, l.gone)
	d.printf("</circle>\n")
}

// at returns where the entity is after a frame, roughly.
func (l *life) at(frame int) point {
	i := min(max(0, frame-l.path[0].frame), len(l.path)-1)
	return l.path[i]
}

// hidden hides, from viewers that know no animation, what the still does not have.
func (d *drawing) hidden(from, until int) string {
	if from <= d.still && d.still < until {
		return ""
	}
	return ` visibility="hidden"`
}

// visible shows an element from one frame until another.
func (d *drawing) visible(from, until int) {
	times, values := []string{"0"}, []string{"visible"}
	if from > 0 {
		times, values = []string{"0", d.time(from)}, []string{"hidden", "visible"}
	}
	if until < d.frames {
		times, values = append(times, d.time(until)), append(values, "hidden")
	}
	d.printf(`<animate attributeName="visibility" calcMode="discrete" dur="%s" repeatCount="indefinite" keyTimes="%s" values="%s"/>`,
		d.duration(), strings.Join(times, ";"), strings.Join(values, ";"))
}

// time returns the moment of a frame as a part of the film.
func (d *drawing) time(frame int) string {
	text := strconv.FormatFloat(float64(frame)/float64(d.frames), 'f', 4, 64)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "" {
		return "0"
	}
	return text
}

func (d *drawing) duration() string { return fmt.Sprintf("%gs", float64(d.frames)/fps) }

// while draws something that is visible only from one frame until another.
func (d *drawing) while(from, until int, what string) {
	d.printf(`<g%s>%s`, d.hidden(from, until), what)
	d.visible(from, until)
	d.printf("</g>\n")
}

// numbers draws the legend, and what the bus said.
func (d *drawing) numbers() {
	const x, right = int(panel), int(panel + panelWidth)
	d.printf(`<text x="%d" y="38">subscriptions on the bus</text>`+"\n", x)
	d.printf(`<circle cx="%d" cy="111" r="7" class="living"/><text x="%d" y="116">of living entities</text>`+"\n", x+7, x+24)
	d.printf(`<circle cx="%d" cy="139" r="6" class="dropped"/><text x="%d" y="144">of dropped ones, until the</text><text x="%d" y="163">next garbage collection</text>`+"\n", x+7, x+24, x+24)
	d.printf(`<text x="%d" y="196">forgotten by the bus</text>`+"\n", x+24)
	for i, s := range d.samples {
		until := d.frames + 1
		if i+1 < len(d.samples) {
			until = d.samples[i+1].frame
		}
		if until == s.frame {
			continue // a collection is at this frame, and its second sample counts
		}
		d.while(s.frame, until, fmt.Sprintf(
			`<text x="%d" y="80" class="number">%d</text><g text-anchor="end"><text x="%d" y="116" class="count">%d</text><text x="%d" y="144" class="count">%d</text><text x="%d" y="196" class="count">%d</text></g>`,
			x, s.Subscriptions, right, s.Subscriptions-s.OfDead, right, s.OfDead, right, s.Pruned-d.samples[0].Pruned))
	}
}

// graph draws the numbers over time: those of the living below, those of the dropped on top.
func (d *drawing) graph() {
	most := 0
	for _, s := range d.samples {
		most = max(most, s.Subscriptions)
	}
	x := func(frame int) float64 { return panel + panelWidth*float64(frame)/float64(d.frames) }
	y := func(n int) float64 { return graphTop + graphHeight*(1-float64(n)/float64(most)) }
	var all, alive strings.Builder
	for _, s := range d.samples {
		fmt.Fprintf(&all, "%.1f,%.1f ", x(s.frame), y(s.Subscriptions))
		fmt.Fprintf(&alive, "%.1f,%.1f ", x(s.frame), y(s.Subscriptions-s.OfDead))
	}
	ends := fmt.Sprintf("%.1f,%.1f %.1f,%.1f", x(d.frames), y(0), x(0), y(0))
	d.printf(`<clipPath id="past"><rect x="%g" y="%d" width="%d" height="%d"><animate attributeName="width" dur="%s" repeatCount="indefinite" values="0;%d"/></rect></clipPath>`+"\n",
		float64(panel), graphTop-4, panelWidth, graphHeight+4, d.duration(), panelWidth)
	d.printf(`<g clip-path="url(#past)"><polygon class="curve" points="%s%s"/><polygon class="living" points="%s%s"/>`, all.String(), ends, alive.String(), ends)
	d.printf("</g>\n")
	d.printf(`<path d="M%g %dh%d" stroke="#4d5870"/>`+"\n", float64(panel), graphTop+graphHeight, panelWidth)
	for _, c := range d.collections {
		d.printf(`<path class="mark" d="M%.1f %dv%d"/>`+"\n", x(c.after.frame), graphTop-14, graphHeight+14)
		d.printf(`<text class="small" x="%.1f" y="%d" text-anchor="middle">collection</text>`+"\n", x(c.after.frame), graphTop+graphHeight+18)
	}
}

// events says what is happening.
func (d *drawing) events() {
	const long = 90
	say := func(from, until int, class, first, second string) {
		d.while(from, until, fmt.Sprintf(`<text class="%s" x="%g" y="%d">%s</text><text class="small" x="%g" y="%d">%s</text>`,
			class, float64(panel), graphTop-38, first, float64(panel), graphTop-19, second))
	}
	from := 0
	for _, c := range d.collections {
		say(from, c.after.frame, "", "The game drops the dead.", "Nobody unsubscribes them.")
		say(c.after.frame, c.after.frame+long, "event", "The garbage collector runs.",
			fmt.Sprintf("The bus forgets %d subscriptions.", c.after.Pruned-c.before.Pruned))
		from = c.after.frame + long
	}
	say(from, d.frames+1, "", "", "")
}
