package link

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/weakbus/weakbus"
)

// Option configures a Link.
type Option func(*Link)

// OnError has f called with what goes wrong: the 1st, the 10th, the 100th time and so on for each Op and
// name. f may be called on any goroutine, also concurrently, and must not wait for the Link. Without it, errors
// that no publisher gets are logged to slog.Default().
func OnError(f func(*Error)) Option { return func(l *Link) { l.onError = f } }

// Propagate has p carry values of the publisher's context to the handlers of other processes.
func Propagate(p Propagator) Option { return func(l *Link) { l.prop = p } }

// Via has events from other processes published through exec, which keeps their order: on the goroutine of
// a user interface, say.
func Via(exec weakbus.Executor) Option { return func(l *Link) { l.exec = exec } }

// Origin names this link to the others. It has to be different for each link that there is at the
// same time. The default is random, unless the Transport knows better. An origin that stays the same
// has a process that restarts refuse what it sent before.
func Origin(id string) Option { return func(l *Link) { l.origin = escape(id) } }

// Stats counts what a Link did.
type Stats struct {
	// Sent is the number of events that the transport accepted.
	Sent int64
	// Received is the number of events that came from other processes and were published here.
	Received int64
	// Own is the number of events that came back to where they had been, and were refused.
	Own int64
	// Failed is the number of errors.
	Failed int64
	// Dropped is the number of events that the transport dropped because handlers were too slow.
	Dropped int64
	// Interests is the number of topics, keyed ones included, that are received now.
	Interests int64
}

// Link joins a bus to an engine. Its methods, and Share, are safe for concurrent use.
type Link struct {
	bus     *weakbus.Bus
	node    *node
	t       Transport
	origin  string
	plain   map[string][]string // the header of most messages; never written to
	onError func(*Error)
	prop    Propagator
	exec    weakbus.Executor

	mu     sync.Mutex
	byName map[string]reflect.Type
	stops  []func()
	closed chan struct{} // nil before Close; closed when that is over
	err    error         // of Close

	over  atomic.Bool // nothing that arrives is published any more
	under tally       // events that were handed to exec

	sent, received, own, failed, interests atomic.Int64

	countMu sync.Mutex
	counts  map[failure]int64
}

// failure is what errors are counted by.
type failure struct{ op, name string }

// Open joins bus to what t reaches. Nothing crosses before Share says what.
func Open(bus *weakbus.Bus, t Transport, opts ...Option) *Link {
	if bus == nil || t == nil {
		panic("weakbus link: Open: nil Bus or Transport")
	}
	l := &Link{bus: bus, node: nodeOf(bus), t: t, byName: map[string]reflect.Type{}, counts: map[failure]int64{}}
	for _, opt := range opts {
		if opt != nil {
			opt(l)
		}
	}
	if o, ok := t.(interface{ Origin() string }); ok && l.origin == "" {
		l.origin = escape(o.Origin())
	}
	if l.origin == "" {
		l.origin = rand.Text()[:12]
	}
	l.plain = map[string][]string{OriginHeader: {l.origin}}
	l.node.add(l.origin)
	if r, ok := t.(Reporter); ok {
		r.Report(func(op, subject string, n int64, err error) {
			name := subject
			if op == "drop" { // one count for all subjects
				name = ""
			}
			l.failed.Add(n)
			l.count(op, name, subject, n, err)
		})
	}
	return l
}

// Stats returns the counts so far.
func (l *Link) Stats() Stats {
	s := Stats{
		Sent: l.sent.Load(), Received: l.received.Load(), Own: l.own.Load(),
		Failed: l.failed.Load(), Interests: l.interests.Load(),
	}
	if d, ok := l.t.(Dropper); ok {
		s.Dropped = d.Dropped()
	}
	return s
}

// fail counts an error, and reports it now and then.
func (l *Link) fail(op, name, subject string, err error) *Error {
	l.failed.Add(1)
	return l.count(op, name, subject, 1, err)
}

func (l *Link) count(op, name, subject string, n int64, err error) *Error {
	by := failure{op, name}
	l.countMu.Lock()
	if _, ok := l.counts[by]; !ok && len(l.counts) >= maxCounts {
		by.name = ""
	}
	before := l.counts[by]
	l.counts[by] = before + n
	l.countMu.Unlock()
	e := &Error{op, subject, err, before + n}
	if digits(before) < digits(e.Count) {
		l.report(e)
	}
	return e
}

// maxCounts bounds the names that errors are counted by, for a transport may report any subject.
const maxCounts = 4096

func (l *Link) report(e *Error) {
	if l.onError != nil {
		l.onError(e)
		return
	}
	if e.Op != "encode" && e.Op != "send" { // the publisher or the logger of its bus gets those
		slog.Default().Error(e.Error(), "failures so far", e.Count)
	}
}

// digits returns how many decimal digits n has; 0 has none. It grows at each power of ten.
func digits(n int64) (d int) {
	for ; n > 0; n /= 10 {
		d++
	}
	return d
}

// probe is the event type of topics that Sync becomes interested in.
type probe struct{ _ *probe }

// Sync waits until what others publish from now on arrives: until the transport knows of the subscribers
// that there are now. It also waits for the transport to have taken what was published before. It
// must not be called by a function that is told of subscribers, such as Active of a Trace.
func (l *Link) Sync(ctx context.Context) error {
	if err := l.settle(ctx); err != nil {
		return err
	}
	return l.t.Sync(ctx)
}

// settle waits until the taps were told of the subscribers that there are. Subscribe may return before
// they were, while another goroutine tells them what was before; but they are told in order, so
// a topic that becomes active now is told after all that are.
func (l *Link) settle(ctx context.Context) error {
	told := make(chan struct{})
	stop := weakbus.Tap(l.bus, weakbus.TapConfig[probe]{Interest: func(i weakbus.TopicInfo, active bool) {
		if active && len(i.Keys) == 1 && i.Keys[0] == any(told) {
			close(told)
		}
	}})
	defer stop()
	scope := &weakbus.Scope{}
	defer runtime.KeepAlive(scope)
	sub := weakbus.SubscribeFunc(weakbus.TopicOf[probe](l.bus).At(told), scope, func(probe) {})
	defer sub.Cancel()
	if sub.State() == weakbus.Closed {
		return weakbus.ErrClosed
	}
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the link: it hears no more, then has the transport deliver what was accepted, in both
// directions, and closes it. It gives up when ctx is done, and returns ctx.Err(). The bus goes on. A
// second call waits for the first. A handler that the link calls must not call Close, which would wait for it.
func (l *Link) Close(ctx context.Context) error {
	l.mu.Lock()
	if closed := l.closed; closed != nil {
		l.mu.Unlock()
		select {
		case <-closed:
			return l.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.closed = make(chan struct{})
	stops := l.stops
	l.stops = nil
	l.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	err := l.t.Close(ctx)
	if e := l.under.wait(ctx); e != nil && !errors.Is(err, e) {
		err = errors.Join(err, e)
	}
	l.over.Store(true)
	l.err = err
	close(l.closed)
	return err
}

// tally counts what is under way.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // somebody waits; closed at zero
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n += n; t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

func (t *tally) wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()
	select {
	case <-zero:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim reserves a name for a type, and runs share while Close has not begun.
func (l *Link) claim(name string, typ reflect.Type, share func() (stop func())) error {
	if err := checkName(name); err != nil {
		return err
	}
	if typ.Kind() == reflect.Interface {
		return fmt.Errorf("weakbus link: %v is an interface; share the types that implement it", typ)
	}
	l.mu.Lock()
	if l.closed != nil {
		l.mu.Unlock()
		return errors.New("weakbus link: the link is closed")
	}
	for other, of := range l.byName {
		switch {
		case other == name:
			l.mu.Unlock()
			return fmt.Errorf("weakbus link: %q is the name of %v already", name, of)
		case of == typ:
			l.mu.Unlock()
			return fmt.Errorf("weakbus link: %v has the name %q already", typ, other)
		case under(name, other) || under(other, name):
			l.mu.Unlock()
			return fmt.Errorf("weakbus link: %q and %q, the name of %v: one begins with the other, so that a key could be taken for a name", name, other, of)
		}
	}
	l.byName[name] = typ
	l.mu.Unlock()

	stop := share() // outside the lock: it calls the transport
	l.mu.Lock()
	if l.closed == nil {
		l.stops = append(l.stops, stop)
		stop = nil
	}
	l.mu.Unlock()
	if stop != nil {
		stop()
		return errors.New("weakbus link: the link was closed meanwhile")
	}
	return nil
}
