//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbus_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// panel owns a scope, as a window of a GUI would.
type panel struct {
	title string
	subs  weakbus.Scope
	heard []int
}

func newPanel(bus *weakbus.Bus) *panel {
	p := &panel{title: "panel"}
	weakbus.SubscribeFunc(bus, &p.subs, func(e note) {
		if e.n >= 0 {
			p.heard = append(p.heard, e.n)
		}
	})
	return p
}

func TestScope_ClosureOverItsOwnerDiesWithTheOwner(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		p := newPanel(s.bus)
		ptr := weak.Make(p)
		s.warm()
		weakbus.Publish(s.bus, note{1})
		runtime.GC()
		weakbus.Publish(s.bus, note{2})
		assert.Equal(t, []int{1, 2}, p.heard)
		before := weakbus.TopicOf[note](s.bus).Len()
		runtime.KeepAlive(p)
		p = nil
		collect(t, gone("panel", ptr))
		assert.Equal(t, before-1, weakbus.Publish(s.bus, note{3}))
		assert.Equal(t, before-1, weakbus.TopicOf[note](s.bus).Len())
	})
}

func TestScopeClose_EndsAllAndStaysClosed(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		var scope weakbus.Scope
		heard := 0
		a := weakbus.SubscribeFunc(s.bus, &scope, func(e note) { heard += max(e.n, 0) })
		_, b := s.node("b", weakbus.In(&scope))
		s.warm()
		assert.Equal(t, 2, scope.Len())
		s.publish()
		require.NoError(t, scope.Close())
		require.NoError(t, scope.Close(), "idempotent")
		assert.Equal(t, weakbus.Cancelled, a.State())
		assert.Equal(t, weakbus.Cancelled, b.State())
		assert.Empty(t, s.publish())
		assert.Equal(t, 1, heard)
		assert.Zero(t, scope.Len())

		late := weakbus.SubscribeFunc(s.bus, &scope, func(note) { heard = 100 })
		assert.Equal(t, weakbus.Cancelled, late.State())
		s.publish()
		assert.Equal(t, 1, heard)
	})
}

func TestScopePause_SkipsAllUntilResume(t *testing.T) {
	onStages(t, func(t *testing.T, s *stage) {
		var scope weakbus.Scope
		_, a := s.node("a", weakbus.In(&scope))
		s.node("free")
		s.warm()
		scope.Pause()
		scope.Pause()
		_, c := s.node("c", weakbus.In(&scope)) // born paused
		assert.Equal(t, weakbus.Paused, a.State())
		assert.Equal(t, weakbus.Paused, c.State())
		for range 30 {
			assert.Equal(t, []string{"free"}, s.publish())
		}
		assert.Equal(t, 2, scope.Len(), "paused ones are live")
		c.Pause()
		scope.Resume()
		assert.Equal(t, weakbus.Active, a.State())
		assert.Equal(t, weakbus.Paused, c.State(), "paused by itself as well")
		for range 30 {
			assert.Equal(t, []string{"a", "free"}, s.publish())
		}
		c.Resume()
		assert.Equal(t, []string{"a", "free", "c"}, s.publish())
	})
}

func TestScope_FirstSubscriberOfATopicBornPaused(t *testing.T) {
	var topic weakbus.Topic[note]
	var scope weakbus.Scope
	scope.Pause()
	heard := 0
	sub := weakbus.SubscribeFunc(&topic, &scope, func(note) { heard++ })
	weakbus.SubscribeFunc(&topic, &scope, func(note) { heard++ })
	for range 5 {
		assert.Zero(t, topic.Publish(note{1}))
	}
	assert.Equal(t, weakbus.Paused, sub.State())
	scope.Resume()
	assert.Equal(t, 2, topic.Publish(note{1}))
	assert.Equal(t, 2, heard)
}

func TestScope_OnlyTheFirstOfATopicBornPaused(t *testing.T) {
	var topic weakbus.Topic[note]
	var hidden, shown weakbus.Scope
	hidden.Pause()
	heard := 0
	weakbus.SubscribeFunc(&topic, &hidden, func(note) { heard++ })
	for range 3 {
		weakbus.SubscribeFunc(&topic, &shown, func(note) {})
	}
	for range 50 {
		assert.Equal(t, 3, topic.Publish(note{1}))
	}
	hidden.Resume()
	assert.Equal(t, 4, topic.Publish(note{1}))
	assert.Equal(t, 1, heard)
}

func TestScope_ForgetsWhatEnded(t *testing.T) {
	var scope weakbus.Scope
	bus := weakbus.New()
	state := &node{}
	ptr := weak.Make(state)
	weakbus.SubscribeFunc(bus, &scope, use(state), weakbus.Once())
	state = nil
	assert.Equal(t, 1, scope.Len())
	weakbus.Publish(bus, note{1})
	collect(t, gone("function of a spent subscription", ptr))
	assert.Zero(t, scope.Len())
	runtime.KeepAlive(&scope)
	runtime.KeepAlive(bus)
}

func TestScope_FunctionsOfACollectedBusGoWithoutAnyCall(t *testing.T) {
	var scope weakbus.Scope
	bus := weakbus.New()
	state := &node{}
	ptr := weak.Make(state)
	weakbus.SubscribeFunc(bus, &scope, use(state))
	state, bus = nil, nil
	collect(t, gone("function for a bus that is gone", ptr))
	runtime.KeepAlive(&scope)
}

func TestIn_KeepsNeitherReceiverNorScopeAlive(t *testing.T) {
	bus := weakbus.New()
	type owner struct {
		name string
		subs weakbus.Scope
	}
	o, d := &owner{}, &node{}
	ownerPtr, nodePtr := weak.Make(o), weak.Make(d)
	sub := weakbus.Subscribe(bus, d, (*node).hear, weakbus.In(&o.subs))
	runtime.KeepAlive(o)
	o = nil
	collect(t, gone("owner of the scope", ownerPtr))
	assert.Equal(t, 1, weakbus.Publish(bus, note{1}), "a scope that is dropped unclosed ends nothing of others")
	runtime.KeepAlive(d)
	d = nil
	collect(t, gone("receiver", nodePtr))
	assert.Equal(t, weakbus.Collected, sub.State())
	runtime.KeepAlive(bus)
}
