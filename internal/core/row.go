package core

import (
	"context"
	"sync"
	"sync/atomic"
)

// Callee is a guarded subscriber in a snapshot, with what a publish needs to call its handler.
type Callee struct {
	Handle  any  // func(recv any, ctx context.Context, event E) error
	Recv    any  // nil: the receiver is gone
	Filter  any  // func(E) bool; nil without Filter
	Careful bool // Begin is to be asked
	Choosy  bool // Chooses is to be asked
	once    bool
	until   context.Context // nil without Until
}

// calleeOf returns what a publish needs of a guarded subscriber, and reports whether that is all: nothing
// waits for the handler, or is kept for later.
func calleeOf(e *Entry, g *Guard) (c Callee, simple bool) {
	c = Callee{Handle: g.handle, Recv: e.value(), Filter: g.filter, Choosy: g.filter != nil || g.once, once: g.once}
	if y := e.kind.extra.expiry.Value(); y != nil {
		c.until = y.ctx
	}
	c.Careful = c.until != nil || c.once
	return c, g.lane == nil && g.via == nil && g.gate == nil && g.pace == nil && g.latest == nil
}

// Row is simple guarded subscribers that a typed loop calls one after the other; see InRow.
type Row struct {
	Calls []Callee
	I     int // the one that is being called, or comes next
	Ctx   context.Context
	Epoch *uint64
	Clean uint64 // the epoch at which all of them were active
	Watch *Watch // nil unless there is something to look at between two calls

	slots []*Entry
	ran   int    // handlers that have returned
	err   error  // of the handler before I
	spent *Entry // whose only call is under way
}

// rows keeps those that are not in use: they are handed to loops that are called dynamically.
var rows = sync.Pool{New: func() any { return new(Row) }}

// Begin is asked before a handler or its filter is called, and reports whether the loop may go on.
func (r *Row) Begin() bool {
	if r.Watch != nil && !r.Watch.enter(r.I) { // first: a panic of the context is this subscriber's
		return false
	}
	c := &r.Calls[r.I]
	return (!c.once || r.slots[r.I].Active()) && (c.until == nil || c.until.Err() == nil)
}

// Chooses reports whether the handler is to be called for an event that the filter, if there is one, let
// through or not. A subscription with Once is spent here.
func (r *Row) Chooses(passed bool) bool {
	c, e := &r.Calls[r.I], r.slots[r.I]
	switch {
	case !passed || c.until != nil && c.until.Err() != nil:
		return false
	case !c.once:
		return atomic.LoadUint64(r.Epoch) == r.Clean || e.Active()
	case !e.state.CompareAndSwap(0, uint32(Spent)):
		return false // another publish was first, or it has ended or was paused since
	}
	r.spent = e
	return true
}

// End notes what a handler has returned, and reports whether the core has to look at that.
func (r *Row) End(err error) (stop bool) {
	r.ran++
	if err == nil && r.spent == nil {
		return false
	}
	return r.end(err)
}

func (r *Row) end(err error) (stop bool) {
	if r.spent != nil {
		r.settle()
	}
	if err != nil {
		r.I, r.err = r.I+1, err
	}
	return err != nil
}

// settle follows the only call of a subscription. If no other state has changed meanwhile, the loop can
// go on.
func (r *Row) settle() {
	e := r.spent
	r.spent = nil
	if e.settle(); atomic.LoadUint64(r.Epoch) == r.Clean+1 {
		r.Clean++
	}
}

// quickFrom is the number of subscribers from which a row is faster than one call at a time.
const quickFrom = 2

// row calls guarded subscribers [from, to) of g. With w, o is the outcome of that.
func (t *Topic) row(o *Outcome, w *Watch, g *Segment, from, to int, h *Hand) {
	for from < to && !o.over {
		if g.quick && to-from >= quickFrom && (w == nil || w.observers == nil) && !t.Bus.observed() {
			if next := t.quickRow(o, w, g, from, to, h); next > from || o.over {
				from = next
				continue
			}
		}
		if w != nil && !w.enter(from) {
			return
		}
		ran, err := g.call(t, from, o.Ctx, h)
		if w != nil {
			w.calling = false
		}
		if ran {
			o.Ran++
		}
		if err != nil {
			t.failed(o, w, err)
		}
		from++
	}
}

// failed deals with what the call of a guarded handler came to.
func (t *Topic) failed(o *Outcome, w *Watch, err error) {
	if w == nil {
		t.Bus.failed(err, false)
		return
	}
	o.Errs = append(o.Errs, err)
	if o.Ctx != nil && err == o.Ctx.Err() { // done while it waited for room
		o.over = true
	}
}

// quickRow calls simple guarded subscribers from the first on until one is not active, or may not be called
// for another reason. It returns which one that is.
func (t *Topic) quickRow(o *Outcome, w *Watch, g *Segment, from, to int, h *Hand) (next int) {
	clean := t.ledger.now() // before the states are looked at
	if clean != g.clean {
		to = from + g.active(from, min(from+lookAhead, to))
	}
	if from == to {
		return from
	}
	r := rows.Get().(*Row)
	*r = Row{Calls: g.calls[:to], I: from, Ctx: contextOr(o.Ctx), Epoch: &t.ledger.epoch, Clean: clean, Watch: w, slots: g.Chunk.Slots}
	defer func() {
		o.Ran += r.ran
		if r.spent != nil { // its handler has panicked
			r.settle()
		}
		*r = Row{}
		rows.Put(r)
	}()
	for again := true; again; {
		h.Do(InRow, r, nil, nil)
		if w != nil {
			w.calling = false
		}
		if again = r.err != nil; again {
			t.failed(o, w, t.failure(r.err, r.slots[r.I-1], h))
			r.err = nil
		}
	}
	return r.I
}
