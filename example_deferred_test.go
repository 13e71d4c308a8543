package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"weak"

	"github.com/weakbus/weakbus"
)

// Damage is an event that concerns one entity.
type Damage struct {
	Amount int
}

// Entity hears of its own damage only.
type Entity struct {
	Name   string
	Health int
}

func (e *Entity) OnDamage(d Damage) {
	e.Health -= d.Amount
	fmt.Printf("%s: %d left\n", e.Name, e.Health)
}

// A sub-topic for each entity: those who look at all of them subscribe to the topic itself.
func ExampleTopic_At() {
	bus := weakbus.New()
	damage := weakbus.TopicOf[Damage](bus)
	orc, elf := &Entity{"orc", 10}, &Entity{"elf", 10}
	weakbus.Subscribe(damage.At(1), orc, (*Entity).OnDamage)
	weakbus.Subscribe(damage.At(weak.Make(elf)), elf, (*Entity).OnDamage) // keyed by an object, which that does not keep alive
	weakbus.SubscribeFunc(damage, bus.Scope(), func(d Damage) { fmt.Println("log:", d.Amount) })

	damage.At(1).Publish(Damage{3})
	damage.At(weak.Make(elf)).Publish(Damage{4})
	damage.Publish(Damage{5})
	runtime.KeepAlive(orc)
	// Output:
	// orc: 7 left
	// log: 3
	// elf: 6 left
	// log: 4
	// log: 5
}

// Saved and Deleted are events; Auditable is what an audit log wants to hear of.
type Auditable interface{ Audit() string }

type Saved struct{ File string }

func (s Saved) Audit() string { return "saved " + s.File }

type Deleted struct{ File string }

func (d Deleted) Audit() string { return "deleted " + d.File }

// A handler of an interface type hears every event that implements it.
func ExampleSubscribeFunc_interface() {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e Auditable) { fmt.Println(e.Audit()) })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e any) { fmt.Printf("%T\n", e) })
	weakbus.Publish(bus, Saved{"a.txt"})
	weakbus.Publish(bus, Deleted{"b.txt"})
	weakbus.Publish(bus, Score{1})
	// Output:
	// saved a.txt
	// weakbus_test.Saved
	// deleted b.txt
	// weakbus_test.Deleted
	// weakbus_test.Score
}

// A new subscriber learns the present state before Subscribe returns.
func ExampleTopic_Retain() {
	type Online struct{ Users int }
	bus := weakbus.New()
	online := weakbus.TopicOf[Online](bus)
	online.Retain()
	online.Publish(Online{3})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(o Online) { fmt.Println("panel:", o.Users) }, weakbus.Replay())
	online.Publish(Online{4})
	last, _ := online.Last()
	fmt.Println("last:", last.Users)
	// Output:
	// panel: 3
	// panel: 4
	// last: 4
}

// A hidden window misses what is published, and shows the latest of it when it comes back.
func ExampleCatchUp() {
	bus := weakbus.New()
	var window weakbus.Scope
	weakbus.SubscribeFunc(bus, &window, func(r Resize) { fmt.Println("width", r.Width) }, weakbus.CatchUp())
	window.Pause()
	for width := range 3 {
		weakbus.Publish(bus, Resize{Width: 100 + width})
	}
	window.Resume()
	// Output: width 102
}

// A frame loop: anybody posts, the loop drains once a frame.
func ExampleQueue() {
	bus := weakbus.New()
	queue := weakbus.NewQueue(bus, weakbus.Capacity(4096))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(d Damage) {
		fmt.Println("damage", d.Amount)
		_ = weakbus.Post(queue, Score{d.Amount * 10}) // waits for the next frame
	})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { fmt.Println("score", s.Points) })

	if err := weakbus.Post(queue, Damage{1}); err != nil {
		fmt.Println(err) // ErrFull, or ErrClosed
	}
	_ = weakbus.Post(queue, Damage{2})
	for frame := range 3 {
		fmt.Println("frame", frame, "events", queue.Drain())
	}
	// Output:
	// damage 1
	// damage 2
	// frame 0 events 2
	// score 10
	// score 20
	// frame 1 events 2
	// frame 2 events 0
}

func ExampleQueue_Run() {
	bus := weakbus.New()
	queue := weakbus.NewQueue(bus)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(d Damage) { fmt.Println("damage", d.Amount) })
	done := make(chan error)
	go func() { done <- queue.Run(context.Background()) }()
	_ = weakbus.Post(queue, Damage{1})
	_ = queue.Close() // what was accepted is still delivered
	fmt.Println(<-done)
	// Output:
	// damage 1
	// <nil>
}

func ExamplePostTo() {
	bus := weakbus.New()
	queue := weakbus.NewQueue(bus)
	damage := weakbus.TopicOf[Damage](bus)
	orc := &Entity{"orc", 10}
	weakbus.Subscribe(damage.At(1), orc, (*Entity).OnDamage)
	_ = weakbus.PostTo(queue, damage.At(1), Damage{2})
	fmt.Println(queue.Drain())
	runtime.KeepAlive(orc)
	// Output:
	// orc: 8 left
	// 1
}

func ExampleWhenFull() {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(d Damage) { fmt.Println("damage", d.Amount) })
	for _, policy := range []weakbus.Overflow{weakbus.DropNewest, weakbus.DropOldest, weakbus.Latest} {
		queue := weakbus.NewQueue(bus, weakbus.Capacity(2), weakbus.WhenFull(policy))
		for i := range 3 {
			if err := weakbus.Post(queue, Damage{i}); errors.Is(err, weakbus.ErrFull) {
				fmt.Println("refused", i)
			}
		}
		queue.Drain()
		fmt.Println(policy, "dropped", queue.Dropped())
	}
	// Output:
	// refused 2
	// damage 0
	// damage 1
	// DropNewest dropped 1
	// damage 1
	// damage 2
	// DropOldest dropped 1
	// damage 2
	// Latest dropped 2
}

// Indexer works in the background, one document after the other.
type Indexer struct {
	words map[string]int
}

func (x *Indexer) OnSaved(s Saved) { x.words[s.File]++ }

func ExampleAsync() {
	bus := weakbus.New()
	index := &Indexer{words: map[string]int{}}
	weakbus.Subscribe(bus, index, (*Indexer).OnSaved, weakbus.Async(100, weakbus.Block))
	for range 3 {
		weakbus.Publish(bus, Saved{"a.txt"}) // does not wait for the indexer
	}
	_ = bus.Close() // but this does
	fmt.Println(index.words)
	// Output: map[a.txt:3]
}

// mainThread stands for what a user interface offers: fyne.Do, glib.IdleAdd and the like.
var mainThread []func()

func doOnMainThread(task func()) { mainThread = append(mainThread, task) }

func ExampleVia() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Via(doOnMainThread))
	weakbus.Publish(bus, Score{Points: 1}) // from any goroutine
	fmt.Println("published")
	for _, task := range mainThread {
		task()
	}
	runtime.KeepAlive(hud)
	// Output:
	// published
	// hud: 1
}

func ExampleEvents() {
	bus := weakbus.New()
	saved := weakbus.TopicOf[Saved](bus)
	saved.Retain()
	saved.Publish(Saved{"a.txt"})
	for e := range weakbus.Events[Saved](context.Background(), bus, weakbus.Replay()) {
		fmt.Println(e.File)
		if e.File == "b.txt" {
			break
		}
		weakbus.Publish(bus, Saved{"b.txt"})
	}
	// Output:
	// a.txt
	// b.txt
}

// CloseDocument asks whoever may object.
type CloseDocument struct {
	weakbus.Request[string]
	File string
}

func ExampleRequest() {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(c *CloseDocument) { c.Reply(c.File + " has changes") })
	ask := &CloseDocument{File: "a.txt"}
	weakbus.Publish(bus, ask)
	objection, err := ask.One()
	fmt.Println(objection, err)

	weakbus.SubscribeFunc(bus, bus.Scope(), func(c *CloseDocument) { c.Reply(c.File + " is being printed") })
	ask = &CloseDocument{File: "a.txt"}
	weakbus.Publish(bus, ask)
	fmt.Printf("%q\n", ask.Replies())
	_, err = ask.One()
	fmt.Println(errors.Is(err, weakbus.ErrManyReplies))
	// Output:
	// a.txt has changes <nil>
	// ["a.txt has changes" "a.txt is being printed"]
	// true
}

// An upstream connection is open for as long as somebody listens.
func ExampleWithTrace() {
	bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{
		Active: func(t weakbus.TopicInfo) { fmt.Println("connect", t.Keys) },
		Idle:   func(t weakbus.TopicInfo) { fmt.Println("disconnect", t.Keys) },
		Ended:  func(s weakbus.SubscriptionInfo, cause weakbus.State) { fmt.Println(s.Label, cause) },
	}))
	prices := weakbus.TopicOf[Score](bus)
	var chart weakbus.Scope
	weakbus.SubscribeFunc(prices.At("EURUSD"), &chart, func(Score) {}, weakbus.Label("chart"))
	_ = chart.Close()
	// Output:
	// connect [EURUSD]
	// chart cancelled
	// disconnect [EURUSD]
}

// lines is a log that can be waited for.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// The log names the place of a Subscribe whose receiver nobody kept.
func ExampleWithLogger() {
	log := make(lines, 1)
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "subscribed" { // they change from run to run
				return slog.Attr{}
			}
			return a
		},
	}))
	bus := weakbus.New(weakbus.WithLogger(logger))
	weakbus.Subscribe(bus, &HUD{name: "nobody keeps it"}, (*HUD).OnScore) //weakvet:ignore vanishing that is the mistake
	for len(log) == 0 {
		runtime.GC()
	}
	fmt.Print(<-log)
	runtime.KeepAlive(bus)
	// Output:
	// level=WARN msg="weakbus: a subscriber was collected before it heard its first event; if that is too early, keep a reference to its receiver or Scope" event=weakbus_test.Score receiver=*weakbus_test.HUD
}

func ExampleBus_Stats() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Label("hud"), weakbus.Priority(5))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) {}).Cancel()
	for _, topic := range bus.Stats().Topics {
		fmt.Println(topic.Event, "live:", topic.Live, "ended:", topic.Ended)
		for _, sub := range topic.Subscriptions {
			fmt.Println(sub.Receiver, sub.Label, sub.Priority, sub.State)
		}
	}
	runtime.KeepAlive(hud)
	// Output:
	// weakbus_test.Score live: 1 ended: map[cancelled:1]
	// *weakbus_test.HUD hud 5 active
}

// Plugin is something whose code and memory go away when it is unloaded.
type Plugin struct {
	subs   weakbus.Scope
	memory []byte
}

func (p *Plugin) Unload() {
	if err := p.subs.CloseWait(context.Background()); err != nil {
		fmt.Println(err)
	}
	p.memory = nil // no handler of the plugin is running
}

func ExampleScope_CloseWait() {
	bus := weakbus.New()
	p := &Plugin{memory: make([]byte, 1<<10)}
	weakbus.SubscribeFunc(bus, &p.subs, func(s Score) { p.memory[s.Points]++ })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1_000 {
			weakbus.Publish(bus, Score{i})
		}
	}()
	p.Unload()
	<-done
	fmt.Println("unloaded while events flow")
	// Output: unloaded while events flow
}
