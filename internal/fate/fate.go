// Package fate is the door by which package weakbustest reaches into package weakbus, without a
// name in the public API. Package weakbus opens it while it is initialised, and it never changes
// afterwards. The parameters are of type any because this package cannot import that one.
package fate

// Door is what package weakbus offers to weakbustest.
type Door struct {
	// Expire ends a *weakbus.Subscription as the collection of its receiver would, and reports
	// whether this call did.
	Expire func(subscription any) bool
	// Watch has watcher told of what becomes of the subscriptions of a *weakbus.Bus that is not in
	// use yet. watcher has the methods Panicked(*weakbus.PanicError), Dropped(weakbus.Drop) and
	// Unheard(weakbus.SubscriptionInfo), the last for a subscriber that was collected before it
	// heard its first event. They are called like the functions of a weakbus.Trace.
	Watch func(bus, watcher any)
}

var door Door

// Open sets the door. It is for package weakbus.
func Open(d Door) struct{} {
	door = d
	return struct{}{}
}

// Opened returns the door. It is for packages that import weakbus.
func Opened() Door { return door }
