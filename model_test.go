package weakbus_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// The model: a bus that does the same with strong references and a sorted slice, and nothing
// clever. A script of operations runs on both and has to leave the same trace.

// system is what a script runs on.
type system interface {
	subscribe(id, priority int, kind kind)
	cancel(id int) bool
	pause(id int)
	resume(id int)
	drop(id int)
	publish(n int) int
	state(id int) weakbus.State
	len() int
	settle() // outside all publishes: collections, as the script asked for
}

type kind uint8

const (
	plainNode kind = iota
	plainOther
	once
	filtered // odd numbers only
	function // SubscribeFunc
	kinds
)

// op is one operation. In a script some are done at once, others by the handler of a
// subscriber when it next hears an event.
type op struct {
	code, a, b byte
}

// script runs operations and writes down all that can be observed.
type script struct {
	sys    system
	next   int          // the next subscription's id
	inside map[int][]op // by subscriber: what its handler does
	depth  int
	budget int // of deliveries
	trace  []string
}

func runScript(ops []op, build func(deliver func(id, n int)) system) []string {
	s := &script{inside: map[int][]op{}, budget: 3_000}
	s.sys = build(s.deliver)
	for _, o := range ops {
		s.do(o)
		s.sys.settle()
	}
	s.depth = 1   // no more drops, which need a settle
	for range 3 { // over the states of the snapshot
		s.note("last %d", s.sys.publish(1))
	}
	for id := range s.next {
		s.note("%d is %v", id, s.sys.state(id))
	}
	s.note("len %d", s.sys.len())
	return s.trace
}

func (s *script) note(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf(format, args...))
}

func (s *script) deliver(id, n int) {
	s.note("%*s%d hears %d", s.depth, "", id, n)
	if s.budget--; s.budget < 0 {
		return
	}
	todo := s.inside[id]
	delete(s.inside, id)
	for _, o := range todo {
		s.do(o)
	}
}

func (s *script) do(o op) {
	id := -1
	if s.next > 0 {
		id = int(o.a) % s.next
	}
	switch code := o.code % 16; {
	case code < 4 || id < 0:
		s.sys.subscribe(s.next, int(int8(o.b))/50, kind(o.a)%kinds)
		s.next++
	case code < 6:
		s.note("cancel %d %v", id, s.sys.cancel(id))
	case code == 6:
		s.sys.pause(id)
	case code == 7:
		s.sys.resume(id)
	case code == 8 && s.depth == 0:
		s.sys.drop(id)
	case code < 12:
		s.inside[id] = append(s.inside[id], op{o.b, o.b >> 2, o.a})
	case s.depth < 3:
		s.depth++
		s.note("publish %d ran %d", o.b, s.sys.publish(int(o.b)))
		s.depth--
	}
}

// naive is the reference.
type naive struct {
	deliver func(id, n int)
	subs    []*naiveSub
	byID    map[int]*naiveSub
}

type naiveSub struct {
	id, priority int
	kind         kind
	paused       bool
	end          weakbus.State
}

func (b *naive) subscribe(id, priority int, kind kind) {
	sub := &naiveSub{id: id, priority: priority, kind: kind}
	b.byID[id] = sub
	b.subs = append(slices.Clone(b.subs), sub)
	slices.SortStableFunc(b.subs, func(x, y *naiveSub) int { return y.priority - x.priority })
}

func (b *naive) cancel(id int) bool {
	sub := b.byID[id]
	if sub.end != weakbus.Active {
		return false
	}
	sub.end = weakbus.Cancelled
	return true
}

func (b *naive) drop(id int) {
	if sub := b.byID[id]; sub.end == weakbus.Active {
		sub.end = weakbus.Collected
	}
}

func (b *naive) pause(id int)  { b.byID[id].paused = true }
func (b *naive) resume(id int) { b.byID[id].paused = false }
func (b *naive) settle()       {}

func (b *naive) publish(n int) (ran int) {
	for _, sub := range b.subs {
		if sub.end != weakbus.Active || sub.paused || sub.kind == filtered && n%2 == 0 {
			continue
		}
		if sub.kind == once {
			sub.end = weakbus.Spent
		}
		b.deliver(sub.id, n)
		ran++
	}
	return ran
}

func (b *naive) state(id int) weakbus.State {
	sub := b.byID[id]
	if sub.end == weakbus.Active && sub.paused {
		return weakbus.Paused
	}
	return sub.end
}

func (b *naive) len() (live int) {
	for _, sub := range b.subs {
		if sub.end == weakbus.Active {
			live++
		}
	}
	return live
}

// real is the same on a bus.
type real struct {
	deliver func(id, n int)
	bus     *weakbus.Bus
	topic   *weakbus.Topic[modelEvent]
	owners  map[int]any
	subs    map[int]*weakbus.Subscription
	dying   []func() []string
	t       testing.TB
}

type modelEvent struct{ n int }

type modelNode struct {
	bus *real
	id  int
}

func (d *modelNode) hear(e modelEvent) { d.bus.deliver(d.id, e.n) }

type modelOther struct{ modelNode }

func (d *modelOther) hear(e modelEvent) { d.modelNode.hear(e) }

type modelOwner struct {
	modelNode
	subs weakbus.Scope
}

func (b *real) subscribe(id, priority int, kind kind) {
	p := weakbus.Priority(priority)
	switch kind {
	case plainOther:
		d := &modelOther{modelNode{b, id}}
		b.owners[id], b.subs[id] = d, weakbus.Subscribe(b.bus, d, (*modelOther).hear, p)
	case function:
		d := &modelOwner{modelNode: modelNode{b, id}}
		b.owners[id], b.subs[id] = d, weakbus.SubscribeFunc(b.bus, &d.subs, d.hear, p)
	default:
		opts := []weakbus.SubscribeOption{p}
		if kind == once {
			opts = append(opts, weakbus.Once())
		} else if kind == filtered {
			opts = append(opts, weakbus.Filter(func(e modelEvent) bool { return e.n%2 != 0 }))
		}
		d := &modelNode{b, id}
		b.owners[id], b.subs[id] = d, weakbus.Subscribe(b.bus, d, (*modelNode).hear, opts...)
	}
}

func (b *real) cancel(id int) bool         { return b.subs[id].Cancel() }
func (b *real) pause(id int)               { b.subs[id].Pause() }
func (b *real) resume(id int)              { b.subs[id].Resume() }
func (b *real) state(id int) weakbus.State { return b.subs[id].State() }
func (b *real) len() int                   { return b.topic.Len() }

func (b *real) publish(n int) int {
	if n%5 == 4 { // the other way to deliver
		ran, err := b.topic.PublishContext(b.t.Context(), modelEvent{n})
		require.NoError(b.t, err)
		return ran
	}
	return weakbus.Publish(b.bus, modelEvent{n})
}

func (b *real) drop(id int) {
	name := fmt.Sprint(id)
	switch d := b.owners[id].(type) {
	case *modelNode:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	case *modelOther:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	case *modelOwner:
		b.dying = append(b.dying, gone(name, weak.Make(d)))
	}
	delete(b.owners, id)
}

func (b *real) settle() {
	for _, g := range b.dying {
		collect(b.t, g)
	}
	b.dying = nil
}

func compareWithModel(t testing.TB, ops []op) {
	want := runScript(ops, func(deliver func(id, n int)) system {
		return &naive{deliver: deliver, byID: map[int]*naiveSub{}}
	})
	var owners map[int]any
	got := runScript(ops, func(deliver func(id, n int)) system {
		bus := weakbus.New()
		owners = map[int]any{}
		return &real{deliver: deliver, bus: bus, topic: weakbus.TopicOf[modelEvent](bus),
			owners: owners, subs: map[int]*weakbus.Subscription{}, t: t}
	})
	runtime.KeepAlive(owners)
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "line %d of the trace, after %q", i, got[max(0, i-10):i])
	}
	require.Len(t, got, len(want))
}

func TestModel_RandomOperations(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		ops := make([]op, 20+r.IntN(200))
		for i := range ops {
			ops[i] = op{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { compareWithModel(t, ops) })
	}
}
