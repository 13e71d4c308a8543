package weakbustest

import (
	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/internal/testhook"
)

// Expire ends sub exactly as if its receiver had been collected at this moment, and reports
// whether this call ended it: false if it had already ended, for whatever reason. The collector
// has no part in it, so what a collection in mid-publish does to a program can be tested without
// waiting for one:
//
//	first.on = func() { weakbustest.Expire(second) } // in a handler
//
// Afterwards the subscription is in state Collected and its handler is not called again, in a
// publish under way neither; what waits in its mailbox is let go; Len, Stats, Trace and the
// logger say what they say of a collected subscriber. A call of the handler that is running is
// not waited for. The receiver itself stays as it is, with its other subscriptions.
//
// Expire is safe for concurrent use and may be called from handlers. It panics if sub is nil.
func Expire(sub *weakbus.Subscription) bool {
	if sub == nil {
		panic("weakbustest: Expire: nil Subscription; pass what Subscribe returned")
	}
	return testhook.Get().Expire(sub)
}
