package weakbus

import (
	"context"
	"reflect"
	"weak"
)

// Source is where events of type E come from: a whole bus, or one topic. It is a constraint
// that both satisfy, so that one set of functions serves both and is checked at compile time:
// a handler of another event type cannot be subscribed to a *Topic[E].
type Source[E any] interface {
	*Bus | *Topic[E]
}

// TopicOf returns the bus's topic of event type E, always the same one. Publishing to it saves
// the lookup by type. The topic keeps the bus alive. On a closed bus, it is a closed topic.
func TopicOf[E any](b *Bus) *Topic[E] {
	if b == nil {
		misuse("TopicOf", "nil *Bus; make one with New")
	}
	if t := lookup[E](b); t != nil {
		return t
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := lookup[E](b); t != nil {
		return t
	}
	t := newTopic[E](b)
	b.register(reflect.TypeFor[E](), t)
	return t
}

// newTopic returns a topic of b that b does not know of yet.
func newTopic[E any](b *Bus) *Topic[E] {
	t := &Topic[E]{bus: b, closed: b.closed.Load()}
	if isInterface[E]() {
		t.mode.Store(modeRouted) // by the dynamic type of the event
	}
	return t
}

// resolve returns what src is, a topic or a bus.
func resolve[E any, S Source[E]](function string, src S) (*Topic[E], *Bus) {
	switch s := any(src).(type) {
	case *Topic[E]:
		if s != nil {
			return s, nil
		}
	case *Bus:
		if s != nil {
			return nil, s
		}
	}
	misuse(function, "nil source; make a bus with New, or take the address of a Topic")
	return nil, nil
}

// topicOf returns the topic of src, which it makes if need be.
func topicOf[E any, S Source[E]](function string, src S) *Topic[E] {
	t, b := resolve[E](function, src)
	if b != nil {
		return TopicOf[E](b)
	}
	return t
}

// Subscribe calls handle with recv and each event of type E that is published to src, from the
// next publish on.
//
// src holds recv weakly: it never keeps recv alive. Delivery ends when the subscription is
// cancelled or recv is collected, whichever comes first. Collection is not prompt and may never
// happen; cancel when the moment matters. A receiver inside a larger allocation, such as an
// element of a slice or a field of a struct, lives as long as all of it.
//
// handle must reach recv through its parameter only; the method expression (*T).Method does. A
// method value or a closure over recv keeps recv alive for as long as the subscription, that is
// for ever; where a closure is wanted, use SubscribeFunc.
//
// The returned Subscription may be dropped. On a closed bus it is in state Closed, and handle is
// never called. Subscribe panics if src, recv or handle is nil, and if T is a type that the
// garbage collector never, or perhaps never, collects: of size zero, or pointer-free and smaller
// than 16 bytes, which the runtime allocates in batches.
func Subscribe[T, E any, S Source[E]](src S, recv *T, handle func(*T, E), opts ...SubscribeOption) *Subscription {
	const function = "Subscribe"
	t := topicOf[E](function, src)
	checkReceiver(function, recv)
	if handle == nil {
		misuse(function, "nil handler; pass a method expression such as (*T).OnEvent")
	}
	w := weak.Make(recv)
	return subscribe(function, t, recv, w, ref[T]{w}, evaluate(nil, opts), handle)
}

// SubscribeContext is Subscribe for a handler that takes a context and may fail. The context is
// the one given to PublishContext, context.Background() for Publish; when the publisher cancels it,
// work that is to go on needs context.WithoutCancel. What becomes of the error is said there.
func SubscribeContext[T, E any, S Source[E]](src S, recv *T, handle func(*T, context.Context, E) error, opts ...SubscribeOption) *Subscription {
	const function = "SubscribeContext"
	t := topicOf[E](function, src)
	checkReceiver(function, recv)
	if handle == nil {
		misuse(function, "nil handler; pass a method expression such as (*T).OnEvent")
	}
	return subscribeOptioned(function, t, recv, ref[T]{weak.Make(recv)}, evaluate(nil, opts), adaptContext(handle))
}

// SubscribeFunc calls handle with each event of type E that is published to src, from the next
// publish on, for as long as scope lives and is not closed.
//
// Only scope holds handle, so handle may capture the object that scope is a field of: when
// nothing else refers to that object, it, the scope and handle are collected together, and
// delivery ends. A closure that captures src keeps src alive for as long as the scope.
//
// On a closed bus the returned Subscription is in state Closed, under a closed scope in state
// Cancelled. SubscribeFunc panics if src, scope or handle is nil.
func SubscribeFunc[E any, S Source[E]](src S, scope *Scope, handle func(E), opts ...SubscribeOption) *Subscription {
	const function = "SubscribeFunc"
	t := topicOf[E](function, src)
	checkScope(function, scope)
	if handle == nil {
		misuse(function, "nil handler")
	}
	h := hold(handle)
	w := weak.Make(h)
	return subscribe(function, t, h, w, holderRef[func(E)]{w}, evaluate(scope, opts), callHeld[E])
}

// SubscribeFuncContext is SubscribeFunc for a handler that takes a context and may fail, as in
// SubscribeContext.
func SubscribeFuncContext[E any, S Source[E]](src S, scope *Scope, handle func(context.Context, E) error, opts ...SubscribeOption) *Subscription {
	const function = "SubscribeFuncContext"
	t := topicOf[E](function, src)
	checkScope(function, scope)
	if handle == nil {
		misuse(function, "nil handler")
	}
	h := hold(handle)
	a := holderRef[func(context.Context, E) error]{weak.Make(h)}
	return subscribeOptioned(function, t, h, a, evaluate(scope, opts), adaptContext(callHeldContext[E]))
}

// Publish publishes event to src, as Topic.Publish does; to a bus, it goes to the topic of type
// E. If E is an interface, it goes to the topic of the event's dynamic type, and a nil event to
// nobody. Publish returns how many handlers ran. On a closed bus that is none.
func Publish[E any, S Source[E]](src S, event E) int {
	t, b := resolve[E]("Publish", src)
	if b != nil {
		if t = lookup[E](b); t == nil {
			if !isInterface[E]() && b.topics.Load().interfaces == nil {
				return 0 // to publish what nobody subscribed to makes no topic
			}
			return publishUnheard(b, event)
		}
	}
	return t.Publish(event)
}

// PublishContext publishes event to src, as Topic.PublishContext does; to a bus, it goes to the
// topic of type E.
func PublishContext[E any, S Source[E]](ctx context.Context, src S, event E) (int, error) {
	const function = "PublishContext"
	checkContext(function, ctx)
	t, b := resolve[E](function, src)
	if b != nil {
		if t = heard[E](b); t == nil {
			t = newTopic[E](b) // for its errors
		}
	}
	return t.PublishContext(ctx, event)
}
