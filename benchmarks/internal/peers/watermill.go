package peers

import (
	"context"
	"encoding/binary"

	"github.com/ThreeDotsLabs/watermill/message"
	channels "github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// gochannel sends bytes, as watermill's messages are.
func gochannel() Peer {
	return Peer{Name: "watermill gochannel", Module: "github.com/ThreeDotsLabs/watermill", Kind: Async, Goroutines: true, New: func() Bus {
		ps := channels.NewGoChannel(channels.Config{OutputChannelBuffer: buffer}, nil)
		return Bus{
			Publish: func(e Tick) {
				payload := binary.AppendVarint(nil, int64(e.Points))
				must(ps.Publish(topic, message.NewMessage("", payload)))
			},
			Subscribe: func(r Receiver) func() {
				ctx, cancel := context.WithCancel(context.Background())
				messages, err := ps.Subscribe(ctx, topic)
				must(err)
				handle := r.Handler()
				go func() {
					for m := range messages {
						points, _ := binary.Varint(m.Payload)
						handle(Tick{int(points)})
						m.Ack()
					}
				}()
				return cancel
			},
			Close: func() { must(ps.Close()) },
		}
	}}
}
