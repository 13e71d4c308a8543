package immortal

import . "github.com/weakbus/weakbus"

type Saved struct{ Path string }

type Plugin struct {
	name string
	seen []string
}

type Host interface{ Bus() *Bus }

func (p *Plugin) Load(host Host) {
	Subscribe(host.Bus(), p, func(_ *Plugin, e Saved) { // the usual slip
		p.seen = append(p.seen, e.Path) // want `captures p`
	})
	Subscribe(host.Bus(), p, func(q *Plugin, e Saved) { q.seen = append(q.seen, e.Path) })
	Subscribe(host.Bus(), p, (func(_ *Plugin, e Saved))(func(_ *Plugin, e Saved) { p.name = "" })) // want `captures p`
	Subscribe(host.Bus(), p, debounce(func(_ *Plugin, e Saved) { p.name = "" }))                   // want `captures p`
}

func debounce(f func(*Plugin, Saved)) func(*Plugin, Saved) { return f }

// Subscribe of other packages is another function.
type registry struct{}

func (registry) Subscribe(src *Bus, p *Plugin, f func(*Plugin, Saved)) {}

func others(bus *Bus, p *Plugin) {
	registry{}.Subscribe(bus, p, func(_ *Plugin, e Saved) { p.name = "" })
}

func switched(bus *Bus, x any) {
	switch p := x.(type) {
	case *Plugin:
		Subscribe(bus, p, func(_ *Plugin, e Saved) { p.name = "" }) // want `captures p`
	}
}
