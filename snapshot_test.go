package weakbus_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// TestSnapshot_CollectedInTheSameCycleAsTheDead is the promise of the weak snapshot: half of a
// thousand subscribers are dropped, and after one collection a publish reaches the other half.
func TestSnapshot_CollectedInTheSameCycleAsTheDead(t *testing.T) {
	for publishes, name := range map[int]string{0: "cold", 1: "walked", 2: "warm", 5: "hot"} {
		for _, interleaved := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, interleaved %v", name, interleaved), func(t *testing.T) {
				topic, keep := halfDropped(publishes, interleaved)
				runtime.GC() // one
				assert.Equal(t, 500, topic.Publish(note{1}))
				assert.Equal(t, 500, topic.Len())
				for range 5 {
					assert.Equal(t, 500, topic.Publish(note{1}))
				}
				runtime.KeepAlive(keep)
			})
		}
	}
}

// halfDropped returns a topic of a thousand, of which half is kept by nobody, after so many
// publishes. It is a function of its own, so that no stack slot of the test keeps a receiver.
//
//go:noinline
func halfDropped(publishes int, interleaved bool) (*weakbus.Topic[note], []any) {
	topic := new(weakbus.Topic[note])
	all := make([]any, 1_000)
	for i := range all {
		if interleaved && i%3 == 0 {
			d := &other{}
			all[i] = d
			weakbus.Subscribe(topic, d, (*other).hear)
		} else {
			d := &node{}
			all[i] = d
			weakbus.Subscribe(topic, d, (*node).hear)
		}
	}
	for range publishes {
		topic.Publish(note{-1})
	}
	keep := make([]any, 0, 500)
	for i, d := range all {
		if i%2 == 0 {
			keep = append(keep, d)
		}
	}
	return topic, keep
}

func TestSnapshot_DeliversExactlyWhatTheListHolds(t *testing.T) {
	// Grow, shrink and reorder a topic over several chunks, publishing at every step.
	var topic weakbus.Topic[note]
	var log []string
	var want []string
	var nodes []*node
	subs := map[string]*weakbus.Subscription{}
	subscribe := func(name string, priority int) {
		d := &node{name: name, log: &log}
		nodes = append(nodes, d)
		subs[name] = weakbus.Subscribe(&topic, d, (*node).hear, weakbus.Priority(priority))
	}
	check := func() {
		t.Helper()
		for range 3 {
			log = nil
			require.Equal(t, len(want), topic.Publish(note{1}))
			require.Equal(t, want, log)
		}
		require.Equal(t, len(want), topic.Len())
	}
	for i := range 700 {
		name := fmt.Sprint("low", i)
		subscribe(name, 0)
		want = append(want, name)
		if i%50 == 0 || i > 690 {
			check()
		}
	}
	high := 0
	for i := range 700 {
		name := fmt.Sprint("high", i)
		subscribe(name, 1)
		want = append(want[:high:high], append([]string{name}, want[high:]...)...)
		high++
		if i%50 == 0 {
			check()
		}
	}
	for i := 0; i < 700; i += 2 {
		for _, name := range []string{fmt.Sprint("low", i), fmt.Sprint("high", 699-i)} {
			require.True(t, subs[name].Cancel())
			want = remove(want, name)
		}
		if i%100 == 0 {
			check()
		}
	}
	runtime.KeepAlive(nodes)
}

func TestSnapshot_OfASubscriberPausedForLong(t *testing.T) {
	var topic weakbus.Topic[note]
	nodes := make([]*node, 30)
	subs := make([]*weakbus.Subscription, len(nodes))
	for i := range nodes {
		nodes[i] = &node{}
		subs[i] = weakbus.Subscribe(&topic, nodes[i], (*node).hear)
	}
	subs[7].Pause()
	for range 100 { // long enough for several rebuilds
		require.Equal(t, len(nodes)-1, topic.Publish(note{1}))
	}
	subs[7].Resume()
	for range 100 {
		require.Equal(t, len(nodes), topic.Publish(note{2}))
	}
	assert.Len(t, nodes[7].heard, 100)
}

func TestSnapshot_NotOfAListThatIsGone(t *testing.T) {
	// A publish that builds a snapshot races with the end of all that it is of, and with new ones.
	// Interleaved types make many chunks, so that building takes a while.
	const n = 500
	nodes, others := make([]*node, n), make([]*other, n)
	for i := range nodes {
		nodes[i], others[i] = &node{}, &other{}
	}
	a, b := &node{}, &other{}
	for round := range 200 {
		var topic weakbus.Topic[note]
		var scope weakbus.Scope
		for i := range nodes {
			weakbus.Subscribe(&topic, nodes[i], (*node).hear, weakbus.In(&scope))
			weakbus.Subscribe(&topic, others[i], (*other).hear, weakbus.In(&scope))
		}
		topic.Publish(note{1})
		var wg sync.WaitGroup
		wg.Go(func() { topic.Publish(note{2}) })
		for range round * 50 {
			runtime.KeepAlive(&wg)
		}
		require.NoError(t, scope.Close())
		weakbus.Subscribe(&topic, a, (*node).hear)
		weakbus.Subscribe(&topic, b, (*other).hear)
		wg.Wait()
		for range 3 {
			require.Equal(t, 2, topic.Publish(note{3}), "round %d", round)
		}
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
	runtime.KeepAlive(nodes)
	runtime.KeepAlive(others)
}

func TestSnapshot_SubscribersOfAnEmptiedParentHearTheNextPublish(t *testing.T) {
	var topic weakbus.Topic[note]
	a, b, c, d, keyed := &node{}, &node{}, &node{}, &node{}, &node{}
	subs := []*weakbus.Subscription{weakbus.Subscribe(&topic, a, (*node).hear), weakbus.Subscribe(&topic, b, (*node).hear)}
	keyed.on = func(e note) {
		if e.n == 2 {
			subs[0].Cancel()
			subs[1].Cancel()
			weakbus.Subscribe(&topic, c, (*node).hear)
			weakbus.Subscribe(&topic, d, (*node).hear)
		}
	}
	weakbus.Subscribe(topic.At("key"), keyed, (*node).hear)
	for n := 1; n <= 3; n++ {
		topic.At("key").Publish(note{n})
	}
	assert.Equal(t, []int{1}, a.heard)
	assert.Equal(t, []int{3}, c.heard)
	assert.Equal(t, []int{3}, d.heard)
	runtime.KeepAlive(keyed)
	runtime.KeepAlive([]*node{a, b, c, d})
}

// TestSnapshot_IsNotKeptByAGoroutineThatHasPublishedAndNowComputes: the collector scans the frame of a
// function that computes without calls word by word, and the registers. Neither may have anything of the
// publish before: that would keep all subscribers of the topic.
func TestSnapshot_IsNotKeptByAGoroutineThatHasPublishedAndNowComputes(t *testing.T) {
	one := func(topic *weakbus.Topic[note]) { subscribeMany(topic, false) }
	mixed := func(topic *weakbus.Topic[note]) { subscribeMany(topic, true) }
	onBus := func(subscribe, publish func(*weakbus.Topic[note]), opts ...weakbus.BusOption) func() (subscribed, published func(), left func() int) {
		return func() (subscribed, published func(), left func() int) {
			topic := weakbus.TopicOf[note](weakbus.New(opts...))
			return func() { subscribe(topic) }, func() { publish(topic) }, topic.Len
		}
	}
	for name, make := range map[string]func() (subscribed, published func(), left func() int){
		"a topic outside a bus": func() (subscribed, published func(), left func() int) {
			var topic weakbus.Topic[note]
			return func() { one(&topic) }, func() { topic.Publish(note{1}) }, topic.Len
		},
		"a topic":                onBus(one, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"mixed types":            onBus(mixed, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"through the source":     onBus(one, func(topic *weakbus.Topic[note]) { weakbus.Publish(topic, note{1}) }),
		"PublishContext":         onBus(one, func(topic *weakbus.Topic[note]) { _, _ = topic.PublishContext(context.Background(), note{1}) }),
		"PublishContext, mixed":  onBus(mixed, func(topic *weakbus.Topic[note]) { _, _ = topic.PublishContext(context.Background(), note{1}) }),
		"keyed, the topic's":     onBus(one, func(topic *weakbus.Topic[note]) { topic.At(1).Publish(note{1}) }),
		"keyed, the sub-topic's": onBus(func(topic *weakbus.Topic[note]) { one(topic.At(1)) }, func(topic *weakbus.Topic[note]) { topic.At(1).Publish(note{1}) }),
		"retained":               onBus(func(topic *weakbus.Topic[note]) { one(topic.Retain()) }, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"Update":                 onBus(func(topic *weakbus.Topic[note]) { one(topic.Retain()) }, func(topic *weakbus.Topic[note]) { topic.Update(func(n note, _ bool) note { return n }) }),
		"guarded by OnPanic":     onBus(one, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }, weakbus.OnPanic(func(*weakbus.PanicError) {})),
		"with a subscriber more": onBus(one, func(topic *weakbus.Topic[note]) {
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(topic, &node{}, (*node).hear)
			topic.Publish(note{1})
		}),
		"with one that was ended": onBus(one, func(topic *weakbus.Topic[note]) {
			weakbus.Subscribe(topic, &node{}, (*node).hear).Cancel()
			topic.Publish(note{1})
		}),
		"SubscribeFunc": onBus(func(topic *weakbus.Topic[note]) {
			for range 1_000 {
				scope := &weakbus.Scope{}
				//weakvet:ignore vanishing the test says when it goes
				weakbus.SubscribeFunc(topic, scope, func(note) { runtime.KeepAlive(scope) })
			}
		}, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"a filter": onBus(func(topic *weakbus.Topic[note]) {
			for range 1_000 {
				//weakvet:ignore vanishing the test says when it goes
				weakbus.Subscribe(topic, &node{}, (*node).hear, weakbus.Filter(func(note) bool { return true }))
			}
		}, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"a filter, PublishContext": onBus(func(topic *weakbus.Topic[note]) {
			for range 1_000 {
				//weakvet:ignore vanishing the test says when it goes
				weakbus.Subscribe(topic, &node{}, (*node).hear, weakbus.Filter(func(note) bool { return true }))
			}
		}, func(topic *weakbus.Topic[note]) { _, _ = topic.PublishContext(context.Background(), note{1}) }),
		"paused ones that catch up": onBus(func(topic *weakbus.Topic[note]) {
			for range 1_000 {
				//weakvet:ignore vanishing the test says when it goes
				weakbus.Subscribe(topic, &node{}, (*node).hear, weakbus.CatchUp())
			}
		}, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }),
		"a trace": onBus(one, func(topic *weakbus.Topic[note]) { topic.Publish(note{1}) }, weakbus.WithTrace(&weakbus.Trace{})),
		"handlers of an interface": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[fmt.Stringer](bus)
			return func() {
				for range 1_000 {
					//weakvet:ignore vanishing the test says when it goes
					weakbus.Subscribe(topic, &node{}, func(*node, fmt.Stringer) {})
				}
			}, func() { weakbus.Publish(bus, weakbus.Block) }, topic.Len
		},
		"handlers of an interface that take a context": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[fmt.Stringer](bus)
			return func() {
				for range 1_000 {
					//weakvet:ignore vanishing the test says when it goes
					weakbus.SubscribeContext(topic, &node{}, func(*node, context.Context, fmt.Stringer) error { return nil })
				}
			}, func() { weakbus.Publish[any](bus, weakbus.Block) }, topic.Len
		},
		"the bus": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[note](bus)
			return func() { one(topic) }, func() { weakbus.Publish(bus, note{1}) }, topic.Len
		},
		"the bus, PublishContext": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[note](bus)
			return func() { one(topic) }, func() { _, _ = weakbus.PublishContext(context.Background(), bus, note{1}) }, topic.Len
		},
		"an interface": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic := weakbus.TopicOf[note](bus)
			return func() { one(topic) }, func() { weakbus.Publish[any](bus, note{1}) }, topic.Len
		},
		"a queue": func() (subscribed, published func(), left func() int) {
			bus := weakbus.New()
			topic, q := weakbus.TopicOf[note](bus), weakbus.NewQueue(bus)
			return func() { one(topic) }, func() { _ = weakbus.Post(q, note{1}); q.Drain() }, topic.Len
		},
	} {
		if runtime.GOARCH == "386" && strings.HasPrefix(name, "with ") {
			continue // arguments are on the stack there, where the next subscription leaves something of the list
		}
		for _, large := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, large frame %v", name, large), func(t *testing.T) {
				subscribe, publish, left := make()
				var published, stop atomic.Bool
				var wg sync.WaitGroup
				defer wg.Wait()
				defer stop.Store(true)
				subscribe()
				wg.Go(func() {
					scrub()
					for range 6 {
						publish()
					}
					published.Store(true)
					if large {
						computeWide(&stop)
					} else {
						compute(&stop)
					}
				})
				for !published.Load() {
					runtime.Gosched()
				}
				until(t, "the subscribers", func() bool { return left() <= 2 }) // a weak walk may leave one, as any program does
			})
		}
	}
}

//go:noinline
func subscribeMany(topic *weakbus.Topic[note], mixed bool) {
	for i := range 1_000 {
		if mixed && i%2 == 0 {
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(topic, &other{}, (*other).hear)
		} else {
			//weakvet:ignore vanishing the test says when it goes
			weakbus.Subscribe(topic, &node{}, (*node).hear)
		}
	}
}

// scrub overwrites what others have left in the memory of this goroutine's stack.
//
//go:noinline
func scrub() {
	var a [2_048]int
	for i := range a {
		a[i] = i
	}
	runtime.KeepAlive(&a)
}

//go:noinline
func compute(stop *atomic.Bool) (x int) {
	for !stop.Load() {
		x += x ^ 3
	}
	return x
}

// computeWide has a frame of half a kilobyte that it does not write to before it ends.
//
//go:noinline
func computeWide(stop *atomic.Bool) (x int) {
	for !stop.Load() {
		x += x ^ 3
	}
	var a [64]int
	for i := range a {
		a[i] = x + i
	}
	for i := range a {
		x ^= a[(i*7)&63]
	}
	return x
}
