package peers

import "github.com/simonfxr/pubsub"

const simonfxrModule = "github.com/simonfxr/pubsub"

func simonfxr() Peer {
	return Peer{Name: "simonfxr/pubsub", Module: simonfxrModule, Kind: Sync, New: func() Bus {
		b := pubsub.NewBus()
		return simonfxrBus(b, b.Subscribe)
	}}
}

func simonfxrAsync() Peer {
	return Peer{Name: "simonfxr/pubsub, SubscribeAsync", Module: simonfxrModule, Kind: Async, New: func() Bus {
		b := pubsub.NewBus()
		return simonfxrBus(b, b.SubscribeAsync)
	}}
}

func simonfxrBus(b *pubsub.Bus, subscribe func(pubsub.Topic, pubsub.Callback) *pubsub.Subscription) Bus {
	return Bus{
		Publish: func(e Tick) { b.Publish(topic, e) },
		Subscribe: func(r Receiver) func() {
			s := subscribe(topic, r.Handler())
			return func() { b.Unsubscribe(s) }
		},
	}
}
