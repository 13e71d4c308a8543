package core

import (
	"fmt"
	"reflect"
)

// checkByValue panics for an event type that is a value with a Stopper or a Request in it: each
// handler would get a copy, and the publisher would not hear of what they do with theirs.
func checkByValue(event reflect.Type) {
	if event.Kind() != reflect.Struct {
		return
	}
	p := reflect.PointerTo(event)
	stops := p.Implements(stopperType) && !event.Implements(stopperType)
	if stops || p.Implements(requestType) {
		Misuse("Publish", fmt.Sprintf("%v has a Stopper or a Request in it and is published by value, so each handler would get a copy; "+
			"publish and subscribe to a *%v", event, event))
	}
}

// Asker is what a Request is known by.
type Asker interface{ IsRequest() }

var requestType = reflect.TypeFor[Asker]()
