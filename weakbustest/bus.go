package weakbustest

import (
	"bytes"
	"cmp"
	"fmt"
	"runtime"
	"strings"
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
//   - a panic of a handler, with its stack and the line that published: at once. It is recovered,
//     and the remaining handlers run, unless With says otherwise;
//   - events that were dropped for want of room, at the test's end, one report for each subscriber;
//   - a subscriber that was collected before it heard its first event, at the test's end, with
//     the place of its Subscribe: mostly nobody keeps it, and the code under test does nothing.
//     What Collectable builds is exempt;
//   - an error of Bus.Close: handlers of mailboxes that do not end.
//
// At the test's end, NewBus runs one collection, so that a subscriber is found though none came by
// itself. By then the test function has returned, and what only its variables kept is gone too: a
// subscriber that is right to hear nothing in a short test is to be cancelled by the test, kept by a
// Cleanup that was registered before NewBus, or let pass with AllowEarlyCollection.
//
// In a testing/synctest bubble it runs none, and logs that if there is a subscriber that heard nothing:
// what follows a collection happens on goroutines outside the bubble, which must not touch the channels
// and timers of the subscribers that it ends. What happens after the test's end is not reported.
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
	testhook.Get().Early(bus, func(info any) { w.collectedEarly(info.(weakbus.SubscriptionInfo)) }, constructing)
	t.Cleanup(func() {
		t.Helper() // so that reports name the line of the test
		w.lookOnce(bus)
		err := bus.Close()
		w.conclude(err)
	})
	return bus
}

// lookOnce runs one collection, and has the bus notice what that took.
func (w *watcher) lookOnce(bus *weakbus.Bus) {
	w.t.Helper()
	if !inBubble() {
		testhook.Get().Vanished(bus, func(info any) { w.collectedEarly(info.(weakbus.SubscriptionInfo)) })
		return
	}
	for _, topic := range bus.Stats().Topics {
		for _, s := range topic.Subscriptions {
			if !s.Heard && !w.allow.early {
				w.t.Logf("weakbustest: %s has heard nothing. Whether anybody keeps it was not looked at, for what follows "+
					"a collection would happen outside this bubble", describe(&s.SubscriptionInfo))
			}
		}
	}
}

// inBubble reports whether this goroutine is in a testing/synctest bubble. Only its traceback tells.
func inBubble() bool {
	var header [128]byte
	line, _, _ := bytes.Cut(header[:runtime.Stack(header[:], false)], []byte("\n"))
	return bytes.Contains(line, []byte("synctest"))
}

// constructing reports whether this goroutine is in a function that Collectable calls.
func constructing() bool {
	found := false
	eachFrame(func(f string, _ runtime.Frame) {
		found = found || strings.HasPrefix(f, "/weakbustest.construct[")
	})
	return found
}

// publishedAt returns the place that called the library, as far out as this goroutine goes; empty on
// a goroutine of the library.
func publishedAt() (place string) {
	within := false
	eachFrame(func(f string, frame runtime.Frame) {
		inside := strings.HasPrefix(f, ".") || strings.HasPrefix(f, "/internal/core.") || strings.HasPrefix(f, "/weakbustest.")
		if within && !inside {
			place = fmt.Sprintf("%s:%d", frame.File, frame.Line)
			if strings.HasPrefix(frame.Function, "runtime.") {
				place = ""
			}
		}
		within = inside
	})
	return place
}

// eachFrame calls do for each frame of this goroutine, from the inside out, with what follows the
// module's path in the function's name; empty for other modules.
func eachFrame(do func(ours string, frame runtime.Frame)) {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		ours, ok := strings.CutPrefix(frame.Function, "github.com/weakbus/weakbus")
		if !ok {
			ours = ""
		}
		do(ours, frame)
	}
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
	if w.over || w.allow.panics {
		return
	}
	where := ""
	if place := publishedAt(); place != "" {
		where = ", published at " + place
	}
	w.t.Errorf("weakbustest: %v%s\n%s", err, where, err.Stack)
}

// droppedSome is told of events that were dropped.
func (w *watcher) droppedSome(d weakbus.Drop) {
	who := dropper(fmt.Sprintf("a queue, of %v", d.Event))
	switch {
	case d.Subscription != nil:
		who = dropper("the mailbox of " + describe(d.Subscription))
	case d.Queue != "":
		who = dropper(fmt.Sprintf("the queue %q, of %v", d.Queue, d.Event))
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
