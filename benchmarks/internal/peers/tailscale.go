package peers

import "tailscale.com/util/eventbus"

// tailscale gives each receiver a client of its own, since a client has one subscriber for a type.
func tailscale() Peer {
	return Peer{Name: "tailscale eventbus", Module: "tailscale.com", Kind: Async, Goroutines: true, New: func() Bus {
		bus := eventbus.New()
		publisher := eventbus.Publish[Tick](bus.Client("publisher"))
		return Bus{
			Publish: publisher.Publish,
			Subscribe: func(r Receiver) func() {
				client, handle := bus.Client("receiver"), r.Handler()
				events := eventbus.Subscribe[Tick](client)
				go func() {
					for {
						select {
						case e := <-events.Events():
							handle(e)
						case <-events.Done():
							return
						}
					}
				}()
				return client.Close
			},
			Close: bus.Close,
		}
	}}
}
