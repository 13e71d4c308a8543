package weakbus

import (
	"context"
	"iter"
	"reflect"
	"weak"
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
	const function = "Events"
	checkContext(function, ctx)
	t := topicOf[E](function, src)
	return func(yield func(E) bool) {
		s := &stream[E]{ready: make(chan struct{}, 1), bus: t.bus}
		s.capacity, s.overflow = eventsCapacity, DropOldest
		buffered := func(o *options) {
			if o.capacity > 0 {
				s.capacity, s.overflow, o.capacity = o.capacity, o.overflow, 0
			}
		}
		o := evaluate(nil, append(opts[:len(opts):len(opts)], buffered))
		sub := subscribeOptioned(function, t, s, streamRef[E]{weak.Make(s)}, o, adaptContext((*stream[E]).accept))
		defer sub.Cancel()
		for ctx.Err() == nil {
			final := sub.isFinal()
			if final {
				s.close(false) // what is accepted until here is seen below
			}
			if event, ok := s.take(); ok {
				if !yield(event) {
					return
				}
				continue
			}
			if final {
				return
			}
			select {
			case <-s.ready:
			case <-ctx.Done():
			}
		}
	}
}

// stream is what a loop over Events receives with. Only the loop holds it.
type stream[E any] struct {
	buffer[E]
	ready chan struct{} // there is something, or the subscription has ended
	bus   *Bus
}

func (s *stream[E]) accept(ctx context.Context, event E) error {
	_, dropped, err := s.put(ctx, event, func() {
		s.bus.stalled("the buffer of a loop over Events", reflect.TypeFor[E]().String())
	})
	total := s.dropped
	s.mu.Unlock()
	s.wake()
	if dropped > 0 && s.bus != nil {
		s.bus.tracer.dropped(Drop{Event: reflect.TypeFor[E](), Count: dropped, Total: total})
	}
	return err
}

func (s *stream[E]) wake() {
	notify(s.ready)
}

// streamRef is the anchor of a loop over Events.
type streamRef[E any] struct{ p weak.Pointer[stream[E]] }

func (r streamRef[E]) alive() bool            { return r.p.Value() != nil }
func (r streamRef[E]) value() any             { return strongOrNil(r.p) }
func (r streamRef[E]) receiver() reflect.Type { return reflect.TypeFor[stream[E]]() }

func (r streamRef[E]) release() {
	if s := r.p.Value(); s != nil {
		s.close(false)
		s.wake()
	}
}

func (r streamRef[E]) backlog() (waiting, dropped int) {
	if s := r.p.Value(); s != nil {
		return s.backlog()
	}
	return 0, 0
}
