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
// type of receivers. upgradeOf and the Subscribe functions are the exception.

// run is the loop of a chunk or a segment. It calls the handlers of subscribers [from, to) until one
// is not to be called, or the epoch is not clean any more, and returns how many it called. w is nil
// unless the publish has to look at something between two calls.
type run[E any] = func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) (called int)

// upgrade makes a strong pointer of the weak one of an entry, and where more are given of each of those:
// then one call serves four, and their waits overlap. all is false if a receiver is gone. It is all that
// is compiled for each type of receivers.
type upgrade[P any] func(e *core.Entry, more *[3]*core.Entry) (p, q, r, s P, all bool)

//go:noinline
func upgradeOf[T any]() upgrade[*T] {
	return func(e *core.Entry, more *[3]*core.Entry) (p, q, r, s *T, all bool) {
		a, _ := e.Ref().(weak.Pointer[T])
		if more == nil {
			p = a.Value()
			return p, nil, nil, nil, p != nil
		}
		b, _ := more[0].Ref().(weak.Pointer[T])
		c, _ := more[1].Ref().(weak.Pointer[T])
		d, _ := more[2].Ref().(weak.Pointer[T])
		p, q, r, s = a.Value(), b.Value(), c.Value(), d.Value()
		return p, q, r, s, p != nil && q != nil && r != nil && s != nil
	}
}

// call is one subscriber in a snapshot.
type call[P, E any] struct {
	recv   P
	handle func(P, E)
}

// bound is handlers that are bound to their receivers.
type bound[E any] struct{ calls []func(E) }

// shortChunk is the size up to which a snapshot turns a chunk into bound functions; see ADR 3.
const shortChunk = 7

// opsOf makes the ops of subscriptions without a guard. held says that the receiver is the holder of a
// function.
//
// The loops are written out here. Each function of its own would be one more for each type of events, and
// its name alone takes more of a program than its code. They have few variables that live through a call,
// since each is loaded again after it, and take several calls to a turn, which brings a topic to the
// speed of a bare loop over strong pointers; see BENCHMARKS.md.
//
//go:noinline
func opsOf[P, E any](up upgrade[P], held bool) *core.Ops {
	return &core.Ops{
		One: func(c *core.Chunk, event E) bool {
			recv, _, _, _, ok := up(c.Slots[0], nil)
			if ok = ok && c.Slots[0].Active(); ok {
				c.Handlers[0].(func(P, E))(recv, event)
			}
			return ok
		},
		Run: run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) int {
			i := from
			for ; w == nil && i+4 <= to; i += 4 {
				p, q, r, s, all := up(c.Slots[i], (*[3]*core.Entry)(c.Slots[i+1:]))
				if !all || atomic.LoadUint64(c.Epoch) != clean {
					break
				}
				h := (*[4]any)(c.Handlers[i:])
				h[0].(func(P, E))(p, event)
				if atomic.LoadUint64(c.Epoch) != clean {
					return i + 1 - from
				}
				h[1].(func(P, E))(q, event)
				if atomic.LoadUint64(c.Epoch) != clean {
					return i + 2 - from
				}
				h[2].(func(P, E))(r, event)
				if atomic.LoadUint64(c.Epoch) != clean {
					return i + 3 - from
				}
				h[3].(func(P, E))(s, event)
			}
			for ; i < to; i++ { // the rest, or those before one that is gone
				recv, _, _, _, ok := up(c.Slots[i], nil)
				if !ok || atomic.LoadUint64(c.Epoch) != clean || w != nil && !w.Begin(i) {
					break
				}
				c.Handlers[i].(func(P, E))(recv, event)
			}
			return i - from
		}),
		Upgrade: func(s *core.Snapshot, c *core.Chunk, n int) {
			var all []call[P, E]
			if n > shortChunk && !held {
				all = make([]call[P, E], n)
			}
			for i := range n {
				recv, _, _, _, ok := up(c.Slots[i], nil)
				handle := c.Handlers[i].(func(P, E))
				if !ok {
					s.Missed(c.Slots[i])
				}
				var one func(E)
				switch {
				case all != nil:
					all[i] = call[P, E]{recv, handle}
					continue
				case !ok:
					continue
				case held:
					if one, ok = heldBy(recv).(func(E)); !ok { // it is gone where the subscription has ended
						continue
					}
				default:
					// All receiver types share the one compiled closure: its call then has one target
					// for the whole segment, and only that of handle has to be guessed.
					one = func(event E) { handle(recv, event) }
				}
				if b, ok := s.Gathering().(*bound[E]); ok {
					b.calls = append(b.calls, one)
					s.Extend(c, i, nil, nil)
					continue
				}
				b := &bound[E]{[]func(E){one}}
				s.Extend(c, i, b, run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) (called int) {
					epoch, calls := c.Epoch, b.calls[from:to]
					// Eight to a turn, for the sake of the processor's branch history: each jump back takes
					// a place there that the handlers' targets, which have to be guessed from it, then lack.
					for ; w == nil && len(calls) >= 8; calls = calls[8:] {
						if atomic.LoadUint64(epoch) != clean {
							return called
						}
						calls[0](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 1
						}
						calls[1](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 2
						}
						calls[2](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 3
						}
						calls[3](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 4
						}
						calls[4](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 5
						}
						calls[5](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 6
						}
						calls[6](event)
						if atomic.LoadUint64(epoch) != clean {
							return called + 7
						}
						calls[7](event)
						called += 8
					}
					for i := 0; i < len(calls) && atomic.LoadUint64(epoch) == clean && (w == nil || w.Begin(from+called)); i++ {
						calls[i](event)
						called++
					}
					return called
				}))
			}
			if all == nil {
				return
			}
			s.Add(c, n, run[E](func(c *core.Chunk, w *core.Watch, clean uint64, from, to int, event E) (called int) {
				epoch, calls := c.Epoch, all[from:to]
				for ; w == nil && len(calls) >= 4; calls = calls[4:] {
					if atomic.LoadUint64(epoch) != clean {
						return called
					}
					calls[0].handle(calls[0].recv, event)
					if atomic.LoadUint64(epoch) != clean {
						return called + 1
					}
					calls[1].handle(calls[1].recv, event)
					if atomic.LoadUint64(epoch) != clean {
						return called + 2
					}
					calls[2].handle(calls[2].recv, event)
					if atomic.LoadUint64(epoch) != clean {
						return called + 3
					}
					calls[3].handle(calls[3].recv, event)
					called += 4
				}
				for i := 0; i < len(calls) && atomic.LoadUint64(epoch) == clean && (w == nil || w.Begin(from+called)); i++ {
					calls[i].handle(calls[i].recv, event)
					called++
				}
				return called
			}))
		},
	}
}

// publish publishes event to t, or if l is given to the subscribers in that list of t, between whose calls
// there is nothing to look at. It does the usual cases: one subscriber, and a snapshot that is up to date.
// All else it leaves to the core.
//
// It is kept out of line, so that nothing of the list or the snapshot stays in a frame of the caller, where
// a collection would find it.
//
//go:noinline
func publish[E any](t *core.Topic, l *core.List, event E) (int, core.Registers) {
	if l == nil {
		if l = t.Head(); l == nil && t.Quiet() {
			return 0, core.Registers{}
		}
		if l == nil || l.Mode != 0 {
			if l != nil && l.N < 0 { // never: it makes the frame large, see Distance
				new(core.Distance).Keep()
			}
			return far(&core.Job{Topic: t}, event), core.Registers{}
		}
	}
	var s *core.Snapshot
	ran, k, n := 0, 0, 0
	if l.N == 1 {
		c := l.First()
		if one, ok := c.Ops.One.(func(*core.Chunk, E) bool); ok && one(c, event) {
			return 1, core.Registers{}
		}
	} else if s = l.Snapshot(); s != nil && s.Paid() {
		for ; k < len(s.Segments); k, n = k+1, 0 {
			g := &s.Segments[k]
			if run, ok := g.Run.(run[E]); ok {
				n = run(g.Chunk, nil, s.Clean, 0, g.N, event)
			}
			if ran += n; n < g.N {
				break
			}
		}
		if k == len(s.Segments) && s.Fresh(l) {
			return ran, core.Registers{}
		}
	}
	j := core.Job{Topic: t, List: l, Snapshot: s, K: k, I: n}
	if ran == 0 && k == 0 {
		j.Snapshot = nil // the core looks for it again, and counts its use
	}
	return ran + far(&j, event), core.Registers{}
}

// far publishes an event, or does what is left of a publish, where more is to be looked at than the
// topic's own list. It returns how many handlers ran.
//
//go:noinline
func far[E any](j *core.Job, event E) (ran int) {
	finish := j.Finish // or the compiler makes one more function for each type of events
	defer finish()     // also when a handler panics
	if j.List == nil {
		if j.Topic.Unknown() {
			j.Topic.Know(typeOf[E]())
		}
		if n, simple := j.Legs(); simple {
			for i := range n {
				leg := j.Leg(i)
				n, _ := publish(leg.Topic, leg.List, event)
				ran += n
			}
			if j.Far(n) {
				ran += j.DeliverFar(n, event)
			}
			return ran
		}
	}
	erase(event, j)
	return j.Ran
}

// publishTo publishes event to the bus's topic of its type, or where that is an interface of its
// dynamic type.
//
//go:noinline
func publishTo[E any](b *core.Bus, event E) int {
	for _, x := range b.Few() {
		if f, ok := x.(*face[E]); ok {
			if f.core.Head() == nil && f.core.Quiet() {
				return 0
			}
			n, _ := publish(&f.core, nil, event)
			return n
		}
	}
	typ := reflect.TypeFor[E]()
	f, _ := b.Find(typ).(*face[E])
	switch {
	case f != nil:
	case typ.Kind() == reflect.Interface:
		n, _ := b.PublishAnyReported(event)
		return n
	default:
		f = b.FindOrAdd(typeOf[E]()).(*face[E])
	}
	n, _ := publish(&f.core, nil, event)
	return n
}

// erase has a job done with an event whose type the core is not to know. It is the one door between
// the two; what it makes stays on the stack.
//
//go:noinline
func erase[E any](event E, j *core.Job) {
	j.Do(&core.Hand{
		Run: func(f any, c *core.Chunk, w *core.Watch, clean uint64, from, to int) int {
			return f.(run[E])(c, w, clean, from, to, event)
		},
		Do: func(op core.Op, to, recv any, ctx context.Context) any {
			switch op {
			case core.Boxed:
				return event
			case core.Pass:
				return to.(func(E) bool)(event)
			case core.Call:
				return to.(func(any, context.Context, E) error)(recv, ctx, event)
			case core.InRow:
				r := to.(*core.Row)
				for i := r.I; i < len(r.Calls); i++ {
					c := &r.Calls[i]
					if r.I = i; atomic.LoadUint64(r.Epoch) != r.Clean || (c.Careful || r.Watch != nil) && !r.Begin() {
						return nil
					}
					if c.Choosy && !r.Chooses(c.Filter == nil || c.Filter.(func(E) bool)(event)) {
						continue
					}
					if err := c.Handle.(func(any, context.Context, E) error)(c.Recv, r.Ctx, event); r.End(err) {
						return nil
					}
				}
				r.I = len(r.Calls)
			case core.Push:
				put(to.(*core.Side), event, recv)
			case core.Keep:
				kept := event // a copy, or the event would move to the heap in any case
				return core.Parcel(func(j *core.Job) { erase(kept, j) })
			case core.Tell:
				return to.(func(context.Context, core.TopicInfo, E) error)(ctx, recv.(core.TopicInfo), event)
			case core.Put:
				k := to.(*kept[E])
				k.event, k.has = event, true
			}
			return nil
		},
	})
}

// typeOf returns what the core knows of the events.
//
//go:noinline
func typeOf[E any]() *core.Type {
	event := reflect.TypeFor[E]()
	if t := core.KnownType(event); t != nil {
		return t
	}
	return core.TypeOf(event, func(do core.TypeOp, x any, j *core.Job) any {
		switch do {
		case core.Deliver, core.DeliverPlain:
			if event := x.(E); do == core.Deliver {
				erase(event, j)
			} else {
				j.Ran, _ = publish(j.Topic, j.List, event)
			}
		case core.NewStore:
			return new(store[E])
		case core.NewTopic:
			f := new(face[E])
			j.Topic = &f.core
			return f
		case core.NewBranch:
			b := new(branch[E])
			return b.branch.Grow(&b.face, &b.face.core)
		case core.NewPlace:
			return new(kept[E])
		case core.ForgetPlace:
			*x.(*kept[E]) = kept[E]{}
		case core.Copy:
			if k := x.(*kept[E]); k.has {
				erase(k.event, j)
			}
		}
		return nil
	})
}

// face is a Topic without methods, which is how the core keeps one: a *Topic in an interface would carry
// the table of its methods, for each type of event.
type face[E any] struct{ core core.Topic }

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
		publish(j.Topic, nil, event)
	default:
		publishTo(j.Bus(), event)
	}
}

// take empties a slot, so that it lets go of what the event points to.
func (s *store[E]) take(i int) (event E) {
	event, s.slots[i] = s.slots[i], event
	return event
}

// topicOf returns the topic of a source, which it makes if need be.
//
//go:noinline
func topicOf[E any](function string, src any) *core.Topic {
	b, t := sourceOf(function, src)
	if b == nil {
		return t
	}
	for _, x := range b.Few() {
		if f, ok := x.(*face[E]); ok {
			return &f.core
		}
	}
	return &b.FindOrAdd(typeOf[E]()).(*face[E]).core
}

// subscribe subscribes a handler that takes a receiver and an event.
//
//go:noinline
func subscribe[P, E any](d *draft, src any, recv P, up upgrade[P], handle func(P, E), opts []SubscribeOption) *Subscription {
	t := topicOf[E](d.core.Function, src)
	if plain := d.begin(recv, handle == nil, opts); plain {
		d.core.Handler = handle
	} else {
		d.core.Guarded = func(recv any, _ context.Context, event E) error {
			handle(recv.(P), event)
			return nil
		}
	}
	d.core.Type = typeOf[E]()
	return d.end(t, recv, func(r *core.Receiver) *core.Ops {
		if r == nil {
			return opsOf[P, E](up, d.scope != nil)
		}
		fill(r, up)
		return nil
	})
}

// subscribeContext is subscribe for a handler that takes a context and may fail.
//
//go:noinline
func subscribeContext[P, E any](d *draft, src any, recv P, up upgrade[P], handle func(P, context.Context, E) error, opts []SubscribeOption) *Subscription {
	t := topicOf[E](d.core.Function, src)
	d.begin(recv, handle == nil, opts)
	d.core.Guarded = func(recv any, ctx context.Context, event E) error { return handle(recv.(P), ctx, event) }
	d.core.Type = typeOf[E]()
	return d.end(t, recv, func(r *core.Receiver) *core.Ops {
		fill(r, up)
		return nil
	})
}

// fill fills in what there is to know of a type of receivers.
//
//go:noinline
func fill[P any](r *core.Receiver, up upgrade[P]) {
	r.Value = func(e *core.Entry) any {
		if recv, _, _, _, ok := up(e, nil); ok {
			return recv
		}
		return nil
	}
}
