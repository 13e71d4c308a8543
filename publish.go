package weakbus

import (
	"context"

	"github.com/weakbus/weakbus/internal/core"
)

// Source is where events of type E come from: a whole bus, or one topic. It is a constraint
// that both satisfy, so that one set of functions serves both and is checked at compile time:
// a handler of another event type cannot be subscribed to a *Topic[E].
type Source[E any] interface {
	*Bus | *Topic[E]
}

// Publish publishes event to src, as Topic.Publish does; to a bus, it goes to the topic of type
// E. If E is an interface, it goes to the topic of the event's dynamic type, and a nil event to
// nobody. Publish returns how many handlers ran. On a closed bus that is none.
func Publish[E any, S Source[E]](src S, event E) int {
	b, t := sourceOf("Publish", src)
	if b != nil {
		return publishTo(b, event)
	}
	return publish(t, nil, event)
}

// PublishContext publishes event to src, as Topic.PublishContext does; to a bus, it goes to the
// topic of type E.
func PublishContext[E any, S Source[E]](ctx context.Context, src S, event E) (int, error) {
	checkContext("PublishContext", ctx)
	return publishContext(ctx, topicOf[E]("PublishContext", src), event)
}

func nilSource(function string) {
	core.Misuse(function, "nil source; make a bus with New, or take the address of a Topic")
}
