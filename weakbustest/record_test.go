package weakbustest_test

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

func TestRecord_TakesABusAndATopic(t *testing.T) {
	bus := weakbus.New()
	var topic weakbus.Topic[score]
	onBus, onTopic := weakbustest.Record[score](t, bus), weakbustest.Record[score](t, &topic)
	weakbus.Publish(bus, score{1})
	topic.Publish(score{2})
	topic.Publish(score{3})
	onBus.Expect(score{1})
	onTopic.Expect(score{2}, score{3})
	onTopic.ExpectCount(2)
	assert.Equal(t, 2, onTopic.Len())
}

func TestRecord_HearsUntilTheTestEndsThoughNobodyKeepsIt(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[score](bus)
	spyOn(func(t testing.TB) {
		weakbustest.Record[score](t, bus)
		for range 3 {
			runtime.GC()
		}
		assert.Equal(t, 1, weakbus.Publish(bus, score{1}))
	})
	assert.Zero(t, topic.Len(), "the test has ended")
}

func TestRecord_TakesOptions(t *testing.T) {
	bus := weakbus.New()
	big := weakbustest.Record[score](t, bus, weakbus.Filter(func(s score) bool { return s.n > 5 }))
	weakbus.Publish(bus, score{1})
	weakbus.Publish(bus, score{7})
	big.Expect(score{7})
}

func TestRecorder_EventsIsACopyAndResetForgets(t *testing.T) {
	bus := weakbus.New()
	r := weakbustest.Record[score](t, bus)
	weakbus.Publish(bus, score{1})
	events := r.Events()
	events[0] = score{9}
	r.Expect(score{1})
	r.Reset()
	r.Expect()
	weakbus.Publish(bus, score{2})
	r.Expect(score{2})
}

func TestRecorder_ExpectSaysWhereTheEventsDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		came, want []score
		says       string
	}{
		"in the middle": {[]score{{1}, {2}, {3}}, []score{{1}, {5}, {3}}, `
differ from index 1 on (3 came, 3 wanted; - wanted, + came):
	  0: {n:1}
	- 1: {n:5}
	+ 1: {n:2}
	  2: {n:3}`},
		"too few":  {[]score{{1}}, []score{{1}, {2}}, "differ from index 1 on (1 came, 2 wanted; - wanted, + came):\n\t  0: {n:1}\n\t- 1: {n:2}"},
		"too many": {[]score{{1}, {2}}, []score{{1}}, "differ from index 1 on (2 came, 1 wanted; - wanted, + came):\n\t  0: {n:1}\n\t+ 1: {n:2}"},
		"order":    {[]score{{2}, {1}}, []score{{1}, {2}}, "differ from index 0 on"},
		"very long": {nil, make([]score, 1000), `
	- 11: {n:0}
	  ...`},
	} {
		s := spyOn(func(t testing.TB) {
			bus := weakbus.New()
			r := weakbustest.Record[score](t, bus)
			for _, e := range c.came {
				weakbus.Publish(bus, e)
			}
			r.Expect(c.want...)
		})
		assert.Len(t, s.failures, 1, name)
		assert.Contains(t, s.said(), strings.TrimPrefix(c.says, "\n"), name)
		assert.Less(t, len(s.said()), 1000, name)
		assert.False(t, s.fatal, name)
	}
}

func TestRecorder_ExpectShowsWhatTheUsualFormatHides(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbus.New()
		r := weakbustest.Record[any](t, bus)
		weakbus.Publish(bus, int32(1))
		r.Expect(any("1"))
	})
	assert.Contains(t, s.said(), `- 0: "1"`)
}

func TestRecorder_ExpectCountShowsWhatCame(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbus.New()
		r := weakbustest.Record[score](t, bus)
		r.ExpectCount(1)
		weakbus.Publish(bus, score{4})
		r.ExpectCount(0)
	})
	assert.Equal(t, []string{
		"weakbustest: 0 events of weakbustest_test.score were recorded, want 1: none",
		"weakbustest: 1 events of weakbustest_test.score were recorded, want 0:\n\t0: {n:4}",
	}, s.failures)
}

func TestRecorder_WaitsForEventsOfOtherGoroutines(t *testing.T) {
	bus := weakbustest.NewBus(t)
	r := weakbustest.Record[score](t, bus, weakbus.Async(10, weakbus.Block))
	for i := range 5 {
		weakbus.Publish(bus, score{i})
	}
	r.Wait(5, 10*time.Second)
	r.Expect(score{0}, score{1}, score{2}, score{3}, score{4})
	r.Wait(2, 0) // they are there
}

func TestRecorder_WaitUsesTheTimeOfABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbustest.NewBus(t)
		r := weakbustest.Record[score](t, bus)
		go func() {
			time.Sleep(time.Hour)
			weakbus.Publish(bus, score{1})
		}()
		began := time.Now()
		r.Wait(1, 2*time.Hour)
		assert.Equal(t, time.Hour, time.Since(began))
	})
}

func TestRecorder_WaitIsBounded(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbus.New()
		r := weakbustest.Record[score](t, bus)
		weakbus.Publish(bus, score{1})
		r.Wait(2, time.Millisecond)
	})
	assert.Equal(t, "weakbustest: 1 events of weakbustest_test.score within 1ms, want 2:\n\t0: {n:1}", s.said())
	assert.True(t, s.fatal)
}
