package peers

import "github.com/gookit/event"

const gookitModule = "github.com/gookit/event"

// tickMessage is the library's event with a typed payload, as its documentation has it.
type tickMessage struct {
	event.BasicEvent
	Tick Tick
}

func newMessage(e Tick) *tickMessage {
	m := &tickMessage{Tick: e}
	m.SetName(topic)
	return m
}

func gookit() Peer {
	return Peer{Name: "gookit/event", Module: gookitModule, Kind: Sync, New: func() Bus {
		m := event.NewManager("benchmark")
		return gookitBus(m, func(e Tick) { must(m.FireEvent(newMessage(e))) })
	}}
}

func gookitAsync() Peer {
	return Peer{Name: "gookit/event, FireAsync", Module: gookitModule, Kind: Async, New: func() Bus {
		m := event.NewManager("benchmark", event.WithChannelSize(buffer))
		return gookitBus(m, func(e Tick) { m.FireAsync(newMessage(e)) })
	}}
}

func gookitBus(m *event.Manager, publish func(Tick)) Bus {
	return Bus{
		Publish: publish,
		Subscribe: func(r Receiver) func() {
			m.On(topic, r)
			return func() { m.RemoveListener(topic, r) }
		},
		Close: func() { must(m.CloseWait()) },
	}
}
