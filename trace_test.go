package weakbus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// logged is what a logger wrote, for use by several goroutines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newLog() (*logged, *slog.Logger) {
	out := &logged{}
	return out, slog.New(slog.NewTextHandler(out, nil))
}

// tracing returns a bus that writes down what its Trace is told.
func tracing(opts ...weakbus.BusOption) (*weakbus.Bus, func() []string) {
	var mu sync.Mutex
	var lines []string
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	topic := func(i weakbus.TopicInfo) string {
		if i.Keys == nil {
			return i.Event.String()
		}
		return i.Event.String() + fmt.Sprint(i.Keys)
	}
	bus := weakbus.New(append(opts, weakbus.WithTrace(&weakbus.Trace{
		Subscribed: func(i weakbus.SubscriptionInfo) { note("subscribed %s to %s", i.Label, topic(i.Topic)) },
		Ended:      func(i weakbus.SubscriptionInfo, s weakbus.State) { note("ended %s: %v", i.Label, s) },
		Panicked:   func(p *weakbus.PanicError) { note("panicked %s: %v", p.Label, p.Value) },
		Failed:     func(e *weakbus.HandlerError) { note("failed %s: %v", e.Label, e.Err) },
		Active:     func(i weakbus.TopicInfo) { note("active %s", topic(i)) },
		Idle:       func(i weakbus.TopicInfo) { note("idle %s", topic(i)) },
	}))...)
	return bus, func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { lines = nil }()
		return lines
	}
}

func TestTrace_TellsTheLifeOfASubscription(t *testing.T) {
	bus, lines := tracing()
	d := &node{}
	label := weakbus.Label
	a := weakbus.Subscribe(bus, d, (*node).hear, label("a"))
	assert.Equal(t, []string{"subscribed a to weakbus_test.note", "active weakbus_test.note"}, lines())
	weakbus.Subscribe(bus, d, (*node).hear, label("once"), weakbus.Once())
	assert.Equal(t, []string{"subscribed once to weakbus_test.note"}, lines())
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"ended once: spent"}, lines())
	a.Cancel()
	a.Cancel()
	assert.Equal(t, []string{"ended a: cancelled", "idle weakbus_test.note"}, lines())

	sub := weakbus.Subscribe(weakbus.TopicOf[note](bus).At(7).At("x"), d, (*node).hear, label("keyed"))
	assert.Equal(t, []string{"subscribed keyed to weakbus_test.note[7 x]", "active weakbus_test.note[7 x]"}, lines())
	var closed weakbus.Scope
	_ = closed.Close()
	weakbus.Subscribe(bus, d, (*node).hear, label("refused"), weakbus.In(&closed))
	assert.Empty(t, lines(), "what never began does not end")
	require.NoError(t, bus.Close())
	assert.ElementsMatch(t, []string{"ended keyed: closed", "idle weakbus_test.note[7 x]"}, lines())
	assert.Equal(t, weakbus.Closed, sub.State())
	weakbus.Subscribe(bus, d, (*node).hear, label("too late"))
	assert.Empty(t, lines())
}

func TestTrace_IdleComesWhenTheCollectorTookTheLastAndNobodyPublishes(t *testing.T) {
	bus, lines := tracing()
	weakbus.Subscribe(bus, &node{}, (*node).hear, weakbus.Label("dropped")) //weakvet:ignore vanishing it is to be collected
	assert.Equal(t, []string{"subscribed dropped to weakbus_test.note", "active weakbus_test.note"}, lines())
	var got []string
	until(t, "idle", func() bool { got = append(got, lines()...); return len(got) == 2 })
	assert.Equal(t, []string{"ended dropped: collected", "idle weakbus_test.note"}, got)
	runtime.KeepAlive(bus)
}

func TestTrace_ActiveAndIdleTakeTurns(t *testing.T) {
	var mu sync.Mutex
	active := map[string]bool{}
	turns := 0
	turn := func(to bool) func(weakbus.TopicInfo) {
		return func(i weakbus.TopicInfo) {
			mu.Lock()
			defer mu.Unlock()
			turns++
			topic := fmt.Sprint(i)
			assert.NotEqual(t, to, active[topic])
			active[topic] = to
		}
	}
	bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Active: turn(true), Idle: turn(false)}))
	topic := weakbus.TopicOf[note](bus)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d := &node{}
			for i := range 2_000 {
				weakbus.Subscribe(topic, d, func(*node, note) {}).Cancel()
				weakbus.Subscribe(topic.At(i%2), d, func(*node, note) {}).Cancel()
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	assert.Greater(t, turns, 4)
	for topic, on := range active {
		assert.False(t, on, topic)
	}
}

func TestTrace_HooksMayUseTheBus(t *testing.T) {
	var bus *weakbus.Bus
	var moves []string
	bus = weakbus.New(weakbus.WithTrace(&weakbus.Trace{
		Active: func(i weakbus.TopicInfo) {
			moves = append(moves, "active "+i.Event.String())
			if i.Event == reflect.TypeFor[note]() {
				weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {}).Cancel()
				assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
				moves = append(moves, "done")
			}
		},
		Idle:  func(i weakbus.TopicInfo) { moves = append(moves, "idle "+i.Event.String()) },
		Ended: func(weakbus.SubscriptionInfo, weakbus.State) { bus.Stats() },
	}))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {})
	assert.Equal(t, []string{"active weakbus_test.note", "done", "active string", "idle string"}, moves)
}

func TestTrace_PanicsAndErrors(t *testing.T) {
	bus, lines := tracing()
	d := &node{on: func(note) { panic("oops") }}
	defer runtime.KeepAlive(d)
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.Label("d"))
	lines()
	assert.PanicsWithValue(t, "oops", func() { weakbus.Publish(bus, note{1}) }, "it still reaches the publisher")
	assert.Equal(t, []string{"panicked d: oops"}, lines())
	sub.Cancel()
	weakbus.SubscribeContext(bus, d, func(*node, context.Context, note) error { return errors.New("no") }, weakbus.Label("f"))
	lines()
	_, err := weakbus.PublishContext(t.Context(), bus, note{1})
	require.Error(t, err)
	assert.Equal(t, []string{"failed f: no"}, lines())
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"failed f: no"}, lines())

	reported := 0
	bus, lines = tracing(weakbus.OnPanic(func(*weakbus.PanicError) { reported++ }))
	weakbus.Subscribe(bus, d, (*node).hear, weakbus.Label("d"))
	lines()
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
	assert.Equal(t, []string{"panicked d: oops"}, lines())
	assert.Equal(t, 1, reported)
}

func TestWithLogger_ReportsWhoWasCollectedBeforeItsFirstDelivery(t *testing.T) { // [PyPubSub test_DOAListeners]
	out, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	keep, heard := &node{}, &node{}
	weakbus.Subscribe(bus, keep, (*node).hear)
	weakbus.Subscribe(bus, heard, (*node).hear)
	weakbus.Publish(bus, note{1})
	heard = nil
	_, file, line, _ := runtime.Caller(0)
	weakbus.Subscribe(bus, &node{}, (*node).hear, weakbus.Label("doomed")) //weakvet:ignore vanishing it is to be collected
	until(t, "the others", func() bool { return weakbus.TopicOf[note](bus).Len() == 1 })
	until(t, "the report", func() bool { return out.String() != "" })
	assert.Contains(t, out.String(), "collected before it heard its first event")
	assert.Contains(t, out.String(), fmt.Sprintf("subscribed=%s:%d", file, line+1))
	assert.Contains(t, out.String(), "label=doomed")
	assert.Contains(t, out.String(), "receiver=*weakbus_test.node")
	assert.Equal(t, 1, bytes.Count([]byte(out.String()), []byte("\n")), "one line, for one of them: %s", out)
	runtime.KeepAlive(keep)
}

func TestWithLogger_ReportsDropsNowAndThen(t *testing.T) {
	out, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	q := weakbus.NewQueue(bus, weakbus.Capacity(1), weakbus.WhenFull(weakbus.DropOldest))
	for i := range 1_001 {
		require.NoError(t, weakbus.Post(q, note{i}))
	}
	assert.Equal(t, 4, bytes.Count([]byte(out.String()), []byte("\n")), "at 1, 10, 100 and 1,000")
	assert.Contains(t, out.String(), "total=1000")
	assert.Contains(t, out.String(), "event=weakbus_test.note")
}

func TestStats_ShowsWhatDiagnosisNeeds(t *testing.T) {
	_, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	topic := weakbus.TopicOf[note](bus)
	d := &node{}
	weakbus.Subscribe(bus, d, (*node).hear, weakbus.Once())
	weakbus.Subscribe(bus, d, (*node).hear).Cancel()
	weakbus.Publish(bus, note{1})
	weakbus.Subscribe(topic, d, (*node).hear, weakbus.Label("low"), weakbus.Priority(-1)).Pause()
	weakbus.Subscribe(topic.At(7), d, (*node).hear)
	topic.At(7).Retain()
	weakbus.Subscribe(bus, &node{}, (*node).hear) //weakvet:ignore vanishing it is to be collected
	topic.At(7).Publish(note{2})
	until(t, "the dropped one", func() bool { return topic.Len() == 1 })

	s := bus.Stats()
	require.Len(t, s.Topics, 2)
	top, sub := s.Topics[0], s.Topics[1]
	assert.Equal(t, reflect.TypeFor[note](), top.Event)
	assert.Nil(t, top.Keys)
	assert.Equal(t, 1, top.Live)
	assert.False(t, top.Retains)
	assert.Equal(t, map[weakbus.State]int{weakbus.Spent: 1, weakbus.Cancelled: 1, weakbus.Collected: 1}, top.Ended)
	require.Len(t, top.Subscriptions, 1)
	low := top.Subscriptions[0]
	assert.Equal(t, "low", low.Label)
	assert.Equal(t, -1, low.Priority)
	assert.Equal(t, weakbus.Paused, low.State)
	assert.Equal(t, reflect.TypeFor[*node](), low.Receiver)
	assert.Equal(t, "trace_test.go", filepath.Base(low.Site)[:13])
	assert.False(t, low.Heard)
	assert.Equal(t, []any{7}, sub.Keys)
	assert.True(t, sub.Retains)
	require.Len(t, sub.Subscriptions, 1)
	assert.True(t, sub.Subscriptions[0].Heard)
	assert.Empty(t, weakbus.New().Stats().Topics)
	runtime.KeepAlive(d)
}

func TestTrace_MisusePanics(t *testing.T) {
	assert.Panics(t, func() { weakbus.WithTrace(nil) })
	assert.Panics(t, func() { weakbus.WithLogger(nil) })
	assert.NotPanics(t, func() {
		bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{}))
		weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {})
		weakbus.Publish(bus, note{1})
		_ = bus.Close()
	}, "any function may be nil")
}

func TestTrace_AHookThatPanicsLeavesTheBusWhole(t *testing.T) {
	bad := true
	var moves []string
	bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{
		Active: func(i weakbus.TopicInfo) {
			moves = append(moves, "active")
			if bad {
				panic("in Active")
			}
		},
		Idle: func(weakbus.TopicInfo) { moves = append(moves, "idle") },
		Ended: func(weakbus.SubscriptionInfo, weakbus.State) {
			if bad {
				panic("in Ended")
			}
		},
	}))
	var scope weakbus.Scope
	heard := 0
	subscribe := func() *weakbus.Subscription {
		return weakbus.SubscribeFunc(bus, &scope, func(note) { heard++ })
	}
	assert.PanicsWithValue(t, "in Active", func() { subscribe() })
	second, third := subscribe(), subscribe()
	assert.Panics(t, func() { _ = scope.Close() })
	assert.Equal(t, weakbus.Cancelled, second.State())
	assert.Equal(t, weakbus.Cancelled, third.State(), "the scope ends as a whole")
	assert.Zero(t, weakbus.Publish(bus, note{1}))

	scope = weakbus.Scope{} //nolint:govet // a new one
	bad = false
	a, b := subscribe(), subscribe()
	bad = true
	assert.Panics(t, func() { _ = bus.Close() })
	assert.Equal(t, weakbus.Closed, a.State())
	assert.Equal(t, weakbus.Closed, b.State())
	assert.Zero(t, heard)
	assert.Equal(t, []string{"active", "idle", "active", "idle"}, moves)
}

func TestTrace_ErrorsAreToldThoughALaterHandlerPanics(t *testing.T) {
	bus, lines := tracing()
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, any) error { return errors.New("first") }, weakbus.Label("any"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(any) { panic("second") }, weakbus.Label("any too"))
	lines()
	for _, publish := range []func(){
		func() { weakbus.Publish(bus, note{1}) },
		func() { _, _ = weakbus.PublishContext(t.Context(), bus, note{1}) },
	} {
		assert.Panics(t, publish)
		assert.ElementsMatch(t, []string{"panicked any too: second", "failed any: first"}, lines())
	}
}

func TestTrace_AKeptSubscriptionKeepsNeitherTheBusNorItsKey(t *testing.T) {
	var bus *weakbus.Bus
	bus = weakbus.New(weakbus.WithTrace(&weakbus.Trace{Ended: func(weakbus.SubscriptionInfo, weakbus.State) { bus.Stats() }}))
	key := &node{}
	sub := weakbus.SubscribeFunc(weakbus.TopicOf[note](bus).At(key), bus.Scope(), func(note) {})
	busPtr, keyPtr := weak.Make(bus), weak.Make(key)
	bus, key = nil, nil
	collect(t, gone("the bus", busPtr))
	collect(t, gone("the key", keyPtr))
	assert.Contains(t, []weakbus.State{weakbus.Collected, weakbus.Closed}, sub.State())
}

func TestTrace_PublishEndGetsWhatPublishContextReturns(t *testing.T) {
	var got error
	bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{PublishEnd: func(_ context.Context, _ weakbus.TopicInfo, _ int, err error) { got = err }}))
	mine := errors.New("mine")
	for range 2 {
		weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error { return mine })
	}
	_, err := weakbus.PublishContext(t.Context(), bus, note{1})
	for _, e := range []error{err, got} {
		var failed *weakbus.HandlerError
		require.ErrorAs(t, e, &failed)
		assert.Equal(t, mine, failed.Err)
		assert.Len(t, e.(interface{ Unwrap() []error }).Unwrap(), 2)
	}
	assert.Equal(t, err.Error(), got.Error())
}

func TestStats_ADropCountsWithTheTopicOfTheEventThatWasDropped(t *testing.T) {
	bus := weakbus.New(weakbus.WithSites())
	box := weakbus.NewMailbox(1, weakbus.DropOldest)
	d, busy, release := &node{}, make(chan struct{}), make(chan struct{})
	weakbus.Subscribe(weakbus.TopicOf[note](bus).At(1), d, func(*node, note) {}, weakbus.Through(box))
	weakbus.Subscribe(bus, d, func(*node, string) { close(busy); <-release }, weakbus.Through(box), weakbus.Once())
	weakbus.Publish(bus, "the mailbox is busy now")
	<-busy
	weakbus.TopicOf[note](bus).At(1).Publish(note{1})
	weakbus.Subscribe(bus, d, func(*node, int) {}, weakbus.Through(box))
	weakbus.Publish(bus, 2) // which takes the place of the note
	dropped := map[string]int{}
	for _, topic := range bus.Stats().Topics {
		dropped[topic.String()] = topic.Dropped
	}
	assert.Equal(t, map[string]int{"weakbus_test.note": 1, "weakbus_test.note[1]": 1, "string": 0, "int": 0}, dropped)
	close(release)
	require.NoError(t, bus.Close())
	runtime.KeepAlive(d)
}

// A topic with a logger and nobody who observes it stops to look who has heard an event, once all have.
func TestLogger_KnowsWhoHasHeardAnEvent(t *testing.T) {
	bus := weakbus.New(weakbus.WithLogger(slog.New(slog.DiscardHandler)))
	var subs []*weakbus.Subscription
	add := func(n int) {
		for range n {
			label := weakbus.Label(fmt.Sprint(len(subs)))
			subs = append(subs, weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, label))
		}
	}
	unheard := func() (labels []string) {
		for _, topic := range bus.Stats().Topics {
			for _, s := range topic.Subscriptions {
				if !s.Heard {
					labels = append(labels, s.Label)
				}
			}
		}
		return labels
	}
	publish := func(times int) {
		for range times {
			weakbus.Publish(bus, note{1})
		}
	}
	add(10)
	subs[3].Pause()
	assert.Len(t, unheard(), 10)
	publish(8)
	assert.Equal(t, []string{"3"}, unheard())
	subs[3].Resume()
	publish(1)
	assert.Empty(t, unheard())
	publish(8)
	add(2) // behind what the snapshot covers
	assert.Equal(t, []string{"10", "11"}, unheard())
	publish(1)
	assert.Empty(t, unheard())
	subs[4].Pause()
	add(1)
	publish(8) // through a snapshot of all
	subs[4].Resume()
	publish(2)
	assert.Empty(t, unheard())
}

// Stats promises the order of delivery, also before the next publish has put the list in order.
func TestStats_OrderOfDeliveryBeforeThePublishThatSorts(t *testing.T) {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("low"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("high"), weakbus.Priority(1))
	labels := func() (labels []string) {
		for _, sub := range bus.Stats().Topics[0].Subscriptions {
			labels = append(labels, sub.Label)
		}
		return labels
	}
	assert.Equal(t, []string{"high", "low"}, labels())
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"high", "low"}, labels())
}

// No hook runs under the mutex of a retained event: it may look at the topic.
func TestPriority_IdleHookMayLookAtARetainedEvent(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus).Retain()
	var scope weakbus.Scope
	done := make(chan struct{})
	var once sync.Once
	defer bus.Observe(&weakbus.Trace{
		Ended: func(weakbus.SubscriptionInfo, weakbus.State) { topic.Publish(note{1}) },
		Idle: func(weakbus.TopicInfo) {
			topic.Last()
			once.Do(func() { close(done) })
		},
	})()
	weakbus.SubscribeFunc(topic, &scope, func(note) {})
	weakbus.SubscribeFunc(topic, &scope, func(note) {}, weakbus.Priority(1))
	go scope.Close()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		buf := make([]byte, 1<<16)
		t.Fatalf("deadlock: %s", buf[:runtime.Stack(buf, true)])
	}
}

// A handler that ends its goroutine has heard the event, with a logger too.
func TestWithLogger_AHandlerThatEndsItsGoroutineHasHeard(t *testing.T) {
	_, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	exit := false
	for range 10 {
		weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {
			if exit {
				runtime.Goexit()
			}
		})
	}
	for range 10 {
		weakbus.Publish(bus, note{1})
	}
	exit = true
	var wg sync.WaitGroup
	wg.Go(func() { weakbus.Publish(bus, note{1}) })
	wg.Wait()
	assert.Equal(t, 11, bus.Stats().Topics[0].Heard)
	assert.Equal(t, 11, bus.Stats().Topics[0].Published)
}

// What is running is known to an observer that does not ask for handlers, also where all have heard an event,
// and a handler that has returned is not running.
func TestStats_RunningIsKnownWhereNobodyObservesHandlers(t *testing.T) {
	_, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	var running [][]string
	look := func() {
		var labels []string
		for _, r := range bus.Stats().Running {
			labels = append(labels, r.Subscription.Label)
		}
		running = append(running, labels)
	}
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("a"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("b"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { look() }, weakbus.Label("c"), weakbus.Filter(func(note) bool { return true }))
	for range 8 {
		weakbus.Publish(bus, note{1})
	}
	defer bus.Observe(&weakbus.Trace{Failed: func(*weakbus.HandlerError) {}})()
	for range 8 {
		running = nil
		weakbus.Publish(bus, note{1})
		assert.Equal(t, [][]string{{"a"}, {"b"}, {"c"}}, running)
	}
}
