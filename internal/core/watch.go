package core

import (
	"context"
	"sync"
)

// Watch is one publish that looks around between two deliveries: for a context that is done, an
// event that was stopped, a handler that panicked, observers. It tells a typed loop when to go on.
type Watch struct {
	Outcome
	topic     *Topic
	stop      Stopper    // nil where the event cannot be stopped
	observers *observers // nil where nobody observes

	list     *List
	snapshot *Snapshot // nil: walk the whole list weakly
	tail     bool      // the snapshot is done
	k, i     int       // the next delivery: subscriber i of segment or chunk k

	segment Segment         // the one under way
	from    int             // where the loop under way began
	at      int             // the delivery under way, for reports
	calm    bool            // there is nothing to look at between two deliveries, but perhaps who has heard
	quick   bool            // nor that, in this segment: only panics matter
	calling bool            // a handler, or its filter
	traced  context.Context // of the handler under way, from the observers
	running *running        // nil where nobody observes
}

// watches keeps those that are not in use: they are handed to loops that are called dynamically,
// and so would be allocated for each publish.
var watches = sync.Pool{New: func() any { return new(Watch) }}

// watch publishes an event to the subscribers in a list of t, and looks around between them.
func (t *Topic) watch(o *Outcome, l *List, stop Stopper, h *Hand) {
	w := watches.Get().(*Watch)
	w.Outcome, w.topic, w.stop, w.observers = *o, t, stop, t.Bus.observers()
	w.calm = o.Ctx == nil && stop == nil && (w.observers == nil || !w.observers.handlers && !w.observers.running)
	if w.observers.watching() {
		w.running = t.Bus.tracer.calls.begin(t)
		defer t.Bus.tracer.calls.end(w.running)
	}
	returned := false
	defer func() {
		if !returned { // a handler panics
			*o = w.Outcome
		}
	}()
	w.list, w.snapshot = t.strong(l)
	for !w.deliver(h) { // once more for each recovered panic
	}
	if s := w.snapshot; s != nil && w.observers != nil && w.Ran-o.Ran == w.list.N {
		s.heard.Store(true)
	}
	t.done(w.list, w.snapshot)
	if stop != nil && stop.Stopped() {
		w.over = true
	}
	*o, returned = w.Outcome, true
	*w = Watch{}
	watches.Put(w)
}

// deliver goes on with the publish and reports whether it came to the end. It returns false after a
// panic that OnPanic was told of.
func (w *Watch) deliver(h *Hand) (done bool) {
	if w.topic.Bus.guarded() {
		defer w.recovered(h)
	}
	for !w.over && w.next() {
		n, clean := w.segment.N, w.clean()
		w.quick = w.calm && (w.observers == nil || w.snapshot != nil && !w.tail && w.snapshot.heard.Load())
		if w.segment.Run == nil {
			w.topic.row(&w.Outcome, w, &w.segment, w.i, n, h)
		} else {
			if w.i < n {
				w.i += w.run(clean, w.i, n, h)
			}
			if w.i < n && !w.over {
				w.topic.slowly(&w.segment, w, w.i, n, h)
			}
		}
		w.k, w.i = w.k+1, 0
	}
	return true
}

// run has the segment's loop deliver to subscribers [from, to), and returns how many handlers it called.
func (w *Watch) run(clean uint64, from, to int, h *Hand) int {
	w.from, w.calling = from, w.quick
	n := h.Run(w.segment.Run, w.segment.Chunk, w, clean, from, to)
	if !w.quick {
		w.end()
		w.running.at(nil)
		return n
	}
	w.calling = false
	w.Ran += n
	return n
}

// next finds the segment to go on with: first in the snapshot, then the chunks that it does not
// cover.
func (w *Watch) next() bool {
	if s := w.snapshot; s != nil && !w.tail {
		if w.k < len(s.Segments) {
			w.segment = s.Segments[w.k]
			return true
		}
		w.tail, w.k, w.i = true, s.chunks-1, s.last
	}
	if w.k < len(w.list.chunks) {
		w.segment = w.list.chunks[w.k].segment(w.list.upTo(w.k))
		return true
	}
	return false
}

// clean is the epoch at which the subscribers of the segment were active.
func (w *Watch) clean() uint64 {
	if w.snapshot != nil && !w.tail {
		return w.snapshot.Clean
	}
	return w.list.Clean
}

// look notes that subscriber i comes next, and reports whether it is to be called.
func (w *Watch) look(i int) bool {
	w.at, w.calling = i, false
	if w.stop != nil && w.stop.Stopped() {
		w.over = true
		return false
	}
	if w.Ctx != nil {
		if err := w.Ctx.Err(); err != nil {
			w.Errs, w.over = append(w.Errs, err), true
			return false
		}
	}
	return true
}

// enter is look, before a guarded handler or its filter is called.
func (w *Watch) enter(i int) bool {
	w.calling = w.look(i)
	return w.calling
}

// Begin is called by a loop before it calls the handler of subscriber i, and reports whether it may. The
// handler before that, if there was one, has returned.
func (w *Watch) Begin(i int) bool {
	if w.quick {
		w.at = i
		return true
	}
	return w.begin(i)
}

func (w *Watch) begin(i int) bool {
	if w.calling && w.observers != nil && w.observers.handlers {
		epoch := w.topic.ledger.now()
		if w.end(); w.topic.ledger.now() != epoch {
			return false // HandleEnd may have cancelled this one
		}
	}
	if !w.look(i) {
		return false
	}
	if w.observers != nil {
		e := w.segment.entry(i)
		w.traced = w.topic.handleStart(w.observers, w.Ctx, e)
		w.running.at(e)
	}
	w.calling = true
	w.Ran++
	return true
}

// end notes that the handler has returned.
func (w *Watch) end() {
	if !w.calling {
		return
	}
	w.calling = false
	if w.observers != nil && w.observers.handlers {
		w.running.at(nil)
		w.topic.handleEnd(w.observers, w.traced, w.segment.entry(w.at), nil)
		w.traced = nil
	}
}

// recovered reports a panic. The publish goes on if OnPanic takes it, else the panic does. A Goexit
// recovers nothing and goes on unwinding.
func (w *Watch) recovered(h *Hand) {
	if !w.calling { // a panic of the event's Stopped, of the context, of a hook: no subscriber's fault
		return
	}
	w.calling = false // or a later panic would be taken for a handler's
	e := w.segment.entry(w.at)
	value := recover()
	if w.quick && w.segment.Run != nil {
		w.Ran += w.at + 1 - w.from
	}
	if value == nil {
		w.stopped(e, errPanicked)
		return
	}
	notOfHook(value)
	if w.segment.Run == nil {
		w.Ran++
	}
	w.i = w.at + 1
	p := w.topic.panicOf(value, e, h.box())
	w.stopped(e, p)
	w.topic.report(p)
}

// stopped tells observers that a handler has not returned. Of guarded ones they are told elsewhere.
func (w *Watch) stopped(e *Entry, err error) {
	if w.observers == nil || w.segment.Run == nil {
		return
	}
	w.running.at(nil)
	w.topic.handleEnd(w.observers, w.traced, e, err)
	w.traced = nil
}
