package checks

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// Retained reports topics that keep an event which points to a subscriber.
var Retained = newAnalyzer("retained", `report retained events that point to a subscriber

A topic with Retain keeps its last event, and so all that the event points to: a subscriber that
was dropped lives on until the next event.`, findRetained)

func findRetained(pass *analysis.Pass, c *code) {
	receivers := c.receivers()
	for cur := range c.root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		f := weakbusFunc(c.info, call)
		if f == nil || f.Name() != "Retain" {
			continue
		}
		sel := methodValue(c.info, call.Fun)
		if sel == nil {
			continue
		}
		event := eventType(c.info.TypeOf(sel.X))
		if event == nil {
			continue
		}
		w := walk{receivers: c.others(receivers, sel.X), seen: make(map[types.Type]bool)}
		if !w.finds(event, nil) {
			continue
		}
		qualifier := shortly(pass.Pkg)
		pass.Report(analysis.Diagnostic{Pos: call.Pos(), End: call.End(), Message: fmt.Sprintf(
			"the retained %s keeps a subscriber alive: %s; let the event carry an identifier or a weak.Pointer[%s]",
			types.TypeString(event, qualifier), w.describe(event, qualifier), types.TypeString(w.found, qualifier))})
	}
}

// receivers returns the types that the package subscribes.
func (c *code) receivers() (named []types.Type) {
	for _, s := range c.subs {
		if s.put {
			continue
		}
		e := orNil(s.owner)
		if s.scoped { // the object that the scope is a field of
			u, ok := ast.Unparen(e).(*ast.UnaryExpr)
			if !ok {
				continue
			}
			sel, ok := ast.Unparen(u.X).(*ast.SelectorExpr)
			if !ok {
				continue
			}
			e = sel.X
		}
		t := c.info.TypeOf(e)
		if p := elem(t); p != nil {
			t = p
		}
		if n, ok := types.Unalias(t).(*types.Named); ok {
			named = append(named, n)
		}
	}
	return named
}

// others returns the receivers but for the types that the topic e is a part of: such an object and
// its topic are collected together.
func (c *code) others(receivers []types.Type, e ast.Expr) []types.Type {
	e = c.trunk(e)
	if u, ok := e.(*ast.UnaryExpr); ok {
		e = u.X
	}
	receivers = slices.Clone(receivers)
	for {
		sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
		if !ok || elem(c.info.TypeOf(sel)) != nil {
			return receivers
		}
		whole := c.info.TypeOf(sel.X)
		if p := elem(whole); p != nil {
			whole = p
		}
		receivers = slices.DeleteFunc(receivers, func(t types.Type) bool { return whole != nil && types.Identical(t, whole) })
		e = sel.X
	}
}

// eventType returns E where t is a Topic[E] or *Topic[E], or nil.
func eventType(t types.Type) types.Type {
	if p := elem(t); p != nil {
		t = p
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || !isWeakbusType(named, "Topic") || named.TypeArgs().Len() != 1 {
		return nil
	}
	return named.TypeArgs().At(0)
}

// walk looks for a pointer to a receiver in an event.
type walk struct {
	receivers []types.Type
	seen      map[types.Type]bool
	path      []string   // the fields that lead to it
	found     types.Type // the receiver
}

// finds reports whether a value of type t, reached by the fields of path, certainly can hold a
// pointer to a receiver.
func (w *walk) finds(t types.Type, path []string) bool {
	if w.seen[t] {
		return false
	}
	w.seen[t] = true
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		for _, r := range w.receivers {
			if types.Identical(r, u.Elem()) {
				w.path, w.found = path, r
				return true
			}
		}
		return len(path) == 0 && w.finds(u.Elem(), path) // the event itself is a pointer
	case *types.Slice:
		return w.finds(u.Elem(), path)
	case *types.Array:
		return u.Len() > 0 && w.finds(u.Elem(), path) // a weak.Pointer[T] has a [0]*T
	case *types.Struct:
		if isWeakbusType(t, "Stopper") || isWeakbusType(t, "Request") {
			return false
		}
		for f := range u.Fields() {
			if w.finds(f.Type(), append(path[:len(path):len(path)], f.Name())) {
				return true
			}
		}
	}
	return false
}

// describe says where in event the receiver was found.
func (w *walk) describe(event types.Type, qualifier types.Qualifier) string {
	if len(w.path) == 0 {
		return "it points to one"
	}
	return fmt.Sprintf("its field %s points to a %s", strings.Join(w.path, "."), types.TypeString(w.found, qualifier))
}
