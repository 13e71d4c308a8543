package peers

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/maniartech/signals"
)

const signalsModule = "github.com/maniartech/signals"

func signalsSync() Peer {
	return Peer{Name: "maniartech/signals", Module: signalsModule, Kind: Sync, New: func() Bus {
		return signalBus(signals.NewSync[Tick]())
	}}
}

func signalsAsync() Peer {
	return Peer{Name: "maniartech/signals, New", Module: signalsModule, Kind: Async, New: func() Bus {
		return signalBus(signals.New[Tick]())
	}}
}

func signalBus(signal signals.Signal[Tick]) Bus {
	ctx := context.Background()
	var keys atomic.Int64
	return Bus{
		Publish:          func(e Tick) { signal.Emit(ctx, e) },
		SubscribeForever: func(r Receiver) { signal.AddListener(r.ContextHandler()) },
		Subscribe: func(r Receiver) func() {
			key := strconv.FormatInt(keys.Add(1), 10)
			signal.AddListener(r.ContextHandler(), key)
			return func() { signal.RemoveListener(key) }
		},
	}
}
