//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// journal takes down what a trace is told.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns the lines so far and begins anew.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// spans returns a trace of all publishes and handlers. The contexts carry the way that they came.
func (j *journal) spans(name string) *weakbus.Trace {
	way := func(ctx context.Context) string { s, _ := ctx.Value(ctxKey{}).(string); return s }
	return &weakbus.Trace{
		PublishStart: func(ctx context.Context, topic weakbus.TopicInfo, event any) context.Context {
			j.add("%spublish %v %v from %q", name, topic, event, way(ctx))
			return context.WithValue(ctx, ctxKey{}, way(ctx)+name+"P")
		},
		PublishEnd: func(ctx context.Context, topic weakbus.TopicInfo, ran int, err error) {
			j.add("%spublished %v to %d, %v, in %q", name, topic, ran, err, way(ctx))
		},
		HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
			j.add("%shandle %s in %q", name, sub.Label, way(ctx))
			return context.WithValue(ctx, ctxKey{}, way(ctx)+name+"H")
		},
		HandleEnd: func(ctx context.Context, sub weakbus.SubscriptionInfo, err error) {
			j.add("%shandled %s, %v, in %q", name, sub.Label, err, way(ctx))
		},
		Unheard: func(topic weakbus.TopicInfo, event any) { j.add("%sunheard %v %v", name, topic, event) },
	}
}

func TestObserve_TellsPublishesAndHandlersInOrderAndHandsTheContextOn(t *testing.T) {
	bus := weakbus.New()
	var seen []any
	d := &node{on: func(note) { seen = append(seen, "plain") }}
	weakbus.Subscribe(bus, d, (*node).hear, weakbus.Label("plain"), weakbus.Priority(1)) // before Observe
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(ctx context.Context, e note) error {
		seen = append(seen, ctx.Value(ctxKey{}))
		return errors.New("no")
	}, weakbus.Label("failing"))
	j := &journal{}
	stop := bus.Observe(j.spans(""))

	ran, err := weakbus.PublishContext(context.WithValue(t.Context(), ctxKey{}, "caller "), bus, note{1})
	assert.Equal(t, 2, ran)
	assert.Equal(t, []string{
		`publish weakbus_test.note {1} from "caller "`,
		`handle plain in "caller P"`,
		`handled plain, <nil>, in "caller PH"`,
		`handle failing in "caller P"`,
		`handled failing, weakbus: func(context.Context, weakbus_test.note) error on weakbus_test.note (failing): no, in "caller PH"`,
		fmt.Sprintf(`published weakbus_test.note to 2, %v, in "caller P"`, err),
	}, j.take())
	assert.Equal(t, []any{"plain", "caller PH"}, seen)

	weakbus.Publish(bus, note{2})
	assert.Equal(t, `publish weakbus_test.note {2} from ""`, j.take()[0], "Publish has no context of its own")
	stop()
	stop()
	weakbus.Publish(bus, note{3})
	assert.Empty(t, j.take())
	runtime.KeepAlive(d)
}

func TestObserve_AnyNumberAtAnyTime(t *testing.T) {
	j := &journal{}
	bus := weakbus.New(weakbus.WithTrace(j.spans("a")), weakbus.WithTrace(j.spans("b")))
	trace := j.spans("c")
	stop, again := bus.Observe(trace), bus.Observe(trace)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Label("x"))
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{`apublish weakbus_test.note {1} from ""`, `bpublish weakbus_test.note {1} from "aP"`,
		`cpublish weakbus_test.note {1} from "aPbP"`, `cpublish weakbus_test.note {1} from "aPbPcP"`,
		`ahandle x in "aPbPcPcP"`}, j.take()[:5])
	stop() // one of the two
	weakbus.Publish(bus, note{2})
	assert.Equal(t, 1, strings.Count(strings.Join(j.take(), "\n"), "chandle x"))
	again()
	weakbus.Publish(bus, note{3})
	assert.NotContains(t, strings.Join(j.take(), "\n"), "chandle")
}

func TestObserve_HandleStartIsToldOfDeferredCallsToo(t *testing.T) {
	for name, opts := range map[string][]weakbus.SubscribeOption{
		"Async":    {weakbus.Async(8, weakbus.Block)},
		"Through":  {weakbus.Through(weakbus.NewMailbox(8, weakbus.Block))},
		"Via":      {weakbus.Via(func(f func()) { go f() })},
		"Debounce": {weakbus.Debounce(time.Microsecond)},
		"Replay":   {weakbus.Replay()},
	} {
		bus := weakbus.New()
		topic := weakbus.TopicOf[note](bus)
		if name == "Replay" {
			topic.Retain().Publish(note{1})
		}
		j := &journal{}
		handled := make(chan any)
		trace := j.spans("")
		trace.HandleEnd = func(ctx context.Context, _ weakbus.SubscriptionInfo, err error) {
			go func() { handled <- ctx.Value(ctxKey{}) }()
		}
		bus.Observe(trace)
		weakbus.SubscribeFunc(topic, bus.Scope(), func(note) {}, append(opts, weakbus.Label(name))...)
		want := "H"
		if name != "Replay" {
			topic.Publish(note{1})
			want = "PH"
		}
		assert.Equal(t, want, <-handled, name)
		assert.Contains(t, strings.Join(j.take(), "\n"), "handle "+name+" in")
	}
}

func TestObserve_PanicsAndGoexits(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		d, _ := s.node("bad", weakbus.Label("bad"))
		s.warm()
		j := &journal{}
		defer s.bus.Observe(j.spans(""))()
		bad := func() (lines []string) {
			for _, line := range j.take() {
				if strings.Contains(line, "bad") || strings.Contains(line, "publish") {
					lines = append(lines, line)
				}
			}
			return lines
		}
		d.on = func(note) { panic("oops") }
		assert.Panics(t, func() { s.publish() })
		lines := bad()
		require.Len(t, lines, 4)
		assert.Equal(t, `handle bad in "P"`, lines[1])
		assert.Contains(t, lines[2], `handled bad, weakbus:`)
		assert.Contains(t, lines[2], `oops, in "PH"`)
		assert.Contains(t, lines[3], "published weakbus_test.note to")
		d.on = func(note) { runtime.Goexit() }
		var exits sync.WaitGroup
		exits.Go(func() { s.publish() })
		exits.Wait()
		lines = bad()
		require.Len(t, lines, 4)
		assert.Contains(t, lines[2], "panicked, or ended its goroutine")
		assert.Empty(t, s.bus.Stats().Running)
	})
}

func TestObserve_PublishEndGetsTheErrorsOfHandlersAsThePublisherDoes(t *testing.T) {
	bus := weakbus.New()
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error { return errors.New("no") }, weakbus.Label("x"))
	var told error
	bus.Observe(&weakbus.Trace{PublishEnd: func(_ context.Context, _ weakbus.TopicInfo, _ int, err error) { told = err }})
	_, err := weakbus.PublishContext(t.Context(), bus, note{1})
	var h *weakbus.HandlerError
	require.ErrorAs(t, told, &h)
	assert.Equal(t, note{1}, h.Payload)
	assert.Equal(t, err.Error(), told.Error())
}

func TestPanicErrorAndHandlerError_CarryTheEvent(t *testing.T) {
	var p *weakbus.PanicError
	bus := weakbus.New(weakbus.OnPanic(func(x *weakbus.PanicError) { p = x }))
	weakbus.SubscribeFuncContext(bus, bus.Scope(), func(_ context.Context, e *note) error {
		if e.n == 1 {
			panic(e)
		}
		return errors.New("no")
	})
	event := &note{1}
	weakbus.Publish(bus, event)
	assert.Same(t, event, p.Payload)
	event = &note{2}
	_, err := weakbus.PublishContext(t.Context(), bus, event)
	var h *weakbus.HandlerError
	require.ErrorAs(t, err, &h)
	assert.Same(t, event, h.Payload)
}

func TestUnheard_IsWhatNobodyIsThereFor(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	bus.Observe(&weakbus.Trace{Unheard: func(topic weakbus.TopicInfo, event any) { j.add("%v %v", topic, event) }})
	topic := weakbus.TopicOf[note](bus)
	weakbus.Publish(bus, note{1})
	topic.At("k").Publish(note{2})
	weakbus.Publish[any](bus, 3)
	_, err := topic.PublishContext(t.Context(), note{4})
	require.NoError(t, err)
	assert.Equal(t, []string{"weakbus_test.note {1}", "weakbus_test.note[k] {2}", "int 3", "weakbus_test.note {4}"}, j.take())

	var scope weakbus.Scope
	picky := weakbus.SubscribeFunc(bus, &scope, func(note) {}, weakbus.Filter(func(note) bool { return false }))
	weakbus.Publish(bus, note{5})
	assert.Empty(t, j.take(), "a filter refused it")
	picky.Pause()
	weakbus.Publish(bus, note{6})
	assert.Equal(t, []string{"weakbus_test.note {6}"}, j.take(), "all are paused")
	weakbus.SubscribeFunc(bus, &scope, func(any) {})
	weakbus.Publish(bus, note{7})
	weakbus.Publish[any](bus, 8)
	assert.Empty(t, j.take(), "who takes any hears it")
	scope.Close()
	weakbus.Publish(bus, note{9})
	assert.Equal(t, []string{"weakbus_test.note {9}"}, j.take())

	//weakvet:ignore vanishing it is to be collected
	sub := weakbus.SubscribeFunc(bus, new(weakbus.Scope), func(note) {})
	until(t, "the only subscriber", func() bool { return sub.State() == weakbus.Collected })
	weakbus.Publish(bus, note{10})
	assert.Equal(t, []string{"weakbus_test.note {10}"}, j.take(), "it was collected")
	require.NoError(t, bus.Close())
	weakbus.Publish(bus, note{11})
	assert.Empty(t, j.take(), "nothing is published on a closed bus")
}

func TestObserve_SeesPublishesByDynamicTypeWithoutATopic(t *testing.T) {
	bus := weakbus.New()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(any) {}, weakbus.Label("any"))
	j := &journal{}
	bus.Observe(j.spans(""))
	assert.Equal(t, 1, weakbus.Publish[any](bus, note{1}))
	assert.Equal(t, []string{`publish weakbus_test.note {1} from ""`, `handle any in "P"`, `handled any, <nil>, in "PH"`,
		`published weakbus_test.note to 1, <nil>, in "P"`}, j.take())
	ran, err := weakbus.PublishContext[any](t.Context(), bus, 2)
	require.NoError(t, err)
	assert.Equal(t, 1, ran)
	assert.Len(t, j.take(), 4)
}

func TestWithLogger_HintsOnceAtAPointerOrValueTwin(t *testing.T) {
	log, logger := newLog()
	bus := weakbus.New(weakbus.WithLogger(logger))
	weakbus.Publish(bus, note{1})
	assert.NotContains(t, log.String(), "twin")
	weakbus.SubscribeFunc(bus, bus.Scope(), func(*note) {})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	for range 3 {
		weakbus.Publish(bus, note{1})
		word := "x"
		weakbus.Publish(bus, &word)
	}
	weakbus.Publish(bus, &note{1})
	assert.Equal(t, 1, strings.Count(log.String(), "event=weakbus_test.note twin=*weakbus_test.note"))
	assert.Equal(t, 1, strings.Count(log.String(), "event=*string twin=string"))
	assert.Equal(t, 2, strings.Count(log.String(), "nobody hears this event"))
}

func TestObserve_IsToldFirstWhatIsActiveAlready(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	weakbus.SubscribeFunc(topic.At("a"), bus.Scope(), func(note) {})
	words := weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(int) {}).Cancel()
	j := &journal{}
	moves := &weakbus.Trace{
		Active: func(i weakbus.TopicInfo) { j.add("+%v", i) },
		Idle:   func(i weakbus.TopicInfo) { j.add("-%v", i) },
	}
	stop := bus.Observe(moves)
	assert.ElementsMatch(t, []string{"+weakbus_test.note[a]", "+string"}, j.take())
	words.Cancel()
	assert.Equal(t, []string{"-string"}, j.take())
	late := bus.Observe(moves)
	assert.Equal(t, []string{"+weakbus_test.note[a]"}, j.take(), "the first one knows it")
	stop()
	late()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	assert.Empty(t, j.take())
}

// A trace that comes while topics become active and idle is told what is, and then each change, in order.
func TestObserve_ActiveAndIdleAreInOrderForThoseWhoComeInBetween(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	done := make(chan struct{})
	var movers sync.WaitGroup
	for key := range 3 {
		movers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					weakbus.SubscribeFunc(topic.At(key), bus.Scope(), func(note) {}).Cancel()
				}
			}
		})
	}
	for range 300 {
		var mu sync.Mutex
		active := map[string]bool{}
		check := func(on bool) func(weakbus.TopicInfo) {
			return func(i weakbus.TopicInfo) {
				mu.Lock()
				defer mu.Unlock()
				if active[i.String()] == on {
					t.Errorf("%v told twice: %v", i, on)
				}
				active[i.String()] = on
			}
		}
		stop := bus.Observe(&weakbus.Trace{Active: check(true), Idle: check(false)})
		for range 5 {
			runtime.Gosched()
		}
		stop()
	}
	j := &journal{}
	bus.Observe(&weakbus.Trace{Active: func(i weakbus.TopicInfo) { j.add("+%v", i) }, Idle: func(i weakbus.TopicInfo) { j.add("-%v", i) }})
	close(done)
	movers.Wait()
	balance := map[string]int{}
	for _, line := range j.take() {
		if line[0] == '+' {
			balance[line[1:]]++
		} else {
			balance[line[1:]]--
		}
	}
	for topic, n := range balance {
		assert.Zero(t, n, "%s is idle now", topic)
	}
}

func TestObserve_UnderConcurrentPublishes(t *testing.T) {
	bus := weakbus.New()
	var heard, starts, ends, handles, handled atomic.Int64
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard.Add(1) })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard.Add(1) }, weakbus.Async(64, weakbus.Block))
	done := make(chan struct{})
	var publishers sync.WaitGroup
	for range 2 {
		publishers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if weakbus.Publish(bus, note{1}) != 2 {
						t.Error("missed one")
					}
				}
			}
		})
	}
	for range 200 {
		stop := bus.Observe(&weakbus.Trace{
			PublishStart: func(ctx context.Context, _ weakbus.TopicInfo, _ any) context.Context { starts.Add(1); return ctx },
			PublishEnd:   func(context.Context, weakbus.TopicInfo, int, error) { ends.Add(1) },
			HandleStart:  func(ctx context.Context, _ weakbus.SubscriptionInfo) context.Context { handles.Add(1); return ctx },
			HandleEnd:    func(context.Context, weakbus.SubscriptionInfo, error) { handled.Add(1) },
		})
		bus.Stats()
		runtime.Gosched()
		stop()
	}
	close(done)
	publishers.Wait()
	require.NoError(t, bus.Wait(t.Context()))
	assert.Equal(t, starts.Load(), ends.Load(), "who is told of the start is told of the end")
	assert.Equal(t, handles.Load(), handled.Load())
	assert.Positive(t, starts.Load())
}

func TestObserve_FromWithinAHandlerAndAHook(t *testing.T) {
	bus := weakbus.New()
	j := &journal{}
	var stop func()
	weakbus.SubscribeFunc(bus, bus.Scope(), func(e note) {
		if e.n == 1 {
			stop = bus.Observe(j.spans(""))
		} else {
			stop()
		}
	}, weakbus.Label("x"))
	weakbus.Publish(bus, note{1})
	assert.Empty(t, j.take(), "from the next publish on")
	weakbus.Publish(bus, note{2})
	assert.Len(t, j.take(), 4, "who was told of the start is told of the end")
	weakbus.Publish(bus, note{2})
	assert.Empty(t, j.take())

	bus.Observe(&weakbus.Trace{Active: func(i weakbus.TopicInfo) {
		j.add("+%v", i)
		if i.Event.Kind().String() == "string" {
			bus.Observe(&weakbus.Trace{Active: func(i weakbus.TopicInfo) { j.add("++%v", i) }})
		}
	}})
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	assert.ElementsMatch(t, []string{"+weakbus_test.note", "+string", "++weakbus_test.note", "++string"}, j.take())
}

func TestObserve_KeepsNoTopicOfAKeyAndNoSubscriber(t *testing.T) {
	bus := weakbus.New()
	defer bus.Observe(&weakbus.Trace{
		Active: func(weakbus.TopicInfo) {}, HandleStart: func(ctx context.Context, _ weakbus.SubscriptionInfo) context.Context { return ctx },
	})()
	var key weak.Pointer[node]
	var receiver weak.Pointer[node]
	func() {
		k, d := &node{}, &node{}
		key, receiver = weak.Make(k), weak.Make(d)
		topic := weakbus.TopicOf[note](bus).At(k)
		//weakvet:ignore vanishing it is to be collected
		weakbus.Subscribe(topic, d, (*node).hear)
		assert.Equal(t, 1, topic.Publish(note{1}))
	}()
	collect(t, gone("receiver", receiver))
	collect(t, gone("key", key))
	runtime.KeepAlive(bus)
}

func TestWithSites_NotesPlacesAndCountsWithoutATrace(t *testing.T) {
	bus := weakbus.New(weakbus.WithSites())
	topic := weakbus.TopicOf[note](bus)
	d := &node{}
	sub := weakbus.Subscribe(bus, d, (*node).hear)
	weakbus.Subscribe(topic.At("k"), d, (*node).hear, weakbus.Filter(func(e note) bool { return e.n > 1 }))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) {})
	stats := bus.Stats()
	require.Len(t, stats.Topics, 3)
	for _, topic := range stats.Topics {
		assert.Regexp(t, `observe_test\.go:\d+$`, topic.Subscriptions[0].Site)
		assert.False(t, topic.Subscriptions[0].Heard)
	}
	topic.Publish(note{1})
	topic.At("k").Publish(note{1})
	weakbus.Publish(bus, 3.14)
	stats = bus.Stats()
	assert.True(t, stats.Topics[0].Subscriptions[0].Heard)
	assert.Equal(t, []int{2, 2}, []int{stats.Topics[0].Published, stats.Topics[0].Heard}, "with those of its keys")
	assert.Equal(t, []int{1, 1}, []int{stats.Topics[1].Published, stats.Topics[1].Heard})
	assert.Equal(t, []int{1, 0}, []int{stats.Topics[3].Published, stats.Topics[3].Heard})
	sub.Cancel()
	assert.Equal(t, 2, bus.Stats().Topics[0].Published, "the totals survive their subscriptions")
	bare := weakbus.New()
	weakbus.Subscribe(bare, d, (*node).hear)
	weakbus.Publish(bare, note{1})
	first := bare.Stats().Topics[0]
	assert.Empty(t, first.Subscriptions[0].Site)
	assert.Zero(t, first.Published)
	runtime.KeepAlive(d)
}

func TestStats_HeardOnlyWhereAHandlerRan(t *testing.T) {
	bus := weakbus.New(weakbus.WithSites())
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}, weakbus.Filter(func(e note) bool { return e.n > 1 }))
	weakbus.Publish(bus, note{1})
	s := bus.Stats().Topics[0]
	assert.Equal(t, []int{1, 0}, []int{s.Published, s.Heard})
	assert.False(t, s.Subscriptions[0].Heard)
}

func TestStats_ShowsQueues(t *testing.T) {
	bus := weakbus.New(weakbus.WithSites())
	weakbus.TopicOf[note](bus)
	q := weakbus.NewQueue(bus, weakbus.QueueLabel("frame"), weakbus.Capacity(2))
	var drop weakbus.Drop
	bus.Observe(&weakbus.Trace{Dropped: func(d weakbus.Drop) { drop = d }})
	for range 3 {
		_ = weakbus.Post(q, note{1})
	}
	assert.Equal(t, []weakbus.QueueStats{{Label: "frame", Waiting: 2, Capacity: 2, Dropped: 1}}, bus.Stats().Queues)
	assert.Equal(t, "frame", drop.Queue)
	assert.Equal(t, 1, bus.Stats().Topics[0].Dropped)
	for range 50 {
		weakbus.NewQueue(bus)
	}
	runtime.KeepAlive(q)
	q = nil
	until(t, "queues that were dropped", func() bool { return len(bus.Stats().Queues) == 0 })
}

func TestStats_ShowsWhatIsRunning(t *testing.T) {
	bus := weakbus.New(weakbus.WithSites())
	before := time.Now()
	running := func() []string {
		var labels []string
		for _, r := range bus.Stats().Running {
			labels = append(labels, r.Subscription.Label)
			assert.WithinRange(t, r.Since, before.Add(-time.Millisecond), time.Now())
		}
		return labels
	}
	var inner []string
	weakbus.SubscribeFunc(bus, bus.Scope(), func(string) { inner = running() }, weakbus.Label("inner"))
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { weakbus.Publish(bus, "x") }, weakbus.Label("outer"))
	weakbus.Publish(bus, note{1})
	assert.Equal(t, []string{"outer", "inner"}, inner)
	assert.Empty(t, running())
	enter, leave := make(chan bool), make(chan bool)
	weakbus.SubscribeFunc(bus, bus.Scope(), func(int) { enter <- true; <-leave }, weakbus.Label("async"), weakbus.Async(1, weakbus.Block))
	weakbus.Publish(bus, 1)
	<-enter
	assert.Equal(t, []string{"async"}, running())
	leave <- true
	require.NoError(t, bus.Wait(t.Context()))
	assert.Empty(t, running())
}

func TestDrop_OfALoopNamesItsSubscription(t *testing.T) {
	bus := weakbus.New()
	var drop weakbus.Drop
	bus.Observe(&weakbus.Trace{Dropped: func(d weakbus.Drop) { drop = d }})
	topic := weakbus.TopicOf[note](bus).Retain()
	topic.Publish(note{0})
	for range weakbus.Events[note](t.Context(), bus, weakbus.Async(1, weakbus.DropOldest), weakbus.Label("loop"), weakbus.Replay()) {
		topic.Publish(note{1})
		topic.Publish(note{2})
		break
	}
	require.NotNil(t, drop.Subscription)
	assert.Equal(t, "loop", drop.Subscription.Label)
	assert.Regexp(t, `observe_test\.go:\d+$`, drop.Subscription.Site)
	assert.Equal(t, 1, drop.Count)
}

func TestObserve_MisusePanics(t *testing.T) {
	assert.Contains(t, panicOf(func() { weakbus.New().Observe(nil) }), "weakbus: Observe: nil Trace")
	assert.Contains(t, panicOf(func() { new(weakbus.Bus).Observe(&weakbus.Trace{}) }), "weakbus: Observe: nil *Bus or a zero one; make one with New")
}

// What HandleEnd of one handler cancels is skipped, as what the handler cancels is.
func TestObserve_HandleEndCancelsTheNext(t *testing.T) {
	for _, what := range []string{"Cancel", "Pause"} {
		onStages(t, func(t *testing.T, s *stage) {
			s.node("a", weakbus.Label("a"))
			_, b := s.node("b", weakbus.Label("b"))
			s.node("c", weakbus.Label("c"))
			s.warm()
			var started []string
			defer s.bus.Observe(&weakbus.Trace{
				HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
					if sub.Label != "" {
						started = append(started, sub.Label)
					}
					return ctx
				},
				HandleEnd: func(_ context.Context, sub weakbus.SubscriptionInfo, _ error) {
					switch {
					case sub.Label != "a":
					case what == "Cancel":
						b.Cancel()
					default:
						b.Pause()
					}
				}})()
			assert.Equal(t, []string{"a", "c"}, s.publish())
			assert.Equal(t, []string{"a", "c"}, started)
		})
	}
}

// An observer that comes while a publish is under way is told of the handlers with options from then on, be
// they called in a row or one by one.
func TestObserve_InTheMiddleOfAPublish(t *testing.T) {
	for _, warm := range []bool{false, true} {
		bus := weakbus.New()
		var j journal
		armed := false
		for _, name := range []string{"a", "b", "c", "d"} {
			weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error {
				if name == "b" && armed {
					bus.Observe(&weakbus.Trace{HandleStart: func(ctx context.Context, sub weakbus.SubscriptionInfo) context.Context {
						j.add("%s", sub.Label)
						return ctx
					}})
				}
				return nil
			}, weakbus.Label(name))
		}
		for range 6 {
			if warm {
				weakbus.Publish(bus, note{1})
			}
		}
		armed = true
		weakbus.Publish(bus, note{1})
		assert.Equal(t, []string{"c", "d"}, j.take(), "warm: %v", warm)
	}
}
