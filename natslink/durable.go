package natslink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/weakbus/weakbus/link"
)

// DurableOption configures NewDurable.
type DurableOption func(*Durable)

// Stream changes the configuration of the stream that NewDurable makes if there is none. The default keeps
// events for a day, on disk, and then drops the oldest.
func Stream(change func(*jetstream.StreamConfig)) DurableOption {
	return func(d *Durable) { change(&d.config) }
}

// Attempts gives up on an event after its handlers have failed n times: it is ended, and reported. By default
// an event is delivered until its handlers return nil, and those behind it wait.
func Attempts(n int) DurableOption { return func(d *Durable) { d.attempts = uint64(max(n, 0)) } }

// AckWait is how long the server waits for a process that was killed while it handled an event, before it
// delivers the event again; the default is 10 seconds. A handler may take longer.
func AckWait(wait time.Duration) DurableOption {
	return func(d *Durable) { d.ackWait = max(wait, 50*time.Millisecond) }
}

// Durable is a link.Transport that delivers at least once, through a stream of JetStream. NewDurable makes
// one.
//
// For each name of events there is a consumer on the server, from the first time that this process listened
// to it. Events wait there while the process is away or nobody in it listens, for as long as the stream
// keeps them. An event is acknowledged when all handlers have returned nil, and delivered again after an error; the
// events of that name, keys included, that were published after it wait meanwhile. So the order of
// events of one name holds through failures. Events of different names are not held in order.
//
// An event for a key that nobody listens to, while somebody listens to another key of that name, is done
// with. A process that listens to several keys subscribes to them before Share, so that none of what has
// waited is lost.
type Durable struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	stream   jetstream.Stream
	config   jetstream.StreamConfig
	prefix   string // with a dot at the end
	name     string
	attempts uint64
	ackWait  time.Duration
	report   atomic.Pointer[reporter]

	turn sync.Mutex // held by whoever hands over a message

	mu    sync.Mutex
	feeds map[string]*feed // by name
	ended []*feed          // and not known to be over
}

// feed is the consumer of one name.
type feed struct {
	refs   int
	cancel context.CancelFunc
	ready  chan struct{} // closed when the server knows
	over   chan struct{}
}

// NewDurable returns a transport over a connection of the caller's, and makes the stream, named as prefix with
// _ for each dot, if there is none. Each subject begins with prefix and a dot. name is that of this process: the
// same again after a restart, and no other process's at the same time. It is also the Origin of the
// link.
func NewDurable(ctx context.Context, nc *nats.Conn, prefix, name string, opts ...DurableOption) (*Durable, error) {
	if name == "" || strings.ContainsAny(name, " \t\r\n.*>/\\") {
		return nil, fmt.Errorf("natslink: %q is no name for a durable; it takes no blanks and none of .*>/\\", name)
	}
	stream := strings.ReplaceAll(checkPrefix(prefix), ".", "_")
	d := &Durable{
		nc: nc, prefix: prefix + ".", name: name, ackWait: 10 * time.Second, feeds: map[string]*feed{},
		config: jetstream.StreamConfig{Name: stream, Subjects: []string{prefix + ".>"}, MaxAge: 24 * time.Hour},
	}
	for _, opt := range opts {
		if opt != nil {
			opt(d)
		}
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096), jetstream.WithPublishAsyncErrHandler(
		func(_ jetstream.JetStream, m *nats.Msg, err error) {
			d.tell("send", strings.TrimPrefix(m.Subject, d.prefix), 1, err)
		}))
	if err != nil {
		return nil, fmt.Errorf("natslink: %w", err)
	}
	d.js = js
	d.stream, err = js.Stream(ctx, d.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		d.stream, err = js.CreateStream(ctx, d.config)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			d.stream, err = js.Stream(ctx, d.config.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("natslink: stream %s: %w", d.config.Name, err)
	}
	chain(nc, func(_ *nats.Conn, _ *nats.Subscription, err error) { tellAsync(d.tell, d.prefix, nil, err) })
	return d, nil
}

// Report is for link.Open.
func (d *Durable) Report(report func(op, subject string, n int64, err error)) {
	r := reporter(report)
	d.report.Store(&r)
}

func (d *Durable) tell(op, subject string, n int64, err error) {
	if r := d.report.Load(); r != nil {
		(*r)(op, subject, n, err)
	}
}

// Origin returns the name: what this process sent before it was restarted is not for itself.
func (d *Durable) Origin() string { return d.name }

// Send gives a message to the stream, and does not wait for it to be stored. If it is not, that is reported.
func (d *Durable) Send(_ context.Context, m *link.Message) error {
	h := make(nats.Header, len(m.Header)+1)
	maps.Copy(h, m.Header)
	h[jetstream.MsgIDHeader] = []string{nuid.Next()} // it may be sent again
	_, err := d.js.PublishMsgAsync(&nats.Msg{Subject: d.prefix + m.Subject, Header: h, Data: m.Data}, jetstream.WithStallWait(200*time.Millisecond))
	return err
}

// Receive has the events of a name delivered, whatever their keys.
func (d *Durable) Receive(name, _ string, _ bool, handle func(*link.Message)) (func() error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.feeds[name]
	if f == nil {
		ctx, cancel := context.WithCancel(context.Background())
		f = &feed{cancel: cancel, ready: make(chan struct{}), over: make(chan struct{})}
		d.feeds[name] = f
		before := d.ended
		d.ended = nil
		go d.run(ctx, f, before, name, handle)
	}
	f.refs++
	return sync.OnceValue(func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if f.refs--; f.refs == 0 {
			f.cancel()
			delete(d.feeds, name)
			d.ended = append(d.ended, f)
		}
		return nil
	}), nil
}

// run delivers the events of a name until ctx is done, and waits for those that have ended before: two
// feeds of one name must not be at work at once.
func (d *Durable) run(ctx context.Context, f *feed, before []*feed, name string, handle func(*link.Message)) {
	defer close(f.over)
	for _, b := range before {
		<-b.over
	}
	for wait := 50 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		consuming, err := d.consume(ctx, name, handle)
		if err == nil {
			close(f.ready)
			<-ctx.Done()
			consuming.Drain() // what has come is delivered, or given back
			<-consuming.Closed()
			return
		}
		if ctx.Err() == nil {
			d.tell("subscribe", name, 1, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (d *Durable) consume(ctx context.Context, name string, handle func(*link.Message)) (jetstream.ConsumeContext, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := d.stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable:        d.name + "-" + strings.ReplaceAll(name, ".", "="),
		FilterSubjects: []string{d.prefix + name, d.prefix + name + ".>"},
		DeliverPolicy:  jetstream.DeliverNewPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        d.ackWait,
		MaxAckPending:  1, // keeps the order, also after a failure
	})
	if err != nil {
		return nil, err
	}
	return c.Consume(
		func(m jetstream.Msg) { d.handle(m, handle) },
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { d.tell("connection", name, 1, err) }),
	)
}

func (d *Durable) handle(m jetstream.Msg, handle func(*link.Message)) {
	d.turn.Lock()
	defer d.turn.Unlock()
	working := d.keep(m)
	handle(&link.Message{Subject: m.Subject()[len(d.prefix):], Header: m.Headers(), Data: m.Data(), Done: func(err error) {
		working()
		d.answer(m, err)
	}})
}

// keep tells the server now and then that the event is being handled, until done is called.
func (d *Durable) keep(m jetstream.Msg) (done func()) {
	var mu sync.Mutex
	over := false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(d.ackWait/3, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			_ = m.InProgress()
			timer.Reset(d.ackWait / 3)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}

// answer tells the server what became of an event. That it cannot be told means that the event comes again.
func (d *Durable) answer(m jetstream.Msg, err error) {
	if err == nil {
		_ = m.Ack()
		return
	}
	if errors.Is(err, link.ErrIdle) {
		_ = m.Nak()
		return
	}
	if e, ok := err.(*link.Error); ok && (e.Op == "decode" || e.Op == "key") { //nolint:errorlint // not of a nested one
		_ = m.TermWithReason(e.Op) // it will be no better the next time
		return
	}
	tries := uint64(1)
	if meta, err := m.Metadata(); err == nil {
		tries = meta.NumDelivered
	}
	if d.attempts > 0 && tries >= d.attempts {
		d.tell("handle", strings.TrimPrefix(m.Subject(), d.prefix), 1, fmt.Errorf("given up after %d attempts: %w", tries, err))
		_ = m.TermWithReason("given up")
		return
	}
	_ = m.NakWithDelay(min(50*time.Millisecond<<min(tries-1, 10), 5*time.Second))
}

// Sync waits until the stream has stored what was sent, and the server has the consumers that were asked
// for.
func (d *Durable) Sync(ctx context.Context) error {
	select {
	case <-d.js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	d.mu.Lock()
	var ready []chan struct{}
	for _, f := range d.feeds {
		ready = append(ready, f.ready)
	}
	d.mu.Unlock()
	for _, c := range ready {
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close waits for the handlers that are at it, has the stream store what was sent, and ends. The consumers stay on
// the server, and the connection stays open.
func (d *Durable) Close(ctx context.Context) error {
	ctx, cancel := limit(ctx)
	defer cancel()
	d.mu.Lock()
	over := d.ended
	for _, f := range d.feeds {
		f.cancel()
		over = append(over, f)
	}
	d.mu.Unlock()
	var errs []error
	for _, f := range over {
		select {
		case <-f.over:
		case <-ctx.Done():
		}
	}
	select {
	case <-d.js.PublishAsyncComplete():
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		errs = append(errs, err)
	} else if err := settle(ctx, d.nc); err != nil { // the acknowledgements
		errs = append(errs, err)
	}
	d.js.CleanupPublisher()
	d.report.Store(nil)
	return errors.Join(errs...)
}
