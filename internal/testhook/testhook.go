// Package testhook is how package weakbustest reaches into package weakbus without a name in the
// public API. Package weakbus sets the hooks while it is initialised, and they never change
// afterwards. The parameters are of type any because this package cannot import that one.
package testhook

// Hooks is what package weakbus offers to weakbustest.
type Hooks struct {
	// Expire ends a *weakbus.Subscription as the collection of its receiver would, and reports
	// whether this call did.
	Expire func(subscription any) bool
	// Early has told called with a weakbus.SubscriptionInfo for each subscriber of a *weakbus.Bus that
	// was collected before it heard its first event. A subscription that ended because the object died
	// that its topic is keyed by is none. exempt is called by whoever subscribes, and reports whether
	// told is not to be called for that subscription.
	Early func(bus any, told func(info any), exempt func() bool)
	// Vanished runs a collection, and has told called as Early does for what no sweep has noticed yet.
	// It is for the end of a test: the bus is not swept any more.
	Vanished func(bus any, told func(info any))
}

var hooks Hooks

// Set sets the hooks. It is for package weakbus.
func Set(h Hooks) struct{} {
	hooks = h
	return struct{}{}
}

// Get returns the hooks. It is for packages that import weakbus.
func Get() Hooks { return hooks }
