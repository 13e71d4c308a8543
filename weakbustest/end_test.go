package weakbustest_test

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

func TestNewBus_FindsAVanishedSubscriberThoughNoCollectionRan(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbustest.NewBus(t)
		//weakvet:ignore vanishing it is to be found
		weakbus.Subscribe(bus, &hud{}, (*hud).onScore, weakbus.Label("lost"))
		//weakvet:ignore vanishing it is to be found
		weakbus.Subscribe(weakbus.TopicOf[score](bus).At("k"), &hud{}, (*hud).onScore, weakbus.Async(1, weakbus.Block))
		//weakvet:ignore vanishing the test says when it goes
		weakbus.SubscribeFunc(bus, &weakbus.Scope{}, func(score) {})
		weakbus.SubscribeFunc(bus, bus.Scope(), func(score) {}) // the bus keeps it
		weakbustest.Record[score](t, bus)                       // and the test this one
	})
	assert.Len(t, s.failures, 3, s.said())
	assert.Regexp(t, `hud on weakbustest_test.score \(lost\), subscribed at .*end_test.go:\d+ was collected before`, s.said())
	assert.Contains(t, s.said(), "at [k], subscribed at ")
	assert.Contains(t, s.said(), "func(weakbustest_test.score) on")
}

func TestNewBus_LetsPassWhoIsKeptHeardSomethingOrIsKeyedByItself(t *testing.T) {
	kept := &hud{}
	s := spyOn(func(t testing.TB) {
		bus := weakbustest.NewBus(t)
		weakbus.Subscribe(bus, kept, (*hud).onScore)
		heard := &hud{}
		weakbus.Subscribe(weakbus.TopicOf[score](bus).At(1), heard, (*hud).onScore)
		weakbus.TopicOf[score](bus).At(1).Publish(score{1})
		func() {
			entity := &hud{}
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(weakbus.TopicOf[score](bus).At(weak.Make(entity)), entity, (*hud).onScore)
		}()
		cancelled := &hud{}
		weakbus.Subscribe(bus, cancelled, (*hud).onScore).Cancel()
		runtime.KeepAlive(heard)
	})
	assert.Empty(t, s.failures)
	runtime.KeepAlive(kept)
}

func TestNewBus_AllowEarlyCollectionHoldsAtTheEndToo(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(weakbustest.NewBus(t, weakbustest.AllowEarlyCollection()), &hud{}, (*hud).onScore)
	})
	assert.Empty(t, s.failures)
}

func TestCollectable_GoesTogetherWithNewBus(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		bus := weakbustest.NewBus(t)
		weakbustest.Collectable(t, func() *window {
			w := &window{}
			weakbus.SubscribeFunc(bus, &w.subs, func(e score) { w.width = e.n })
			h := &hud{} // a part of what it builds
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(bus, h, (*hud).onScore)
			return w
		})
		//weakvet:ignore vanishing it is to be found
		weakbus.Subscribe(bus, &hud{}, (*hud).onScore, weakbus.Label("lost"))
	})
	require.Len(t, s.failures, 1, s.said())
	assert.Contains(t, s.said(), "(lost)", "others are no more exempt than before")
}

// The tests that TestNewBus_ReportsNameTheLineOfTheTest runs; each has to fail.
func TestFailing(t *testing.T) {
	if os.Getenv("WEAKBUSTEST_FAIL") == "" {
		t.Skip("it is run by another test")
	}
	t.Run("NewBus", func(t *testing.T) {
		bus := weakbustest.NewBus(t) // line: NewBus
		h := &hud{on: func(score) { panic("oops") }}
		weakbus.Subscribe(bus, h, (*hud).onScore)
		weakbus.Publish(bus, score{1}) // line: published
		//weakvet:ignore vanishing it is to be found
		weakbus.Subscribe(bus, &hud{}, (*hud).onScore) // line: subscribed
		runtime.KeepAlive(h)
	})
	t.Run("Expect", func(t *testing.T) {
		r := weakbustest.Record[score](t, weakbus.New())
		r.Expect(score{1})          // line: Expect
		r.ExpectCount(2)            // line: ExpectCount
		r.Wait(1, time.Millisecond) // line: Wait
	})
	t.Run("Collectable", func(t *testing.T) {
		weakbustest.Collectable(t, func() *hud { return nil }) // line: Collectable
	})
	t.Run("bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bus := weakbustest.NewBus(t)
			h := &hud{}
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(bus, h, (*hud).onScore)
			t.Fail() // the log of a test that passes is not shown
		})
	})
}

func TestNewBus_ReportsNameTheLineOfTheTest(t *testing.T) {
	source, err := os.ReadFile("end_test.go")
	require.NoError(t, err)
	line := map[string]string{} // by name
	for i, text := range strings.Split(string(source), "\n") {
		if _, name, ok := strings.Cut(text, "// line: "); ok && !strings.Contains(text, "Cut") {
			line[name] = "end_test.go:" + strconv.Itoa(i+1)
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFailing$", "-test.count=1")
	cmd.Env = append(os.Environ(), "WEAKBUSTEST_FAIL=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	for name, said := range map[string]string{
		"NewBus":      `weakbustest: \*weakbustest_test.hud on .*, subscribed at \S*/` + line["subscribed"] + ` was collected before`,
		"Expect":      `weakbustest: the events of .* differ`,
		"ExpectCount": `weakbustest: 0 events of .* were recorded, want 2`,
		"Wait":        `weakbustest: 0 events of .* within 1ms`,
		"Collectable": `weakbustest: Collectable: build returned a nil`,
		"bubble":      `weakbustest: .* has heard nothing. Whether anybody keeps it was not looked at`,
	} {
		if name != "bubble" { // where package testing itself names a line of its own for a Cleanup
			said = regexp.QuoteMeta(line[name]) + ": " + said
		}
		assert.Regexp(t, said, string(out), name)
	}
	assert.Regexp(t, `handler panicked: oops, published at \S*/`+regexp.QuoteMeta(line["published"]), string(out))
}

func TestNewBusAndRecord_WorkInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := weakbustest.NewBus(t)
		at := time.Now()
		now := weakbustest.Record[score](t, bus)
		later := weakbustest.Record[score](t, bus, weakbus.Async(8, weakbus.Block))
		slow := weakbustest.Record[score](t, bus, weakbus.Debounce(time.Minute))
		looped := make(chan int, 9)
		go func() {
			for e := range weakbus.Events[score](t.Context(), bus) {
				looped <- e.n
			}
		}()
		synctest.Wait()
		weakbus.Publish(bus, score{1})
		weakbus.Publish(bus, score{2})
		now.Expect(score{1}, score{2})
		later.Wait(2, time.Second)
		slow.Wait(1, time.Hour)
		slow.Expect(score{2})
		assert.Equal(t, time.Minute, time.Since(at))
		assert.Equal(t, 1, <-looped)
	})
}

func TestNewBus_MadeOutsideABubbleServesOne(t *testing.T) {
	bus := weakbustest.NewBus(t)
	synctest.Test(t, func(t *testing.T) {
		r := weakbustest.Record[score](t, bus, weakbus.Throttle(time.Second))
		weakbus.Publish(bus, score{1})
		weakbus.Publish(bus, score{2})
		r.Wait(2, time.Hour)
		r.Expect(score{1}, score{2})
	})
}

func TestNewBus_NamesAQueueThatDropped(t *testing.T) {
	s := spyOn(func(t testing.TB) {
		q := weakbus.NewQueue(weakbustest.NewBus(t), weakbus.Capacity(1), weakbus.QueueLabel("frame"))
		for range 3 {
			_ = weakbus.Post(q, score{1})
		}
	})
	require.Len(t, s.failures, 1, s.said())
	assert.Contains(t, s.said(), `2 events were dropped for want of room by the queue "frame"`)
}
