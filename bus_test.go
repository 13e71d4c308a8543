//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
)

// noContext is what a caller passes by mistake.
var noContext context.Context

// full says that a test that looks for rare orders of events may take its time, as CI does.
var full = os.Getenv("WEAKBUS_TESTS") == "full"

func TestMain(m *testing.M) {
	flag.Parse()
	if skip := flag.Lookup("test.skip"); len(leftOut) > 0 && skip.Value.String() == "" {
		names := slices.Collect(maps.Keys(leftOut))
		if err := skip.Value.Set("^(" + strings.Join(names, "|") + ")$"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m, own...)
}

// collect runs the collector until done, or fails with what survived.
func collect(t testing.TB, survivors func() []string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, 50*time.Millisecond) {
		runtime.GC()
		left := survivors()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, "still alive after collection", "%v", left)
		}
		time.Sleep(pause) // cleanups and sweeps run on goroutines of their own
	}
}

// gone is what collect waits for in the common case.
func gone[T any](name string, w weak.Pointer[T]) func() []string {
	return func() []string {
		if w.Value() != nil {
			return []string{name}
		}
		return nil
	}
}

// until waits for what a collection sets off.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	collect(t, func() []string {
		if done() {
			return nil
		}
		return []string{what}
	})
}

// heapInUse returns the bytes that are left after a collection.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// note is the tests' event. Negative ones warm a topic up and are not recorded.
type note struct{ n int }

// node is the tests' receiver: it records what it hears, and does what the test wants done in
// a handler.
type node struct {
	name  string
	log   *[]string
	heard []int
	on    func(note)
}

func (d *node) hear(e note) {
	if e.n < 0 {
		return
	}
	d.heard = append(d.heard, e.n)
	if d.log != nil {
		*d.log = append(*d.log, d.name)
	}
	if d.on != nil {
		d.on(e)
	}
}

// use returns a handler that refers to d. (A literal in the test would capture the variable,
// and let go of d when the test sets it to nil.)
func use(d *node) func(note) { return func(note) { d.heard = nil } }

// other is a second receiver type.
type other struct{ node }

func (d *other) hear(e note) { d.node.hear(e) }

// stage is a bus in one of the shapes that a delivery takes: a few subscribers, a warm
// snapshot with the test's subscribers in a segment of one type or of a mix, or in the tail behind one.
type stage struct {
	bus     *weakbus.Bus
	fillers []*node
	others  []*other
	warm    func() // to be called when the test has subscribed
	log     []string
	nodes   []*node
}

func (s *stage) warmUp() {
	for range 3 {
		weakbus.Publish(s.bus, note{-1})
	}
}

// node adds a subscriber that the stage keeps alive.
func (s *stage) node(name string, opts ...weakbus.SubscribeOption) (*node, *weakbus.Subscription) {
	d := &node{name: name, log: &s.log}
	s.nodes = append(s.nodes, d)
	return d, weakbus.Subscribe(s.bus, d, (*node).hear, opts...)
}

// publish publishes one note and returns the names that heard it, in order.
func (s *stage) publish() []string {
	s.log = nil
	weakbus.Publish(s.bus, note{1})
	return s.log
}

// onStages runs test on each shape of bus.
func onStages(t *testing.T, test func(t *testing.T, s *stage), opts ...weakbus.BusOption) {
	const fillers = 24
	newStage := func() *stage { return &stage{bus: weakbus.New(opts...), warm: func() {}} }
	finish := func(s *stage) {
		for _, f := range s.fillers {
			f.heard = append(f.heard, 0)
		}
		runtime.KeepAlive(s)
	}
	t.Run("few", func(t *testing.T) {
		s := newStage()
		test(t, s)
		finish(s)
	})
	t.Run("warm", func(t *testing.T) {
		s := newStage()
		for range fillers {
			d := &node{}
			s.fillers = append(s.fillers, d)
			weakbus.Subscribe(s.bus, d, (*node).hear)
		}
		s.warm = s.warmUp
		test(t, s)
		finish(s)
	})
	t.Run("mixed", func(t *testing.T) {
		s := newStage()
		for i := range fillers {
			d, o := &node{}, &other{}
			s.fillers, s.others = append(s.fillers, d), append(s.others, o)
			if i%2 == 0 {
				weakbus.Subscribe(s.bus, d, (*node).hear)
			}
			weakbus.Subscribe(s.bus, o, (*other).hear)
		}
		s.warm = s.warmUp
		test(t, s)
		finish(s)
	})
	t.Run("tail", func(t *testing.T) {
		s := newStage()
		for range fillers {
			d := &node{}
			s.fillers = append(s.fillers, d)
			weakbus.Subscribe(s.bus, d, (*node).hear)
		}
		s.warmUp()
		test(t, s)
		finish(s)
	})
}

func TestPublish_ReachesTheTopicOfTheEventsType(t *testing.T) {
	type celsius float64
	bus := weakbus.New()
	var got []string
	weakbus.SubscribeFunc(bus, bus.Scope(), func(int) { got = append(got, "int") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(float64) { got = append(got, "float64") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(celsius) { got = append(got, "celsius") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(boxed[int]) { got = append(got, "boxed int") })
	weakbus.SubscribeFunc(bus, bus.Scope(), func(boxed[string]) { got = append(got, "boxed string") })

	assert.Equal(t, 1, weakbus.Publish(bus, 1))
	assert.Equal(t, 1, weakbus.Publish(bus, celsius(1)))
	assert.Equal(t, 1, weakbus.Publish(bus, boxed[string]{}))
	assert.Equal(t, 0, weakbus.Publish(bus, "nobody listens"))
	assert.Equal(t, []string{"int", "celsius", "boxed string"}, got)
}

type boxed[T any] struct{ v T }

func TestTopicOf_ReturnsOneTopicForEachTypeOfManyTypes(t *testing.T) {
	bus := weakbus.New()
	topics := []any{
		weakbus.TopicOf[*int8](bus), weakbus.TopicOf[*int16](bus), weakbus.TopicOf[*int32](bus), weakbus.TopicOf[*int64](bus),
		weakbus.TopicOf[*uint8](bus), weakbus.TopicOf[*uint16](bus), weakbus.TopicOf[*uint32](bus), weakbus.TopicOf[*uint64](bus),
		weakbus.TopicOf[*string](bus), weakbus.TopicOf[[]byte](bus), weakbus.TopicOf[*bool](bus), weakbus.TopicOf[error](bus),
	}
	seen := map[any]bool{}
	for _, topic := range topics {
		seen[topic] = true
	}
	assert.Len(t, seen, len(topics))
	assert.Same(t, topics[0], weakbus.TopicOf[*int8](bus))
	assert.Same(t, topics[9], weakbus.TopicOf[[]byte](bus))

	heard := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func([]byte) { heard++ })
	assert.Equal(t, 1, weakbus.Publish(bus, []byte("x")))
	assert.Equal(t, 1, heard)
}

func TestBus_ScopeIsAStrongSubscription(t *testing.T) { // [blinker test_strong_receiver]
	bus := weakbus.New()
	heard := 0
	weakbus.SubscribeFunc(bus, bus.Scope(), func(note) { heard++ })
	for range 3 {
		runtime.GC()
	}
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}))
	assert.Equal(t, 1, heard)
}

func TestBusClose_EndsAllAndRefusesNew(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		_, a := s.node("a")
		scoped := weakbus.SubscribeFunc(s.bus, s.bus.Scope(), func(note) {})
		s.warm()
		require.NoError(t, s.bus.Close())
		require.NoError(t, s.bus.Close(), "idempotent")

		assert.Equal(t, weakbus.Closed, a.State())
		assert.Equal(t, weakbus.Closed, scoped.State())
		assert.False(t, a.Cancel())
		assert.Empty(t, s.publish())
		assert.Zero(t, weakbus.Publish(s.bus, note{1}))
		n, err := weakbus.PublishContext(t.Context(), s.bus, note{1})
		assert.Zero(t, n)
		assert.ErrorIs(t, err, weakbus.ErrClosed)
		_, err = weakbus.PublishContext(t.Context(), s.bus, "a type without a topic")
		assert.ErrorIs(t, err, weakbus.ErrClosed)

		_, late := s.node("late")
		assert.Equal(t, weakbus.Closed, late.State())
		late.Pause()
		late.Resume()
		assert.Equal(t, weakbus.Closed, late.State())
		lateScoped := weakbus.SubscribeFunc(s.bus, s.bus.Scope(), func(string) {})
		assert.Equal(t, weakbus.Closed, lateScoped.State())
		assert.Zero(t, weakbus.TopicOf[note](s.bus).Len())
		assert.Zero(t, weakbus.TopicOf[error](s.bus).Publish(nil))
	})
}

func TestBusClose_LetsGoOfWhatItsScopeHeld(t *testing.T) {
	bus := weakbus.New()
	state := &node{name: "captured"}
	w := weak.Make(state)
	weakbus.SubscribeFunc(bus, bus.Scope(), use(state))
	state = nil
	require.NoError(t, bus.Close())
	collect(t, gone("captured", w))
	runtime.KeepAlive(bus)
}

//weakvet:ignore vanishing they are to be collected
func TestSweep_EmptiesTheBusWithoutAnyCall(t *testing.T) { // [MVVM Toolkit AutoCleanup]
	bus := weakbus.New()
	kept := &other{}
	const dropped = 100
	// The handlers' captured state shows from outside when the bus has let go of a subscription.
	states := make([]weak.Pointer[node], dropped)
	for i := range dropped {
		state := &node{name: fmt.Sprint(i)}
		states[i] = weak.Make(state)
		weakbus.Subscribe(bus, &node{name: "dropped"}, func(*node, note) { state.heard = nil })
	}
	weakbus.Subscribe(bus, kept, (*other).hear)
	collect(t, func() (left []string) {
		for _, w := range states {
			if s := w.Value(); s != nil {
				left = append(left, s.name)
			}
		}
		return left
	})
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}), "the live one stays")

	// The sentinel is armed again for those that come later.
	var w weak.Pointer[node]
	func() {
		state := &node{name: "late"}
		w = weak.Make(state)
		weakbus.Subscribe(bus, &node{name: "late"}, func(*node, note) { state.heard = nil })
	}()
	collect(t, gone("late", w))
	runtime.KeepAlive(bus)
	runtime.KeepAlive(kept)
}

func TestSweep_FollowsEachCollectionWhileSubscribersRemain(t *testing.T) {
	bus := weakbus.New()
	const n = 4
	receivers := make([]*node, n)
	states := make([]weak.Pointer[node], n)
	for i := range receivers {
		receivers[i] = &node{}
		state := &node{}
		states[i] = weak.Make(state)
		weakbus.Subscribe(bus, receivers[i], func(*node, note) { state.heard = nil })
	}
	for i := range receivers { // no call of the bus from here on
		runtime.KeepAlive(receivers[i])
		receivers[i] = nil
		collect(t, gone(fmt.Sprint("captured by ", i), states[i]))
	}
	runtime.KeepAlive(bus)
}

//weakvet:ignore vanishing they are to be collected
func TestSweep_IsArmedAgainAfterTheBusWasEmpty(t *testing.T) {
	bus := weakbus.New()
	for round := range 3 {
		var w weak.Pointer[node]
		func() {
			state := &node{name: "captured"}
			w = weak.Make(state)
			weakbus.Subscribe(bus, &node{name: "dropped"}, func(*node, note) { state.heard = nil })
		}()
		collect(t, gone(fmt.Sprint("round ", round), w))
	}
	runtime.KeepAlive(bus)
}

func TestBus_IsCollectedWhileItsSubscribersLive(t *testing.T) {
	receiver := &node{name: "long-lived"}
	var scope weakbus.Scope
	var subs []*weakbus.Subscription
	bus := weakbus.New()
	w := weak.Make(bus)
	for range 10 {
		subs = append(subs,
			weakbus.Subscribe(bus, receiver, (*node).hear),
			weakbus.Subscribe(bus, receiver, (*node).hear, weakbus.In(&scope), weakbus.Label("x")),
			weakbus.SubscribeFunc(bus, &scope, func(note) {}),
			weakbus.SubscribeFunc(bus, bus.Scope(), func(note) {}))
	}
	weakbus.Publish(bus, note{1})
	weakbus.Publish(bus, note{2})
	bus = nil
	collect(t, gone("bus", w))

	assert.Zero(t, scope.Len(), "nothing of the bus is left under the scope")
	for _, sub := range subs {
		assert.Equal(t, weakbus.Closed, subs[0].State())
		assert.False(t, sub.Cancel())
	}
	assert.Len(t, receiver.heard, 40)
	runtime.KeepAlive(receiver)
}

func TestTopic_IsCollectedWhileItsSubscribersLive(t *testing.T) {
	type button struct {
		caption string
		clicked weakbus.Topic[note]
	}
	receiver := &node{name: "dialog"}
	var scope weakbus.Scope
	b := &button{caption: "OK"}
	w := weak.Make(b)
	sub := weakbus.Subscribe(&b.clicked, receiver, (*node).hear)
	weakbus.SubscribeFunc(&b.clicked, &scope, receiver.hear)
	require.Equal(t, 2, b.clicked.Publish(note{1}))
	b = nil
	collect(t, gone("button", w))
	assert.Equal(t, weakbus.Closed, sub.State())
	assert.Zero(t, scope.Len())
	runtime.KeepAlive(receiver)
}

func TestBus_ThousandsOfThemLeaveNothingOnALongLivedReceiver(t *testing.T) {
	buses := 20_000
	if testing.Short() {
		buses = 2_000
	}
	receiver := &node{name: "long-lived"}
	var scope weakbus.Scope
	before := heapInUse()
	for range buses {
		bus := weakbus.New()
		weakbus.Subscribe(bus, receiver, (*node).hear)
		weakbus.SubscribeFunc(bus, &scope, receiver.hear)
		weakbus.Publish(bus, note{-1})
	}
	until(t, "memory of dropped buses", func() bool { return heapInUse()-before < 64<<10 })
	until(t, "subscriptions under the scope", func() bool { return scope.Len() == 0 })
	t.Logf("%d buses left %d bytes", buses, heapInUse()-before)
	runtime.KeepAlive(receiver)
	runtime.KeepAlive(&scope)
}

func TestTwoBuses_ShareAReceiver(t *testing.T) {
	receiver := &node{}
	a, b := weakbus.New(), weakbus.New()
	subA := weakbus.Subscribe(a, receiver, (*node).hear)
	subB := weakbus.Subscribe(b, receiver, (*node).hear)
	require.NoError(t, a.Close())
	assert.Equal(t, weakbus.Closed, subA.State())
	assert.Equal(t, weakbus.Active, subB.State())
	assert.Zero(t, weakbus.Publish(a, note{1}))
	assert.Equal(t, 1, weakbus.Publish(b, note{2}))
	assert.Equal(t, []int{2}, receiver.heard)
}

func TestNew_StartsNothingAndNeedsNoClose(t *testing.T) {
	bus := weakbus.New(nil)
	w := weak.Make(bus)
	bus = nil
	collect(t, gone("bus", w))
	goleak.VerifyNone(t, own...)
}
