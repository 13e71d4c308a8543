// Package watermilllink is a transport of package link over any publisher and subscriber of Watermill, and with
// that over Kafka, AMQP, SQL, Redis, Google Cloud and others:
//
//	l := link.Open(bus, watermilllink.New(publisher, subscriber))
//
// Watermill knows no wildcards. The topic is the name of the events, the keys travel in the metadata, and a process
// that listens to one key receives the others too, and ignores them.
//
// What is promised is what the publisher and the subscriber promise: with most of them an event is
// acknowledged when its handlers have returned nil, and delivered again after an error. What cannot be decoded is reported
// and acknowledged. Each process has to get each event: give the subscriber of each process a consumer
// group, or what its engine calls that, of its own. A publisher that waits for its engine has Publish wait.
package watermilllink

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/weakbus/weakbus/link"
)

// Option configures New.
type Option func(*Transport)

// Topic says which topic the events of a name go to. The default is the name.
func Topic(of func(name string) string) Option { return func(t *Transport) { t.topic = of } }

// Transport is a link.Transport. New makes one. Events of one name come in the order in which the subscriber
// hands them over; those of different names in any.
type Transport struct {
	pub   message.Publisher
	sub   message.Subscriber
	topic func(string) string

	turn sync.Mutex // held by whoever hands over a message

	mu    sync.Mutex
	feeds map[string]*feed // by name
	wg    sync.WaitGroup
}

// feed is a subscription to a topic.
type feed struct {
	refs   int
	cancel context.CancelFunc
}

// New returns a transport over a publisher and a subscriber of the caller's. They stay open when the
// link is closed.
func New(pub message.Publisher, sub message.Subscriber, opts ...Option) *Transport {
	t := &Transport{pub: pub, sub: sub, topic: func(name string) string { return name }, feeds: map[string]*feed{}}
	for _, opt := range opts {
		if opt != nil {
			opt(t)
		}
	}
	return t
}

// subjectKey is the metadata of an event that was published to a key.
const subjectKey = "weakbus-subject"

// Send publishes a message.
func (t *Transport) Send(ctx context.Context, m *link.Message) error {
	w := message.NewMessage(watermill.NewUUID(), m.Data)
	for k, v := range m.Header {
		if len(v) > 0 {
			w.Metadata.Set(k, v[0])
		}
	}
	if m.Subject != m.Name {
		w.Metadata.Set(subjectKey, m.Subject)
	}
	w.SetContext(ctx)
	return t.pub.Publish(t.topic(m.Name), w)
}

// Receive subscribes to the topic of a name, unless that is done.
func (t *Transport) Receive(name, _ string, _ bool, handle func(*link.Message)) (func() error, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.feeds[name]
	if f == nil {
		ctx, cancel := context.WithCancel(context.Background())
		in, err := t.sub.Subscribe(ctx, t.topic(name))
		if err != nil {
			cancel()
			return nil, err
		}
		f = &feed{cancel: cancel}
		t.feeds[name] = f
		t.wg.Go(func() {
			for w := range in {
				t.deliver(name, w, handle)
			}
		})
	}
	f.refs++
	return sync.OnceValue(func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		if f.refs--; f.refs == 0 {
			f.cancel()
			delete(t.feeds, name)
		}
		return nil
	}), nil
}

func (t *Transport) deliver(name string, w *message.Message, handle func(*link.Message)) {
	m := &link.Message{Name: name, Subject: name, Data: w.Payload, Header: make(map[string][]string, len(w.Metadata))}
	for k, v := range w.Metadata {
		m.Header[strings.ToLower(k)] = []string{v} // some engines change the case
	}
	if s := m.Header[subjectKey]; len(s) > 0 {
		m.Subject = s[0]
	}
	m.Done = func(err error) { answer(w, err) }
	t.turn.Lock()
	defer t.turn.Unlock()
	handle(m)
}

func answer(w *message.Message, err error) {
	var e *link.Error
	if err == nil || errors.As(err, &e) && error(e) == err && (e.Op == "decode" || e.Op == "key") { // it will be no better the next time
		w.Ack()
		return
	}
	w.Nack()
}

// Sync returns at once: Watermill cannot say whether an engine knows. Most subscribers know when Receive
// returns.
func (t *Transport) Sync(ctx context.Context) error { return ctx.Err() }

// Close ends the subscriptions, and waits for the handlers that are at it. What the subscriber has not handed over by
// then is delivered again to the next one, if its engine does so.
func (t *Transport) Close(ctx context.Context) error {
	t.mu.Lock()
	for name, f := range t.feeds {
		f.cancel()
		delete(t.feeds, name)
	}
	t.mu.Unlock()
	done := make(chan struct{})
	go func() { t.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
