//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"weak"

	"github.com/weakbus/weakbus"
)

// The benchmarks of BENCHMARKS.md. Each stands beside a bare loop over strong pointers and one
// over weak pointers, so that ratios can be taken within one run.

type tick struct{ Points int }

// player is an ordinary receiver: a few fields and a pointer.
type player struct {
	name   *string
	points int
	x, y   float64
	state  [2]int
}

func (p *player) OnTick(e tick) { p.points += e.Points }

func (p *player) OnTickContext(_ context.Context, e tick) error {
	p.points += e.Points
	return nil
}

type strongCall struct {
	recv   *player
	handle func(*player, tick)
}

type weakCall struct {
	recv   weak.Pointer[player]
	handle func(*player, tick)
}

func players(n int) []*player {
	ps := make([]*player, n)
	for i := range ps {
		ps[i] = new(player)
	}
	return ps
}

func strongLoop(ps []*player) func(tick) {
	calls := make([]strongCall, len(ps))
	for i, p := range ps {
		calls[i] = strongCall{p, (*player).OnTick}
	}
	return func(e tick) {
		for i := range calls {
			calls[i].handle(calls[i].recv, e)
		}
	}
}

func weakLoop(ps []*player) func(tick) {
	calls := make([]weakCall, len(ps))
	for i, p := range ps {
		calls[i] = weakCall{weak.Make(p), (*player).OnTick}
	}
	return func(e tick) {
		for i := range calls {
			if p := calls[i].recv.Value(); p != nil {
				calls[i].handle(p, e)
			}
		}
	}
}

func benchLoop(b *testing.B, name string, loop func(tick)) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			loop(tick{1})
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{1, 2, 10, 100, 1_000, 100_000} {
		ps := players(n)
		var topic weakbus.Topic[tick]
		for _, p := range ps {
			weakbus.Subscribe(&topic, p, (*player).OnTick)
		}
		benchLoop(b, fmt.Sprintf("n=%d/strong", n), strongLoop(ps))
		benchLoop(b, fmt.Sprintf("n=%d/weak", n), weakLoop(ps))
		benchLoop(b, fmt.Sprintf("n=%d/topic", n), func(e tick) { topic.Publish(e) })
		runtime.KeepAlive(ps)
	}
}

// Eight receiver types, so that a mix of them defeats the prediction of indirect calls.
type (
	kind0 struct{ player }
	kind1 struct{ player }
	kind2 struct{ player }
	kind3 struct{ player }
	kind4 struct{ player }
	kind5 struct{ player }
	kind6 struct{ player }
	kind7 struct{ player }
)

func (k *kind0) On(e tick) { k.points += e.Points }
func (k *kind1) On(e tick) { k.points -= e.Points }
func (k *kind2) On(e tick) { k.points ^= e.Points }
func (k *kind3) On(e tick) { k.points |= e.Points }
func (k *kind4) On(e tick) { k.points &= e.Points }
func (k *kind5) On(e tick) { k.points = e.Points }
func (k *kind6) On(e tick) { k.state[0] += e.Points }
func (k *kind7) On(e tick) { k.state[1] += e.Points }

type mix struct {
	topic  weakbus.Topic[tick]
	strong []func(tick)
	weak   []func(tick)
	keep   []any
}

func addKind[T any](m *mix, recv *T, handle func(*T, tick), strong func(tick), weak func(tick)) {
	m.strong = append(m.strong, strong)
	m.weak = append(m.weak, weak)
	m.keep = append(m.keep, recv)
	weakbus.Subscribe(&m.topic, recv, handle)
}

func newMix(n int) *mix {
	m := &mix{}
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		switch r.IntN(8) {
		case 0:
			k := new(kind0)
			w := weak.Make(k)
			addKind(m, k, (*kind0).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 1:
			k := new(kind1)
			w := weak.Make(k)
			addKind(m, k, (*kind1).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 2:
			k := new(kind2)
			w := weak.Make(k)
			addKind(m, k, (*kind2).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 3:
			k := new(kind3)
			w := weak.Make(k)
			addKind(m, k, (*kind3).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 4:
			k := new(kind4)
			w := weak.Make(k)
			addKind(m, k, (*kind4).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 5:
			k := new(kind5)
			w := weak.Make(k)
			addKind(m, k, (*kind5).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 6:
			k := new(kind6)
			w := weak.Make(k)
			addKind(m, k, (*kind6).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		case 7:
			k := new(kind7)
			w := weak.Make(k)
			addKind(m, k, (*kind7).On, k.On, func(e tick) {
				if k := w.Value(); k != nil {
					k.On(e)
				}
			})
		}
	}
	return m
}

func BenchmarkPublishMix(b *testing.B) {
	m := newMix(1_000)
	benchLoop(b, "strong", func(e tick) {
		for _, call := range m.strong {
			call(e)
		}
	})
	benchLoop(b, "weak", func(e tick) {
		for _, call := range m.weak {
			call(e)
		}
	})
	benchLoop(b, "topic", func(e tick) { m.topic.Publish(e) })
}

// BenchmarkPublishAfterCollection publishes once after each collection, so that no snapshot
// ever pays.
func BenchmarkPublishAfterCollection(b *testing.B) {
	ps := players(1_000)
	var topic weakbus.Topic[tick]
	for _, p := range ps {
		weakbus.Subscribe(&topic, p, (*player).OnTick)
	}
	loops := map[string]func(tick){"weak": weakLoop(ps), "topic": func(e tick) { topic.Publish(e) }}
	for _, name := range []string{"weak", "topic"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				b.StartTimer()
				loops[name](tick{1})
			}
		})
	}
	runtime.KeepAlive(ps)
}

func BenchmarkPublishOnBus(b *testing.B) {
	for _, n := range []int{1, 10} {
		ps := players(n)
		bus := weakbus.New()
		for _, p := range ps {
			weakbus.Subscribe(bus, p, (*player).OnTick)
		}
		topic := weakbus.TopicOf[tick](bus)
		benchLoop(b, fmt.Sprintf("n=%d/topic", n), func(e tick) { topic.Publish(e) })
		benchLoop(b, fmt.Sprintf("n=%d/bus", n), func(e tick) { weakbus.Publish(bus, e) })
		manyTopics(bus)
		benchLoop(b, fmt.Sprintf("n=%d/bus of 20 topics", n), func(e tick) { weakbus.Publish(bus, e) })
		benchLoop(b, fmt.Sprintf("n=%d/bus of 20 topics, last", n), func(tick) { weakbus.Publish(bus, (*[19]int8)(nil)) })
		runtime.KeepAlive(ps)
	}
	p := players(1)[0]
	w := weak.Make(p)
	benchLoop(b, "one Value", func(tick) { w.Value() })
	runtime.KeepAlive(p)
}

func manyTopics(bus *weakbus.Bus) {
	weakbus.TopicOf[*[1]int8](bus)
	weakbus.TopicOf[*[2]int8](bus)
	weakbus.TopicOf[*[3]int8](bus)
	weakbus.TopicOf[*[4]int8](bus)
	weakbus.TopicOf[*[5]int8](bus)
	weakbus.TopicOf[*[6]int8](bus)
	weakbus.TopicOf[*[7]int8](bus)
	weakbus.TopicOf[*[8]int8](bus)
	weakbus.TopicOf[*[9]int8](bus)
	weakbus.TopicOf[*[10]int8](bus)
	weakbus.TopicOf[*[11]int8](bus)
	weakbus.TopicOf[*[12]int8](bus)
	weakbus.TopicOf[*[13]int8](bus)
	weakbus.TopicOf[*[14]int8](bus)
	weakbus.TopicOf[*[15]int8](bus)
	weakbus.TopicOf[*[16]int8](bus)
	weakbus.TopicOf[*[17]int8](bus)
	weakbus.TopicOf[*[18]int8](bus)
	weakbus.TopicOf[*[19]int8](bus)
}

func BenchmarkPublishToNobody(b *testing.B) {
	var empty interface{ OnTick(tick) } = nobody{}
	var topic weakbus.Topic[tick]
	bus := weakbus.New()
	benchLoop(b, "interface call", func(e tick) { empty.OnTick(e) })
	benchLoop(b, "topic", func(e tick) { topic.Publish(e) })
	benchLoop(b, "bus", func(e tick) { weakbus.Publish(bus, e) })
}

type nobody struct{}

//go:noinline
func (nobody) OnTick(tick) {}

// BenchmarkPublishParallel is for -cpu 1,2: time per publish, all goroutines together.
func BenchmarkPublishParallel(b *testing.B) {
	ps := make([]*listener, 1_000)
	var topic weakbus.Topic[tick]
	for i := range ps {
		ps[i] = new(listener)
		weakbus.Subscribe(&topic, ps[i], (*listener).OnTick)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			topic.Publish(tick{1})
		}
	})
	runtime.KeepAlive(ps)
}

// listener only reads, so that what scales or does not is the bus.
type listener struct {
	name  *string
	pad   [3]int
	heard int
}

func (l *listener) OnTick(e tick) {
	if l.heard > e.Points {
		panic("never")
	}
}

// BenchmarkPublishCounted is what a subscription under a scope costs publishes of its topic: they are
// counted, for CloseWait. The parallel ones are for -cpu 1,2.
func BenchmarkPublishCounted(b *testing.B) {
	for _, n := range []int{1, 10, 1_000} {
		for _, counted := range []bool{false, true} {
			ps := players(n)
			quiet := make([]*listener, n)
			var topic, shared weakbus.Topic[tick]
			var scope weakbus.Scope
			var opts []weakbus.SubscribeOption
			if counted {
				opts = append(opts, weakbus.In(&scope))
			}
			for i, p := range ps {
				weakbus.Subscribe(&topic, p, (*player).OnTick, opts...)
				quiet[i] = new(listener)
				weakbus.Subscribe(&shared, quiet[i], (*listener).OnTick, opts...)
			}
			benchLoop(b, fmt.Sprintf("n=%d/counted=%v", n, counted), func(e tick) { topic.Publish(e) })
			b.Run(fmt.Sprintf("n=%d/counted=%v/parallel", n, counted), func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						shared.Publish(tick{1})
					}
				})
			})
			runtime.KeepAlive(ps)
			runtime.KeepAlive(quiet)
			runtime.KeepAlive(&scope)
		}
	}
}

func BenchmarkSubscribeCancel(b *testing.B) {
	for _, others := range []int{0, 1_000, 100_000, 1_000_000} {
		ps := players(others)
		var topic weakbus.Topic[tick]
		for _, p := range ps {
			weakbus.Subscribe(&topic, p, (*player).OnTick)
		}
		p := new(player)
		benchLoop(b, fmt.Sprintf("others=%d", others), func(tick) {
			weakbus.Subscribe(&topic, p, (*player).OnTick).Cancel()
		})
		runtime.KeepAlive(ps)
	}
}

// BenchmarkMemory reports bytes per subscription, all included, with the snapshot and without.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.GCSys + m.OtherSys // weak pointers have a record outside the heap
	}
	for b.Loop() {
		ps := players(n)
		before := inUse()
		topic := new(weakbus.Topic[tick])
		for _, p := range ps {
			weakbus.Subscribe(topic, p, (*player).OnTick)
		}
		cold := inUse()
		b.ReportMetric(float64(cold-before)/n, "B/sub")
		topic.Publish(tick{1})
		topic.Publish(tick{1})
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc+m.GCSys+m.OtherSys-before)/n, "B/sub-warm")
		runtime.KeepAlive(ps)
		runtime.KeepAlive(topic)
	}
}

// BenchmarkCollection times one collection with a million receivers.
func BenchmarkCollection(b *testing.B) {
	const n = 1_000_000
	collect := func(name string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				runtime.GC()
			}
		})
	}
	ps := players(n)
	collect("objects")
	weaks := make([]weak.Pointer[player], n)
	for i, p := range ps {
		weaks[i] = weak.Make(p)
	}
	collect("weak pointers")
	runtime.KeepAlive(weaks)
	weaks = nil
	bus := weakbus.New()
	for _, p := range ps {
		weakbus.Subscribe(bus, p, (*player).OnTick)
	}
	collect("subscribers")
	runtime.KeepAlive(bus)
	runtime.KeepAlive(ps)
}

// BenchmarkChurn is a frame that replaces one in a hundred of 10,000 subscribers and publishes.
func BenchmarkChurn(b *testing.B) {
	const n = 10_000
	ps := players(n)
	var topic weakbus.Topic[tick]
	subs := make([]*weakbus.Subscription, n)
	for i, p := range ps {
		subs[i] = weakbus.Subscribe(&topic, p, (*player).OnTick)
	}
	at := 0
	churn := func(tick) {
		for range n / 100 {
			at = (at + 7919) % n
			subs[at].Cancel()
			subs[at] = weakbus.Subscribe(&topic, ps[at], (*player).OnTick)
		}
	}
	benchLoop(b, "publish", func(e tick) { topic.Publish(e) })
	benchLoop(b, "churn", churn)
	benchLoop(b, "churn and publish", func(e tick) { churn(e); topic.Publish(e) })
}
