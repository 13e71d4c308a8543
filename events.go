package weakbus

import (
	"context"
	"iter"
	"reflect"
	"runtime"
	"weak"

	"github.com/weakbus/weakbus/internal/core"
)

// eventsCapacity is how many events a loop over Events may be behind.
const eventsCapacity = 256

// Events returns the events of type E that are published to src, for a loop to range over:
//
//	for e := range weakbus.Events[Saved](ctx, bus) {
//		...
//	}
//
// It subscribes when the loop begins, and cancels that when the loop ends: by break, return or
// panic, or because ctx is done. The loop also ends, after what was accepted before, when the
// bus is closed or an option ends the subscription. No goroutine is started.
//
// Publishers do not wait for the loop. At most 256 events wait for it; one more drops the oldest,
// which is counted in Stats and told to the Trace. The option Async sets another capacity and
// another policy; with Block, a loop body that publishes may wait for itself. Other options are
// those of Subscribe. Events panics if ctx or src is nil.
func Events[E any, S Source[E]](ctx context.Context, src S, opts ...SubscribeOption) iter.Seq[E] {
	mayReport()
	checkContext("Events", ctx)
	return events[E](ctx, topicOf[E]("Events", src), opts)
}

//go:noinline
func events[E any](ctx context.Context, t *core.Topic, opts []SubscribeOption) iter.Seq[E] {
	return func(yield func(E) bool) {
		st := new(store[E])
		s, d := openStream(t, typeOf[E](), st, opts)
		d.core.Of = reflect.TypeFor[store[E]]()
		d.core.Guarded = func(recv any, ctx context.Context, event E) error {
			s := recv.(*stream)
			a := s.core.Begin(ctx)
			if a.Accepted {
				put(s.core.Side(), event, nil)
			}
			return s.core.End(a)
		}
		sub := d.end(t, s, streamReceiver)
		s.core.Of(&sub.entry)
		defer sub.Cancel()
		for {
			i, ok := s.core.Next(ctx)
			if !ok {
				break
			}
			event := st.take(i)
			s.core.Taken()
			if !yield(event) {
				break
			}
		}
		runtime.KeepAlive(s)
	}
}

// stream is what a loop over Events receives with. Only the loop holds it.
type stream struct{ core core.Stream }

// openStream returns what a loop receives with, and the draft of its subscription.
func openStream(t *core.Topic, typ *core.Type, st core.Store, opts []SubscribeOption) (*stream, *draft) {
	o := evaluate(nil, opts)
	capacity, overflow := eventsCapacity, core.DropOldest
	if o.Capacity > 0 {
		capacity, overflow, o.Capacity = o.Capacity, o.Overflow, 0
	}
	s := &stream{}
	s.core.Init(t.Bus, typ, st, capacity, overflow)
	d := &draft{opts: o}
	d.core.Function, d.core.Type, d.core.Ref = "Events", typ, weak.Make(s)
	return s, d
}

// streamReceiver makes what the core knows of streams.
func streamReceiver(r *core.Receiver) *core.Ops {
	r.Release = func(e *core.Entry) { streamOf(e).stop() }
	r.Backlog = func(e *core.Entry) (waiting, dropped int) { return streamOf(e).backlog() }
	r.Value = func(e *core.Entry) any {
		if s := streamOf(e); s != nil {
			return s
		}
		return nil
	}
	return nil
}

func streamOf(e *core.Entry) *stream {
	w, _ := e.Ref().(weak.Pointer[stream])
	return w.Value()
}

func (s *stream) stop() {
	if s != nil {
		s.core.Stop()
	}
}

func (s *stream) backlog() (waiting, dropped int) {
	if s == nil {
		return 0, 0
	}
	return s.core.Backlog()
}
