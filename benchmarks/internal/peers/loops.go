package peers

import "weak"

type strongCall struct {
	recv   *Player
	handle func(*Player, Tick)
}

// strongLoop is a slice of pointers and method expressions; of method values where the receivers
// are of several types.
func strongLoop() Peer {
	return Peer{Name: "bare loop", Kind: Reference, New: func() Bus {
		var calls []strongCall
		var mixed []func(Tick)
		return Bus{
			Publish: func(e Tick) {
				calls := calls // a call could otherwise change what is captured, and it would be loaded again
				for i := range calls {
					calls[i].handle(calls[i].recv, e)
				}
				for _, call := range mixed {
					call(e)
				}
			},
			Subscribe: func(r Receiver) func() {
				if p, ok := r.(*Player); ok {
					calls = append(calls, strongCall{p, (*Player).On})
				} else {
					mixed = append(mixed, r.Handler())
				}
				return nil
			},
		}
	}}
}

type weakCall struct {
	recv   weak.Pointer[Player]
	handle func(*Player, Tick)
}

// weakLoop upgrades a weak pointer before each call.
func weakLoop() Peer {
	return Peer{Name: "bare loop, weak", Kind: Reference, New: func() Bus {
		var calls []weakCall
		var mixed []func(Tick)
		return Bus{
			Publish: func(e Tick) {
				calls := calls // a call could otherwise change what is captured, and it would be loaded again
				for i := range calls {
					if p := calls[i].recv.Value(); p != nil {
						calls[i].handle(p, e)
					}
				}
				for _, call := range mixed {
					call(e)
				}
			},
			Subscribe: func(r Receiver) func() {
				if p, ok := r.(*Player); ok {
					calls = append(calls, weakCall{weak.Make(p), (*Player).On})
				} else {
					mixed = append(mixed, r.upgrading())
				}
				return nil
			},
		}
	}}
}

func upgrading[T any](recv *T, handle func(*T, Tick)) func(Tick) {
	w := weak.Make(recv)
	return func(e Tick) {
		if recv := w.Value(); recv != nil {
			handle(recv, e)
		}
	}
}
