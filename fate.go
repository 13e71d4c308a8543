package weakbus

import "github.com/weakbus/weakbus/internal/fate"

// Package weakbustest works on the core through this.
var _ = fate.Open(fate.Door{
	Expire: func(subscription any) bool { return subscription.(*Subscription).expire() },
	Watch:  func(bus, w any) { bus.(*Bus).traced().watcher = w.(watcher) },
})

// watcher is what weakbustest watches a bus with, beside the user's own Trace and logger.
type watcher interface {
	Panicked(*PanicError)
	Dropped(Drop)
	Unheard(SubscriptionInfo)
}

// expire ends the subscription as if its receiver had been collected, and reports whether this
// call did. Unlike collected it raises the epoch: the receiver is alive, and a snapshot may well
// hold it.
func (s *Subscription) expire() bool {
	switch s.State() {
	case Active, Paused:
		return s.end(Collected)
	case Collected:
		s.collected()
	}
	return false
}
