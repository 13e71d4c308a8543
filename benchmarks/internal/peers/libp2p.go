package peers

import "github.com/libp2p/go-libp2p/p2p/host/eventbus"

func libp2p() Peer {
	return Peer{Name: "libp2p eventbus", Module: "github.com/libp2p/go-libp2p", Kind: Async, Goroutines: true, New: func() Bus {
		bus := eventbus.NewBus()
		emitter, err := bus.Emitter(new(Tick))
		must(err)
		return Bus{
			Publish: func(e Tick) { must(emitter.Emit(e)) },
			Subscribe: func(r Receiver) func() {
				s, err := bus.Subscribe(new(Tick), eventbus.BufSize(buffer))
				must(err)
				handle := r.Handler()
				go func() {
					for e := range s.Out() {
						handle(e.(Tick))
					}
				}()
				return func() { must(s.Close()) }
			},
			Close: func() { must(emitter.Close()) },
		}
	}}
}
