package peers

import "github.com/kelindar/event"

// kelindar wakes its consumers every 500 microseconds, however much there is: it is given much.
func kelindar() Peer {
	return Peer{Name: "kelindar/event", Module: "github.com/kelindar/event", Kind: Async, Goroutines: true, Burst: 4_096, New: func() Bus {
		d := event.NewDispatcher()
		return Bus{
			Publish:   func(e Tick) { event.Publish(d, e) },
			Subscribe: func(r Receiver) func() { return event.Subscribe(d, r.Handler()) },
			Close:     func() { must(d.Close()) },
		}
	}}
}
