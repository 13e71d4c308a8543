package peers

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/mustafaturan/bus/v3"
)

func mustafaturan() Peer {
	return Peer{Name: "mustafaturan/bus", Module: "github.com/mustafaturan/bus/v3", Kind: Sync, New: func() Bus {
		var ids atomic.Uint64
		next := bus.Next(func() string { return strconv.FormatUint(ids.Add(1), 36) })
		b, err := bus.NewBus(next)
		must(err)
		b.RegisterTopics(topic)
		ctx := context.WithValue(context.Background(), bus.CtxKeyTxID, "benchmark")
		return Bus{
			Publish: func(e Tick) { must(b.Emit(ctx, topic, e)) },
			Subscribe: func(r Receiver) func() {
				key := next()
				b.RegisterHandler(key, bus.Handler{Handle: r.MessageHandler(), Matcher: topic})
				return func() { b.DeregisterHandler(key) }
			},
		}
	}}
}
