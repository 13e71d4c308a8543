//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// slow is a receiver whose handler runs until it is let go.
type slow struct {
	entered chan struct{}
	free    chan struct{}
	running atomic.Int32
	filler  [2]*int
}

func newSlow() *slow { return &slow{entered: make(chan struct{}, 1), free: make(chan struct{})} }

func (s *slow) hear(note) {
	s.running.Add(1)
	s.entered <- struct{}{}
	<-s.free
	s.running.Add(-1)
}

// waits checks that wait does not return before the handler of s does.
func waits(t *testing.T, s *slow, wait func(context.Context) error) {
	t.Helper()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, wait(short), context.DeadlineExceeded, "the handler is running")
	done := make(chan error)
	go func() { done <- wait(context.Background()) }()
	select {
	case <-done:
		t.Error("returned though the handler is running")
	case <-time.After(50 * time.Millisecond):
	}
	close(s.free)
	select {
	case err := <-done:
		require.NoError(t, err)
		assert.Zero(t, s.running.Load())
	case <-time.After(20 * time.Second):
		t.Error("still waiting")
	}
}

func TestCloseWait_WaitsForRunningHandlers(t *testing.T) {
	via := weakbus.Via(func(task func()) { go task() })
	for name, c := range map[string]struct {
		fillers int
		opts    []weakbus.SubscribeOption
		publish func(*weakbus.Bus)
	}{
		"one subscriber":   {},
		"many, cold":       {fillers: 50},
		"a filter":         {opts: []weakbus.SubscribeOption{weakbus.Filter(func(note) bool { return true })}},
		"once":             {opts: []weakbus.SubscribeOption{weakbus.Once()}},
		"Async":            {opts: []weakbus.SubscribeOption{weakbus.Async(8, weakbus.Block)}},
		"Via":              {opts: []weakbus.SubscribeOption{via}},
		"first priority":   {fillers: 3, opts: []weakbus.SubscribeOption{weakbus.Priority(1)}},
		"keyed":            {publish: func(b *weakbus.Bus) { weakbus.TopicOf[note](b).At(1).Publish(note{1}) }},
		"PublishContext":   {publish: func(b *weakbus.Bus) { _, _ = weakbus.PublishContext(context.Background(), b, note{1}) }},
		"a dynamic type":   {publish: func(b *weakbus.Bus) { weakbus.Publish[any](b, note{1}) }},
		"through a queue":  {publish: func(b *weakbus.Bus) { q := weakbus.NewQueue(b); _ = weakbus.Post(q, note{1}); q.Drain() }},
		"warm, the last":   {fillers: 50, publish: func(b *weakbus.Bus) { weakbus.Publish(b, note{1}) }},
		"the bus vanishes": {},
	} {
		t.Run(name, func(t *testing.T) {
			bus := weakbus.New()
			fillers := make([]*node, c.fillers)
			for i := range fillers {
				fillers[i] = &node{}
				weakbus.Subscribe(bus, fillers[i], func(*node, note) {})
			}
			if c.fillers > 0 {
				for range 3 {
					weakbus.Publish(bus, note{-1})
				}
			}
			var scope weakbus.Scope
			s := newSlow()
			weakbus.Subscribe(bus, s, (*slow).hear, append(c.opts, weakbus.In(&scope))...)
			publish := c.publish
			if publish == nil {
				publish = func(b *weakbus.Bus) { weakbus.Publish(b, note{1}) }
			}
			published := make(chan struct{})
			go func() { defer close(published); publish(bus) }()
			<-s.entered
			if name == "the bus vanishes" {
				bus = nil
				runtime.GC()
			}
			waits(t, s, scope.CloseWait)
			<-published
			assert.Zero(t, scope.Len())
			runtime.KeepAlive(fillers)
			runtime.KeepAlive(s)
		})
	}
}

func TestCloseWait_CoversWhatEndedEarlier(t *testing.T) {
	var topic weakbus.Topic[note]
	for name, end := range map[string]func(*weakbus.Scope, *weakbus.Subscription){
		"cancelled": func(_ *weakbus.Scope, sub *weakbus.Subscription) { sub.Cancel() },
		"pruned":    func(scope *weakbus.Scope, sub *weakbus.Subscription) { sub.Cancel(); scope.Len() },
		"closed":    func(scope *weakbus.Scope, _ *weakbus.Subscription) { _ = scope.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var scope weakbus.Scope
			s := newSlow()
			sub := weakbus.Subscribe(&topic, s, (*slow).hear, weakbus.In(&scope))
			published := make(chan struct{})
			go func() { defer close(published); topic.Publish(note{1}) }()
			<-s.entered
			weakbus.Subscribe(&topic, &node{}, (*node).hear).Cancel() // other lists come and go meanwhile
			end(&scope, sub)
			waits(t, s, scope.CloseWait)
			<-published
		})
	}
}

func TestCloseWait_ReturnsAtOnceWhenNobodyIsInside(t *testing.T) {
	bus := weakbus.New()
	var scope weakbus.Scope
	require.NoError(t, scope.CloseWait(t.Context()))
	var used weakbus.Scope
	weakbus.SubscribeFunc(bus, &used, func(note) {})
	weakbus.SubscribeFunc(weakbus.TopicOf[string](bus).At(1), &used, func(string) {})
	weakbus.Publish(bus, note{1})
	require.NoError(t, used.CloseWait(t.Context()))
	require.NoError(t, used.CloseWait(t.Context()))
	assert.Panics(t, func() { _ = used.CloseWait(noContext) })
}

func TestCloseWait_InItsOwnHandlerIsNoSilentHang(t *testing.T) {
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	var err error
	began := time.Now()
	weakbus.SubscribeFunc(&topic, &scope, func(note) { err = scope.CloseWait(context.Background()) })
	topic.Publish(note{1})
	assert.ErrorContains(t, err, "called from within a handler")
	assert.Less(t, time.Since(began), 10*time.Second)
	assert.Zero(t, topic.Len(), "it is closed all the same")
	require.NoError(t, scope.CloseWait(t.Context()))

	// In the handler of another topic there is nothing to wait for.
	var other weakbus.Topic[string]
	var plugin weakbus.Scope
	weakbus.SubscribeFunc(&topic, &plugin, func(note) {})
	var host weakbus.Scope
	weakbus.SubscribeFunc(&other, &host, func(string) { err = plugin.CloseWait(context.Background()) })
	other.Publish("unload")
	assert.NoError(t, err)
	runtime.KeepAlive(&host)
}

func TestCloseWait_UnderConcurrentPublishing(t *testing.T) {
	bus := weakbus.New()
	stop := make(chan struct{})
	ended := make(chan struct{}, 2)
	for range 2 {
		go func() {
			defer func() { ended <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					weakbus.Publish(bus, note{1})
				}
			}
		}()
	}
	for range 20 {
		var scope weakbus.Scope
		var released atomic.Bool
		for range 3 {
			weakbus.SubscribeFunc(bus, &scope, func(note) {
				if released.Load() {
					t.Error("called after CloseWait")
				}
				runtime.Gosched()
				if released.Load() {
					t.Error("running after CloseWait")
				}
			})
		}
		for range 5 {
			runtime.Gosched()
		}
		require.NoError(t, scope.CloseWait(t.Context()))
		released.Store(true)
	}
	close(stop)
	<-ended
	<-ended
}

func TestCloseWait_TwoScopesOfOneTopicDoNotDisturbEachOther(t *testing.T) {
	var topic weakbus.Topic[note]
	var idle, used weakbus.Scope
	weakbus.SubscribeFunc(&topic, &idle, func(note) {})
	s := newSlow()
	weakbus.Subscribe(&topic, s, (*slow).hear, weakbus.In(&used))
	go topic.Publish(note{1})
	<-s.entered
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, idle.CloseWait(short), context.DeadlineExceeded, "a publish is under way")
	waits(t, s, used.CloseWait)
}

func TestClose_ALoopOverEventsIsNoHandler(t *testing.T) {
	bus := weakbus.New()
	topic := weakbus.TopicOf[note](bus)
	topic.Retain()
	topic.Publish(note{1})
	d := &inbox{on: func(note) { time.Sleep(50 * time.Millisecond) }}
	weakbus.Subscribe(topic, d, (*inbox).hear, weakbus.Async(8, weakbus.Block), weakbus.Replay())
	for range weakbus.Events[note](t.Context(), bus, weakbus.Replay()) {
		require.NoError(t, bus.Close())
		assert.Equal(t, []int{1}, d.all(), "Close has waited")
	}
}

// A mailbox of a closed bus goes on with what it accepted, until CloseWait.
func TestCloseWait_BesideAMailboxOfAClosedBus(t *testing.T) {
	rounds := 300
	if full {
		rounds = 6_000 // a handful of which come at the moment that counts
	}
	for i := range rounds {
		bus := weakbus.New()
		var scope weakbus.Scope
		var running atomic.Int32
		policy := weakbus.Overflow(i % 4)
		opts := []weakbus.SubscribeOption{weakbus.Async(50, policy)}
		switch i % 3 {
		case 1:
			opts = []weakbus.SubscribeOption{weakbus.Through(weakbus.NewMailbox(100, policy))}
		case 2:
			opts = append(opts, weakbus.Coalesce())
		}
		var over atomic.Bool
		for range 2 {
			weakbus.SubscribeFunc(bus, &scope, func(note) {
				running.Add(1)
				assert.False(t, over.Load(), "called after CloseWait")
				time.Sleep(time.Duration(rand.IntN(20)) * time.Microsecond)
				running.Add(-1)
			}, opts...)
		}
		for range 30 {
			weakbus.Publish(bus, note{1})
		}
		var closing sync.WaitGroup
		closing.Go(func() { _ = bus.Close() })
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		assert.NoError(t, scope.CloseWait(t.Context()))
		over.Store(true)
		assert.Zero(t, running.Load(), "running after CloseWait")
		closing.Wait()
	}
}
