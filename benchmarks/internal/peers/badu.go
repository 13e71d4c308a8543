package peers

import "github.com/badu/bus"

const baduModule = "github.com/badu/bus"

func baduTopic() Peer {
	return Peer{Name: "badu/bus", Module: baduModule, Kind: Sync, New: func() Bus {
		t := bus.NewTopic[Tick]()
		return Bus{Publish: t.Pub, Subscribe: func(r Receiver) func() { return t.Sub(r.Handler()).Cancel }}
	}}
}

func baduAsync() Peer {
	return Peer{Name: "badu/bus, PubAsync", Module: baduModule, Kind: Async, New: func() Bus {
		t := bus.NewTopic[Tick]()
		return Bus{Publish: t.PubAsync, Subscribe: func(r Receiver) func() { return t.Sub(r.Handler()).Cancel }}
	}}
}
