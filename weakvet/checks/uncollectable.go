package checks

import (
	"fmt"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// Uncollectable reports receivers of types that the collector never, or perhaps never, frees.
var Uncollectable = newAnalyzer("uncollectable", `report receivers that are never collected

The runtime gives all values of size zero one address, and allocates values of less than 16 bytes
without pointers in batches. Subscribe panics on receivers of such types.`, findUncollectable)

func findUncollectable(pass *analysis.Pass, c *code) {
	for _, s := range c.subs {
		if s.scoped || s.put || s.helper != nil {
			continue
		}
		t := elem(c.info.TypeOf(s.owner))
		if reason := uncollectable(pass.TypesSizes, t); reason != "" {
			pass.Report(analysis.Diagnostic{Pos: s.owner.Pos(), End: s.owner.End(), Message: fmt.Sprintf(
				"Subscribe panics: %s %s, or use SubscribeFunc with a Scope", types.TypeString(t, shortly(pass.Pkg)), reason)})
		}
	}
}

// uncollectable says why values of type t are not reliably collected and what would change that;
// "" if they are, or if t depends on type parameters. It has to agree with the library's own check.
func uncollectable(sizes types.Sizes, t types.Type) (reason string) {
	if t == nil || parameterised(t) {
		return ""
	}
	switch size := sizes.Sizeof(t); {
	case size >= 16:
		return ""
	case size == 0:
		return "has size zero and is never collected; give it a field"
	case !hasPointers(t):
		return fmt.Sprintf("has %d bytes and no pointers, and may never be collected; give it 16 bytes or a pointer", size)
	}
	return ""
}

func hasPointers(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Info()&types.IsString != 0 || t.Kind() == types.UnsafePointer
	case *types.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if hasPointers(f.Type()) {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// parameterised reports whether the layout of t depends on a type parameter.
func parameterised(t types.Type) bool {
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		return true
	}
	switch t := t.Underlying().(type) {
	case *types.Array:
		return parameterised(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			if parameterised(f.Type()) {
				return true
			}
		}
	}
	return false
}
