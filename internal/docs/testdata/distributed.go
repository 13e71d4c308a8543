package prelude

import (
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

var (
	mine       nats.ErrHandler
	publisher  message.Publisher
	subscriber message.Subscriber
)

const token = "secret"

// Placed is an event.
type Placed struct{ ID string }

// View hears events.
type View struct{ placed []string }

// OnPlaced is a handler.
func (v *View) OnPlaced(p Placed) { v.placed = append(v.placed, p.ID) }
