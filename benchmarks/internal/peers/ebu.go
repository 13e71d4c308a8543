package peers

import (
	"context"

	eventbus "github.com/jilio/ebu"
)

const ebuModule = "github.com/jilio/ebu"

func ebu() Peer {
	return Peer{Name: "jilio/ebu", Module: ebuModule, Kind: Sync, New: func() Bus { return ebuBus() }}
}

func ebuAsync() Peer {
	return Peer{Name: "jilio/ebu, Async", Module: ebuModule, Kind: Async, New: func() Bus {
		return ebuBus(eventbus.Async())
	}}
}

func ebuBus(opts ...eventbus.SubscribeOption) Bus {
	bus := eventbus.New()
	return Bus{
		Publish: func(e Tick) { eventbus.Publish(bus, e) },
		Subscribe: func(r Receiver) func() {
			s, err := eventbus.SubscribeWithHandle(bus, r.Handler(), opts...)
			must(err)
			return s.Unsubscribe
		},
		Close: func() { must(bus.Shutdown(context.Background())) },
	}
}
