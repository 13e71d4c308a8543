package weakbus

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
)

// Bus carries events of any number of types, each in a Topic of its own. It holds its
// subscribers only through weak pointers: whoever owns a subscriber decides how long it lives.
// Make one with New. Its methods, and the functions that take a bus, are safe for concurrent use
// and may be called from handlers.
type Bus struct {
	topics  atomic.Pointer[topics]
	closed  atomic.Bool
	armed   atomic.Bool   // a sentinel or its sweep is under way
	done    chan struct{} // closed with the bus
	onPanic func(*PanicError)
	tracer  *tracer    // nil without WithTrace and WithLogger
	mu      sync.Mutex // serialises writers of topics and closed
	running runners    // mailboxes at work
	scope   Scope
	scopes  *scopes // of others; outlives the bus, to be pruned when it is gone
}

// topics is a bus's topics by event type. It is immutable.
type topics struct {
	byType
	all        []anyTopic  // in the order in which they came
	interfaces *interfaces // nil where there are none
}

// byType finds a value by the event type that it is generic over. It is immutable.
type byType struct {
	few  []any // the first of them: comparing types beats hashing one
	more map[reflect.Type]any
}

// fewTypes is where a map lookup begins to beat a walk.
const fewTypes = 8

// find returns the value of type V, which is the one for events of type E, or nil.
func find[V comparable, E any](b *byType) (none V) {
	for _, x := range b.few {
		if v, ok := x.(V); ok {
			return v
		}
	}
	if b.more == nil {
		return none
	}
	v, _ := b.more[reflect.TypeFor[E]()].(V)
	return v
}

// with returns b with a value for one more event type.
func (b byType) with(event reflect.Type, v any) byType {
	if len(b.few) < fewTypes {
		b.few = append(b.few[:len(b.few):len(b.few)], v)
		return b
	}
	b.more = maps.Clone(b.more)
	if b.more == nil {
		b.more = make(map[reflect.Type]any)
	}
	b.more[event] = v
	return b
}

// anyTopic is what a bus does with a topic whose event type it does not know.
type anyTopic interface {
	event() reflect.Type
	close()
	prune() (live int)
	empty() bool
	hears() bool
	captureAny(event any) (list any)
	fed() []anyTopic
	levelAny(ctx context.Context, list, event any) (ran int, errs []error, over bool)
	fedBy(interfaces []anyTopic)
	stats(report *[]TopicStats)
}

// BusOption configures a bus.
type BusOption func(*Bus)

// OnPanic has panics of handlers recovered and reported to report; the remaining handlers of
// the event still run. Without it, a handler's panic reaches the publisher, and the rest of that
// publish is not delivered. report runs on the publishing goroutine, also concurrently. A panic
// in it reaches the publisher. runtime.Goexit in a handler is not a panic: it ends the
// publishing goroutine either way.
func OnPanic(report func(*PanicError)) BusOption {
	if report == nil {
		misuse("OnPanic", "nil function; leave the option out to let panics reach the publisher")
	}
	return func(b *Bus) { b.onPanic = report }
}

// New returns an empty bus. It starts no goroutine and needs no Close to be collected.
func New(opts ...BusOption) *Bus {
	b := &Bus{scopes: &scopes{}, done: make(chan struct{})}
	b.topics.Store(&topics{})
	for _, opt := range opts {
		if opt != nil {
			opt(b)
		}
	}
	return b
}

// Scope returns the bus's own scope, which lives as long as the bus. A SubscribeFunc under it is
// the explicit strong subscription: it hears events until it is cancelled or the bus is closed
// or collected.
func (b *Bus) Scope() *Scope { return &b.scope }

// Close ends all subscriptions, which are then in state Closed, and refuses new ones: Publish
// runs nothing and returns 0, PublishContext returns ErrClosed, and subscribing returns a
// subscription in state Closed. A publish under way calls no further handler. Close does not
// wait for handlers that a publisher is calling.
//
// What the mailboxes of Async have accepted is still delivered. Close waits for that, five
// seconds at most: then it drops the rest and returns an error that says how much that was.
// Called from within a handler, it does not wait, and nothing is dropped. Close may be called
// again.
func (b *Bus) Close() error {
	b.mu.Lock()
	if !b.closed.Swap(true) {
		close(b.done)
	}
	all := b.topics.Load().all
	b.mu.Unlock()
	finish(all, anyTopic.close)
	if insideHandler(1) {
		return nil
	}
	err := b.running.wait()
	return errors.Join(err, b.scope.Close())
}

// lookup returns the bus's topic of type E, or nil.
func lookup[E any](b *Bus) *Topic[E] {
	return find[*Topic[E], E](&b.topics.Load().byType)
}

// register adds a topic of that event type. The caller holds mu.
func (b *Bus) register(event reflect.Type, t anyTopic) {
	old := b.topics.Load()
	next := &topics{old.with(event, t), append(old.all[:len(old.all):len(old.all)], t), old.interfaces}
	if event.Kind() == reflect.Interface {
		next.interfaces = &interfaces{topics: []anyTopic{t}}
		if old.interfaces != nil {
			next.interfaces.topics = append(slices.Clip(old.interfaces.topics), t)
		}
		for _, other := range old.all {
			if kind := other.event(); kind.Kind() != reflect.Interface && kind.Implements(event) {
				other.fedBy([]anyTopic{t})
			}
		}
	} else if old.interfaces != nil {
		t.fedBy(old.interfaces.of(event))
	}
	b.topics.Store(next)
}
