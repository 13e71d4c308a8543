package weakbustest_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

// printer stands in for the *testing.T of a test: it prints the first line of what the test
// would fail with, without the directories of files.
type printer struct {
	testing.TB
	cleanups []func()
}

var directories = regexp.MustCompile(`\S*/(\w+\.go):\d+`)

func (p *printer) Helper()          {}
func (p *printer) Cleanup(f func()) { p.cleanups = append(p.cleanups, f) }

func (p *printer) Errorf(format string, args ...any) {
	line, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Println("FAIL:", directories.ReplaceAllString(line, "$1"))
}

func (p *printer) Fatalf(format string, args ...any) { p.Errorf(format, args...) }

// end does what the end of a test does.
func (p *printer) end() {
	for i := range p.cleanups {
		p.cleanups[len(p.cleanups)-1-i]()
	}
}

// Score is the examples' event.
type Score struct{ Points int }

// HUD is the examples' subscriber.
type HUD struct {
	name  string
	total int
}

// OnScore is its handler.
func (h *HUD) OnScore(s Score) { h.total += s.Points }

// Why did my subscriber vanish? Nobody kept it: a bus does not. NewBus reports it at the test's
// end.
func ExampleNewBus() {
	t := &printer{} // in your test, its *testing.T

	bus := weakbustest.NewBus(t)
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &HUD{name: "hud"}, (*HUD).OnScore) // nobody keeps the HUD
	scores := weakbus.TopicOf[Score](bus)
	weakbustest.Collect(t, func() bool { return scores.Len() == 0 })
	fmt.Println("reached:", scores.Publish(Score{Points: 10}))

	t.end()
	// Output:
	// reached: 0
	// FAIL: weakbustest: *weakbustest_test.HUD on weakbustest_test.Score, subscribed at example_test.go was collected before it heard its first event; keep a reference to its receiver or Scope
}

// Why is it still alive? Something refers to it. Here that is the handler, which the bus holds: a
// method value captures its receiver.
func ExampleCollectable() {
	t := &printer{} // in your test, its *testing.T
	bus := weakbus.New()

	weakbustest.Collectable(t, func() *HUD {
		hud := &HUD{name: "hud"}
		weakbus.Subscribe(bus, hud, (*HUD).OnScore)
		return hud
	})
	fmt.Println("a method expression is fine")

	weakbustest.Collectable(t, func() *HUD {
		hud := &HUD{name: "hud"}
		//weakvet:ignore immortal it is to be kept alive
		weakbus.SubscribeFunc(bus, bus.Scope(), hud.OnScore)
		return hud
	})
	// Output:
	// a method expression is fine
	// FAIL: weakbustest: a dropped *weakbustest_test.HUD is still alive after 100 collections. Something refers to it:
}

// A handler drops another subscriber, and the collector is quick: what a program does then can be
// tested without waiting for a collection.
func ExampleExpire() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	var sub *weakbus.Subscription
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { fmt.Println("expired:", weakbustest.Expire(sub)) })
	sub = weakbus.Subscribe(bus, hud, (*HUD).OnScore)

	fmt.Println("reached:", weakbus.Publish(bus, Score{Points: 10}))
	fmt.Println("the HUD's total:", hud.total)
	fmt.Println("its subscription:", sub.State())
	// Output:
	// expired: true
	// reached: 1
	// the HUD's total: 0
	// its subscription: collected
}

func ExampleRecord() {
	t := &printer{} // in your test, its *testing.T
	bus := weakbustest.NewBus(t)

	scores := weakbustest.Record[Score](t, bus)
	weakbus.Publish(bus, Score{Points: 10})
	weakbus.Publish(bus, Score{Points: 5})
	scores.Expect(Score{Points: 10}, Score{Points: 5})
	scores.ExpectCount(3)

	t.end()
	// Output:
	// FAIL: weakbustest: 2 events of weakbustest_test.Score were recorded, want 3:
}

// Which subscribers are there, who made them, and have they heard anything?
func ExampleNewBus_stats() {
	t := &printer{} // in your test, its *testing.T
	bus := weakbustest.NewBus(t)
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Label("main"))
	weakbus.Publish(bus, Score{Points: 10})

	for _, topic := range bus.Stats().Topics {
		fmt.Println(topic.Event, "live:", topic.Live, "collected:", topic.Ended[weakbus.Collected])
		for _, s := range topic.Subscriptions {
			fmt.Println("-", s.Receiver, s.Label, s.State, "heard:", s.Heard, directories.ReplaceAllString(s.Site, "$1"))
		}
	}
	runtime.KeepAlive(hud)

	t.end()
	// Output:
	// weakbustest_test.Score live: 1 collected: 0
	// - *weakbustest_test.HUD main active heard: true example_test.go
}
