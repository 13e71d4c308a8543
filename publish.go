package weakbus

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"weak"
)

// Publish calls the handler of each live subscription with event, on this goroutine, and
// returns how many ran. Higher priorities come first, equal ones in the order in which they
// subscribed.
//
// A handler may publish, subscribe, cancel, pause and close whatever it likes: a nested publish
// runs at once; who subscribes meanwhile hears the next event; who is cancelled, paused or
// collected meanwhile is skipped. A panic in a handler reaches the caller and ends this publish,
// unless the bus has OnPanic. Errors of handlers that return one are logged to
// slog.Default(); use PublishContext to get them.
//
// Publish takes no lock, but for a short one where the topic retains. Concurrent publishes may run the same handler concurrently. While it
// runs, it keeps the topic's other subscribers from being collected.
func (t *Topic[E]) Publish(event E) int {
	return t.deliver(t.head.Load(), event, false) // small enough to be inlined
}

// publishFar is Publish where more is to be looked at than the topic's own list.
func (t *Topic[E]) publishFar(event E) int {
	var o outcome
	defer t.bus.reportAll(&o) // also when a later handler panics
	t.route(&o, event)
	return o.ran
}

// deliver publishes event to the subscribers of a list. Unless the caller has looked already, it
// leaves a publish that has to look at more to publishFar.
func (t *Topic[E]) deliver(l *list[E], event E, looked bool) (ran int) {
	if l == nil {
		if t.mode.Load()&modeRouted != 0 {
			return t.publishFar(event)
		}
		return 0
	}
	if l.mode != 0 && !looked {
		return t.publishFar(event)
	}
	if raceEnabled {
		defer l.era.leave()
	}
	if l.n == 1 {
		if l.chunks[0].first(t, event) {
			ran = 1
		} else {
			t.compact()
		}
		runtime.KeepAlive(l) // its era is over when the last publish of it is
		return ran
	}
	s := l.snapshot.Value()
	if s == nil {
		if l, s = t.warm(l); s == nil {
			ran := t.publishWeakly(l, 0, 0, event)
			t.compact() // what it met
			runtime.KeepAlive(l)
			return ran
		}
	} else if !s.paid.Load() {
		t.use(s)
	}
	for _, g := range s.segments {
		ran += g.run(t, s.clean, 0, g.size(), event)
	}
	if l.n != s.n {
		ran += t.publishWeakly(l, s.chunks-1, s.last, event)
	}
	if l.n != s.n || t.origin.epoch.Load() != s.built {
		t.charge(l, s)
	}
	return ran
}

// publishWeakly delivers to the list's slots from slot i of chunk k on.
func (t *Topic[E]) publishWeakly(l *list[E], k, i int, event E) (ran int) {
	for ; k < len(l.chunks); k++ {
		ran += l.chunks[k].run(t, l.clean, i, l.upTo(k), event)
		i = 0
	}
	return ran
}

// warm is called by a publish that found no snapshot. It returns one to publish through, or nil
// for a weak walk, and the list that it is for. See S5 in docs/design.md.
func (t *Topic[E]) warm(l *list[E]) (*list[E], *snapshot[E]) {
	if !t.building.CompareAndSwap(false, true) {
		return l, nil // somebody else is at it
	}
	defer t.building.Store(false)
	patience := max(minPatience, t.patience.Load())
	if t.walks++; t.walks < patience {
		return l, nil
	}
	t.walks = 0
	t.patience.Store(min(2*patience, maxPatience)) // unless it pays
	if built, s := t.build(l); built.added == l.added {
		return built, s
	}
	return l, nil // others have joined, who are to hear the next event
}

// use notes that a publish found the snapshot that another had built, until it has paid for itself.
func (t *Topic[E]) use(s *snapshot[E]) {
	if s.uses.Add(1) >= payback {
		t.patience.Store(minPatience)
		s.paid.Store(true)
	}
}

// build makes a snapshot of the list, compacted if that is worthwhile, and installs it.
func (t *Topic[E]) build(l *list[E]) (*list[E], *snapshot[E]) {
	if l.joints > 0 {
		t.tidy()
	} else {
		t.compact()
	}
	if l = t.head.Load(); l == nil {
		return &list[E]{}, nil
	}
	s := t.upgrade(l)
	if t.origin.ended.Load() > 0 { // it met collected ones
		t.compact()
		if l = t.head.Load(); l == nil {
			return &list[E]{}, nil
		}
		s = t.upgrade(l)
	}
	t.install(l, s)
	return l, s
}

// upgrade returns a snapshot of the list.
func (t *Topic[E]) upgrade(l *list[E]) *snapshot[E] {
	epoch := t.origin.epoch.Load() // before the states are looked at
	s := &snapshot[E]{n: l.n, chunks: len(l.chunks), last: l.last, clean: epoch, built: epoch}
	for k, c := range l.chunks {
		n := l.upTo(k)
		for i := range n {
			if !c.sub(i).active() {
				s.clean = 0
			}
		}
		c.upgrade(s, n)
	}
	return s
}

// install publishes the list with s behind its weak pointer, unless s speaks for another
// generation by now.
func (t *Topic[E]) install(l *list[E], s *snapshot[E]) {
	w := weak.Make(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	head := t.head.Load()
	if head == nil || head.generation != l.generation {
		return
	}
	next := *head
	next.snapshot = w
	if s.clean != 0 && next.n == s.n { // or it has some whose state nobody has looked at
		next.clean = s.clean // for the tail to come, and for when the snapshot is gone
	}
	t.head.Store(&next)
}

// charge adds to the snapshot's debt what this publish paid for its age, and replaces it when
// a new one would have been cheaper. Only here does publishing write to shared memory.
func (t *Topic[E]) charge(l *list[E], s *snapshot[E]) {
	debt := int64(debtPerTail * (l.n - s.n))
	if t.origin.epoch.Load() != s.built {
		debt += int64(debtPerCheck * s.n)
	}
	if s.debt.Add(debt) < int64(rebuildPerEntry*l.n) {
		return
	}
	if l = t.head.Load(); l != nil && t.building.CompareAndSwap(false, true) {
		defer t.building.Store(false)
		t.build(l)
	}
}

// PublishContext is Publish for handlers that take a context or return an error. It hands ctx
// to those made with SubscribeContext and SubscribeFuncContext, and runs the rest all the same.
//
// It returns how many handlers ran, and the errors they returned joined into one (see
// errors.Join), each as a *HandlerError that names the subscriber. An error does not keep later
// handlers from running. Before each handler it looks at ctx: if ctx is done, no further
// handler runs, and ctx.Err() is among the errors. On a closed bus it returns 0 and ErrClosed.
// A subscriber that was collected is skipped and is no error.
func (t *Topic[E]) PublishContext(ctx context.Context, event E) (int, error) {
	checkContext("PublishContext", ctx)
	if t.bus != nil && t.bus.closed.Load() {
		return 0, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	o := outcome{ctx: ctx}
	returned := false
	defer func() { // also when a later handler panics
		for _, err := range o.errs {
			t.bus.failed(err, returned)
		}
	}()
	t.route(&o, event)
	returned = true
	return o.ran, errors.Join(o.errs...)
}

// pass is one publish that looks around between two deliveries: for a context that is done,
// an event that was stopped, a handler that panicked.
type pass[E any] struct {
	outcome
	topic *Topic[E]
	event E
	stop  stopper // nil where the event cannot be stopped

	snapshot *snapshot[E] // nil: walk the whole list weakly
	list     *list[E]
	tail     bool // the snapshot is done
	k, i     int  // the next delivery: subscriber i of segment or chunk k

	segment segment[E] // the delivery under way, for reports
	at      int
	calling bool // a handler, or its filter
}

func (p *pass[E]) publish(l *list[E]) {
	if raceEnabled {
		defer l.era.leave()
	}
	p.list = l
	if l.n >= snapshotFrom {
		if p.snapshot = l.snapshot.Value(); p.snapshot == nil {
			p.list, p.snapshot = p.topic.warm(l)
		} else if !p.snapshot.paid.Load() {
			p.topic.use(p.snapshot)
		}
	}
	for !p.deliver() { // once more for each recovered panic
	}
	if s := p.snapshot; s == nil {
		p.topic.compact()
	} else if p.list.n != s.n || p.topic.origin.epoch.Load() != s.built {
		p.topic.charge(p.list, s)
	}
	if p.stop != nil && p.stop.Stopped() {
		p.over = true
	}
	runtime.KeepAlive(p.list) // see deliver
}

// deliver goes on with the pass and reports whether it came to the end. It returns false after
// a panic that OnPanic was told of.
func (p *pass[E]) deliver() (done bool) {
	if p.topic.guarded() {
		defer p.recovered()
	}
	ctx := p.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	for p.next() {
		if p.stop != nil && p.stop.Stopped() {
			break
		}
		if err := ctx.Err(); err != nil {
			p.errs, p.over = append(p.errs, err), true
			break
		}
		p.calling = true
		ran, err := p.segment.call(p.topic, p.at, ctx, p.event)
		p.calling = false
		if ran {
			p.ran++
		}
		if err != nil {
			p.errs = append(p.errs, err)
		}
		if err != nil && err == ctx.Err() { // ctx was done while it waited for room
			p.over = true
			break
		}
	}
	return true
}

// next moves to the next subscriber: first through the snapshot, then through the chunks that
// it does not cover.
func (p *pass[E]) next() bool {
	for s := p.snapshot; s != nil && !p.tail; {
		if p.k == len(s.segments) {
			p.tail, p.k, p.i = true, s.chunks-1, s.last
		} else if p.step(s.segments[p.k], s.segments[p.k].size()) {
			return true
		}
	}
	for p.k < len(p.list.chunks) {
		if p.step(p.list.chunks[p.k], p.list.upTo(p.k)) {
			return true
		}
	}
	return false
}

// step moves to the next subscriber of segment g, which is the k-th and has n.
func (p *pass[E]) step(g segment[E], n int) bool {
	if p.i >= n {
		p.k, p.i = p.k+1, 0
		return false
	}
	p.segment, p.at = g, p.i
	p.i++
	return true
}

// recovered reports a panic. The pass goes on if OnPanic takes it, else the panic does. A
// Goexit recovers nothing and goes on unwinding.
func (p *pass[E]) recovered() {
	if !p.calling { // a panic of the event's Stopped or of the context: no subscriber's fault
		return
	}
	if value := recover(); value != nil {
		p.ran++
		p.topic.panicked(value, p.segment.sub(p.at), p.segment.label(p.at))
	}
}

// stops returns the event as a stopper, or nil if it is none.
func stops[E any](event E) stopper {
	s, ok := any(event).(stopper)
	if !ok {
		return nil
	}
	if v := reflect.ValueOf(s); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return s
}
