package weakbus

import (
	"context"
	"reflect"
	"sync/atomic"
	"weak"

	"github.com/weakbus/weakbus/internal/core"
)

// All that is compiled for each type of events is in this file and in the bodies of the exported
// functions, which only call it. E is the type of the events, P is a pointer to a receiver. All
// pointers have one shape, so a function of E and P is compiled once for each E. For that, none may
// have a type parameter T with *T for P, nor constrain P: either would have it compiled anew for each
// type of receivers. upgradesOf and the Subscribe functions are the exception.

// run is the loop of a chunk or a segment. It calls the handlers of subscribers [from, to) until one
// is not to be called, or the epoch is not clean any more, and returns how many it called. w is nil
// unless the publish has to look at something between two calls.
type run[E any] func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) (called int)

// upgrades makes strong pointers of weak ones: of one, and of four with one call, whose waits
// overlap. It is all that is compiled for each type of receivers.
type upgrades[P any] struct {
	one  func(e *core.Entry) (P, bool)
	four func(e *[4]*core.Entry) (p, q, r, s P, all bool)
}

//go:noinline
func upgradesOf[T any]() upgrades[*T] {
	return upgrades[*T]{
		func(e *core.Entry) (*T, bool) {
			w, _ := e.Ref().(weak.Pointer[T])
			p := w.Value()
			return p, p != nil
		},
		func(e *[4]*core.Entry) (p, q, r, s *T, all bool) {
			a, _ := e[0].Ref().(weak.Pointer[T])
			b, _ := e[1].Ref().(weak.Pointer[T])
			c, _ := e[2].Ref().(weak.Pointer[T])
			d, _ := e[3].Ref().(weak.Pointer[T])
			p, q, r, s = a.Value(), b.Value(), c.Value(), d.Value()
			return p, q, r, s, p != nil && q != nil && r != nil && s != nil
		},
	}
}

// call is one subscriber in a snapshot.
type call[P, E any] struct {
	recv   P
	handle func(P, E)
}

// shortChunk is the size up to which a snapshot turns a chunk into bound functions; see ADR 3.
const shortChunk = 7

// opsOf makes the ops of subscriptions without a guard. Their cells are the handlers.
//
//go:noinline
func opsOf[P, E any](up upgrades[P], held bool) *core.Ops {
	one, four := up.one, up.four
	return &core.Ops{
		Run: run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) int {
			if handle, ok := c.Cells.(func(P, E)); ok {
				e := c.Slots[0]
				if recv, ok := one(e); !ok || !e.Active() || w != nil && !w.Begin(0) {
					return 0
				} else {
					handle(recv, event)
				}
				w.End()
				return 1
			}
			handlers := *c.Cells.(*[]func(P, E))
			for i := from; i < to; i++ {
				if w == nil && i&3 == from&3 { // four at a time, up to one that is gone
					if i += callWeak(c.Epoch, clean, four, c.Slots[i:to], handlers[i:to], event); i == to {
						break
					}
				}
				recv, ok := one(c.Slots[i])
				if !ok || atomic.LoadUint64(c.Epoch) != clean || w != nil && !w.Begin(i) {
					return i - from
				}
				handlers[i](recv, event)
				w.End()
			}
			return to - from
		}),
		Cell: func(c *core.Chunk, i int, src *core.Chunk, from int, handler any) {
			all, several := c.Cells.(*[]func(P, E))
			if src != nil { // moves a cell
				if handler = src.Cells; len(src.Slots) > 1 {
					handler = (*handler.(*[]func(P, E)))[from]
				}
			}
			switch {
			case handler == nil:
				handlers := make([]func(P, E), i)
				c.Cells = &handlers
			case several:
				(*all)[i] = handler.(func(P, E))
			default:
				c.Cells = handler
			}
		},
		Upgrade: func(s *core.Snapshot, c *core.Chunk, n int) {
			calls := make([]call[P, E], n)
			short := n <= shortChunk
			for i := range calls {
				recv, ok := one(c.Slots[i])
				if !ok {
					s.Missed(c.Slots[i])
				}
				handle, single := c.Cells.(func(P, E))
				if !single {
					handle = (*c.Cells.(*[]func(P, E)))[i]
				}
				calls[i] = call[P, E]{recv, handle}
				switch {
				case held && ok: // the function itself; it is gone where the subscription has ended
					if fn, ok := heldBy(recv).(func(E)); ok {
						addBound(s, c, i, fn)
					}
				case short && ok:
					// All receiver types share the one compiled closure: its call then has one target
					// for the whole segment, and only that of handle has to be guessed.
					addBound(s, c, i, func(event E) { handle(recv, event) })
				}
			}
			if !short && !held {
				s.Add(c, n, run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) int {
					return callStrong(c.Epoch, w, clean, calls, from, to, event)
				}))
			}
		},
	}
}

// callWeak upgrades four receivers at a time and calls their handlers.
//
//go:noinline
func callWeak[P, E any](epoch *uint64, clean uint64, four func(e *[4]*core.Entry) (p, q, r, s P, all bool), slots []*core.Entry, handlers []func(P, E), event E) (called int) {
	for ; called+4 <= len(slots); called += 4 {
		p, q, r, s, all := four((*[4]*core.Entry)(slots[called:]))
		if !all || atomic.LoadUint64(epoch) != clean {
			return called
		}
		h := (*[4]func(P, E))(handlers[called:])
		h[0](p, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 1
		}
		h[1](q, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 2
		}
		h[2](r, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 3
		}
		h[3](s, event)
	}
	return called
}

// callStrong calls one after the other. It is a function of its own, of few variables: each one more
// is loaded again after each call. For the same reason it takes four at a time, which brings a topic
// to the speed of a bare loop over strong pointers; see BENCHMARKS.md.
//
//go:noinline
func callStrong[P, E any](epoch *uint64, w *core.Watch, clean uint64, all []call[P, E], from, to int, event E) (called int) {
	if w != nil {
		for i := from; i < to && atomic.LoadUint64(epoch) == clean && w.Begin(i); i++ {
			all[i].handle(all[i].recv, event)
			w.End()
			called++
		}
		return called
	}
	calls := all[from:to]
	for ; len(calls) >= 4; calls = calls[4:] {
		c := (*[4]call[P, E])(calls)
		if atomic.LoadUint64(epoch) != clean {
			return called
		}
		c[0].handle(c[0].recv, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 1
		}
		c[1].handle(c[1].recv, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 2
		}
		c[2].handle(c[2].recv, event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 3
		}
		c[3].handle(c[3].recv, event)
		called += 4
	}
	for i := range calls {
		if atomic.LoadUint64(epoch) != clean {
			return called + i
		}
		calls[i].handle(calls[i].recv, event)
	}
	return called + len(calls)
}

// bound is what a mix of receiver types leaves as chunks of a few slots.
type bound[E any] struct{ calls []func(E) }

// addBound adds subscriber i of c to the snapshot as a bound function.
//
//go:noinline
func addBound[E any](s *core.Snapshot, c *core.Chunk, i int, call func(E)) {
	if n := len(s.Segments); n > 0 {
		if b, ok := s.Segments[n-1].Cells.(*bound[E]); ok {
			b.calls = append(b.calls, call)
			s.Extend(c, i, nil, nil)
			return
		}
	}
	b := &bound[E]{[]func(E){call}}
	s.Extend(c, i, b, run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) int {
		return callBound(c.Epoch, w, clean, b.calls, from, to, event)
	}))
}

// callBound is callStrong for bound functions. It takes eight at a time for the sake of the
// processor's branch history, in which each jump back takes a place that the handlers' targets,
// which have to be guessed from it, then lack.
//
//go:noinline
func callBound[E any](epoch *uint64, w *core.Watch, clean uint64, all []func(E), from, to int, event E) (called int) {
	if w != nil {
		for i := from; i < to && atomic.LoadUint64(epoch) == clean && w.Begin(i); i++ {
			all[i](event)
			w.End()
			called++
		}
		return called
	}
	calls := all[from:to]
	for ; len(calls) >= 8; calls = calls[8:] {
		c := (*[8]func(E))(calls)
		if atomic.LoadUint64(epoch) != clean {
			return called
		}
		c[0](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 1
		}
		c[1](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 2
		}
		c[2](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 3
		}
		c[3](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 4
		}
		c[4](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 5
		}
		c[5](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 6
		}
		c[6](event)
		if atomic.LoadUint64(epoch) != clean {
			return called + 7
		}
		c[7](event)
		called += 8
	}
	for i := range calls {
		if atomic.LoadUint64(epoch) != clean {
			return called + i
		}
		calls[i](event)
	}
	return called + len(calls)
}

// publish publishes event to t. It is kept out of line, so that nothing of the list or the snapshot
// stays in a frame of the caller, where a collection would find it.
//
//go:noinline
func publish[E any](t *core.Topic, event E) int {
	l := t.Head()
	if l == nil && t.Quiet() {
		return 0
	}
	if l == nil || l.Mode != 0 {
		return far(&core.Job{Topic: t}, event)
	}
	if l.N == 1 {
		c := l.First()
		if run, ok := c.Run.(run[E]); ok && run(c, nil, l.Clean, 0, 1, event) == 1 {
			return 1
		}
	}
	return deliver(t, l, event)
}

// deliver calls the handlers in a list, where nothing is to be looked at between two calls. It does
// the two usual cases: one subscriber, and a snapshot that is up to date. All else it leaves to the
// core.
//
//go:noinline
func deliver[E any](t *core.Topic, l *core.List, event E) (ran int) {
	var s *core.Snapshot
	k, n := 0, 0
	if l.N == 1 {
		c := l.First()
		if run, ok := c.Run.(run[E]); ok && run(c, nil, l.Clean, 0, 1, event) == 1 {
			return 1
		}
	} else if s = l.Snapshot(); s != nil {
		for k, n = 0, 0; k < len(s.Segments); k, n = k+1, 0 {
			g := &s.Segments[k]
			if run, ok := g.Run.(run[E]); ok {
				n = run(g.Chunk, nil, s.Clean, 0, g.N, event)
			}
			if ran += n; n < g.N {
				break
			}
		}
		if k == len(s.Segments) && s.Fresh(l) {
			return ran
		}
	}
	return ran + far(&core.Job{Topic: t, List: l, Snapshot: s, K: k, I: n}, event)
}

// far publishes an event, or does what is left of a publish, where more is to be looked at than the
// topic's own list. It returns how many handlers ran.
//
//go:noinline
func far[E any](j *core.Job, event E) (ran int) {
	if j.List == nil {
		if j.Topic.Unknown() {
			j.Topic.Know(typeOf[E]())
		}
		var room [4]core.Leg
		if legs, simple := j.Topic.Legs(room[:0]); simple {
			defer core.Leave(legs)
			for i := range legs {
				ran += deliver(legs[i].Topic, legs[i].List, event)
			}
			return ran
		}
	}
	defer j.Report() // also when a later handler panics
	erase(event, j)
	return j.Ran
}

// publishTo publishes event to the bus's topic of its type, or where that is an interface of its
// dynamic type.
//
//go:noinline
func publishTo[E any](b *core.Bus, event E) int {
	t := find[E](b)
	if t == nil {
		typ := typeOf[E]()
		if typ.Interface() {
			return b.PublishAnyReported(event)
		}
		t = &b.FindOrAdd(typ).(*face[E]).topic
	}
	return publish(&t.core, event)
}

// erase has a job done with an event whose type the core is not to know. It is the one door between
// the two; what it makes stays on the stack.
//
//go:noinline
func erase[E any](event E, j *core.Job) {
	j.Do(&core.Hand{
		Box: func() any { return event },
		Run: func(f any, c *core.Chunk, w *core.Watch, clean uint64, from, to int) int {
			return f.(run[E])(c, w, clean, from, to, event)
		},
		Do: func(op core.Op, to, recv any, ctx context.Context) (bool, error) {
			switch op {
			case core.Pass:
				return to.(func(E) bool)(event), nil
			case core.Call:
				return true, to.(func(any, context.Context, E) error)(recv, ctx, event)
			case core.Push:
				put(to.(*core.Side), event, recv)
			case core.Keep:
				kept := event // a copy, or the event would move to the heap in any case
				*to.(*core.Parcel) = func(j *core.Job) { erase(kept, j) }
			case core.Tell:
				return true, to.(func(context.Context, core.TopicInfo, E) error)(ctx, recv.(core.TopicInfo), event)
			case core.Put:
				k := to.(*kept[E])
				k.event, k.has = event, true
			}
			return true, nil
		},
	})
}

// typeOf returns what the core knows of the events.
//
//go:noinline
func typeOf[E any]() *core.Type {
	return core.TypeOf(reflect.TypeFor[E](), func(do core.TypeOp, x any, j *core.Job) any {
		switch do {
		case core.Deliver:
			erase(x.(E), j)
		case core.NewStore:
			return new(store[E])
		case core.NewTopic:
			f := new(face[E])
			j.Topic = &f.topic.core
			return f
		case core.NewBranch:
			b := new(branch[E])
			return b.branch.Grow(&b.face, &b.face.topic.core)
		case core.NewPlace:
			return new(kept[E])
		case core.ForgetPlace:
			*x.(*kept[E]) = kept[E]{}
		case core.Copy:
			if k := x.(*kept[E]); k.has {
				event := k.event
				return core.Parcel(func(j *core.Job) { erase(event, j) })
			}
		}
		return nil
	})
}

// face is how the core keeps a topic. (A *Topic in an interface would carry the table of its methods,
// for each type of event.)
type face[E any] struct{ topic Topic[E] }

// branch is a topic that is a keyed sub-topic.
type branch[E any] struct {
	face   face[E]
	branch core.Branch
}

// kept is the event that a topic retains.
type kept[E any] struct {
	event E
	has   bool
	_     [0]func() // not comparable, which saves a function for each type of event
}

// store is the memory of events that wait. See core.Store.
type store[E any] struct{ slots []E }

// put puts an event into a side, with a note.
//
//go:noinline
func put[E any](s *core.Side, event E, note any) {
	i := s.Put(note)
	s.Store.(*store[E]).slots[i] = event
}

// Do does what the core asks for.
func (s *store[E]) Do(do core.StoreOp, i int, j *core.Job) {
	switch do {
	case core.Grow:
		slots := make([]E, max(core.MinSlots, 2*len(s.slots)))
		copy(slots[copy(slots, s.slots[i:]):], s.slots[:i])
		s.slots = slots
		return
	case core.Free:
		s.slots = nil
		return
	}
	event := s.take(i)
	switch {
	case j == nil:
	case do == core.Take:
		erase(event, j)
	case do == core.Move:
		to, slot := j.To()
		to.(*store[E]).slots[slot] = event
	case j.Topic != nil:
		publish(j.Topic, event)
	default:
		publishTo(j.Bus, event)
	}
}

// take empties a slot, so that it lets go of what the event points to.
func (s *store[E]) take(i int) (event E) {
	event, s.slots[i] = s.slots[i], event
	return event
}

// find returns the bus's topic of type E, or nil.
func find[E any](b *core.Bus) *Topic[E] {
	for _, x := range b.Few() {
		if f, ok := x.(*face[E]); ok {
			return &f.topic
		}
	}
	if f, ok := b.More(reflect.TypeFor[E]()).(*face[E]); ok {
		return &f.topic
	}
	return nil
}

// topicOf returns the topic of src, which it makes if need be.
//
//go:noinline
func topicOf[E any, S Source[E]](function string, src S) *core.Topic {
	if b, ok := any(src).(*Bus); ok {
		if b == nil {
			nilSource(function)
		}
		return &TopicOf[E](b).core
	}
	return topicAlone(function, src)
}

// subscribe subscribes one of two handlers; the other is nil.
//
//go:noinline
func subscribe[P, E any](d *draft, t *core.Topic, recv P, up upgrades[P], handle func(P, E), careful func(P, context.Context, E) error, opts []SubscribeOption) *Subscription {
	plain := d.begin(recv, handle == nil && careful == nil, careful != nil, opts)
	d.core.Type = typeOf[E]()
	switch {
	case plain:
		d.core.Handler = handle
	case handle != nil:
		d.core.Guarded = func(recv any, _ context.Context, event E) error {
			handle(recv.(P), event)
			return nil
		}
	default:
		d.core.Guarded = func(recv any, ctx context.Context, event E) error { return careful(recv.(P), ctx, event) }
	}
	return d.end(t, recv, func(r *core.Receiver) *core.Ops {
		if r == nil {
			return opsOf[P, E](up, d.scope != nil)
		}
		r.Alive = func(e *core.Entry) bool {
			_, ok := up.one(e)
			return ok
		}
		r.Value = func(e *core.Entry) any {
			if recv, ok := up.one(e); ok {
				return recv
			}
			return nil
		}
		return nil
	})
}
