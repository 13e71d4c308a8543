package weakbus_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weakbus/weakbus"
)

type (
	stopsByValue struct {
		weakbus.Stopper
		Code int
	}
	asksByValue struct {
		weakbus.Request[string]
	}
	nestedByValue struct{ Parts [2]struct{ Ask asksByValue } }
	// stopwatch has a method of the same name, which has nothing to do with the bus.
	stopwatch struct{ stopped bool }
	// pointers are shared by all copies.
	pointers struct {
		Stop *weakbus.Stopper
		Ask  *weakbus.Request[int]
	}
)

func (w *stopwatch) Stopped() bool { return w.stopped }

// misused returns what each way to use a topic of E panics with. A fresh bus each: the first use is refused.
func misused[E any]() map[string]string {
	var zero E
	bus := weakbus.New
	handle := func(E) {}
	return map[string]string{
		"Publish":        panicOf(func() { weakbus.Publish(bus(), zero) }),
		"PublishContext": panicOf(func() { _, _ = weakbus.PublishContext(context.Background(), bus(), zero) }),
		"Topic.Publish":  panicOf(func() { new(weakbus.Topic[E]).Publish(zero) }),
		"Topic.At":       panicOf(func() { new(weakbus.Topic[E]).At(1).Publish(zero) }),
		"SubscribeFunc":  panicOf(func() { b := bus(); weakbus.SubscribeFunc(b, b.Scope(), handle) }),
		//weakvet:ignore vanishing it panics
		"Topic":   panicOf(func() { weakbus.SubscribeFunc(new(weakbus.Topic[E]), new(weakbus.Scope), handle) }),
		"Post":    panicOf(func() { _ = weakbus.Post(weakbus.NewQueue(bus()), zero) }),
		"TopicOf": panicOf(func() { weakbus.TopicOf[E](bus()) }),
		"again":   panicOf(func() { new(weakbus.Topic[E]).Publish(zero) }),
		"Tap":     panicOf(func() { weakbus.Tap(bus(), weakbus.TapConfig[E]{})() }),
		"Publish[any]": panicOf(func() {
			b := bus()
			weakbus.SubscribeFunc(b, b.Scope(), func(any) {})
			weakbus.Publish[any](b, zero)
		}),
	}
}

func TestStopperAndRequest_AreRefusedByValue(t *testing.T) {
	for way, said := range misused[stopsByValue]() {
		assert.Contains(t, said, "a weakbus_test.stopsByValue has a weakbus.Stopper in it and is published by value", way)
		assert.Contains(t, said, "publish and subscribe to a *weakbus_test.stopsByValue", way)
	}
	for way, said := range misused[asksByValue]() {
		assert.Contains(t, said, "has a weakbus.Request[string] in it and is published by value", way)
	}
	for way, said := range misused[nestedByValue]() {
		assert.Contains(t, said, "has a weakbus.Request[string] in it and is published by value", way)
	}
	for way, said := range misused[*stopsByValue]() {
		assert.Equal(t, "<nil>", said, way)
	}
	for way, said := range misused[stopwatch]() {
		assert.Equal(t, "<nil>", said, way)
	}
	for way, said := range misused[pointers]() {
		assert.Equal(t, "<nil>", said, way)
	}
}

func TestZeroBusAndNilTopic_PanicWithTheRemedy(t *testing.T) {
	d := &node{}
	for _, b := range []*weakbus.Bus{nil, {}} {
		for name, f := range map[string]func(){
			"Publish":        func() { weakbus.Publish(b, note{1}) },
			"Publish[any]":   func() { weakbus.Publish[any](b, note{1}) },
			"PublishContext": func() { _, _ = weakbus.PublishContext(t.Context(), b, note{1}) },
			"Subscribe":      func() { weakbus.Subscribe(b, d, (*node).hear) },
			//weakvet:ignore vanishing it panics
			"SubscribeFunc": func() { weakbus.SubscribeFunc(b, new(weakbus.Scope), func(note) {}) },
			"Events":        func() { weakbus.Events[note](t.Context(), b) },
			"TopicOf":       func() { weakbus.TopicOf[note](b) },
			"NewQueue":      func() { weakbus.NewQueue(b) },
			"Tap":           func() { weakbus.Tap(b, weakbus.TapConfig[note]{}) },
			"Observe":       func() { b.Observe(&weakbus.Trace{}) },
			"Scope":         func() { b.Scope() },
			"Stats":         func() { b.Stats() },
			"Wait":          func() { _ = b.Wait(t.Context()) },
			"Shutdown":      func() { _ = b.Shutdown(t.Context()) },
			"Close":         func() { _ = b.Close() },
		} {
			assert.Regexp(t, `^weakbus: \w+: .*[mM]ake (one|a bus) with New`, panicOf(f), name)
		}
	}
	var topic *weakbus.Topic[note]
	for name, f := range map[string]func(){
		"Publish":         func() { topic.Publish(note{1}) },
		"PublishContext":  func() { _, _ = topic.PublishContext(t.Context(), note{1}) },
		"weakbus.Publish": func() { weakbus.Publish(topic, note{1}) },
		"At":              func() { topic.At(1) },
		"Len":             func() { topic.Len() },
		"Clear":           func() { topic.Clear() },
		"Retain":          func() { topic.Retain() },
		"Last":            func() { topic.Last() },
		"Forget":          func() { topic.Forget() },
		"Update":          func() { topic.Update(func(e note, _ bool) note { return e }) },
		"Subscribe":       func() { weakbus.Subscribe(topic, d, (*node).hear) },
		"Events":          func() { weakbus.Events[note](t.Context(), topic) },
		"PostTo":          func() { _ = weakbus.PostTo(weakbus.NewQueue(weakbus.New()), topic, note{1}) },
	} {
		assert.Regexp(t, `^weakbus: \w+: nil (\*Topic|source); .*take the address of`, panicOf(f), name)
	}
}

func TestStates_MisusePanics(t *testing.T) {
	bus := weakbus.New()
	for remedy, f := range map[string]func(){
		"weakbus: Update: the topic retains nothing; call Retain first": func() { weakbus.TopicOf[note](bus).Update(func(e note, _ bool) note { return e }) },
		"weakbus: Update: nil function":                                 func() { weakbus.TopicOf[string](bus).Retain().Update(nil) },
		"weakbus: Wait: nil context":                                    func() { _ = bus.Wait(noContext) },
		"weakbus: Shutdown: nil context":                                func() { _ = bus.Shutdown(noContext) },
	} {
		assert.Contains(t, panicOf(f), remedy)
	}
}
