//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weakbus/weakbus"
)

// The benchmarks of what options, small topics and crowds cost. "plain" is the reference of its run.

// BenchmarkOptions publishes to 1,000 subscribers which all have one option.
func BenchmarkOptions(b *testing.B) {
	const n = 1_000
	var scope weakbus.Scope
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	add := func(opts ...weakbus.SubscribeOption) func(*weakbus.Topic[tick], *player) {
		return func(src *weakbus.Topic[tick], p *player) { weakbus.Subscribe(src, p, (*player).OnTick, opts...) }
	}
	for _, c := range []struct {
		name      string
		subscribe func(*weakbus.Topic[tick], *player)
		bus       []weakbus.BusOption
	}{
		{"plain", add(), nil},
		{"SubscribeFunc", func(src *weakbus.Topic[tick], p *player) { weakbus.SubscribeFunc(src, &scope, p.OnTick) }, nil},
		{"SubscribeContext", func(src *weakbus.Topic[tick], p *player) {
			weakbus.SubscribeContext(src, p, (*player).OnTickContext)
		}, nil},
		{"In", add(weakbus.In(&scope)), nil},
		{"Label", add(weakbus.Label("x")), nil},
		{"Priority", add(weakbus.Priority(1)), nil},
		{"Filter", add(weakbus.Filter(func(e tick) bool { return e.Points > 0 })), nil},
		{"Until", add(weakbus.Until(ctx)), nil},
		{"CatchUp", add(weakbus.CatchUp()), nil},
		{"OnPanic", add(), []weakbus.BusOption{weakbus.OnPanic(func(*weakbus.PanicError) {})}},
		{"logger", add(), []weakbus.BusOption{weakbus.WithLogger(slog.New(slog.DiscardHandler))}},
		{"empty trace", add(), []weakbus.BusOption{weakbus.WithTrace(&weakbus.Trace{})}},
	} {
		bus := weakbus.New(c.bus...)
		topic := weakbus.TopicOf[tick](bus)
		ps := players(n)
		for _, p := range ps {
			c.subscribe(topic, p)
		}
		benchLoop(b, c.name, func(e tick) { topic.Publish(e) })
		runtime.KeepAlive(ps)
	}
	runtime.KeepAlive(&scope)
}

// BenchmarkOnce publishes the only event that 1,000 subscribers hear.
func BenchmarkOnce(b *testing.B) {
	for _, c := range []struct {
		name string
		opts []weakbus.SubscribeOption
	}{{"plain", nil}, {"Once", []weakbus.SubscribeOption{weakbus.Once()}}} {
		b.Run(c.name, func(b *testing.B) {
			ps := players(1_000)
			var topic weakbus.Topic[tick]
			for b.Loop() {
				b.StopTimer()
				topic.Clear()
				for _, p := range ps {
					weakbus.Subscribe(&topic, p, (*player).OnTick, c.opts...)
				}
				b.StartTimer()
				topic.Publish(tick{1})
			}
			runtime.KeepAlive(ps)
		})
	}
}

// BenchmarkTopicSize reports the heap that a Topic field of a widget takes.
func BenchmarkTopicSize(b *testing.B) {
	const n = 10_000
	ps := players(n)
	for _, c := range []struct {
		name string
		use  func(i int, topic *weakbus.Topic[tick]) any
	}{
		{"empty", func(int, *weakbus.Topic[tick]) any { return nil }},
		{"one subscriber", func(i int, topic *weakbus.Topic[tick]) any {
			weakbus.Subscribe(topic, ps[i], (*player).OnTick)
			return nil
		}},
		{"a scope and a function", func(i int, topic *weakbus.Topic[tick]) any {
			scope := new(weakbus.Scope)
			weakbus.SubscribeFunc(topic, scope, func(e tick) { ps[i].OnTick(e) })
			return scope
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				all, kept := make([]*weakbus.Topic[tick], n), make([]any, n)
				before := heap()
				for i := range all {
					all[i] = new(weakbus.Topic[tick])
					kept[i] = c.use(i, all[i])
				}
				b.ReportMetric(float64(heap()-before)/n, "B/topic")
				runtime.KeepAlive(all)
				runtime.KeepAlive(kept)
			}
		})
	}
	runtime.KeepAlive(ps)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkKeyedRandom is BenchmarkKeyed in an order that no prefetcher foresees.
func BenchmarkKeyedRandom(b *testing.B) {
	const n = 100_000
	var topic weakbus.Topic[tick]
	ps := players(n)
	handles := make([]*weakbus.Topic[tick], n)
	byHand := make(map[int][]strongCall, n)
	for i, p := range ps {
		handles[i] = topic.At(i)
		weakbus.Subscribe(handles[i], p, (*player).OnTick)
		byHand[i] = []strongCall{{p, (*player).OnTick}}
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	at := 0
	next := func() int {
		at = (at + 1) % n
		return order[at]
	}
	benchLoop(b, "map of slices", func(e tick) {
		for _, c := range byHand[next()] {
			c.handle(c.recv, e)
		}
	})
	benchLoop(b, "kept handle", func(e tick) { handles[next()].Publish(e) })
	benchLoop(b, "At", func(e tick) { topic.At(next()).Publish(e) })
	runtime.KeepAlive(ps)
}

// BenchmarkPost posts and drains one event.
func BenchmarkPost(b *testing.B) {
	p := new(player)
	newQueue := func() *weakbus.Queue {
		bus := weakbus.New()
		weakbus.Subscribe(bus, p, (*player).OnTick)
		return weakbus.NewQueue(bus)
	}
	q := newQueue()
	c := make(chan tick, 1)
	benchLoop(b, "channel", func(e tick) {
		c <- e
		p.OnTick(<-c)
	})
	benchLoop(b, "concrete", func(e tick) {
		_ = weakbus.Post(q, e)
		q.Drain()
	})
	var boxed any = tick{1}
	benchLoop(b, "interface", func(tick) {
		_ = weakbus.Post(q, boxed)
		q.Drain()
	})
	runtime.KeepAlive(p)
}

// BenchmarkAsyncToTen publishes 64 events to ten mailboxes and waits until all are handled. It reports
// the time for one event.
func BenchmarkAsyncToTen(b *testing.B) {
	const receivers, events = 10, 64
	run := func(name string, done *atomic.Int64, publish func(int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				done.Store(0)
				for i := range events {
					publish(i)
				}
				for done.Load() < receivers*events {
					runtime.Gosched()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event")
		})
	}
	var done atomic.Int64
	channels := make([]chan int, receivers)
	for i := range channels {
		channels[i] = make(chan int, 1024)
		go func() {
			for range channels[i] {
				done.Add(1)
			}
		}()
		defer close(channels[i])
	}
	run("goroutines with channels", &done, func(n int) {
		for _, c := range channels {
			c <- n
		}
	})
	var topic weakbus.Topic[int]
	ps := players(receivers)
	for _, p := range ps {
		weakbus.Subscribe(&topic, p, func(*player, int) { done.Add(1) }, weakbus.Async(1024, weakbus.Block))
	}
	run("mailboxes", &done, func(n int) { topic.Publish(n) })
	runtime.KeepAlive(ps)
}

// BenchmarkPriorities subscribes 40,000 of interleaved types, with one of a lower priority among them.
func BenchmarkPriorities(b *testing.B) {
	const n = 40_000
	for _, low := range []bool{false, true} {
		b.Run(fmt.Sprintf("low=%v", low), func(b *testing.B) {
			for b.Loop() {
				var topic weakbus.Topic[tick]
				last := new(player)
				if low {
					weakbus.Subscribe(&topic, last, (*player).OnTick, weakbus.Priority(-1))
				}
				some, others := make([]*kind0, n/2), make([]*kind1, n/2)
				for i := range some {
					some[i], others[i] = new(kind0), new(kind1)
					weakbus.Subscribe(&topic, some[i], (*kind0).On)
					weakbus.Subscribe(&topic, others[i], (*kind1).On)
				}
				runtime.KeepAlive(some)
				runtime.KeepAlive(others)
				runtime.KeepAlive(last)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/subscriber")
		})
	}
}

// BenchmarkSubscribeDuringSweep reports the longest that one SubscribeFunc takes while 100,000 scopes are
// swept.
func BenchmarkSubscribeDuringSweep(b *testing.B) {
	const n = 100_000
	bus := weakbus.New()
	scopes := make([]*weakbus.Scope, n)
	for i := range scopes {
		scopes[i] = new(weakbus.Scope)
		weakbus.SubscribeFunc(bus, scopes[i], func(tick) {})
	}
	var longest time.Duration
	for b.Loop() {
		runtime.GC()
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
			var scope weakbus.Scope
			began := time.Now()
			weakbus.SubscribeFunc(bus, &scope, func(tick) {})
			longest = max(longest, time.Since(began))
			scope.Close()
			time.Sleep(100 * time.Microsecond)
		}
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs/longest")
	runtime.KeepAlive(scopes)
}
