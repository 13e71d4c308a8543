//go:build go1.27

package weakbus

import (
	"context"
	"iter"
)

// The functions of this package as methods, for Go 1.27, which has generic methods. The build
// constraint raises the language version of this file alone; the module stays at Go 1.26.

// Subscribe is the function Subscribe on this bus.
func (b *Bus) Subscribe[T, E any](recv *T, handle func(*T, E), opts ...SubscribeOption) *Subscription {
	return Subscribe(b, recv, handle, opts...)
}

// SubscribeFunc is the function SubscribeFunc on this bus.
func (b *Bus) SubscribeFunc[E any](scope *Scope, handle func(E), opts ...SubscribeOption) *Subscription {
	return SubscribeFunc(b, scope, handle, opts...)
}

// SubscribeContext is the function SubscribeContext on this bus.
func (b *Bus) SubscribeContext[T, E any](recv *T, handle func(*T, context.Context, E) error, opts ...SubscribeOption) *Subscription {
	return SubscribeContext(b, recv, handle, opts...)
}

// SubscribeFuncContext is the function SubscribeFuncContext on this bus.
func (b *Bus) SubscribeFuncContext[E any](scope *Scope, handle func(context.Context, E) error, opts ...SubscribeOption) *Subscription {
	return SubscribeFuncContext(b, scope, handle, opts...)
}

// Publish is the function Publish on this bus.
func (b *Bus) Publish[E any](event E) int { return Publish(b, event) }

// PublishContext is the function PublishContext on this bus.
func (b *Bus) PublishContext[E any](ctx context.Context, event E) (int, error) {
	return PublishContext(ctx, b, event)
}

// Events is the function Events on this bus.
func (b *Bus) Events[E any](ctx context.Context, opts ...SubscribeOption) iter.Seq[E] {
	return Events[E](ctx, b, opts...)
}

// Post is the function Post on this queue.
func (q *Queue) Post[E any](event E) error { return Post(q, event) }

// PostTo is the function PostTo on this queue.
func (q *Queue) PostTo[E any](t *Topic[E], event E) error { return PostTo(q, t, event) }

// Subscribe is the function Subscribe on this topic.
func (t *Topic[E]) Subscribe[T any](recv *T, handle func(*T, E), opts ...SubscribeOption) *Subscription {
	return Subscribe(t, recv, handle, opts...)
}

// SubscribeFunc is the function SubscribeFunc on this topic.
func (t *Topic[E]) SubscribeFunc(scope *Scope, handle func(E), opts ...SubscribeOption) *Subscription {
	return SubscribeFunc(t, scope, handle, opts...)
}

// SubscribeContext is the function SubscribeContext on this topic.
func (t *Topic[E]) SubscribeContext[T any](recv *T, handle func(*T, context.Context, E) error, opts ...SubscribeOption) *Subscription {
	return SubscribeContext(t, recv, handle, opts...)
}

// SubscribeFuncContext is the function SubscribeFuncContext on this topic.
func (t *Topic[E]) SubscribeFuncContext(scope *Scope, handle func(context.Context, E) error, opts ...SubscribeOption) *Subscription {
	return SubscribeFuncContext(t, scope, handle, opts...)
}

// Events is the function Events on this topic.
func (t *Topic[E]) Events(ctx context.Context, opts ...SubscribeOption) iter.Seq[E] {
	return Events[E](ctx, t, opts...)
}
