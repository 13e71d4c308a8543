//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

func TestSubscribe_DroppedReceiverIsNotCalledAndNotCounted(t *testing.T) { // [blinker test_weak_receiver; Django test_garbage_collected_receiver]
	onStages(t, func(t *testing.T, s *stage) {
		type window struct{ node }
		topic := weakbus.TopicOf[note](s.bus)
		calls := 0
		w := &window{}
		ptr := weak.Make(w)
		sub := weakbus.Subscribe(s.bus, w, func(*window, note) { calls++ })
		s.warm()
		before := topic.Len()
		calls = 0
		assert.Equal(t, before, weakbus.Publish(s.bus, note{1}))
		assert.Equal(t, 1, calls)
		w = nil
		collect(t, gone("window", ptr))
		assert.Equal(t, before-1, weakbus.Publish(s.bus, note{2}))
		assert.Equal(t, 1, calls)
		assert.Equal(t, before-1, topic.Len())
		assert.Equal(t, weakbus.Collected, sub.State())
		assert.False(t, sub.Cancel(), "collection had ended it")
	})
}

func TestSubscription_KnowsOfACollectionBeforeAnyPublish(t *testing.T) {
	var topic weakbus.Topic[note]
	type window struct{ node }
	w := &window{}
	ptr := weak.Make(w)
	sub := weakbus.Subscribe(&topic, w, func(*window, note) {})
	cancelled := weakbus.Subscribe(&topic, w, func(*window, note) {})
	w = nil
	collect(t, gone("window", ptr))
	assert.Equal(t, weakbus.Collected, sub.State())
	assert.False(t, cancelled.Cancel())
	assert.Equal(t, weakbus.Collected, cancelled.State())
}

func TestSubscribe_ReceiversDieInTurn(t *testing.T) { // [PyPubSub test_DyingListenersClass]
	onStages(t, func(t *testing.T, s *stage) {
		nodes := make([]*node, 6)
		subs := make([]*weakbus.Subscription, 6)
		for i := range nodes {
			nodes[i] = &node{name: fmt.Sprint(i), log: &s.log}
			subs[i] = weakbus.Subscribe(s.bus, nodes[i], (*node).hear)
		}
		s.warm()
		alive := []string{"0", "1", "2", "3", "4", "5"}
		for _, i := range []int{3, 0, 5} {
			ptr := weak.Make(nodes[i])
			nodes[i] = nil
			collect(t, gone(fmt.Sprint(i), ptr))
			alive = remove(alive, fmt.Sprint(i))
			assert.Equal(t, alive, s.publish())
			assert.Equal(t, weakbus.Collected, subs[i].State())
		}
		runtime.KeepAlive(nodes)
	})
}

func remove(from []string, what string) (rest []string) {
	for _, s := range from {
		if s != what {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestSubscribe_ManyReceiversOfTwoEvents(t *testing.T) { // [MVVM Toolkit ManyRecipients]
	const n = 512
	bus := weakbus.New()
	type other struct{ n int }
	numbers, others := 0, 0
	receivers := make([]*node, n)
	for i := range receivers {
		receivers[i] = &node{}
		weakbus.Subscribe(bus, receivers[i], func(*node, note) { numbers++ })
		weakbus.Subscribe(bus, receivers[i], func(*node, other) { others++ })
	}
	for range 3 {
		assert.Equal(t, n, weakbus.Publish(bus, note{1}))
		assert.Equal(t, n, weakbus.Publish(bus, other{1}))
	}
	assert.Equal(t, 3*n, numbers)
	assert.Equal(t, 3*n, others)
	runtime.KeepAlive(receivers)
	receivers = nil
	until(t, "receivers", func() bool {
		return weakbus.TopicOf[note](bus).Len() == 0 && weakbus.TopicOf[other](bus).Len() == 0
	})
	assert.Zero(t, weakbus.Publish(bus, note{2}))
}

func TestSubscribe_CancelledSubscriptionLetsGoOfTheHandlersState(t *testing.T) { // [.NET ConditionalWeakTable AddRemove_DropValue]
	onStages(t, func(t *testing.T, s *stage) {
		receiver := &node{}
		var scope weakbus.Scope
		var ptr, scopedPtr weak.Pointer[node]
		var sub, scopedSub *weakbus.Subscription
		func() {
			state, scoped := &node{}, &node{}
			ptr, scopedPtr = weak.Make(state), weak.Make(scoped)
			sub = weakbus.Subscribe(s.bus, receiver, func(*node, note) { state.heard = nil })
			scopedSub = weakbus.SubscribeFunc(s.bus, &scope, use(scoped))
		}()
		s.warm()
		require.True(t, sub.Cancel())
		require.True(t, scopedSub.Cancel())
		collect(t, gone("captured state", ptr))
		collect(t, gone("state captured by a scope's function", scopedPtr))
		runtime.KeepAlive(receiver)
		runtime.KeepAlive(&scope)
		runtime.KeepAlive(sub)
		runtime.KeepAlive(scopedSub)
	})
}

func TestPublish_KeepsNoReferenceToTheEvent(t *testing.T) { // [psygnal test_emit_should_not_prevent_gc]
	for n := range 5 {
		t.Run(fmt.Sprint(n, " subscribers"), func(t *testing.T) {
			type payload struct{ data []byte }
			bus := weakbus.New()
			var scope weakbus.Scope
			for range n {
				weakbus.SubscribeFunc(bus, &scope, func(*payload) {})
			}
			p := &payload{make([]byte, 1<<10)}
			ptr := weak.Make(p)
			weakbus.Publish(bus, p)
			weakbus.Publish(bus, p)
			_, err := weakbus.PublishContext(t.Context(), bus, p)
			require.NoError(t, err)
			p = nil
			collect(t, gone("payload", ptr))
			runtime.KeepAlive(bus)
			runtime.KeepAlive(&scope)
		})
	}
}

func TestPublish_HandlerDropsTheLastReferenceToALaterReceiver(t *testing.T) { // [psygnal #432]
	onStages(t, func(t *testing.T, s *stage) {
		a, _ := s.node("a")
		later := &node{name: "later", log: &s.log}
		weakbus.Subscribe(s.bus, later, (*node).hear)
		s.node("c")
		a.on = func(note) {
			later = nil
			runtime.GC()
			runtime.GC()
		}
		s.warm()
		heard := s.publish()
		if len(heard) == 3 { // skipped or called whole, never half
			assert.Equal(t, []string{"a", "later", "c"}, heard)
		} else {
			assert.Equal(t, []string{"a", "c"}, heard)
		}
		runtime.KeepAlive(later)
	})
}

func TestSubscribe_ResurrectedReceiverIsNotCalledAgain(t *testing.T) {
	type phoenix struct{ node }
	var topic weakbus.Topic[note]
	back := make(chan *phoenix, 1)
	calls := 0
	p := &phoenix{}
	runtime.SetFinalizer(p, func(p *phoenix) { back <- p })
	weakbus.Subscribe(&topic, p, func(*phoenix, note) { calls++ })
	require.Equal(t, 1, topic.Publish(note{1}))
	runtime.KeepAlive(p)
	p = nil
	var risen *phoenix
	until(t, "finalizer", func() bool {
		select {
		case risen = <-back:
			return true
		default:
			return false
		}
	})
	assert.Zero(t, topic.Publish(note{2}))
	assert.Equal(t, 1, calls)
	runtime.KeepAlive(risen)
}

func TestSubscribe_PartOfALargerAllocationLivesAsLongAsAllOfIt(t *testing.T) {
	type inner struct {
		name  string
		heard int
	}
	type outer struct {
		title string
		inner
		field inner
	}
	var topic weakbus.Topic[note]
	count := func(i *inner, _ note) { i.heard++ }

	t.Run("slice element", func(t *testing.T) {
		all := make([]inner, 3)
		sub := weakbus.Subscribe(&topic, &all[1], count)
		last := &all[2]
		all = nil
		runtime.GC()
		runtime.GC()
		assert.Equal(t, 1, topic.Publish(note{1}), "its neighbour keeps it")
		runtime.KeepAlive(last)
		until(t, "slice", func() bool { return sub.State() == weakbus.Collected })
	})
	t.Run("embedded and field", func(t *testing.T) {
		o := &outer{}
		a := weakbus.Subscribe(&topic, &o.inner, count)
		b := weakbus.Subscribe(&topic, &o.field, count)
		runtime.GC()
		assert.Equal(t, 2, topic.Publish(note{1}))
		assert.Equal(t, 1, o.inner.heard)
		assert.Equal(t, 1, o.field.heard)
		runtime.KeepAlive(o)
		o = nil
		until(t, "struct", func() bool { return a.State() == weakbus.Collected && b.State() == weakbus.Collected })
	})
}

//weakvet:ignore vanishing,uncollectable misuse is what it tests
func TestSubscribe_MisusePanicsAtTheCallSite(t *testing.T) { // [Python: TypeError for int, str, tuple]
	type empty struct{}
	type tiny struct{ a, b int32 }
	type nested struct{ a [3]tiny }
	type small struct{ next *small }
	bus := weakbus.New()
	var topic *weakbus.Topic[note]
	var noBus *weakbus.Bus
	var scope weakbus.Scope
	fine := &node{}
	cases := []struct {
		name   string
		call   func()
		reason string
	}{
		{"nil bus", func() { weakbus.Subscribe(noBus, fine, (*node).hear) }, "weakbus: Subscribe: nil source"},
		{"nil topic", func() { weakbus.Subscribe(topic, fine, (*node).hear) }, "weakbus: Subscribe: nil source"},
		{"nil receiver", func() { weakbus.Subscribe(bus, (*node)(nil), (*node).hear) }, "weakbus: Subscribe: nil receiver"},
		{"nil handler", func() { weakbus.Subscribe(bus, fine, (func(*node, note))(nil)) }, "weakbus: Subscribe: nil handler"},
		{"zero size", func() { weakbus.Subscribe(bus, &empty{}, func(*empty, note) {}) }, "size zero and is never collected"},
		{"tiny", func() { weakbus.Subscribe(bus, &tiny{}, func(*tiny, note) {}) }, "8 bytes and no pointers"},
		{"int", func() { weakbus.Subscribe(bus, new(int), func(*int, note) {}) }, "use SubscribeFunc with a Scope"},
		{"context, nil receiver", func() {
			weakbus.SubscribeContext(bus, (*node)(nil), func(*node, context.Context, note) error { return nil })
		}, "weakbus: SubscribeContext: nil receiver"},
		{"context, nil handler", func() {
			weakbus.SubscribeContext(bus, fine, (func(*node, context.Context, note) error)(nil))
		}, "weakbus: SubscribeContext: nil handler"},
		{"nil scope", func() { weakbus.SubscribeFunc(bus, nil, func(note) {}) }, "weakbus: SubscribeFunc: nil scope"},
		{"nil func", func() { weakbus.SubscribeFunc(bus, &scope, (func(note))(nil)) }, "weakbus: SubscribeFunc: nil handler"},
		{"nil scope, context", func() {
			weakbus.SubscribeFuncContext(bus, nil, func(context.Context, note) error { return nil })
		}, "weakbus: SubscribeFuncContext: nil scope"},
		{"nil func, context", func() {
			weakbus.SubscribeFuncContext(bus, &scope, (func(context.Context, note) error)(nil))
		}, "weakbus: SubscribeFuncContext: nil handler"},
		{"publish to nil bus", func() { weakbus.Publish(noBus, note{}) }, "weakbus: Publish: nil source"},
		{"publish to nil topic", func() { weakbus.Publish(topic, note{}) }, "weakbus: Publish: nil source"},
		{"publish with nil context", func() {
			//lint:ignore SA1012 the misuse under test
			_, _ = weakbus.PublishContext(nil, bus, note{})
		}, "weakbus: PublishContext: nil context"},
		{"topic of nil", func() { weakbus.TopicOf[note](nil) }, "weakbus: TopicOf: nil *Bus"},
		{"In nil", func() { weakbus.In(nil) }, "weakbus: In: nil scope"},
		{"In twice", func() { weakbus.SubscribeFunc(bus, &scope, func(note) {}, weakbus.In(&scope)) }, "has a scope already"},
		//lint:ignore SA1012 as above
		{"Until nil", func() { weakbus.Until(nil) }, "weakbus: Until: nil context"},
		{"Filter nil", func() { weakbus.Filter[note](nil) }, "weakbus: Filter: nil function"},
		{"Filter of another type", func() {
			weakbus.Subscribe(bus, fine, (*node).hear, weakbus.Filter(func(int) bool { return true }))
		}, "Filter takes a func(int) bool, events are weakbus_test.note"},
		{"Filter twice", func() {
			keep := weakbus.Filter(func(note) bool { return true })
			weakbus.Subscribe(bus, fine, (*node).hear, keep, keep)
		}, "weakbus: Filter: the subscription has a filter already"},
		{"Until twice", func() {
			weakbus.Subscribe(bus, fine, (*node).hear, weakbus.Until(t.Context()), weakbus.Until(t.Context()))
		}, "weakbus: Until: the subscription has a context already"},
		{"Filter of another type, under a scope", func() {
			weakbus.SubscribeFunc(bus, &scope, func(note) {}, weakbus.Filter(func(int) bool { return true }))
		}, "Filter takes a func(int) bool"},
		{"OnPanic nil", func() { weakbus.OnPanic(nil) }, "weakbus: OnPanic: nil function"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				r := recover()
				require.NotNil(t, r, "no panic")
				assert.Contains(t, fmt.Sprint(r), c.reason)
			}()
			c.call()
		})
	}
	t.Run("fine", func(t *testing.T) {
		assert.NotPanics(t, func() {
			weakbus.Subscribe(bus, &nested{}, func(*nested, note) {})
			weakbus.Subscribe(bus, &small{}, func(*small, note) {})
			weakbus.Subscribe(bus, &[2]string{}, func(*[2]string, note) {})
			weakbus.Subscribe(bus, new(any), func(*any, note) {})
			weakbus.Subscribe(bus, new([]int), func(*[]int, note) {}, nil)
		})
	})
	assert.Zero(t, scope.Len(), "a refused subscription leaves nothing behind")
}

func TestSubscription_CancelReportsWhetherItEnded(t *testing.T) { // [Boost signal_test]
	onStages(t, func(t *testing.T, s *stage) {
		_, sub := s.node("a")
		s.warm()
		assert.Equal(t, weakbus.Active, sub.State())
		assert.True(t, sub.Cancel())
		assert.False(t, sub.Cancel())
		assert.False(t, sub.Cancel())
		assert.Equal(t, weakbus.Cancelled, sub.State())
		assert.Empty(t, s.publish())
	})
}

func TestSubscription_PauseDoesNotNest(t *testing.T) { // [psygnal test_nested_pause]
	onStages(t, func(t *testing.T, s *stage) {
		_, a := s.node("a")
		s.node("b")
		s.warm()
		a.Pause()
		a.Pause()
		assert.Equal(t, weakbus.Paused, a.State())
		for range 30 { // also after the snapshot was rebuilt
			assert.Equal(t, []string{"b"}, s.publish())
		}
		a.Resume()
		assert.Equal(t, weakbus.Active, a.State())
		for range 30 {
			assert.Equal(t, []string{"a", "b"}, s.publish())
		}
		a.Pause()
		assert.True(t, a.Cancel(), "a paused one can be cancelled")
		a.Resume()
		assert.Equal(t, weakbus.Cancelled, a.State())
		assert.Equal(t, []string{"b"}, s.publish())
	})
}

func TestSubscription_OfACollectedBusEnds(t *testing.T) {
	d := &node{}
	bus := weakbus.New()
	ptr := weak.Make(bus)
	sub := weakbus.Subscribe(bus, d, (*node).hear)
	bus = nil
	collect(t, gone("bus", ptr))
	assert.Equal(t, weakbus.Closed, sub.State())
	assert.False(t, sub.Cancel())
	runtime.KeepAlive(d)
}

func TestSubscription_DroppingItChangesNothing(t *testing.T) {
	d := &node{}
	var topic weakbus.Topic[note]
	weakbus.Subscribe(&topic, d, (*node).hear)
	for range 3 {
		runtime.GC()
	}
	assert.Equal(t, 1, topic.Publish(note{1}))
	runtime.KeepAlive(d)
}

func TestSubscription_OneOwnersCancelSparesOthers(t *testing.T) { // [MVVM Toolkit RegisterMultiple_UnregisterSingle]
	onStages(t, func(t *testing.T, s *stage) {
		var mine, theirs weakbus.Scope
		s.node("mine", weakbus.In(&mine))
		s.node("theirs", weakbus.In(&theirs))
		s.node("mine too", weakbus.In(&mine))
		s.warm()
		assert.Equal(t, []string{"mine", "theirs", "mine too"}, s.publish())
		require.NoError(t, mine.Close())
		assert.Equal(t, []string{"theirs"}, s.publish())
		assert.Equal(t, 1, theirs.Len())
	})
}

func TestState_String(t *testing.T) {
	for state, name := range map[weakbus.State]string{
		weakbus.Active: "active", weakbus.Paused: "paused", weakbus.Cancelled: "cancelled",
		weakbus.Collected: "collected", weakbus.Spent: "spent", weakbus.Closed: "closed", 99: "invalid",
	} {
		assert.Equal(t, name, state.String())
	}
}

//weakvet:ignore vanishing they are to be collected
func TestTopic_ThatIsNeverPublishedStaysBounded(t *testing.T) { // [Prism #1505]
	const total = 50_000
	for name, topic := range map[string]*weakbus.Topic[note]{
		"of a bus": weakbus.TopicOf[note](weakbus.New()), "alone": new(weakbus.Topic[note]),
	} {
		t.Run(name, func(t *testing.T) {
			before := heapInUse()
			for i := range total {
				weakbus.Subscribe(topic, &node{}, (*node).hear)
				if i%(total/10) == 0 {
					runtime.GC()
				}
			}
			if name == "alone" { // no sweep: its own subscribing has to do
				assert.Less(t, heapInUse()-before, int64(total/3*110), "a third of what was ever subscribed")
				assert.Zero(t, topic.Len())
			}
			until(t, "memory of dropped subscriptions", func() bool { return heapInUse()-before < 1<<20 })
			t.Logf("%d dropped subscriptions left %d bytes", total, heapInUse()-before)
			runtime.KeepAlive(topic)
		})
	}
}

// TestTopic_OutsideABusLetsGoWithoutASweep covers each way in which a topic that has no bus
// lets go of a handler, here seen by the state that the handler captures.
func TestTopic_OutsideABusLetsGoWithoutASweep(t *testing.T) {
	type fixture struct {
		topic *weakbus.Topic[note]
		recv  *node
		sub   *weakbus.Subscription
		scope *weakbus.Scope
	}
	for name, act := range map[string]func(f *fixture){
		"cancelled": func(f *fixture) { f.sub.Cancel() },
		"collected, then published": func(f *fixture) {
			f.recv = nil
			until(t, "receiver", func() bool { return f.sub.State() == weakbus.Collected })
			f.topic.Publish(note{1})
		},
		"collected, then Len": func(f *fixture) {
			f.recv = nil
			until(t, "receiver", func() bool { return f.sub.State() == weakbus.Collected })
			f.topic.Len()
		},
	} {
		for _, others := range []int{0, 3} {
			t.Run(fmt.Sprint(name, " beside ", others), func(t *testing.T) {
				f := &fixture{topic: new(weakbus.Topic[note]), recv: &node{}, scope: new(weakbus.Scope)}
				var ptr weak.Pointer[node]
				func() {
					state := &node{}
					ptr = weak.Make(state)
					f.sub = weakbus.Subscribe(f.topic, f.recv, func(*node, note) { state.heard = nil })
				}()
				for range others {
					weakbus.SubscribeFunc(f.topic, f.scope, func(note) {})
				}
				act(f)
				if name == "cancelled" && others > 0 {
					f.topic.Publish(note{1}) // one of four is not worth a compaction by itself
				}
				collect(t, gone("captured state", ptr))
				runtime.KeepAlive(f)
			})
		}
	}
	t.Run("function of a scope, cancelled", func(t *testing.T) {
		var topic weakbus.Topic[note]
		var scope weakbus.Scope
		state := &node{}
		ptr := weak.Make(state)
		sub := weakbus.SubscribeFunc(&topic, &scope, use(state))
		weakbus.SubscribeFunc(&topic, &scope, func(note) {})
		weakbus.SubscribeFunc(&topic, &scope, func(note) {})
		state = nil
		require.True(t, sub.Cancel())
		collect(t, gone("captured state", ptr))
		runtime.KeepAlive(&topic)
		runtime.KeepAlive(&scope)
	})
}
