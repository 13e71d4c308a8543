package peers

import EventBus "github.com/asaskevich/EventBus"

const eventBusModule = "github.com/asaskevich/EventBus"

func eventBus() Peer {
	return Peer{Name: "asaskevich/EventBus", Module: eventBusModule, Kind: Sync, New: func() Bus {
		bus := EventBus.New()
		return Bus{
			Publish:   func(e Tick) { bus.Publish(topic, e) },
			Subscribe: func(r Receiver) func() { return subscribeEventBus(bus, bus.Subscribe, r) },
		}
	}}
}

func eventBusAsync() Peer {
	return Peer{Name: "asaskevich/EventBus, SubscribeAsync", Module: eventBusModule, Kind: Async, New: func() Bus {
		bus := EventBus.New()
		subscribe := func(topic string, handler any) error { return bus.SubscribeAsync(topic, handler, false) }
		return Bus{
			Publish:   func(e Tick) { bus.Publish(topic, e) },
			Subscribe: func(r Receiver) func() { return subscribeEventBus(bus, subscribe, r) },
		}
	}}
}

// subscribeEventBus returns a cancel function that may remove another subscription: the library
// compares code pointers, which method values of one method share.
func subscribeEventBus(bus EventBus.Bus, subscribe func(string, any) error, r Receiver) func() {
	handler := r.Handler()
	must(subscribe(topic, handler))
	return func() { must(bus.Unsubscribe(topic, handler)) }
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
