package peers

import (
	"math"

	"github.com/weakbus/weakbus"
)

const weakbusModule = "github.com/weakbus/weakbus"

func cancelling(s *weakbus.Subscription) func() { return func() { s.Cancel() } }

// weakbusTopic publishes on a topic that the publisher keeps.
func weakbusTopic() Peer {
	return Peer{Name: "weakbus, Topic.Publish", Module: weakbusModule, Kind: Sync, New: func() Bus {
		bus := weakbus.New()
		topic := weakbus.TopicOf[Tick](bus)
		return Bus{
			Publish:   func(e Tick) { topic.Publish(e) },
			Subscribe: func(r Receiver) func() { return cancelling(r.onTopic(topic)) },
			Close:     func() { bus.Close() },
		}
	}}
}

// weakbusBus has the bus look up the topic each time.
func weakbusBus() Peer {
	return Peer{Name: "weakbus, Publish(bus)", Module: weakbusModule, Kind: Sync, New: func() Bus {
		bus := weakbus.New()
		return Bus{
			Publish:   func(e Tick) { weakbus.Publish(bus, e) },
			Subscribe: func(r Receiver) func() { return cancelling(r.onBus(bus)) },
			Close:     func() { bus.Close() },
		}
	}}
}

// weakbusQueue has no bound, so that no event is refused.
func weakbusQueue() Peer {
	return Peer{Name: "weakbus, Post and Drain", Module: weakbusModule, Kind: Queued, New: func() Bus {
		bus := weakbus.New()
		queue := weakbus.NewQueue(bus, weakbus.Capacity(math.MaxInt))
		return Bus{
			Publish: func(e Tick) {
				if err := weakbus.Post(queue, e); err != nil {
					panic(err)
				}
			},
			Subscribe: func(r Receiver) func() { return cancelling(r.onBus(bus)) },
			Deliver: func() {
				for queue.Drain() > 0 {
				}
			},
			Close: func() { queue.Close(); bus.Close() },
		}
	}}
}

func weakbusAsync() Peer {
	return Peer{Name: "weakbus, Async", Module: weakbusModule, Kind: Async, New: func() Bus {
		bus := weakbus.New()
		topic := weakbus.TopicOf[Tick](bus)
		return Bus{
			Publish: func(e Tick) { topic.Publish(e) },
			Subscribe: func(r Receiver) func() {
				return cancelling(r.onTopic(topic, weakbus.Async(buffer, weakbus.Block)))
			},
			Close: func() { bus.Close() },
		}
	}}
}

// buffer is the room of every queue and channel whose size a library leaves to its user. A burst
// of the benchmarks fits.
const buffer = 64
