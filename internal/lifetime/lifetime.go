// Package lifetime knows which types have values that the runtime never frees on their own: a
// weak pointer to one would not be weak.
package lifetime

import (
	"fmt"
	"reflect"
)

// Alone is the size from which on the runtime allocates every value on its own. Below, it allocates
// pointer-free ones in blocks. Who is in a hurry compares with it before calling Refuse.
const Alone = 16

// Refuse returns why values of type t are never, or perhaps never, collected, and what to do about
// it. It returns "" where t is fine. It judges by the type alone: a small value that is a field of
// a larger one is refused though it would do, and a package-level variable is not seen.
func Refuse(t reflect.Type) (reason string) {
	switch {
	case t.Size() >= Alone:
		return ""
	case t.Size() == 0:
		return fmt.Sprintf("%v has size zero and is never collected; give it a field", t)
	case !hasPointers(t):
		return fmt.Sprintf("%v has %d bytes and no pointers: the runtime allocates such values in batches and may never"+
			" collect one; give it %d bytes or a pointer", t, t.Size(), Alone)
	default:
		return ""
	}
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	default:
		return t.Kind() > reflect.Complex128 // the kinds from Bool to Complex128 have none
	}
}
