package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"github.com/weakbus/weakbus"
)

// A trace of each publish and each handler, as for OpenTelemetry: the context that PublishStart returns
// is the parent of what HandleStart begins.
func ExampleBus_Observe() {
	bus := weakbus.New()
	hud := &HUD{name: "hud"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore, weakbus.Label("hud"))

	type spanKey struct{}
	stop := bus.Observe(&weakbus.Trace{
		PublishStart: func(ctx context.Context, topic weakbus.TopicInfo, _ any) context.Context {
			return context.WithValue(ctx, spanKey{}, "publish "+topic.String())
		},
		HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
			fmt.Println("begin", sub.Label, "in", ctx.Value(spanKey{}))
			return ctx
		},
		HandleEnd: func(_ context.Context, sub weakbus.SubscriptionInfo, err error) { fmt.Println("end", sub.Label, err) },
		Unheard:   func(topic weakbus.TopicInfo, event any) { fmt.Println("nobody hears", topic, event) },
	})
	weakbus.Publish(bus, Score{Points: 10})
	weakbus.Publish(bus, "no subscriber")
	stop()
	weakbus.Publish(bus, Score{Points: 5})
	runtime.KeepAlive(hud)
	// Output:
	// begin hud in publish weakbus_test.Score
	// hud: 10
	// end hud <nil>
	// nobody hears string no subscriber
	// hud: 15
}

// A debug page shows who subscribed where, also on a bus that nobody observes.
func ExampleWithSites() {
	bus := weakbus.New(weakbus.WithSites())
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) {})
	weakbus.Publish(bus, Score{Points: 10})
	for _, topic := range bus.Stats().Topics {
		fmt.Println(topic, topic.Published, "published", topic.Heard, "heard")
		for _, sub := range topic.Subscriptions {
			site := filepath.Base(sub.Site)
			fmt.Println("subscribed in", site[:len("example_more_test.go")], "heard:", sub.Heard)
		}
	}
	// Output:
	// weakbus_test.Score 1 published 1 heard
	// subscribed in example_more_test.go heard: true
}

// A bridge sends what is published here, and asks the other side only for what somebody listens to.
func ExampleTap() {
	bus := weakbus.New()
	stop := weakbus.Tap(bus, weakbus.TapConfig[Damage]{
		Publish: func(_ context.Context, topic weakbus.TopicInfo, d Damage) error {
			fmt.Println("send", d.Amount, topic.Keys)
			return nil
		},
		Interest: func(topic weakbus.TopicInfo, active bool) { fmt.Println("interest", topic.Keys, active) },
	})
	defer stop()
	damage := weakbus.TopicOf[Damage](bus)
	orc := &Entity{"orc", 10}
	sub := weakbus.Subscribe(damage.At("orc"), orc, (*Entity).OnDamage)
	damage.At("orc").Publish(Damage{3})
	damage.At("elf").Publish(Damage{4})
	sub.Cancel()
	runtime.KeepAlive(orc)
	// Output:
	// interest [orc] true
	// send 3 [orc]
	// orc: 7 left
	// send 4 [elf]
	// interest [orc] false
}

// Account is a component without locks: all its handlers come through one mailbox.
type Account struct {
	balance int
	history []string
}

type (
	Deposit  struct{ Amount int }
	Withdraw struct{ Amount int }
)

func (a *Account) OnDeposit(d Deposit) {
	a.balance += d.Amount
	a.history = append(a.history, fmt.Sprint("+", d.Amount))
}

func (a *Account) OnWithdraw(w Withdraw) {
	a.balance -= w.Amount
	a.history = append(a.history, fmt.Sprint("-", w.Amount))
}

// One call at a time, in the order of publishing, though the event types differ.
func ExampleNewMailbox() {
	bus := weakbus.New()
	account := &Account{}
	mailbox := weakbus.NewMailbox(64, weakbus.Block)
	weakbus.Subscribe(bus, account, (*Account).OnDeposit, weakbus.Through(mailbox))
	weakbus.Subscribe(bus, account, (*Account).OnWithdraw, weakbus.Through(mailbox))
	weakbus.Publish(bus, Deposit{100})
	weakbus.Publish(bus, Withdraw{30})
	weakbus.Publish(bus, Deposit{5})
	_ = mailbox.Wait(context.Background())
	fmt.Println(account.balance, account.history)
	// Output: 75 [+100 -30 +5]
}

// Two subscriptions with Async would run at once; Through has them take turns.
func ExampleThrough() {
	bus := weakbus.New()
	m := weakbus.NewMailbox(16, weakbus.Block)
	var log []string // no lock
	weakbus.SubscribeFunc(bus, bus.Scope(), func(n int) { log = append(log, fmt.Sprint("int ", n)) }, weakbus.Through(m))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s string) { log = append(log, "string "+s) }, weakbus.Through(m))
	weakbus.Publish(bus, 1)
	weakbus.Publish(bus, "a")
	weakbus.Publish(bus, 2)
	_ = bus.Close() // waits
	fmt.Println(log)
	// Output: [int 1 string a int 2]
}

// Progress is shown by a user interface that is busy now and then.
type Progress struct{ Percent int }

// Only the present state is worth a call.
func ExampleCoalesce() {
	bus := weakbus.New()
	var mainLoop []func()
	runOnMain := func(f func()) { mainLoop = append(mainLoop, f) }
	weakbus.SubscribeFunc(bus, bus.Scope(), func(p Progress) { fmt.Println(p.Percent, "%") },
		weakbus.Coalesce(), weakbus.Via(runOnMain))
	for percent := range 100 {
		weakbus.Publish(bus, Progress{percent + 1})
	}
	fmt.Println(len(mainLoop), "call")
	for _, task := range mainLoop {
		task()
	}
	fmt.Println(bus.Stats().Topics[0].Subscriptions[0].Replaced, "replaced")
	// Output:
	// 1 call
	// 100 %
	// 99 replaced
}

// A search field searches when nothing was typed for a while.
func ExampleDebounce() {
	type Typed struct{ Text string }
	bus := weakbus.New()
	searched := make(chan string)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(t Typed) { searched <- t.Text }, weakbus.Debounce(100*time.Millisecond))
	for _, text := range []string{"w", "we", "wea", "weak"} {
		weakbus.Publish(bus, Typed{text})
	}
	fmt.Println("search for", <-searched)
	// Output: search for weak
}

// A window that is being resized is laid out at once, and then not with every size.
func ExampleThrottle() {
	type Resized struct{ Width int }
	bus := weakbus.New()
	laidOut := make(chan int, 10)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(r Resized) { laidOut <- r.Width }, weakbus.Throttle(100*time.Millisecond))
	for width := 640; width <= 800; width += 10 {
		weakbus.Publish(bus, Resized{width})
	}
	fmt.Println("at once:", <-laidOut)
	fmt.Println("later:", <-laidOut)
	// Output:
	// at once: 640
	// later: 800
}

// A user interface is told once that there is something to drain.
func ExampleWake() {
	bus := weakbus.New()
	invalidate := func() { fmt.Println("draw a frame, please") } // such as window.Invalidate of Gio
	queue := weakbus.NewQueue(bus, weakbus.Wake(invalidate))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { fmt.Println(s.Points) })
	_ = weakbus.Post(queue, Score{Points: 10})
	_ = weakbus.Post(queue, Score{Points: 5})
	queue.Drain() // in the frame
	// Output:
	// draw a frame, please
	// 10
	// 5
}

// Stats and reports name the queue.
func ExampleQueueLabel() {
	bus := weakbus.New()
	queue := weakbus.NewQueue(bus, weakbus.QueueLabel("frame"), weakbus.Capacity(2))
	for range 3 {
		_ = weakbus.Post(queue, Score{Points: 1})
	}
	for _, q := range bus.Stats().Queues {
		fmt.Printf("%s: %d of %d, %d dropped\n", q.Label, q.Waiting, q.Capacity, q.Dropped)
	}
	runtime.KeepAlive(queue)
	// Output: frame: 2 of 2, 1 dropped
}

// Of concurrent updates none is lost, and each is published.
func ExampleTopic_Update() {
	type Online struct{ Users int }
	bus := weakbus.New()
	online := weakbus.TopicOf[Online](bus).Retain()
	weakbus.SubscribeFunc(online, bus.Scope(), func(o Online) { fmt.Println(o.Users, "online") })
	login := func(last Online, _ bool) Online { return Online{last.Users + 1} }
	online.Update(login)
	online.Update(login)
	last, _ := online.Last()
	fmt.Println("last:", last.Users)
	// Output:
	// 1 online
	// 2 online
	// last: 2
}

// After a logout, nobody is to be shown the last user.
func ExampleTopic_Forget() {
	type User struct{ Name string }
	user := new(weakbus.Topic[User]).Retain()
	user.Publish(User{"ada"})
	user.Forget()
	_, ok := user.Last()
	fmt.Println(ok)
	// Output: false
}

// A game ends all subscriptions of a level, whoever made them.
func ExampleTopic_Clear() {
	bus := weakbus.New()
	orc := &Entity{"orc", 10}
	level := weakbus.TopicOf[Damage](bus).At("level 1")
	sub := weakbus.Subscribe(level, orc, (*Entity).OnDamage)
	fmt.Println("ended:", level.Clear(), sub.State())
	fmt.Println("heard by:", level.Publish(Damage{1}))
	weakbus.Subscribe(level, orc, (*Entity).OnDamage) // the topic goes on
	level.Publish(Damage{2})
	runtime.KeepAlive(orc)
	// Output:
	// ended: 1 closed
	// heard by: 0
	// orc: 8 left
}

// A test waits for what was published to be handled.
func ExampleBus_Wait() {
	bus := weakbus.New()
	total := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func(s Score) { total += s.Points }, weakbus.Async(16, weakbus.Block))
	weakbus.Publish(bus, Score{Points: 10})
	weakbus.Publish(bus, Score{Points: 5})
	if err := bus.Wait(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(total)
	// Output: 15
}

// A server gives its handlers the time that its own shutdown has.
func ExampleBus_Shutdown() {
	bus := weakbus.New()
	stuck, release := make(chan bool), make(chan bool)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(Score) { stuck <- true; <-release }, weakbus.Async(16, weakbus.Block))
	weakbus.Publish(bus, Score{Points: 10})
	weakbus.Publish(bus, Score{Points: 5})
	<-stuck
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := bus.Shutdown(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	fmt.Println(err)
	close(release)
	// Output:
	// true
	// weakbus: Shutdown: 1 handlers of Async still running; 1 events were dropped: context deadline exceeded
}
