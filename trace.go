package weakbus

import (
	"context"
	"reflect"

	"github.com/weakbus/weakbus/internal/core"
)

// Trace is a set of functions that a bus calls when something happens to it. Any of them may be
// nil. They run on the goroutine on which it happens, also concurrently, outside all locks, so
// they may use the bus; what follows a collection runs on a goroutine of the library. A
// panic in one is not recovered. Hand it to Observe or WithTrace.
//
// A bus with a Trace looks at each delivery, which takes some nanoseconds more.
type Trace struct {
	// Subscribed is called when a subscription was made, before Subscribe returns.
	Subscribed func(SubscriptionInfo)
	// Ended is called once for each subscription that has ended, after Subscribed, with the cause: Cancelled,
	// Collected, Spent or Closed. It is not called when the bus itself was dropped.
	Ended func(info SubscriptionInfo, cause State)
	// Panicked is called with each panic of a handler, before OnPanic or the publisher gets it.
	Panicked func(*PanicError)
	// Failed is called with each error that a handler returns, also if the publisher gets it.
	Failed func(*HandlerError)
	// Dropped is called when a full mailbox or queue has dropped events.
	Dropped func(Drop)
	// Active is called when a topic gets its first subscriber, and Idle when it has lost its last one, by
	// whatever cause: also when the collector took it and nobody publishes. A Trace that comes later is
	// told first what is active already. For one bus these
	// calls come one at a time and in order, so that a topic's Active and Idle take turns. The
	// goroutine may be that of another subscriber or of the library. A call made
	// within one of them is followed by its own Active or Idle when that has returned.
	Active, Idle func(TopicInfo)
	// PublishStart is called when an event is published, before anybody hears it. The context that it
	// returns goes to the handlers, and to the other functions of this publish; it may be ctx itself. With
	// several Traces, each gets what the one before returned.
	PublishStart func(ctx context.Context, topic TopicInfo, event any) context.Context
	// PublishEnd is called when the publish is over, also when a panic ends it, with what
	// PublishContext returns.
	PublishEnd func(ctx context.Context, topic TopicInfo, ran int, err error)
	// HandleStart is called before each call of a handler, also of those that Async, Through, Via and timers
	// make. The context that it returns goes to the handler, if that takes one, and to HandleEnd.
	HandleStart func(ctx context.Context, sub SubscriptionInfo) context.Context
	// HandleEnd is called when the handler has returned, with its error. Where it panicked or ended its
	// goroutine, err says so.
	HandleEnd func(ctx context.Context, sub SubscriptionInfo, err error)
	// Unheard is called with an event that nobody was there to hear, or only subscribers that are
	// paused. That a filter refused it does not make it unheard.
	Unheard func(topic TopicInfo, event any)
}

// TopicInfo says which topic it is.
type TopicInfo struct {
	// Event is the event type.
	Event reflect.Type
	// Keys are those of a keyed sub-topic, outermost first; nil for the topic itself.
	Keys []any
}

// String returns the event type, and the keys in brackets.
func (i TopicInfo) String() string { return core.TopicInfo(i).String() }

// SubscriptionInfo says which subscription it is.
type SubscriptionInfo struct {
	Topic TopicInfo
	// Receiver is as in PanicError.
	Receiver reflect.Type
	// Label and Priority are what the options of that name said.
	Label    string
	Priority int
	// Site is the file and line of the call that subscribed. It is known if at that time the bus was
	// observed, or had a logger or WithSites.
	Site string
	// Heard says whether the handler has been called. It is known only for calls while the bus is
	// observed, or has a logger or WithSites.
	Heard bool
}

// Drop says what a full mailbox or queue has dropped.
type Drop struct {
	// Event is the event type.
	Event reflect.Type
	// Subscription is that of the mailbox, or of the loop over Events. It is nil for a Queue.
	Subscription *SubscriptionInfo
	// Queue is the label of the Queue, empty if it has none.
	Queue string
	// Count is the number of events that were dropped now.
	Count int
	// Total is the number of events that the mailbox or queue has dropped so far.
	Total int
}

// Observe has the bus call the functions of trace from now on, until stop is called: any number of
// traces, at any time. Subscriptions that were made before are told of too, but not by Subscribed. stop
// does not wait for calls that are under way, and may be called again. trace must not be changed
// meanwhile.
//
// While somebody observes, a publish looks at each delivery separately; a bus that nobody observes pays
// nothing.
func (b *Bus) Observe(trace *Trace) (stop func()) {
	b.ready("Observe")
	if trace == nil {
		core.Misuse("Observe", "nil Trace; there is nothing to call")
	}
	return b.core.Observe(trace.observer())
}

// observer returns what the core calls in place of the trace's functions.
func (t *Trace) observer() *core.Observer {
	o := &core.Observer{}
	if f := t.Subscribed; f != nil {
		o.Subscribed = func(i core.Info) { f(subscriptionInfo(i)) }
	}
	if f := t.Ended; f != nil {
		o.Ended = func(i core.Info, cause core.State) { f(subscriptionInfo(i), State(cause)) }
	}
	if f := t.Panicked; f != nil {
		o.Panicked = func(p *core.Panic) { f(panicError(p)) }
	}
	if f := t.Failed; f != nil {
		o.Failed = func(e *core.Failure) { f((*HandlerError)(e)) }
	}
	if f := t.Dropped; f != nil {
		o.Dropped = func(d core.Dropped) { f(dropOf(d)) }
	}
	if f := t.Active; f != nil {
		o.Active = func(i core.TopicInfo) { f(TopicInfo(i)) }
	}
	if f := t.Idle; f != nil {
		o.Idle = func(i core.TopicInfo) { f(TopicInfo(i)) }
	}
	t.observePublishes(o)
	return o
}

// observePublishes is observer for what concerns publishes and their handlers.
func (t *Trace) observePublishes(o *core.Observer) {
	if f := t.PublishStart; f != nil {
		o.PublishStart = func(ctx context.Context, i core.TopicInfo, event any) context.Context {
			return f(ctx, TopicInfo(i), event)
		}
	}
	if f := t.PublishEnd; f != nil {
		o.PublishEnd = func(ctx context.Context, i core.TopicInfo, ran int, errs []error) {
			f(ctx, TopicInfo(i), ran, joined(errs))
		}
	}
	if f := t.HandleStart; f != nil {
		o.HandleStart = func(ctx context.Context, i core.Info) context.Context { return f(ctx, subscriptionInfo(i)) }
	}
	if f := t.HandleEnd; f != nil {
		o.HandleEnd = func(ctx context.Context, i core.Info, err error) { f(ctx, subscriptionInfo(i), faceError(err)) }
	}
	if f := t.Unheard; f != nil {
		o.Unheard = func(i core.TopicInfo, event any) { f(TopicInfo(i), event) }
	}
}

func subscriptionInfo(i core.Info) SubscriptionInfo {
	return SubscriptionInfo{
		Topic: TopicInfo(i.Topic), Receiver: i.Receiver, Label: i.Label, Priority: i.Priority, Site: i.Site, Heard: i.Heard,
	}
}

func dropOf(d core.Dropped) Drop {
	drop := Drop{Event: d.Event, Queue: d.Queue, Count: d.Count, Total: d.Total}
	if d.Subscription != nil {
		info := subscriptionInfo(*d.Subscription)
		drop.Subscription = &info
	}
	return drop
}
