package core

import (
	"fmt"
	"reflect"
	"strings"
)

// checkByValue panics for an event type that is a value with a Stopper or a Request in it: each
// handler would get a copy, and the publisher would not hear of what they do with theirs.
func checkByValue(event reflect.Type) {
	if part := shared(event); part != nil {
		Misuse("Publish", fmt.Sprintf("a %v has a %v in it and is published by value, so each handler would get a copy; "+
			"publish and subscribe to a *%v", event, part, event))
	}
}

// shared returns the type of a part of t, not behind a pointer, that handlers and publisher have to share.
func shared(t reflect.Type) reflect.Type {
	switch {
	case t.PkgPath() == modulePath && (t.Name() == "Stopper" || strings.HasPrefix(t.Name(), "Request[")):
		return t
	case t.Kind() == reflect.Array:
		return shared(t.Elem())
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			if part := shared(t.Field(i).Type); part != nil {
				return part
			}
		}
	}
	return nil
}
