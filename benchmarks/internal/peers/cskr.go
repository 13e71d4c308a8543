package peers

import "github.com/cskr/pubsub/v2"

func cskr() Peer {
	return Peer{Name: "cskr/pubsub", Module: "github.com/cskr/pubsub/v2", Kind: Async, Goroutines: true, New: func() Bus {
		ps := pubsub.New[string, Tick](buffer)
		return Bus{
			Publish: func(e Tick) { ps.Pub(e, topic) },
			Subscribe: func(r Receiver) func() {
				events, handle := ps.Sub(topic), r.Handler()
				go func() {
					for e := range events {
						handle(e)
					}
				}()
				return func() { ps.Unsub(events, topic) }
			},
			Close: ps.Shutdown,
		}
	}}
}
