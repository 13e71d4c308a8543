// Package ignore silences reports.
package ignore

import "github.com/weakbus/weakbus"

type Tick struct{}

type Clock struct{ name, zone string }

func (c *Clock) OnTick(Tick) {}

func ignored(bus *weakbus.Bus) {
	//weakvet:ignore vanishing it is meant to be collected
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick)
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick) //weakvet:ignore immortal,vanishing it is meant to be collected

	//weakvet:ignore immortal another analyzer
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick) // want `nothing else holds this Clock`
	//weakvet:ignored vanishing another directive
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick) // want `nothing else holds this Clock`
	//weakvet:ignore vanishing
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick) // want `nothing else holds this Clock.* \(//weakvet:ignore takes the name of the analyzer and a reason\)`

	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick) // want `nothing else holds this Clock`
}

func long(bus *weakbus.Bus) {
	//weakvet:ignore vanishing it is meant to be collected
	weakbus.Subscribe(
		bus,
		&Clock{},
		(*Clock).OnTick,
	)
	weakbus.Subscribe( //weakvet:ignore vanishing it is meant to be collected
		bus,

		&Clock{},
		(*Clock).OnTick,
	)

	//weakvet:ignore vanishing only the outer one
	weakbus.Subscribe(bus, &Clock{}, func(*Clock, Tick) {

		weakbus.Subscribe(
			bus,
			&Clock{}, // want `nothing else holds this Clock`
			(*Clock).OnTick,
		)
	})
}

// wholly is silenced as a whole.
//
//weakvet:ignore vanishing it is about subscribers that are collected
func wholly(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick)

	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick)
}
