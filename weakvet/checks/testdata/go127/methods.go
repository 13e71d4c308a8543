//go:build go1.27

package go127

import "github.com/weakbus/weakbus"

type Tick struct{}

type Clock struct {
	name, zone string
	Ticked     weakbus.Topic[Tick]
}

func (c *Clock) OnTick(Tick) {}

func methods(bus *weakbus.Bus, topic *weakbus.Topic[Tick], c *Clock, host *Host) {
	bus.Subscribe(c, func(_ *Clock, e Tick) { c.OnTick(e) })              // want `captures c`
	bus.Subscribe[Clock, Tick](c, func(_ *Clock, e Tick) { c.OnTick(e) }) // want `captures c`
	topic.Subscribe(c, func(_ *Clock, e Tick) { c.OnTick(e) })            // want `captures c`
	host.bus.Subscribe(c, func(_ *Clock, e Tick) { c.OnTick(e) })         // a field that nothing sets: not certain
	c.Ticked.Subscribe(c, func(_ *Clock, e Tick) { c.OnTick(e) })         // collected together
	bus.Subscribe(c, (*Clock).OnTick)
	bus.SubscribeFunc(bus.Scope(), c.OnTick)
	topic.Subscribe(c, (*Clock).OnTick)
}

type Host struct{ bus *weakbus.Bus }
