package link

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/weakbus/weakbus"
)

// ShareOption configures what Share does.
type ShareOption func(*shared)

type shared struct {
	codec      Codec
	send, hear bool
	key        reflect.Type
	parse      func(string) (any, error)
}

// With has the events written and read by c.
func With(c Codec) ShareOption { return func(s *shared) { s.codec = c } }

// SendOnly has events go out and none come in.
func SendOnly() ShareOption { return func(s *shared) { s.hear = false } }

// HearOnly has events come in and none go out.
func HearOnly() ShareOption { return func(s *shared) { s.send = false } }

// Keys says that the keys of sub-topics are of type K, and how to make one of what fmt.Sprint made of it.
// Without it they are of type string. A key of another type is an error.
func Keys[K any](parse func(string) (K, error)) ShareOption {
	return func(s *shared) {
		s.key = reflect.TypeFor[K]()
		s.parse = func(token string) (any, error) { return parse(token) }
	}
}

// Share has the events of type E, and of its keyed sub-topics, cross processes under a name. The name
// consists of words of letters, digits, - and _, with dots between. Within one link each name is for one
// type, each type has one name, and no name is the beginning of another.
//
// Subscribers that are there already count too. Sync waits until others reach them.
//
// What comes in is published on a goroutine of the transport, or through Via. A panic of a handler there ends
// the program, unless the bus has OnPanic; errors of handlers are reported to OnError.
func Share[E any](l *Link, name string, opts ...ShareOption) error {
	s := &shared{
		codec: JSON(), send: true, hear: true, key: reflect.TypeFor[string](),
		parse: func(token string) (any, error) { return token, nil },
	}
	for _, opt := range opts {
		if opt != nil {
			opt(s)
		}
	}
	return l.claim(name, reflect.TypeFor[E](), func() (stop func()) {
		h := &half[E]{l: l, s: s, name: name, content: s.codec.ContentType(), asked: map[string]*ask{}, ready: make(chan struct{})}
		var c weakbus.TapConfig[E]
		if s.send {
			c.Publish = h.send
		}
		if s.hear {
			c.Interest = h.interest
		}
		stopTap := weakbus.Tap(l.bus, c)
		h.isReady.Store(true)
		close(h.ready)
		return func() { stopTap(); h.deaf() }
	})
}

// half is one type of a link.
type half[E any] struct {
	l       *Link
	s       *shared
	name    string
	content string
	ready   chan struct{} // closed when what was active at first is known
	isReady atomic.Bool

	mu    sync.RWMutex
	over  bool            // nothing more is asked for
	asked map[string]*ask // by subject
}

// ask is a subject that somebody listens to. More than one topic may stand for it for a moment: when a
// sub-topic has lost its last subscriber, the next one may find a new sub-topic, and be told before.
type ask struct {
	topics int
	stop   func() error // nil unless the transport was asked, and has agreed
}

func (h *half[E]) subject(keys []any) (string, error) {
	if len(keys) == 0 {
		return h.name, nil
	}
	var b strings.Builder
	b.WriteString(h.name)
	for _, k := range keys {
		if t := reflect.TypeOf(k); t != h.s.key {
			return "", fmt.Errorf("key %v is of type %v and not %v; the option Keys says how to read keys", k, t, h.s.key)
		}
		b.WriteByte('.')
		b.WriteString(escape(fmt.Sprint(k)))
	}
	return b.String(), nil
}

// send runs on the publisher's goroutine, before the handlers: they may change what the event points to, and
// what they publish themselves must come after it.
func (h *half[E]) send(ctx context.Context, topic weakbus.TopicInfo, event E) error {
	in := h.l.incoming(ctx, topic.Event)
	if in != nil && in.from == h.l {
		return nil
	}
	subject, err := h.subject(topic.Keys)
	if err != nil {
		return h.l.fail("encode", h.name, h.name, err)
	}
	data, err := h.s.codec.Marshal(event)
	if err != nil {
		return h.l.fail("encode", h.name, subject, err)
	}
	m := &Message{Name: h.name, Subject: subject, Data: data, Header: h.l.header(ctx, in, h.content)}
	if err := h.l.t.Send(ctx, m); err != nil {
		return h.l.fail("send", h.name, subject, err)
	}
	h.l.sent.Add(1)
	return nil
}

// interest follows the weak subscribers. It is called by one goroutine at a time.
func (h *half[E]) interest(topic weakbus.TopicInfo, active bool) {
	subject, err := h.subject(topic.Keys)
	if err != nil {
		if active {
			h.l.fail("subscribe", h.name, h.name, err)
		}
		return
	}
	if active {
		h.listen(subject)
	} else {
		h.leave(subject)
	}
}

// listen asks for a subject. It is wanted before it is asked for: a message may come at once.
func (h *half[E]) listen(subject string) {
	h.mu.Lock()
	if h.over {
		h.mu.Unlock()
		return
	}
	if a := h.asked[subject]; a != nil {
		a.topics++
		h.mu.Unlock()
		return
	}
	a := &ask{topics: 1}
	h.asked[subject] = a
	h.mu.Unlock()

	// also what is below: who subscribed to a key hears what is published to keys of that
	stop, err := h.l.t.Receive(h.name, subject, true, h.receive)
	if err != nil {
		h.l.fail("subscribe", h.name, subject, err)
		return
	}

	h.mu.Lock()
	over := h.over
	if !over {
		a.stop = stop
		h.l.interests.Add(1)
	}
	h.mu.Unlock()
	if over {
		h.stop(subject, stop)
	}
}

func (h *half[E]) leave(subject string) {
	h.mu.Lock()
	a := h.asked[subject]
	if h.over || a == nil {
		h.mu.Unlock()
		return
	}
	if a.topics--; a.topics > 0 {
		h.mu.Unlock()
		return
	}
	delete(h.asked, subject)
	h.mu.Unlock()
	if a.stop != nil {
		h.l.interests.Add(-1)
		h.stop(subject, a.stop)
	}
}

func (h *half[E]) stop(subject string, stop func() error) {
	if err := stop(); err != nil {
		h.l.fail("unsubscribe", h.name, subject, err)
	}
}

// deaf asks for nothing more. What the transport has accepted is still wanted.
func (h *half[E]) deaf() {
	h.mu.Lock()
	h.over = true
	stops := make(map[string]func() error, len(h.asked))
	for subject, a := range h.asked {
		if a.stop != nil {
			stops[subject] = a.stop
		}
	}
	h.mu.Unlock()
	h.l.interests.Add(-int64(len(stops)))
	for subject, stop := range stops {
		h.stop(subject, stop)
	}
}

// wanted reports whether somebody listens to a subject, and whether anybody listens to the name at all.
// Engines hand over what they were asked for a moment ago, and some also other keys.
func (h *half[E]) wanted(subject string) (this, any bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if _, ok := h.asked[h.name]; ok {
		return true, true
	}
	for at := subject; len(at) > len(h.name); at = at[:strings.LastIndexByte(at, '.')] {
		if _, ok := h.asked[at]; ok {
			return true, true
		}
	}
	return false, len(h.asked) > 0
}

// topic returns the topic that a subject stands for.
func (h *half[E]) topic(subject string) (*weakbus.Topic[E], error) {
	topic := weakbus.TopicOf[E](h.l.bus)
	if subject == h.name {
		return topic, nil
	}
	for token := range strings.SplitSeq(subject[len(h.name)+1:], ".") {
		key, err := unescape(token)
		if err != nil {
			return nil, err
		}
		k, err := h.s.parse(key)
		if err != nil {
			return nil, err
		}
		topic = topic.At(k)
	}
	return topic, nil
}

// receive is called by the transport, for one message at a time.
func (h *half[E]) receive(m *Message) {
	if !h.isReady.Load() {
		<-h.ready
	}
	if h.l.over.Load() || !under(m.Subject, h.name) {
		m.done(ErrIdle)
		return
	}
	if h.l.node.been(m) {
		h.l.own.Add(1)
		m.done(nil)
		return
	}
	if this, any := h.wanted(m.Subject); !this {
		if any {
			m.done(nil)
		} else {
			m.done(ErrIdle)
		}
		return
	}
	topic, err := h.topic(m.Subject)
	if err != nil {
		m.done(h.l.fail("key", h.name, m.Subject, err))
		return
	}
	var event E
	if err := h.s.codec.Unmarshal(m.Data, &event); err != nil {
		m.done(h.l.fail("decode", h.name, m.Subject, err))
		return
	}
	h.l.received.Add(1)
	h.publish(topic, m, event)
}

// publish has an event that came in reach the subscribers here.
func (h *half[E]) publish(topic *weakbus.Topic[E], m *Message, event E) {
	var ctx context.Context = &mark{Context: context.Background(), from: h.l, typ: reflect.TypeFor[E](), m: m}
	if h.l.prop != nil {
		ctx = h.l.prop.Extract(ctx, m.Header)
	}
	if h.l.exec == nil {
		h.deliver(ctx, topic, m, event)
		return
	}
	h.l.under.add(1)
	h.l.exec(func() {
		defer h.l.under.add(-1)
		h.deliver(ctx, topic, m, event)
	})
}

func (h *half[E]) deliver(ctx context.Context, topic *weakbus.Topic[E], m *Message, event E) {
	_, err := topic.PublishContext(ctx, event)
	if err != nil {
		h.l.fail("handle", h.name, m.Subject, err)
	}
	m.done(err)
}
