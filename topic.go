package weakbus

import (
	"context"
	"errors"

	"github.com/weakbus/weakbus/internal/core"
)

// Topic is where events of one type are published and subscribed to. The zero value is ready
// to use, so a Topic can be a field and serve as a signal:
//
//	type Button struct {
//		Clicked weakbus.Topic[Click]
//	}
//
// A Topic of a Bus comes from TopicOf. A Topic holds its subscribers weakly, like a bus. One
// that is not part of a bus has no sweep after a collection: it prunes when it is published,
// subscribed to, or asked for its Len. A Topic must not be copied. Its methods are safe for
// concurrent use and may be called from handlers.
type Topic[E any] struct{ core core.Topic }

// TopicOf returns the bus's topic of event type E, always the same one. Publishing to it saves
// the lookup by type. The topic keeps the bus alive. On a closed bus, it is a closed topic.
func TopicOf[E any](b *Bus) *Topic[E] {
	if b == nil {
		core.Misuse("TopicOf", "nil *Bus; make one with New")
	}
	for _, x := range b.core.Few() {
		if f, ok := x.(*face[E]); ok {
			return (*Topic[E])(f)
		}
	}
	return (*Topic[E])(b.core.FindOrAdd(typeOf[E]()).(*face[E]))
}

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
// Publish takes no lock, but for a short one where the topic retains. Concurrent publishes may run the
// same handler concurrently. While it runs, it keeps the topic's other subscribers from being
// collected.
func (t *Topic[E]) Publish(event E) int {
	if t == nil {
		nilTopic()
	}
	n, _ := publish(&t.core, nil, event)
	return n
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
	if t == nil {
		nilTopic()
	}
	return publishContext(ctx, &t.core, event)
}

// publishContext is the typed part of PublishContext.
//
//go:noinline
func publishContext[E any](ctx context.Context, t *core.Topic, event E) (int, error) {
	if t.Unknown() {
		t.Know(typeOf[E]())
	}
	j := core.Job{Topic: t}
	if err := j.Open(ctx); err != nil {
		return 0, err
	}
	defer j.Close() // also when a later handler panics
	erase(event, &j)
	j.Returned = true
	return j.Ran, joined(j.Errs)
}

// joined returns the errors of a publish, as those of this package.
func joined(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	all := make([]error, len(errs))
	for i, err := range errs {
		all[i] = faceError(err)
	}
	return errors.Join(all...)
}

// At returns the sub-topic of key. What is published there reaches the sub-topic's own
// subscribers first and those of t, its parent, after that; what is published to t reaches only
// t's. Within each of the two, higher priorities come first; a priority does not lift a
// subscriber of the parent before one of the sub-topic. At of a sub-topic gives one of its own.
//
// Keys are compared with ==, so equal values of different types are different keys. A key is
// kept for as long as the sub-topic has subscribers; to key by an object without keeping that
// alive, use weak.Make(object): when the object is collected, so is the sub-topic with the event that
// it retains, and its subscriptions are Collected. Topics of one key are interchangeable, but not always
// identical. A sub-topic without subscribers costs its parent nothing. Whoever publishes to one key often
// keeps its sub-topic: to look it up boxes the key.
//
// At panics if key cannot be compared, or does not equal itself, as NaN.
func (t *Topic[E]) At(key any) *Topic[E] {
	if t == nil {
		nilTopic()
	}
	if t.core.Unknown() {
		t.core.Know(typeOf[E]())
	}
	return (*Topic[E])(t.core.At(key).Face.(*face[E]))
}

// Len returns the number of live subscriptions, paused ones included. It looks at each of
// them, and removes those whose receiver it finds collected, or whose context of Until is done.
//
// Subscriptions of keyed sub-topics do not count, though they are looked at too; ask a
// sub-topic for its own.
func (t *Topic[E]) Len() int { return t.base("Len").Len() }

// Clear ends all subscriptions of the topic, which are then in state Closed, and returns how many
// those were. The topic can be subscribed to again. Those of keyed sub-topics go on.
func (t *Topic[E]) Clear() int { return t.base("Clear").Clear() }

// Retain has the topic keep its last event from now on, for Last and for subscribers with Replay, and
// returns the topic. The event is kept even if no handler ran, until the next one takes its place or
// Forget lets go of it: it, and whatever it points to, stays alive with the topic. Publishing to such
// a topic takes a short lock.
//
// A topic keeps what reaches its own subscribers: that of an interface type the last event that
// implements it, the parent of keyed sub-topics also what was published to those. A
// sub-topic that retains stays even when it has no subscribers.
func (t *Topic[E]) Retain() *Topic[E] {
	t.base("Retain").Retain(typeOf[E]())
	return t
}

// Last returns the event that was published last, and whether there is one. Without Retain there
// is none.
func (t *Topic[E]) Last() (event E, ok bool) {
	t.base("Last").Look(func(place any) {
		k := place.(*kept[E])
		event, ok = k.event, k.has
	})
	return event, ok
}

// Forget lets go of the event that the topic retains. The topic goes on retaining.
func (t *Topic[E]) Forget() { t.base("Forget").Forget() }

// Update publishes what change makes of the last event, and keeps it: what Last and Publish do, but in
// one step, so that of concurrent updates none is lost. ok says whether there was a last event. It
// returns how many handlers ran.
//
// Handlers may hear concurrent updates in another order than they were made; Last always has the newest.
// change runs under the topic's lock for the retained event: it must be short, and must not use the
// topic. If it panics, nothing is published. Update panics if the topic does not retain.
func (t *Topic[E]) Update(change func(last E, ok bool) E) int {
	c := t.base("Update")
	if change == nil {
		core.Misuse("Update", "nil function; it takes the last event and returns the next one")
	}
	n, _ := update(c, change)
	return n
}

// update is the typed part of Update.
//
//go:noinline
func update[E any](t *core.Topic, change func(last E, ok bool) E) (int, core.Registers) {
	var event E
	j, ok := t.Update(func(place any) {
		k := place.(*kept[E])
		event = change(k.event, k.has)
		k.event, k.has = event, true
	})
	if !ok {
		return 0, core.Registers{}
	}
	defer j.Finish() // also when a handler panics
	erase(event, &j)
	return j.Ran, core.Registers{}
}

// sourceOf returns the bus or the topic of a source. For a topic it asks for a method, and not for its type:
// that would have each use of a bus carry the type, with the table of its methods.
func sourceOf(function string, src any) (*core.Bus, *core.Topic) {
	if b, ok := src.(*Bus); ok {
		if b == nil {
			nilSource(function)
		}
		return &b.core, nil
	}
	t := src.(interface{ source() *core.Topic }).source()
	if t == nil {
		nilSource(function)
	}
	return nil, t
}

func (t *Topic[E]) source() *core.Topic {
	if t == nil {
		return nil
	}
	return &t.core
}

// base returns the topic without its type.
func (t *Topic[E]) base(function string) *core.Topic {
	if t == nil {
		core.Misuse(function, "nil *Topic; take the address of one, or get one with TopicOf")
	}
	return &t.core
}

func nilTopic() {
	core.Misuse("Publish", "nil *Topic; take the address of one, or get one with TopicOf")
}
