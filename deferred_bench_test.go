//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"

	"github.com/weakbus/weakbus"
)

// The benchmarks of routing and deferred delivery. Each stands beside what one would write by hand.

type collision struct{ a, b, force int }

type sound struct{ name string }

// BenchmarkQueue posts and drains 64 events of two types, and reports the time for one.
func BenchmarkQueue(b *testing.B) {
	const events = 64
	per := func(b *testing.B) { b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/events, "ns/event") }
	p := &player{}
	hit := func(e collision) { p.points += e.force }
	play := func(sound) { p.points++ }
	b.Run("queue", func(b *testing.B) {
		bus := weakbus.New()
		weakbus.Subscribe(bus, p, func(p *player, e collision) { p.points += e.force })
		weakbus.Subscribe(bus, p, func(p *player, _ sound) { p.points++ })
		q := weakbus.NewQueue(bus)
		b.ReportAllocs()
		for b.Loop() {
			for i := range events / 2 {
				_ = weakbus.Post(q, collision{i, i, i})
				_ = weakbus.Post(q, sound{"x"})
			}
			q.Drain()
		}
		per(b)
	})
	b.Run("queue, one type", func(b *testing.B) {
		bus := weakbus.New()
		weakbus.Subscribe(bus, p, func(p *player, e collision) { p.points += e.force })
		q := weakbus.NewQueue(bus)
		b.ReportAllocs()
		for b.Loop() {
			for i := range events {
				_ = weakbus.Post(q, collision{i, i, i})
			}
			q.Drain()
		}
		per(b)
	})
	b.Run("channel of any", func(b *testing.B) {
		c := make(chan any, events)
		b.ReportAllocs()
		for b.Loop() {
			for i := range events / 2 {
				c <- collision{i, i, i}
				c <- sound{"x"}
			}
			for len(c) > 0 {
				switch e := (<-c).(type) {
				case collision:
					hit(e)
				case sound:
					play(e)
				}
			}
		}
		per(b)
	})
	b.Run("channel, one type", func(b *testing.B) {
		c := make(chan collision, events)
		b.ReportAllocs()
		for b.Loop() {
			for i := range events {
				c <- collision{i, i, i}
			}
			for len(c) > 0 {
				hit(<-c)
			}
		}
		per(b)
	})
	b.Run("double buffer by hand, one type", func(b *testing.B) { // as entt's dispatcher: a slice for each type
		var mu sync.Mutex
		var in, out []collision
		b.ReportAllocs()
		for b.Loop() {
			for i := range events {
				mu.Lock()
				in = append(in, collision{i, i, i})
				mu.Unlock()
			}
			mu.Lock()
			in, out = out[:0], in
			mu.Unlock()
			for _, e := range out {
				hit(e)
			}
		}
		per(b)
	})
}

// BenchmarkAsync delivers bursts to a subscriber on another goroutine and waits for the last event.
func BenchmarkAsync(b *testing.B) {
	for _, burst := range []int{1, 64} {
		per := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(burst), "ns/event")
		}
		b.Run(fmt.Sprintf("burst=%d/mailbox", burst), func(b *testing.B) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[int](bus)
			done := make(chan struct{})
			p := &player{}
			weakbus.Subscribe(topic, p, func(p *player, n int) {
				p.points += n
				if n == burst-1 {
					done <- struct{}{}
				}
			}, weakbus.Async(1024, weakbus.Block))
			b.ReportAllocs()
			for b.Loop() {
				for i := range burst {
					topic.Publish(i)
				}
				<-done
			}
			per(b)
			runtime.KeepAlive(p)
		})
		for _, capacity := range []int{0, 1024} {
			b.Run(fmt.Sprintf("burst=%d/goroutine with a channel of %d", burst, capacity), func(b *testing.B) {
				c, done := make(chan int, capacity), make(chan struct{})
				p := &player{}
				go func() {
					for n := range c {
						p.points += n
						if n == burst-1 {
							done <- struct{}{}
						}
					}
				}()
				b.ReportAllocs()
				for b.Loop() {
					for i := range burst {
						c <- i
					}
					<-done
				}
				per(b)
				close(c)
			})
		}
	}
}

// BenchmarkKeyed publishes to one of 100,000 keyed sub-topics, each with a subscriber.
func BenchmarkKeyed(b *testing.B) {
	const n = 100_000
	bus := weakbus.New()
	topic := weakbus.TopicOf[tick](bus)
	ps := players(n)
	handles := make([]*weakbus.Topic[tick], n)
	byHand := make(map[int][]strongCall, n)
	for i, p := range ps {
		weakbus.Subscribe(topic.At(i), p, (*player).OnTick)
		handles[i] = topic.At(i)
		byHand[i] = []strongCall{{p, (*player).OnTick}}
	}
	next := func(i *int) int { *i = (*i + 7919) % n; return *i }
	b.Run("At and Publish", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			topic.At(next(&i)).Publish(tick{1})
		}
	})
	b.Run("Publish on a kept handle", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			handles[next(&i)].Publish(tick{1})
		}
	})
	b.Run("map of slices by hand", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			for _, c := range byHand[next(&i)] {
				c.handle(c.recv, tick{1})
			}
		}
	})
	b.Run("a key that nobody listens to", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			topic.At(n + next(&i)).Publish(tick{1})
		}
	})
	runtime.KeepAlive(ps)
}

func (tick) One()   {}
func (tick) Two()   {}
func (tick) Three() {}

// BenchmarkInterfaces publishes to ten subscribers and to one of each of some interface topics.
func BenchmarkInterfaces(b *testing.B) {
	for _, matching := range []int{0, 1, 3} {
		for _, kind := range []string{"value", "pointer"} {
			b.Run(fmt.Sprintf("matching=%d/%s", matching, kind), func(b *testing.B) {
				bus := weakbus.New()
				var scope weakbus.Scope
				weakbus.SubscribeFunc(bus, &scope, func(interface{ None() }) {})
				if matching > 0 {
					weakbus.SubscribeFunc(bus, &scope, func(interface{ One() }) {})
				}
				if matching > 1 {
					weakbus.SubscribeFunc(bus, &scope, func(interface{ Two() }) {})
					weakbus.SubscribeFunc(bus, &scope, func(interface{ Three() }) {})
				}
				ps := players(10)
				for _, p := range ps {
					weakbus.Subscribe(bus, p, (*player).OnTick)
					weakbus.Subscribe(bus, p, func(p *player, e *tick) { p.OnTick(*e) })
				}
				values, pointers, e := weakbus.TopicOf[tick](bus), weakbus.TopicOf[*tick](bus), &tick{1}
				b.ReportAllocs()
				if kind == "value" {
					for b.Loop() {
						values.Publish(tick{1})
					}
				} else {
					for b.Loop() {
						pointers.Publish(e)
					}
				}
				runtime.KeepAlive(ps)
				runtime.KeepAlive(&scope)
			})
		}
	}
}

// BenchmarkTrace publishes to 1,000 subscribers with and without somebody who looks.
func BenchmarkTrace(b *testing.B) {
	for name, opts := range map[string][]weakbus.BusOption{
		"none":    nil,
		"OnPanic": {weakbus.OnPanic(func(*weakbus.PanicError) {})},
		"trace":   {weakbus.WithTrace(&weakbus.Trace{})},
		"logger":  {weakbus.WithLogger(slog.New(slog.DiscardHandler))},
	} {
		b.Run(name, func(b *testing.B) {
			bus := weakbus.New(opts...)
			ps := players(1_000)
			for _, p := range ps {
				weakbus.Subscribe(bus, p, (*player).OnTick)
			}
			b.ReportAllocs()
			for b.Loop() {
				weakbus.Publish(bus, tick{1})
			}
			runtime.KeepAlive(ps)
		})
	}
}

// BenchmarkRetained publishes to ten subscribers of a topic that keeps its last event.
func BenchmarkRetained(b *testing.B) {
	for _, retain := range []bool{false, true} {
		b.Run(fmt.Sprint(retain), func(b *testing.B) {
			var topic weakbus.Topic[tick]
			if retain {
				topic.Retain()
			}
			ps := players(10)
			for _, p := range ps {
				weakbus.Subscribe(&topic, p, (*player).OnTick)
			}
			b.ReportAllocs()
			for b.Loop() {
				topic.Publish(tick{1})
			}
			runtime.KeepAlive(ps)
		})
	}
}
