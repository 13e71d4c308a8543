package weakbustest

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/weakbus/weakbus/internal/lifetime"
)

// The bounds of a wait for the collector. A dropped object mostly goes with the first or second
// collection; cleanups, which run on goroutines of their own, may come a little later.
const (
	maxCollections = 100
	maxPause       = 20 * time.Millisecond
	maxWait        = 20 * time.Second // for heaps that take long to collect
)

// Collect runs the garbage collector until ok returns true, and ends the test with Fatalf if it
// does not within some seconds. ok is called after each collection, on the goroutine of the
// test, and must not keep alive what it waits for: let it look through a weak pointer, a
// Subscription or a Len.
//
// Collect is for the goroutine of the test, as Fatalf is. What waits for cleanups, such as the
// sweep of a bus, does not come about inside a testing/synctest bubble.
func Collect(t testing.TB, ok func() bool) {
	t.Helper()
	if ok == nil {
		t.Fatalf("weakbustest: Collect: nil function; pass what is to become true")
		return
	}
	if n, done := collect(ok); !done {
		t.Fatalf("weakbustest: Collect: the condition does not hold after %d collections", n)
	}
}

// collect runs the collector until ok, and returns how often it did.
func collect(ok func() bool) (n int, done bool) {
	began := time.Now()
	for pause := time.Microsecond; n < maxCollections; pause = min(2*pause, maxPause) {
		runtime.GC()
		n++
		if ok() {
			return n, true
		}
		if time.Since(began) > maxWait {
			break
		}
		time.Sleep(pause)
	}
	return n, false
}

// Collectable calls build, drops what it returns, and fails the test if that is still alive after
// a bounded number of collections, with a list of what may be keeping it. build makes a
// subscriber as your code does, and subscribes it:
//
//	weakbustest.Collectable(t, func() *HUD { return NewHUD(bus) })
//
// Make the bus outside build: one that is made inside is dropped with the subscriber, and a
// handler that captures its receiver would go unnoticed. What build captures stays alive during
// the call.
//
// A pass says that nothing that is alive now refers to the subscriber. It does not promise that
// the collector takes it soon, nor that it is collectable in another state, such as after
// events have come.
//
// A bus of NewBus does not take it amiss that what build subscribes hears nothing, on whatever
// test's bus, as long as it subscribes on its own goroutine.
//
// Collectable ends the test with Fatalf if build is nil or returns nil, and for a T that weakbus
// refuses because such values are never collected. It is for the goroutine of the test.
func Collectable[T any](t testing.TB, build func() *T) {
	t.Helper()
	if build == nil {
		t.Fatalf("weakbustest: Collectable: nil function; pass one that makes the subscriber and subscribes it")
		return
	}
	if reason := lifetime.Refuse(reflect.TypeFor[T]()); reason != "" {
		t.Fatalf("weakbustest: Collectable: %s", reason)
		return
	}
	defer runtime.KeepAlive(build) // and with it the bus
	ref, ok := construct(build)
	if !ok {
		t.Fatalf("weakbustest: Collectable: build returned a nil %v; return the subscriber that it makes", reflect.TypeFor[*T]())
		return
	}
	if n, done := collect(func() bool { return ref.Value() == nil }); !done {
		t.Errorf("%s", survived[T](n))
	}
}

// construct calls build in a frame of its own, so that nothing on the stack keeps the value.
//
//go:noinline
func construct[T any](build func() *T) (ref weak.Pointer[T], ok bool) {
	v := build()
	return weak.Make(v), v != nil
}

// survived says what may be keeping a T alive.
func survived[T any](collections int) string {
	t := reflect.TypeFor[T]()
	return fmt.Sprintf(`weakbustest: a dropped *%[1]v is still alive after %[2]d collections. Something refers to it:
	- a handler that captures it: a method value, or a closure. Pass a method expression, (*%[3]s).Method,
	  or use SubscribeFunc with a Scope that is a field of %[3]s. The analyzer weakvet finds these.
	- a package-level variable, a map or a cache; or a variable outside build that build assigns it to
	- a goroutine that waits, a timer, a context.AfterFunc, a channel's buffer, an iter.Pull
	- an event that a topic retains (Topic.Retain), or that waits in a queue
	- the slice or struct that it is a part of: a part lives as long as the whole`, t, collections, t.Name())
}
