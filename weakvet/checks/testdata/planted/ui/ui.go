// Package ui has constructors and helpers that other packages use, rightly and wrongly.
package ui

import "github.com/weakbus/weakbus"

type Resize struct{ Width int }

// Panel hears events for as long as somebody holds it.
type Panel struct {
	title string
	width int
	subs  weakbus.Scope
}

// NewPanel returns a panel that follows the size of the window.
func NewPanel(bus *weakbus.Bus, title string) *Panel {
	p := &Panel{title: title}
	p.listen(bus)
	return p
}

func (p *Panel) listen(bus *weakbus.Bus) {
	weakbus.SubscribeFunc(bus, &p.subs, func(e Resize) { p.width = e.Width })
}

// Open is NewPanel for panels that cannot be without a title.
func Open(bus *weakbus.Bus, title string) (*Panel, error) {
	if title == "" {
		return nil, weakbus.ErrClosed
	}
	return NewPanel(bus, title), nil
}

// Registered is held by the package.
func Registered(bus *weakbus.Bus) *Panel {
	p := NewPanel(bus, "registered")
	panels = append(panels, p)
	return p
}

var panels []*Panel

// On subscribes owner with a function that takes the event alone.
func On[T, E any](bus *weakbus.Bus, owner *T, handle func(E)) {
	weakbus.Subscribe(bus, owner, func(_ *T, e E) { handle(e) })
}

// OnOwner is On for functions that take the owner too.
func OnOwner[T, E any](bus *weakbus.Bus, owner *T, handle func(*T, E)) {
	weakbus.Subscribe(bus, owner, handle)
}
