// Package uncollectable has receivers that are never collected, and corrected twins.
package uncollectable

import (
	"context"

	"github.com/weakbus/weakbus"
)

type Tick struct{}

type empty struct{}

func (*empty) OnTick(Tick) {}

type point struct{ x, y int32 }

func (*point) OnTick(Tick)                               {}
func (*point) OnTickContext(context.Context, Tick) error { return nil }

type flags [15]bool

func (*flags) OnTick(Tick) {}

type number int64

func (*number) OnTick(Tick) {}

type nested struct {
	none  [0]*int
	point point
}

func (*nested) OnTick(Tick) {}

type named struct{ name *byte }

func (*named) OnTick(Tick) {}

type vector struct{ x, y float64 }

func (*vector) OnTick(Tick) {}

type pair[T any] struct{ a, b T }

func (*pair[T]) OnTick(Tick) {}

type whole struct {
	name string
	at   point
}

func all(bus *weakbus.Bus, e *empty, p *point, f *flags, n *number, s *nested, w *whole) {
	weakbus.Subscribe(bus, e, (*empty).OnTick)                      // want `Subscribe panics: empty has size zero and is never collected; give it a field, or use SubscribeFunc with a Scope`
	weakbus.Subscribe(bus, p, (*point).OnTick)                      // want `point has 8 bytes and no pointers, and may never be collected; give it 16 bytes or a pointer`
	weakbus.SubscribeContext(bus, &point{}, (*point).OnTickContext) // want `point has 8 bytes`
	weakbus.Subscribe(bus, f, (*flags).OnTick)                      // want `flags has 15 bytes`
	weakbus.Subscribe(bus, n, (*number).OnTick)                     // want `number has 8 bytes`
	weakbus.Subscribe(bus, s, (*nested).OnTick)                     // want `nested has 8 bytes`
	weakbus.Subscribe(bus, &w.at, (*point).OnTick)                  // want `point has 8 bytes`
	weakbus.Subscribe(bus, &pair[int32]{}, (*pair[int32]).OnTick)   // want `pair\[int32\] has 8 bytes`
}

func corrected(bus *weakbus.Bus, n *named, v *vector, i *pair[int64], w *whole) {
	weakbus.Subscribe(bus, n, (*named).OnTick)
	weakbus.Subscribe(bus, v, (*vector).OnTick)
	weakbus.Subscribe(bus, i, (*pair[int64]).OnTick)
	weakbus.Subscribe(bus, w, func(w *whole, e Tick) { w.at.OnTick(e) })
	weakbus.SubscribeFunc(bus, bus.Scope(), new(point).OnTick)
}

// What a type parameter stands for is not known.
func parameter[T any](bus *weakbus.Bus, p *T, q *pair[T], a *[2]T, none *[0]T) {
	weakbus.Subscribe(bus, p, func(*T, Tick) {})
	weakbus.Subscribe(bus, q, (*pair[T]).OnTick)
	weakbus.Subscribe(bus, a, func(*[2]T, Tick) {})
}
