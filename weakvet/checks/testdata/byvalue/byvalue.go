// Package byvalue has events that only work by pointer, and corrected twins.
package byvalue

import (
	"context"

	"github.com/weakbus/weakbus"
)

type (
	Key struct {
		weakbus.Stopper
		Code int
	}
	Veto struct {
		weakbus.Request[string]
		Document string
	}
	Shortcut struct{ Key }
	Pointed  struct{ *weakbus.Stopper }
	Plain    struct{ Code int }
)

type Editor struct{ title string }

func (e *Editor) OnKey(Key)                          {}
func (e *Editor) OnKeyPointer(*Key)                  {}
func (e *Editor) OnVeto(context.Context, Veto) error { return nil }
func (e *Editor) OnShortcut(Shortcut)                {}
func (e *Editor) OnPlain(Plain)                      {}
func (e *Editor) OnPointed(Pointed)                  {}
func (e *Editor) OnVetoPointer(v *Veto)              { v.Reply("no") }

func mistakes(bus *weakbus.Bus, e *Editor, queue *weakbus.Queue, topic *weakbus.Topic[Key]) {
	weakbus.Publish(bus, Key{Code: 1})                   // want `events of type Key go to each handler as a copy, and with them the Stopper that they embed: publish and subscribe \*Key`
	weakbus.Publish(bus, Shortcut{})                     // want `events of type Shortcut .* the Stopper`
	weakbus.Subscribe(bus, e, (*Editor).OnKey)           // want `events of type Key`
	weakbus.SubscribeContext(bus, e, (*Editor).OnVeto)   // want `events of type Veto .* the Request`
	_ = weakbus.Post(queue, Veto{})                      // want `events of type Veto`
	topic.Publish(Key{})                                 // want `events of type Key`
	weakbus.TopicOf[Veto](bus)                           // want `events of type Veto`
	for range weakbus.Events[Key](context.TODO(), bus) { // want `events of type Key`
	}
	_ = topic.Len()
}

func corrected(bus *weakbus.Bus, e *Editor, queue *weakbus.Queue, topic *weakbus.Topic[*Key]) {
	weakbus.Publish(bus, &Key{Code: 1})
	weakbus.Subscribe(bus, e, (*Editor).OnKeyPointer)
	weakbus.Subscribe(bus, e, (*Editor).OnVetoPointer)
	weakbus.Subscribe(bus, e, (*Editor).OnPlain)
	weakbus.Subscribe(bus, e, (*Editor).OnPointed)
	_ = weakbus.Post(queue, &Veto{})
	topic.Publish(&Key{})
	weakbus.Publish(bus, Plain{})
}

func generic[E any](bus *weakbus.Bus, event E) { weakbus.Publish(bus, event) }
