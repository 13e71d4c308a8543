package natslink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/weakbus/weakbus/link"
)

// Option configures New.
type Option func(*Transport)

// Buffer bounds the messages that wait for the handlers of this process; the default is 65,536. Those that
// come when it is full are dropped, counted in the Stats of the link, and reported to its OnError.
func Buffer(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("natslink: Buffer: %d; it takes at least 1", n))
	}
	return func(t *Transport) { t.in = make(chan *nats.Msg, n) }
}

// Transport is a link.Transport that delivers at most once. New makes one. One publisher's events arrive in the
// order in which it published them, whatever their types.
type Transport struct {
	nc     *nats.Conn
	prefix string         // with a dot at the end
	group  string         // the beginning of the names of its queue groups
	in     chan *nats.Msg // nil: the end
	over   atomic.Bool    // Close has given up: what waits is not handed over
	done   chan struct{}
	once   sync.Once
	err    error // of Close

	mu      sync.RWMutex
	handles map[string]func(*link.Message) // by queue group, one for each name
	subs    map[*nats.Subscription]struct{}
	gone    int64 // what subscriptions that have ended had dropped

	sent atomic.Pointer[origin] // what Send sent last

	// of run alone
	origins    map[string]*origin // by id
	last       *nats.Subscription // the one of the message before,
	lastHandle func(*link.Message)

	report atomic.Pointer[reporter]
	slow   atomic.Bool // something was dropped that is not told yet
	told   atomic.Int64
}

// origin is a header that has nothing but the origin, and the reply subject that stands for it. Headers cost
// more than all else that a link adds to a message: a third of the throughput. So where this is the only
// one it travels as the reply subject, which nobody is subscribed to.
type origin struct {
	header map[string][]string
	id     string
	reply  string
}

const replyPrefix = "_WEAKBUS."

// maxOrigins bounds the origins that are remembered.
const maxOrigins = 1024

type reporter func(op, subject string, n int64, err error)

// New returns a transport over a connection of the caller's. Each subject begins with prefix and a dot. The
// connection's handler of asynchronous errors is kept, and called first.
//
// The transport asks for its messages as a queue group of its own for each name of events. So the server
// delivers a message once where a type and one of its keys are both subscribed.
func New(nc *nats.Conn, prefix string, opts ...Option) *Transport {
	t := &Transport{
		nc: nc, prefix: checkPrefix(prefix) + ".", group: "weakbus-" + nuid.Next() + ".",
		in: make(chan *nats.Msg, 65536), done: make(chan struct{}),
		handles: map[string]func(*link.Message){}, subs: map[*nats.Subscription]struct{}{}, origins: map[string]*origin{},
	}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	chain(nc, t.failed)
	go t.run()
	return t
}

func checkPrefix(prefix string) string {
	if prefix == "" || strings.ContainsAny(prefix, " \t\r\n*>") || strings.HasPrefix(prefix, ".") || strings.HasSuffix(prefix, ".") || strings.Contains(prefix, "..") {
		panic(fmt.Sprintf("natslink: %q is no prefix for subjects; it takes words with dots between", prefix))
	}
	return prefix
}

// chain has f called with asynchronous errors, after the handler that there is.
func chain(nc *nats.Conn, f nats.ErrHandler) {
	before := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, sub *nats.Subscription, err error) {
		if before != nil {
			before(nc, sub, err)
		}
		f(nc, sub, err)
	})
}

// Report is for link.Open.
func (t *Transport) Report(report func(op, subject string, n int64, err error)) {
	r := reporter(report)
	t.report.Store(&r)
}

func (t *Transport) tell(op, subject string, n int64, err error) {
	if r := t.report.Load(); r != nil {
		(*r)(op, subject, n, err)
	}
}

// failed is told the asynchronous errors of the connection, which may concern others too.
func (t *Transport) failed(_ *nats.Conn, sub *nats.Subscription, err error) {
	if sub != nil && !strings.HasPrefix(sub.Queue, t.group) {
		return
	}
	if errors.Is(err, nats.ErrSlowConsumer) {
		if sub != nil {
			t.slow.Store(true)
			t.tellDropped()
		}
		return
	}
	tellAsync(t.tell, t.prefix, sub, err)
}

// tellAsync tells an asynchronous error, if it concerns subjects under prefix.
func tellAsync(tell reporter, prefix string, sub *nats.Subscription, err error) {
	switch {
	case errors.Is(err, nats.ErrPermissionViolation):
		if subject, ok := strings.CutPrefix(quoted(err.Error()), prefix); ok {
			tell("permission", strings.TrimSuffix(subject, ".>"), 1, err)
		}
	case sub != nil:
		tell("connection", strings.TrimPrefix(sub.Subject, prefix), 1, err)
	}
}

// quoted returns what stands in the first quotation marks, which is the subject in the errors of the server.
func quoted(s string) string {
	_, s, _ = strings.Cut(s, `"`)
	s, _, _ = strings.Cut(s, `"`)
	return s
}

// Dropped returns how many messages were dropped because handlers were too slow.
func (t *Transport) Dropped() int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := t.gone
	for s := range t.subs {
		if d, err := s.Dropped(); err == nil {
			n += int64(d)
		}
	}
	return n
}

// tellDropped tells how many messages were dropped since it did so last.
func (t *Transport) tellDropped() {
	n := t.Dropped()
	for {
		told := t.told.Load()
		if n <= told {
			return
		}
		if t.told.CompareAndSwap(told, n) {
			t.tell("drop", "", n-told, fmt.Errorf("%w, %d messages dropped so far", nats.ErrSlowConsumer, n))
			return
		}
	}
}

// run hands over messages of all subscriptions, in the order in which the server sent them.
func (t *Transport) run() {
	defer close(t.done)
	for n := 0; ; n++ {
		m := <-t.in
		if m == nil || t.over.Load() {
			return
		}
		t.handle(m)
		// the connection tells only the first of the messages that it drops in a row
		if t.slow.Load() && (n%64 == 0 || len(t.in) == 0) {
			if len(t.in) == 0 {
				t.slow.Store(false)
			}
			t.tellDropped()
		}
	}
}

func (t *Transport) handle(m *nats.Msg) {
	if m.Sub != t.last {
		t.mu.RLock()
		t.last, t.lastHandle = m.Sub, t.handles[m.Sub.Queue]
		t.mu.RUnlock()
	}
	if handle := t.lastHandle; handle != nil {
		handle(&link.Message{Subject: m.Subject[len(t.prefix):], Header: t.header(m), Data: m.Data})
	}
}

// header returns the header of a message that came.
func (t *Transport) header(m *nats.Msg) map[string][]string {
	id, ok := strings.CutPrefix(m.Reply, replyPrefix)
	if !ok || m.Header != nil {
		return m.Header
	}
	o := t.origins[id]
	if o == nil {
		if len(t.origins) >= maxOrigins {
			clear(t.origins)
		}
		o = &origin{header: map[string][]string{link.OriginHeader: {id}}}
		t.origins[id] = o
	}
	return o.header
}

// replyFor returns the reply subject that stands for a header, or "".
func (t *Transport) replyFor(header map[string][]string) string {
	if len(header) != 1 || len(header[link.OriginHeader]) != 1 {
		return ""
	}
	id := header[link.OriginHeader][0]
	if o := t.sent.Load(); o != nil && o.id == id {
		return o.reply
	}
	o := &origin{id: id, reply: replyPrefix + id}
	t.sent.Store(o)
	return o.reply
}

// Send publishes a message. While the connection is away, messages wait in its buffer; Send fails when
// that is full.
func (t *Transport) Send(_ context.Context, m *link.Message) error {
	if reply := t.replyFor(m.Header); reply != "" {
		return t.nc.PublishRequest(t.prefix+m.Subject, reply, m.Data)
	}
	return t.nc.PublishMsg(&nats.Msg{Subject: t.prefix + m.Subject, Header: m.Header, Data: m.Data})
}

// Receive subscribes to a subject.
func (t *Transport) Receive(name, subject string, all bool, handle func(*link.Message)) (func() error, error) {
	group := t.group + name
	t.mu.Lock()
	t.handles[group] = handle // stays: what was accepted is delivered after stop, too
	t.mu.Unlock()
	subjects := []string{t.prefix + subject}
	if all {
		subjects = append(subjects, t.prefix+subject+".>")
	}
	var subs []*nats.Subscription
	stop := func() error {
		var errs []error
		for _, s := range subs {
			errs = append(errs, t.drop(s))
		}
		return errors.Join(errs...)
	}
	for _, s := range subjects {
		sub, err := t.nc.ChanQueueSubscribe(s, group, t.in)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		subs = append(subs, sub)
		t.mu.Lock()
		t.subs[sub] = struct{}{}
		t.mu.Unlock()
	}
	return stop, nil
}

// drop ends a subscription. What the server has sent for it before it knows may be for another one of
// its group: it is still taken.
func (t *Transport) drop(s *nats.Subscription) error {
	t.mu.Lock()
	if n, err := s.Dropped(); err == nil {
		t.gone += int64(n)
	}
	delete(t.subs, s)
	t.mu.Unlock()
	end := s.Drain
	if !t.nc.IsConnected() {
		end = s.Unsubscribe // nothing is on its way
	}
	if err := end(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		return err
	}
	return nil
}

// Sync waits until the server knows of all that Send and Receive asked for, for ten seconds if ctx has no
// deadline. In a cluster that is the server of this connection; the others hear of it soon after.
func (t *Transport) Sync(ctx context.Context) error { return flush(ctx, t.nc) }

func flush(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// limit gives ctx a deadline if it has none, or FlushWithContext would refuse it.
func limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, 10*time.Second)
}

// settle is Sync for Close: it waits for a connection that is away to come back only if something was
// sent meanwhile, and gives up on one that is closed.
func settle(ctx context.Context, nc *nats.Conn) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if nc.IsConnected() {
			if err := flush(ctx, nc); err == nil || ctx.Err() != nil {
				return err
			}
		}
		if nc.IsClosed() {
			return nil
		}
		if n, err := nc.Buffered(); err == nil && n == 0 && !nc.IsConnected() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close has the server take what was sent, delivers what has come, and ends. The connection stays open.
func (t *Transport) Close(ctx context.Context) error {
	t.once.Do(func() {
		ctx, cancel := limit(ctx)
		defer cancel()
		t.err = settle(ctx, t.nc) // after that nothing more comes: the link has stopped what Receive began
		select {
		case t.in <- nil: // behind all that was accepted
		case <-ctx.Done():
		}
		select {
		case <-t.done:
		case <-ctx.Done():
			t.over.Store(true)
			select {
			case t.in <- nil: // wakes it
			default:
			}
			if !errors.Is(t.err, ctx.Err()) {
				t.err = errors.Join(t.err, ctx.Err())
			}
		}
		t.tellDropped()
		t.report.Store(nil)
	})
	return t.err
}
