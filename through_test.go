//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
)

// actor is a component without locks of its own: several event types come through one mailbox.
type actor struct {
	log  []string
	on   func(what any)
	busy bool // the race detector looks at it
}

func (a *actor) handle(what any) {
	if a.busy {
		panic("two calls at once")
	}
	a.busy = true
	a.log = append(a.log, fmt.Sprint(what))
	if a.on != nil {
		a.on(what)
	}
	a.busy = false
}

func (a *actor) onNote(e note)     { a.handle(e.n) }
func (a *actor) onString(e string) { a.handle(e) }
func (a *actor) onPtr(e *int)      { a.handle(*e) }

// idle waits until the mailbox is at rest.
func idle(t testing.TB, m *weakbus.Mailbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, m.Wait(ctx))
}

// held returns an actor in whose handler a mailbox is stuck, and what lets it go on.
func held(t testing.TB, bus *weakbus.Bus, m *weakbus.Mailbox) (a *actor, release func()) {
	t.Helper()
	entered, leave := make(chan struct{}), make(chan struct{})
	a = &actor{}
	a.on = func(what any) {
		if what == "hold" {
			close(entered)
			<-leave
		}
	}
	weakbus.Subscribe(bus, a, (*actor).onString, weakbus.Through(m))
	weakbus.Publish(bus, "hold")
	<-entered
	return a, sync.OnceFunc(func() { close(leave) })
}

func TestThrough_KeepsTheOrderOfPublishingAcrossEventTypes(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a := &actor{}
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Subscribe(bus, a, (*actor).onString, weakbus.Through(m))
	weakbus.Subscribe(bus, a, (*actor).onPtr, weakbus.Through(m))
	var want []string
	for i := range 1_000 {
		want = append(want, fmt.Sprint(i))
		switch i % 3 {
		case 0:
			assert.Equal(t, 1, weakbus.Publish(bus, note{i}))
		case 1:
			assert.Equal(t, 1, weakbus.Publish(bus, fmt.Sprint(i)))
		default:
			assert.Equal(t, 1, weakbus.Publish(bus, &i))
		}
	}
	idle(t, m)
	assert.Equal(t, want, a.log)
	assert.Zero(t, m.Len())
	assert.Zero(t, m.Dropped())
	runtime.KeepAlive(a)
}

func TestThrough_NeverCallsTwiceAtOnceUnderConcurrentPublishers(t *testing.T) {
	one, two := weakbus.New(), weakbus.New()
	m := weakbus.NewMailbox(16, weakbus.Block)
	a := &actor{} // without a lock: the race detector sees two calls at once
	weakbus.Subscribe(one, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Subscribe(two, a, (*actor).onString, weakbus.Through(m))
	const each = 500
	var publishers sync.WaitGroup
	for range 3 {
		publishers.Go(func() {
			for i := range each {
				weakbus.Publish(one, note{i})
				weakbus.Publish(two, "x")
			}
		})
	}
	publishers.Wait()
	idle(t, m)
	assert.Len(t, a.log, 6*each)
}

func TestThrough_PoliciesAreThoseOfTheWholeMailbox(t *testing.T) {
	for _, c := range []struct {
		overflow weakbus.Overflow
		want     []string
		dropped  int
	}{
		{weakbus.DropNewest, []string{"hold", "1", "a"}, 2},
		{weakbus.DropOldest, []string{"hold", "2", "b"}, 2},
		{weakbus.Latest, []string{"hold", "2", "b"}, 2},
	} {
		var drops []string
		bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Dropped: func(d weakbus.Drop) {
			drops = append(drops, fmt.Sprintf("%v of %v: %d, %d so far", d.Event, d.Subscription.Receiver, d.Count, d.Total))
		}}))
		m := weakbus.NewMailbox(2, c.overflow)
		a, release := held(t, bus, m)
		weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
		ran := weakbus.Publish(bus, note{1}) + weakbus.Publish(bus, "a") // fills it
		assert.Equal(t, 2, m.Len())
		ran += weakbus.Publish(bus, note{2}) + weakbus.Publish(bus, "b")
		release()
		idle(t, m)
		assert.Equal(t, c.want, a.log, c.overflow)
		assert.Equal(t, c.dropped, m.Dropped(), c.overflow)
		if c.overflow == weakbus.DropNewest {
			assert.Equal(t, 2, ran)
		} else {
			assert.Equal(t, 4, ran)
		}
		assert.NotEmpty(t, drops)
		assert.Contains(t, drops[0], "weakbus_test.note of *weakbus_test.actor: 1, ", c.overflow)
	}
}

func TestThrough_BlockWaitsForRoomAContextOrTheEnd(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(1, weakbus.Block)
	a, release := held(t, bus, m)
	sub := weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Publish(bus, "fills it")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	ran, err := weakbus.PublishContext(ctx, bus, note{1})
	assert.Zero(t, ran)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	var waiting sync.WaitGroup
	waiting.Go(func() { assert.Zero(t, weakbus.Publish(bus, note{2}), "its subscription ended while it waited") })
	time.Sleep(5 * time.Millisecond)
	sub.Cancel()
	waiting.Wait()
	waiting.Go(func() { assert.Equal(t, 1, weakbus.Publish(bus, "room")) })
	release()
	waiting.Wait()
	idle(t, m)
	assert.Equal(t, []string{"hold", "fills it", "room"}, a.log)
}

func TestThrough_AHandlerMayPublishSubscribeCancelAndClose(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a := &actor{}
	cancelled := weakbus.Subscribe(bus, a, (*actor).onPtr, weakbus.Through(m))
	weakbus.Subscribe(bus, a, (*actor).onString, weakbus.Through(m))
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
	a.on = func(what any) {
		if what == 1 {
			weakbus.Publish(bus, "nested: later")
			cancelled.Cancel()
			assert.Equal(t, 3, m.Len(), "what was cancelled is let go")
			require.NoError(t, bus.Close(), "does not wait for itself")
			require.NoError(t, m.Close())
		}
	}
	seven := 7
	ready := make(chan struct{})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(bool) { <-ready }, weakbus.Through(m))
	weakbus.Publish(bus, true)
	weakbus.Publish(bus, note{1})
	weakbus.Publish(bus, &seven)
	weakbus.Publish(bus, note{2})
	weakbus.Publish(bus, "last")
	close(ready)
	idle(t, m)
	assert.Equal(t, []string{"1", "2", "last", "nested: later"}, a.log)
}

func TestThrough_WhatWaitsKeepsNoReceiver(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	_, release := held(t, bus, m)
	var w weak.Pointer[node]
	var sub *weakbus.Subscription
	func() {
		d := &node{}
		w = weak.Make(d)
		//weakvet:ignore vanishing it is to be collected
		sub = weakbus.Subscribe(bus, d, (*node).hear, weakbus.Through(m))
		assert.Equal(t, 2, weakbus.Publish(bus, note{1})+weakbus.Publish(bus, note{2}))
	}()
	collect(t, gone("receiver", w))
	assert.Equal(t, weakbus.Collected, sub.State())
	until(t, "what waited for it", func() bool { return m.Len() == 0 })
	assert.Zero(t, m.Dropped(), "it is let go, not dropped")
	release()
	idle(t, m)
}

func TestThrough_AMailboxKeepsNothingAlive(t *testing.T) {
	m := weakbus.NewMailbox(8, weakbus.Block)
	var receiver weak.Pointer[actor]
	var ofBus weak.Pointer[weakbus.Bus]
	func() {
		bus, a := weakbus.New(), &actor{}
		receiver, ofBus = weak.Make(a), weak.Make(bus)
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
		weakbus.Publish(bus, note{1})
		idle(t, m)
	}()
	collect(t, gone("receiver", receiver))
	collect(t, gone("bus", ofBus))
	runtime.KeepAlive(m)
}

func TestThrough_PanicsGoexitsAndErrorsAreReportedAndTheRestIsDelivered(t *testing.T) {
	log, logger := newLog()
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { logger.Info("panicked", "value", p.Value, "payload", p.Payload) }))
	m := weakbus.NewMailbox(8, weakbus.Block)
	a := &actor{}
	a.on = func(what any) {
		a.busy = false
		switch what {
		case 1:
			panic("one")
		case 2:
			runtime.Goexit()
		}
	}
	weakbus.Subscribe(bus, a, (*actor).onNote, weakbus.Through(m))
	weakbus.SubscribeContext(bus, a, func(*actor, context.Context, string) error { return errors.New("no") },
		weakbus.Through(m), weakbus.Filter(func(s string) bool { return s != "refused" }))
	var failed atomic.Int32
	defer bus.Observe(&weakbus.Trace{Failed: func(f *weakbus.HandlerError) { failed.Add(1); assert.Equal(t, "x", f.Payload) }})()
	assert.Equal(t, 4, weakbus.Publish(bus, note{1})+weakbus.Publish(bus, note{2})+weakbus.Publish(bus, "x")+weakbus.Publish(bus, note{3}))
	assert.Zero(t, weakbus.Publish(bus, "refused"))
	idle(t, m)
	require.NoError(t, bus.Wait(t.Context()))
	assert.Equal(t, []string{"1", "2", "3"}, a.log)
	assert.Contains(t, log.String(), "value=one payload={n:1}")
	assert.EqualValues(t, 1, failed.Load())
	runtime.KeepAlive(a)
}

func TestThrough_WithOtherOptions(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus).Retain()
	topic.Publish(note{0})
	m := weakbus.NewMailbox(8, weakbus.Block)
	log := make(map[string][]int)
	on := func(name string, opts ...weakbus.SubscribeOption) *weakbus.Subscription {
		return weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) { log[name] = append(log[name], e.n) }, append(opts, weakbus.Through(m))...)
	}
	on("once", weakbus.Once())
	on("replay", weakbus.Replay())
	paused, catching := on("paused"), on("catching up", weakbus.CatchUp())
	ctx, cancel := context.WithCancel(t.Context())
	on("until", weakbus.Until(ctx))
	weakbus.Publish(bus, note{1})
	idle(t, m)
	paused.Pause()
	catching.Pause()
	cancel()
	weakbus.Publish(bus, note{2})
	weakbus.Publish(bus, note{3})
	idle(t, m)
	paused.Resume()
	catching.Resume()
	weakbus.Publish(bus, note{4})
	idle(t, m)
	assert.Equal(t, map[string][]int{
		"once": {1}, "replay": {0, 1, 2, 3, 4}, "paused": {1, 4}, "catching up": {1, 3, 4}, "until": {1},
	}, log)
}

func TestThrough_ABusWaitsForItsOwnEventsOnly(t *testing.T) {
	busy, quiet := weakbus.New(), weakbus.New()
	m := weakbus.NewMailbox(64, weakbus.Block)
	a := &actor{}
	weakbus.Subscribe(quiet, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Subscribe(busy, a, (*actor).onString, weakbus.Through(m))
	stop := make(chan struct{})
	a.on = func(what any) { // busy never comes to rest: each event publishes the next
		select {
		case <-stop:
		default:
			if what == "again" {
				weakbus.Publish(busy, "again")
			}
		}
	}
	weakbus.Publish(busy, "again")
	weakbus.Publish(quiet, note{1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, quiet.Wait(ctx))
	weakbus.Publish(quiet, note{2})
	require.NoError(t, quiet.Shutdown(ctx), "it has nothing left, though the mailbox does")
	short, cancelShort := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancelShort()
	require.ErrorIs(t, busy.Wait(short), context.DeadlineExceeded)
	close(stop)
	require.NoError(t, busy.Shutdown(ctx))
	idle(t, m)
	assert.Contains(t, a.log, "1")
	assert.Contains(t, a.log, "2")
}

func TestThrough_ShutdownOfOneBusDropsNothingOfAnother(t *testing.T) {
	one, two := weakbus.New(), weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a, release := held(t, one, m)
	weakbus.Subscribe(two, a, (*actor).onNote, weakbus.Through(m))
	weakbus.Publish(one, "dropped")
	weakbus.Publish(two, note{1})
	over, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no patience"))
	ended := make(chan error)
	go func() { ended <- two.Close() }() // patient
	err := one.Shutdown(over)
	require.ErrorContains(t, err, "1 events were dropped: no patience")
	release()
	require.NoError(t, <-ended)
	assert.Equal(t, []string{"hold", "1"}, a.log)
}

func TestMailbox_CloseRefusesAndDeliversWhatItHas(t *testing.T) {
	bus := weakbus.New()
	m := weakbus.NewMailbox(8, weakbus.Block)
	a, release := held(t, bus, m)
	weakbus.Publish(bus, "accepted")
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
	assert.Zero(t, weakbus.Publish(bus, "too late"))
	assert.Equal(t, 1, m.Dropped())
	short, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, m.Wait(short), context.DeadlineExceeded)
	release()
	idle(t, m)
	assert.Equal(t, []string{"hold", "accepted"}, a.log)
}

func TestMailbox_DropsCountForTheTopicAndTheBusOfTheSubscription(t *testing.T) {
	var told [2][]string
	buses := make([]*weakbus.Bus, 2)
	for i := range buses {
		buses[i] = weakbus.New(weakbus.WithTrace(&weakbus.Trace{Dropped: func(d weakbus.Drop) { told[i] = append(told[i], d.Event.String()) }}))
	}
	m := weakbus.NewMailbox(1, weakbus.DropOldest)
	//weakvet:ignore vanishing the test says when it goes
	a, release := held(t, buses[0], m)
	weakbus.Subscribe(buses[1], a, (*actor).onNote, weakbus.Through(m))
	weakbus.Publish(buses[1], note{1})
	weakbus.Publish(buses[0], "pushes the note out")
	release()
	idle(t, m)
	assert.Equal(t, [2][]string{nil, {"weakbus_test.note"}}, told)
	assert.Equal(t, 1, buses[1].Stats().Topics[0].Dropped)
	assert.Zero(t, buses[0].Stats().Topics[0].Dropped)
	runtime.KeepAlive(a)
}

// A mailbox that goes to rest tells its buses under the same lock under which it is put into, or a bus
// would forget one that is at work.
func TestWait_SeesWhatComesWhileAMailboxGoesToRest(t *testing.T) {
	for name, opt := range map[string]weakbus.SubscribeOption{
		"Async":   weakbus.Async(8, weakbus.Block),
		"Through": weakbus.Through(weakbus.NewMailbox(8, weakbus.Block)),
	} {
		bus := weakbus.New()
		var handled atomic.Int64
		weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { handled.Add(1) }, opt)
		for i := range int64(20_000) {
			weakbus.Publish(bus, note{1})
			for spins := 0; handled.Load() < 2*i+1; spins++ {
				if spins > 100 {
					runtime.Gosched()
				}
			}
			for range i % 5_000 { // the goroutine is somewhere on its way to rest
				_ = handled.Load()
			}
			weakbus.Publish(bus, note{2})
			require.NoError(t, bus.Wait(t.Context()))
			require.Equal(t, 2*i+2, handled.Load(), name)
		}
	}
}

func TestMailbox_MisusePanics(t *testing.T) {
	for remedy, f := range map[string]func(){
		"weakbus: NewMailbox: capacity 0":                         func() { weakbus.NewMailbox(0, weakbus.Block) },
		"weakbus: NewMailbox: Overflow(9) is none of":             func() { weakbus.NewMailbox(1, weakbus.Overflow(9)) },
		"weakbus: Through: nil *Mailbox or a zero one; make one":  func() { weakbus.Through(nil) },
		"weakbus: Through: nil *Mailbox or a zero one; make":      func() { weakbus.Through(&weakbus.Mailbox{}) },
		"weakbus: Len: nil *Mailbox or a zero one; make one with": func() { new(weakbus.Mailbox).Len() },
		"weakbus: Async: the subscription has a Via, Async or Through already": func() {
			bus := weakbus.New()
			weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Through(weakbus.NewMailbox(1, weakbus.Block)), weakbus.Async(1, weakbus.Block))
		},
		"weakbus: Through: the subscription has a Via, Async or Through already": func() {
			bus := weakbus.New()
			weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Via(func(f func()) { f() }), weakbus.Through(weakbus.NewMailbox(1, weakbus.Block)))
		},
		"weakbus: Wait: nil context": func() { _ = weakbus.NewMailbox(1, weakbus.Block).Wait(noContext) },
	} {
		assert.Contains(t, panicOf(f), remedy)
	}
}

// panicOf returns what f panics with, as text.
func panicOf(f func()) (said string) {
	defer func() { said = fmt.Sprint(recover()) }()
	f()
	return said
}
