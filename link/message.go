package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Message is an event on its way.
type Message struct {
	// Name is that of the type's events. A transport may leave it empty in what it receives.
	Name string
	// Subject is Name and the keys, escaped, with a dot before each.
	Subject string
	// Header has keys in lower case. It is shared: nobody changes that of a message it is given.
	Header map[string][]string
	// Data is what the Codec made of the event.
	Data []byte
	// Done tells a transport that delivers at least once what became of the message that it handed over; it
	// may be nil. It is called once, with nil if all handlers returned nil. An *Error whose Op is "decode" or
	// "key" means that the message will never be understood, ErrIdle that nobody listens any more.
	Done func(error)
}

// OriginHeader is the key under which a message names the link that its event was published at. Most messages
// have no other header, so a transport may carry this one in a way of its own.
const OriginHeader = "weakbus-origin"

func (m *Message) get(key string) string {
	if v := m.Header[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (m *Message) done(err error) {
	if m.Done != nil {
		m.Done(err)
	}
}

// ErrIdle is what Done of a Message is told when nobody listened to its name any more. A transport that
// delivers at least once keeps the message for the next listener.
var ErrIdle = errors.New("weakbus link: nobody listens any more")

// Transport is an engine, as a Link sees it. Its methods are safe for concurrent use.
//
// A Transport may have more methods, which Open looks for: those of Reporter and Dropper, and
// Origin() string, which is the default for the option of that name.
type Transport interface {
	// Send hands over a message. It must not wait for the other side, and keeps the order of its calls.
	Send(ctx context.Context, m *Message) error
	// Receive asks for the messages of a subject, and with all for those below it, until stop is called. A
	// message that several calls of one name ask for is handed over once, to any of them. handle is called
	// for one message at a time, over all calls of Receive, and may also get messages that were not asked for.
	// stop does not wait for a call of handle that is under way.
	Receive(name, subject string, all bool, handle func(*Message)) (stop func() error, err error)
	// Sync waits until the engine knows of all that Send and Receive asked for.
	Sync(ctx context.Context) error
	// Close hands over what was accepted, in both directions, and ends. It gives up when ctx is done, and says so.
	Close(ctx context.Context) error
}

// Reporter is a Transport that hears of errors later than Send and Receive return.
type Reporter interface {
	// Report has errors reported from now on, to a Link that thins them out: n is how many there were, of this
	// op, since the last report. Open calls it once.
	Report(report func(op, subject string, n int64, err error))
}

// Dropper is a Transport that drops messages which it received, when the handlers are slower than they come.
type Dropper interface {
	// Dropped returns how many it has dropped so far.
	Dropped() int64
}

// Codec turns events into bytes and back. Its methods are safe for concurrent use.
type Codec interface {
	// ContentType names the format. It travels in the header content-type, unless it is application/json.
	ContentType() string
	Marshal(event any) ([]byte, error)
	// Unmarshal is given a pointer to an event.
	Unmarshal(data []byte, event any) error
}

type jsonCodec struct{}

func (jsonCodec) ContentType() string                 { return contentTypeJSON }
func (jsonCodec) Marshal(event any) ([]byte, error)   { return json.Marshal(event) }
func (jsonCodec) Unmarshal(data []byte, to any) error { return json.Unmarshal(data, to) }

const contentTypeJSON = "application/json"

// JSON returns the default Codec, which is encoding/json.
func JSON() Codec { return jsonCodec{} }

// Propagator carries values of a context in headers, such as a trace context; see package otellink.
type Propagator interface {
	// Inject writes to header what is to travel. Keys are in lower case.
	Inject(ctx context.Context, header map[string][]string)
	// Extract returns ctx with what has travelled.
	Extract(ctx context.Context, header map[string][]string) context.Context
}

// Error says what went wrong with an event, or with a subscription to events.
type Error struct {
	// Op is what failed. Of a Link: "encode" and "send" where an event goes out; "decode" and "key" where one comes in
	// that is not understood, "handle" where a handler failed, "subscribe" and "unsubscribe". A
	// transport adds its own: "drop" where handlers were too slow, "permission", "connection".
	Op string
	// Subject is that of the event.
	Subject string
	// Err is the cause.
	Err error
	// Count is how many errors with this Op and name the link has seen so far, this one included.
	Count int64
}

// Error says what failed, for which subject, and why.
func (e *Error) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("weakbus link: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("weakbus link: %s %s: %v", e.Op, e.Subject, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
