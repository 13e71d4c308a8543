package weakbus

import (
	"context"
	"fmt"
	"reflect"

	"github.com/weakbus/weakbus/internal/core"
)

// TapConfig says what a tap is told. Either function may be nil.
type TapConfig[E any] struct {
	// Publish is called with each event before its subscribers are, on the publisher's goroutine and
	// also concurrently. ctx is that of PublishContext, and context.Background() for Publish. Its error
	// is among those that PublishContext returns; after Publish it is logged, the 1st, the 10th, the
	// 100th time and so on. A panic in it reaches the publisher, and no handler runs.
	Publish func(ctx context.Context, topic TopicInfo, event E) error
	// Interest is called when the topic, or a keyed sub-topic of it, gets its first subscriber, and
	// when it has lost its last one, one call at a time and in order; first for what is active already.
	// As with Active of a Trace, another goroutine may be the one that calls it.
	Interest func(topic TopicInfo, active bool)
}

// Tap shows c each event of type E that is published to the bus, or to a keyed sub-topic of E, before its
// subscribers hear it, until stop is called. It is for bridges, which have to know what is published here
// and who listens. A tap is no subscriber: it counts neither in Len nor in Stats, nor does it make a topic
// Active. Events of other types pay nothing for it.
//
// stop does not wait for calls that are under way, and may be called again. Tap panics if E is an
// interface type: tap the types that implement it.
func Tap[E any](b *Bus, c TapConfig[E]) (stop func()) {
	mayReport()
	t := TopicOf[E](b.ready("Tap"))
	if typ := reflect.TypeFor[E](); typ.Kind() == reflect.Interface {
		core.Misuse("Tap", fmt.Sprintf("%v is an interface; tap the types that implement it", typ))
	}
	var publish any
	if f := c.Publish; f != nil {
		publish = func(ctx context.Context, i core.TopicInfo, event E) error { return f(ctx, TopicInfo(i), event) }
	}
	var interest func(core.TopicInfo, bool)
	if f := c.Interest; f != nil {
		interest = func(i core.TopicInfo, active bool) { f(TopicInfo(i), active) }
	}
	return t.core.Tap(publish, interest)
}
