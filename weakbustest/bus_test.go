package weakbustest_test

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

func TestNewBus_IsClosedAtTheEndAndSaysNothingWhereAllWentWell(t *testing.T) {
	var bus *weakbus.Bus
	var sub *weakbus.Subscription
	s := spyOn(func(t testing.TB) {
		bus = weakbustest.NewBus(t)
		h := &hud{}
		sub = weakbus.Subscribe(bus, h, (*hud).onScore)
		unheard := &hud{}
		weakbus.Subscribe(bus, unheard, (*hud).onScore).Cancel()
		assert.Equal(t, 1, weakbus.Publish(bus, score{1}))
		runtime.KeepAlive(h)
		runtime.KeepAlive(unheard)
	})
	assert.Empty(t, s.failures)
	assert.Equal(t, weakbus.Closed, sub.State())
}

// misbehave has everything happen that NewBus looks for.
func misbehave(bus *weakbus.Bus) {
	h := &hud{on: func(score) { panic(errors.New("no such score")) }}
	weakbus.Subscribe(bus, h, (*hud).onScore)
	weakbus.Publish(bus, score{1})
	q := weakbus.NewQueue(bus, weakbus.Capacity(1), weakbus.WhenFull(weakbus.DropOldest))
	for range 3 {
		_ = weakbus.Post(q, score{2})
	}
	//weakvet:ignore vanishing it is to expire
	weakbustest.Expire(weakbus.Subscribe(bus, &hud{}, (*hud).onScore, weakbus.Label("lost")))
	runtime.KeepAlive(h)
}

func TestNewBus_FailsTheTestForWhatGoesUnnoticed(t *testing.T) {
	s := spyOn(func(t testing.TB) { misbehave(weakbustest.NewBus(t)) })
	assert.Len(t, s.failures, 3, s.said())
	assert.Contains(t, s.failures[0], "*weakbustest_test.hud on weakbustest_test.score: handler panicked: no such score")
	assert.Contains(t, s.failures[0], "bus_test.go", "the stack")
	assert.Contains(t, s.failures[1], "2 events were dropped for want of room by a queue")
	assert.Regexp(t, `hud on weakbustest_test.score \(lost\), subscribed at .*bus_test.go:\d+ was collected before`, s.failures[2])
	assert.False(t, s.fatal)
}

func TestNewBus_LetsPassWhatIsAllowed(t *testing.T) {
	allow := map[string]weakbustest.Option{
		"panicked":         weakbustest.AllowPanics(),
		"were dropped":     weakbustest.AllowDrops(),
		"collected before": weakbustest.AllowEarlyCollection(),
	}
	for what, opt := range allow {
		s := spyOn(func(t testing.TB) { misbehave(weakbustest.NewBus(t, opt, nil)) })
		assert.Len(t, s.failures, 2, s.said())
		assert.NotContains(t, s.said(), what)
	}
}

func TestNewBus_ChecksBesideTheOptionsOfTheTest(t *testing.T) {
	var log bytes.Buffer
	var panics, panicked, dropped, ended int
	s := spyOn(func(t testing.TB) {
		misbehave(weakbustest.NewBus(t, weakbustest.With(
			weakbus.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			weakbus.OnPanic(func(*weakbus.PanicError) { panics++ }),
			weakbus.WithTrace(&weakbus.Trace{
				Panicked: func(*weakbus.PanicError) { panicked++ },
				Dropped:  func(d weakbus.Drop) { dropped += d.Count },
				Ended:    func(weakbus.SubscriptionInfo, weakbus.State) { ended++ },
			}),
		)))
	})
	assert.Len(t, s.failures, 3, s.said())
	assert.Equal(t, []int{1, 1, 2, 2}, []int{panics, panicked, dropped, ended})
	assert.Contains(t, log.String(), "was collected before it heard its first event")
}

func TestNewBus_NamesAMailboxOnceForAllThatItDropped(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbustest.NewBus(t)
		enter, leave := make(chan bool), make(chan bool)
		h := &hud{on: func(score) { enter <- true; <-leave }}
		weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Async(1, weakbus.DropNewest))
		weakbus.Publish(bus, score{1})
		<-enter
		h.on = nil
		for range 5 {
			weakbus.Publish(bus, score{2})
		}
		close(leave)
		assert.NoError(t, bus.Close())
		runtime.KeepAlive(h)
	})
	assert.Len(t, s.failures, 1, s.said())
	assert.Contains(t, s.said(), "4 events were dropped for want of room by the mailbox of *weakbustest_test.hud on")
}

func TestNewBus_ReportsWhatWasCollectedButNotNoticedYet(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbustest.NewBus(t)
		var ref weak.Pointer[hud]
		func() {
			h := &hud{}
			ref = weak.Make(h)
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(weakbus.TopicOf[score](bus).At(7), h, (*hud).onScore)
		}()
		weakbustest.Collect(t, func() bool { return ref.Value() == nil })
	})
	assert.Len(t, s.failures, 1)
	assert.Contains(t, s.said(), "at [7]")
}

func TestNewBus_NamesThePlaceOfARecord(t *testing.T) {
	bus := weakbustest.NewBus(t)
	weakbustest.Record[score](t, bus)
	assert.Contains(t, bus.Stats().Topics[0].Subscriptions[0].Site, "bus_test.go")
}

func TestNewBus_IsSilentAfterTheEnd(t *testing.T) {
	var task func()
	var bus *weakbus.Bus
	h := &hud{on: func(score) { panic("late") }}
	s := spyOn(func(t testing.TB) {
		bus = weakbustest.NewBus(t)
		weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.Via(func(f func()) { task = f }))
		weakbus.Publish(bus, score{1})
	})
	task()
	weakbus.Publish(bus, score{2})
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &hud{}, (*hud).onScore)
	for range 3 {
		runtime.GC()
	}
	assert.Empty(t, s.failures)
	assert.Empty(t, h.heard)
}
