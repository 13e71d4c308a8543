package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
	"weak"

	"github.com/weakbus/weakbus"
)

// Score is an event.
type Score struct{ Points int }

// HUD is a receiver: an object that hears events for as long as it lives.
type HUD struct {
	name  string
	total int
}

func (h *HUD) OnScore(s Score) {
	h.total += s.Points
	fmt.Printf("%s: %d\n", h.name, h.total)
}

func (h *HUD) Save(_ context.Context, s Score) error {
	if s.Points < 0 {
		return errors.New("negative score")
	}
	h.total += s.Points
	return nil
}

// The bus holds the subscriber weakly: when it is dropped, the bus forgets it.
func Example() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)

	fmt.Println("reached:", weakbus.Publish(bus, Score{Points: 10}))
	fmt.Println("reached:", weakbus.Publish(bus, Score{Points: 5}))

	gone := weak.Make(hud)
	hud = nil // the last reference
	for gone.Value() != nil {
		runtime.GC()
	}
	fmt.Println("reached:", weakbus.Publish(bus, Score{Points: 1}))
	// Output:
	// hud: 10
	// reached: 1
	// hud: 15
	// reached: 1
	// reached: 0
}

func ExampleSubscribe() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	// The method expression gets its receiver from the bus. A method value, hud.OnScore, would
	// keep hud alive for ever.
	sub := weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	weakbus.Publish(bus, Score{Points: 1})
	fmt.Println(sub.Cancel(), sub.State())
	fmt.Println(weakbus.Publish(bus, Score{Points: 1}))
	runtime.KeepAlive(hud)
	// Output:
	// hud: 1
	// true cancelled
	// 0
}

// Window owns a scope; functions that are subscribed under it may refer to the window.
type Window struct {
	width int
	subs  weakbus.Scope
}

type Resize struct{ Width int }

func NewWindow(bus *weakbus.Bus) *Window {
	w := &Window{}
	weakbus.SubscribeFunc(bus, &w.subs, func(e Resize) { w.width = e.Width })
	return w
}

func ExampleSubscribeFunc() {
	bus := weakbus.New()
	w := NewWindow(bus)
	weakbus.Publish(bus, Resize{Width: 640})
	fmt.Println("width", w.width)

	_ = w.subs.Close() // where the moment matters; else dropping w is enough
	fmt.Println("reached", weakbus.Publish(bus, Resize{Width: 800}))
	// Output:
	// width 640
	// reached 0
}

func ExampleSubscribeContext() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.SubscribeContext(bus, hud, (*HUD).Save, weakbus.Label("high scores"))

	n, err := weakbus.PublishContext(context.Background(), bus, Score{Points: -1})
	fmt.Println(n, err)
	var failed *weakbus.HandlerError
	fmt.Println(errors.As(err, &failed), failed.Label, failed.Receiver, failed.Err)
	runtime.KeepAlive(hud)
	// Output:
	// 1 weakbus: *weakbus_test.HUD on weakbus_test.Score (high scores): negative score
	// true high scores *weakbus_test.HUD negative score
}

func ExampleSubscribeFuncContext() {
	bus := weakbus.New()
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, s Score) error {
		deadline, _ := ctx.Deadline()
		fmt.Println("saving", s.Points, "by", deadline.Format(time.TimeOnly))
		return nil
	})
	ctx, cancel := context.WithDeadline(context.Background(), time.Date(2100, 1, 1, 12, 0, 0, 0, time.UTC))
	defer cancel()
	fmt.Println(weakbus.PublishContext(ctx, bus, Score{Points: 3}))
	// Output:
	// saving 3 by 12:00:00
	// 1 <nil>
}

func ExamplePublish() {
	bus := weakbus.New()
	a, b := &HUD{name: "a"}, &HUD{name: "b"}
	weakbus.Subscribe(bus, a, (*HUD).OnScore)
	weakbus.Subscribe(bus, b, (*HUD).OnScore, weakbus.Priority(1))
	fmt.Println(weakbus.Publish(bus, Score{Points: 10}))
	fmt.Println(weakbus.Publish(bus, "nobody subscribed to strings"))
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	// Output:
	// b: 10
	// a: 10
	// 2
	// 0
}

func ExamplePublishContext() {
	bus := weakbus.New()
	ctx, cancel := context.WithCancel(context.Background())
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { cancel() })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { fmt.Println("not reached") })
	fmt.Println(weakbus.PublishContext(ctx, bus, Score{}))
	// Output:
	// 1 context canceled
}

type Click struct{ X, Y int }

// Button has a topic as a field: a signal.
type Button struct {
	Caption string
	Clicked weakbus.Topic[Click]
}

type Dialog struct{ answer string }

func (d *Dialog) OnClick(c Click) { fmt.Println(d.answer, c.X, c.Y) }

func ExampleTopic() {
	button := &Button{Caption: "OK"}
	dialog := &Dialog{answer: "confirmed at"}
	weakbus.Subscribe(&button.Clicked, dialog, (*Dialog).OnClick)
	button.Clicked.Publish(Click{X: 3, Y: 4})
	fmt.Println(button.Clicked.Len())
	runtime.KeepAlive(dialog)
	// Output:
	// confirmed at 3 4
	// 1
}

func ExampleTopicOf() {
	bus := weakbus.New()
	scores := weakbus.TopicOf[Score](bus) // saves the lookup by type in a loop
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	for i := range 3 {
		scores.Publish(Score{Points: i})
	}
	runtime.KeepAlive(hud)
	// Output:
	// hud: 0
	// hud: 1
	// hud: 3
}

func ExampleScope() {
	bus := weakbus.New()
	w := NewWindow(bus)
	w.subs.Pause() // hidden
	weakbus.Publish(bus, Resize{Width: 1})
	fmt.Println(w.width, w.subs.Len())
	w.subs.Resume()
	weakbus.Publish(bus, Resize{Width: 2})
	fmt.Println(w.width, w.subs.Len())
	// Output:
	// 0 1
	// 2 1
}

func ExampleBus_Scope() {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { fmt.Println("log:", s.Points) })
	runtime.GC() // the function has no owner; the bus itself keeps it
	weakbus.Publish(bus, Score{Points: 7})
	// Output:
	// log: 7
}

func ExampleBus_Close() {
	bus := weakbus.New()
	fmt.Println(bus.Close())
	sub := weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) {})
	fmt.Println(sub.State(), weakbus.Publish(bus, Score{}))
	_, err := weakbus.PublishContext(context.Background(), bus, Score{})
	fmt.Println(errors.Is(err, weakbus.ErrClosed))
	// Output:
	// <nil>
	// closed 0
	// true
}

func ExampleOnPanic() {
	bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { fmt.Println(p) }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { panic("out of lives") }, weakbus.Label("game over"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { fmt.Println("still running") })
	fmt.Println(weakbus.Publish(bus, Score{}))
	// Output:
	// weakbus: func(weakbus_test.Score) on weakbus_test.Score (game over): handler panicked: out of lives
	// still running
	// 2
}

func ExampleOnce() {
	bus := weakbus.New()
	sub := weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { fmt.Println("first:", s.Points) }, weakbus.Once())
	weakbus.Publish(bus, Score{Points: 1})
	weakbus.Publish(bus, Score{Points: 2})
	fmt.Println(sub.State())
	// Output:
	// first: 1
	// spent
}

func ExampleFilter() {
	bus := weakbus.New()
	big := weakbus.Filter(func(s Score) bool { return s.Points >= 100 })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { fmt.Println("big:", s.Points) }, big)
	weakbus.Publish(bus, Score{Points: 5})
	weakbus.Publish(bus, Score{Points: 500})
	// Output:
	// big: 500
}

func ExampleUntil() {
	bus := weakbus.New()
	ctx, endLevel := context.WithCancel(context.Background())
	hud := &HUD{name: "level 1"}
	sub := weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Until(ctx))
	weakbus.Publish(bus, Score{Points: 1})
	endLevel()
	weakbus.Publish(bus, Score{Points: 2})
	fmt.Println(sub.State())
	runtime.KeepAlive(hud)
	// Output:
	// level 1: 1
	// cancelled
}

func ExampleIn() {
	bus := weakbus.New()
	var level weakbus.Scope
	a, b := &HUD{name: "a"}, &HUD{name: "b"}
	weakbus.Subscribe(bus, a, (*HUD).OnScore, weakbus.In(&level))
	weakbus.Subscribe(bus, b, (*HUD).OnScore)
	_ = level.Close()
	weakbus.Publish(bus, Score{Points: 1})
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	// Output:
	// b: 1
}

func ExampleSubscription_Pause() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	sub := weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	sub.Pause()
	fmt.Println(weakbus.Publish(bus, Score{Points: 1}), sub.State())
	sub.Resume()
	fmt.Println(weakbus.Publish(bus, Score{Points: 2}), sub.State())
	runtime.KeepAlive(hud)
	// Output:
	// 0 paused
	// hud: 2
	// 1 active
}

// Key is an event that one handler may keep from the others.
type Key struct {
	weakbus.Stopper
	Code rune
}

func ExampleStopper() {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(k *Key) {
		fmt.Printf("shortcut %c\n", k.Code)
		k.Stop()
	}, weakbus.Priority(1))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(k *Key) { fmt.Printf("editor %c\n", k.Code) })
	fmt.Println(weakbus.Publish(bus, &Key{Code: 'q'}))
	// Output:
	// shortcut q
	// 1
}
