package weakbustest

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weakbus/weakbus"
)

// Recorder records events of type E. Make one with Record. Its methods are safe for concurrent
// use, but for Wait, which is for the goroutine of the test.
type Recorder[E any] struct {
	t       testing.TB
	mu      sync.Mutex
	events  []E
	changed chan struct{} // closed with the next event; nil while nobody waits
}

// Record subscribes a recorder to src. The test holds it strongly, so it hears all events until
// the test ends, when its subscription is cancelled. The options are those of
// weakbus.Subscribe, which panics if src is nil.
//
//	scores := weakbustest.Record[Score](t, bus)
//	...
//	scores.Expect(Score{10}, Score{5})
func Record[E any, S weakbus.Source[E]](t testing.TB, src S, opts ...weakbus.SubscribeOption) *Recorder[E] {
	t.Helper()
	r := &Recorder[E]{t: t}
	sub := weakbus.Subscribe(src, r, (*Recorder[E]).record, opts...)
	t.Cleanup(func() {
		sub.Cancel()
		runtime.KeepAlive(r)
	})
	return r
}

func (r *Recorder[E]) record(event E) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Events returns a copy of what was recorded, in the order in which it came.
func (r *Recorder[E]) Events() []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Len returns how many events were recorded.
func (r *Recorder[E]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// Reset forgets what was recorded.
func (r *Recorder[E]) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// Expect fails the test, with Errorf, unless exactly the events want were recorded, in this
// order. Events are compared with reflect.DeepEqual, which looks through pointers and holds no
// two functions equal. Expect does not wait; see Wait.
func (r *Recorder[E]) Expect(want ...E) {
	r.t.Helper()
	if diff := compare(r.Events(), want); diff != "" {
		r.t.Errorf("%s", diff)
	}
}

// ExpectCount fails the test, with Errorf, unless exactly n events were recorded.
func (r *Recorder[E]) ExpectCount(n int) {
	r.t.Helper()
	if got := r.Events(); len(got) != n {
		r.t.Errorf("weakbustest: %d events of %v were recorded, want %d:%s", len(got), reflect.TypeFor[E](), n, list(got))
	}
}

// Wait waits until at least n events are recorded, and ends the test with Fatalf if they are not
// within timeout: for events that come on other goroutines. In a testing/synctest bubble,
// timeout is of the bubble's time.
func (r *Recorder[E]) Wait(n int, timeout time.Duration) {
	r.t.Helper()
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for {
		changed := r.await(n)
		if changed == nil {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			if got := r.Events(); len(got) < n {
				r.t.Fatalf("weakbustest: %d events of %v within %v, want %d:%s", len(got), reflect.TypeFor[E](), timeout, n, list(got))
			}
			return
		}
	}
}

// await returns what is closed with the next event, or nil if n have come.
func (r *Recorder[E]) await(n int) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) >= n {
		return nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changed
}

// maxLines is how much of a list of events a failure shows.
const maxLines = 12

// compare returns where got and want differ, or "".
func compare[E any](got, want []E) string {
	first := 0
	for first < min(len(got), len(want)) && reflect.DeepEqual(got[first], want[first]) {
		first++
	}
	if first == len(got) && first == len(want) {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "weakbustest: the events of %v differ from index %d on (%d came, %d wanted; - wanted, + came):",
		reflect.TypeFor[E](), first, len(got), len(want))
	from := max(0, first-2)
	for i := from; i < max(len(got), len(want)); i++ {
		if i == from+maxLines {
			b.WriteString("\n\t  ...")
			break
		}
		line(&b, i, got, want)
	}
	return b.String()
}

// line writes what is at index i, once if it is the same in both.
func line[E any](b *strings.Builder, i int, got, want []E) {
	switch {
	case i >= len(got):
		fmt.Fprintf(b, "\n\t- %d: %+v", i, want[i])
	case i >= len(want):
		fmt.Fprintf(b, "\n\t+ %d: %+v", i, got[i])
	case reflect.DeepEqual(got[i], want[i]):
		fmt.Fprintf(b, "\n\t  %d: %+v", i, got[i])
	default:
		g, w := fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", want[i])
		if g == w { // they differ in what this format does not show
			g, w = fmt.Sprintf("%#v", got[i]), fmt.Sprintf("%#v", want[i])
		}
		fmt.Fprintf(b, "\n\t- %d: %s\n\t+ %d: %s", i, w, i, g)
	}
}

// list writes events one below the other.
func list[E any](events []E) string {
	if len(events) == 0 {
		return " none"
	}
	var b strings.Builder
	for i, e := range events {
		if i == maxLines {
			b.WriteString("\n\t...")
			break
		}
		fmt.Fprintf(&b, "\n\t%d: %+v", i, e)
	}
	return b.String()
}
