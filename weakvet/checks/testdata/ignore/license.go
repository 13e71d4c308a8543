// Use of this file is governed by a license.

//weakvet:ignore vanishing all of this file is about subscribers that are collected

// Another comment.

package ignore

import "github.com/weakbus/weakbus"

func licensed(bus *weakbus.Bus) {
	weakbus.Subscribe(bus, &Clock{}, (*Clock).OnTick)
}
