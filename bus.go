package weakbus

import (
	"maps"
	"reflect"
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
	armed   atomic.Bool // a sentinel or its sweep is under way
	onPanic func(*PanicError)
	mu      sync.Mutex // serialises writers of topics and closed
	scope   Scope
	scopes  *scopes // of others; outlives the bus, to be pruned when it is gone
}

// topics is a bus's topics by event type. It is immutable.
type topics struct {
	few  []any // the first of them, each a *Topic[E]: comparing types beats hashing one
	more map[reflect.Type]any
	all  []anyTopic
}

// fewTopics is where a map lookup begins to beat a walk.
const fewTopics = 8

// anyTopic is what a bus does with a topic whose event type it does not know.
type anyTopic interface {
	close()
	prune() (live int)
	empty() bool
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
	b := &Bus{scopes: &scopes{}}
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
// wait for handlers that are running. It always returns nil and may be called again.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.closed.Store(true)
	all := b.topics.Load().all
	b.mu.Unlock()
	for _, t := range all {
		t.close()
	}
	return b.scope.Close()
}

// lookup returns the bus's topic of type E, or nil.
func lookup[E any](b *Bus) *Topic[E] {
	ts := b.topics.Load()
	for _, x := range ts.few {
		if t, ok := x.(*Topic[E]); ok {
			return t
		}
	}
	if ts.more == nil {
		return nil
	}
	t, _ := ts.more[reflect.TypeFor[E]()].(*Topic[E])
	return t
}

// register adds a topic of that event type. The caller holds mu.
func (b *Bus) register(event reflect.Type, t anyTopic) {
	old := b.topics.Load()
	next := &topics{few: old.few, more: old.more, all: append(old.all[:len(old.all):len(old.all)], t)}
	if len(old.few) < fewTopics {
		next.few = append(old.few[:len(old.few):len(old.few)], t)
	} else {
		next.more = maps.Clone(old.more)
		if next.more == nil {
			next.more = make(map[reflect.Type]any)
		}
		next.more[event] = t
	}
	b.topics.Store(next)
}
