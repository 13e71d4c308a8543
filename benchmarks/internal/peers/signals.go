package peers

import (
	"context"
	"strconv"

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
	keys := 0
	return Bus{
		Publish:          func(e Tick) { signal.Emit(ctx, e) },
		SubscribeForever: func(r Receiver) { signal.AddListener(r.ContextHandler()) },
		Subscribe: func(r Receiver) func() {
			keys++
			key := strconv.Itoa(keys)
			signal.AddListener(r.ContextHandler(), key)
			return func() { signal.RemoveListener(key) }
		},
	}
}
