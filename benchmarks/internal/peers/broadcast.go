package peers

import "github.com/dustin/go-broadcast"

func broadcaster() Peer {
	return Peer{Name: "dustin/go-broadcast", Module: "github.com/dustin/go-broadcast", Kind: Async, Goroutines: true, New: func() Bus {
		b := broadcast.NewBroadcaster(buffer)
		return Bus{
			Publish: func(e Tick) { b.Submit(e) },
			Subscribe: func(r Receiver) func() {
				events, handle := make(chan any, buffer), r.Handler()
				b.Register(events)
				go func() {
					for e := range events {
						handle(e.(Tick))
					}
				}()
				return func() {
					b.Unregister(events)
					close(events)
				}
			},
			Close: func() { must(b.Close()) },
		}
	}}
}
