//weakvet:ignore vanishing all of this file is about subscribers that are collected
package ignore

import "github.com/weakbus/weakbus"

func throughout(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick)
}
