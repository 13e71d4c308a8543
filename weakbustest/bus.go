package weakbustest

import (
	"cmp"
	"fmt"
	"sync"
	"testing"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/internal/testhook"
)

// Option changes what NewBus makes, or what it lets pass.
type Option func(*config)

type config struct {
	panics, drops, early bool // allowed
	bus                  []weakbus.BusOption
}

// AllowPanics lets panics of handlers pass. They are recovered all the same.
func AllowPanics() Option { return func(c *config) { c.panics = true } }

// AllowDrops lets events pass that a full mailbox, queue or loop has dropped.
func AllowDrops() Option { return func(c *config) { c.drops = true } }

// AllowEarlyCollection lets subscribers pass that were collected, or expired, before they heard
// their first event.
func AllowEarlyCollection() Option { return func(c *config) { c.early = true } }

// With makes the bus with options of package weakbus. They take nothing from what NewBus checks:
// with an OnPanic of the test's own, a panic fails the test too, unless AllowPanics is given.
func With(opts ...weakbus.BusOption) Option {
	return func(c *config) { c.bus = append(c.bus, opts...) }
}

// NewBus returns a bus that is closed when the test ends, and that fails the test, with Errorf,
// for what otherwise goes unnoticed:
//
//   - a panic of a handler, with its stack: at once. It is recovered, and the remaining handlers
//     run, unless With says otherwise;
//   - events that were dropped for want of room, at the test's end, one report for each subscriber;
//   - a subscriber that was collected before it heard its first event, at the test's end, with
//     the place of its Subscribe: mostly nobody keeps it, and the code under test does nothing.
//     Where this is right and only the test is short, runtime.KeepAlive or
//     AllowEarlyCollection says so;
//   - an error of Bus.Close: handlers of mailboxes that do not end.
//
// A bus that Collectable drops subscribers of needs AllowEarlyCollection: that they hear nothing is
// the point there.
//
// NewBus runs no collection, so it reports what was collected by itself or by Collect. What
// happens after the test's end is not reported.
func NewBus(t testing.TB, opts ...Option) *weakbus.Bus {
	t.Helper()
	w := &watcher{t: t, drops: make(map[dropper]int)}
	w.allow.bus = []weakbus.BusOption{weakbus.OnPanic(func(*weakbus.PanicError) {})}
	for _, opt := range opts {
		if opt != nil {
			opt(&w.allow)
		}
	}
	bus := weakbus.New(w.allow.bus...)
	bus.Observe(&weakbus.Trace{Panicked: w.panicked, Dropped: w.droppedSome})
	testhook.Get().Early(bus, func(info any) { w.collectedEarly(info.(weakbus.SubscriptionInfo)) })
	t.Cleanup(func() {
		bus.Stats() // notices what was collected
		err := bus.Close()
		w.conclude(err)
	})
	return bus
}

// watcher collects what a bus has to answer for.
type watcher struct {
	t     testing.TB
	allow config

	mu      sync.Mutex
	over    bool // t must not be used any more
	early   []weakbus.SubscriptionInfo
	drops   map[dropper]int
	dropped []dropper // the keys of drops, in the order in which they came
}

// dropper is who has dropped events.
type dropper string

// panicked is told of a panic of a handler.
func (w *watcher) panicked(err *weakbus.PanicError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && !w.allow.panics {
		w.t.Errorf("weakbustest: %v\n%s", err, err.Stack)
	}
}

// droppedSome is told of events that were dropped.
func (w *watcher) droppedSome(d weakbus.Drop) {
	who := dropper(fmt.Sprintf("a queue, or a loop over Events, of %v", d.Event))
	if d.Subscription != nil {
		who = dropper("the mailbox of " + describe(d.Subscription))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drops[who] += d.Count; w.drops[who] == d.Count {
		w.dropped = append(w.dropped, who)
	}
}

// collectedEarly is told, also on a goroutine of the library, of a subscriber that was collected before
// it heard its first event.
func (w *watcher) collectedEarly(info weakbus.SubscriptionInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.early = append(w.early, info)
}

// conclude reports what is to be reported at the test's end.
func (w *watcher) conclude(closed error) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if closed != nil {
		w.t.Errorf("%v", closed)
	}
	if !w.allow.drops {
		for _, who := range w.dropped {
			w.t.Errorf("weakbustest: %d events were dropped for want of room by %s", w.drops[who], who)
		}
	}
	if !w.allow.early {
		for _, info := range w.early {
			w.t.Errorf("weakbustest: %s was collected before it heard its first event; keep a reference to its receiver or Scope", describe(&info))
		}
	}
}

// describe names a subscription.
func describe(info *weakbus.SubscriptionInfo) string {
	s := fmt.Sprintf("%v on %v", info.Receiver, info.Topic.Event)
	if info.Topic.Keys != nil {
		s += fmt.Sprintf(" at %v", info.Topic.Keys)
	}
	if info.Label != "" {
		s += fmt.Sprintf(" (%s)", info.Label)
	}
	return s + ", subscribed at " + cmp.Or(info.Site, "an unknown place")
}
