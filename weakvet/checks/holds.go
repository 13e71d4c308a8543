package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// holding says how a value refers to an object.
type holding struct {
	at     ast.Expr     // where the code says so
	how    string       // "captures hud"
	object ast.Expr     // what leads to the object
	ids    []*ast.Ident // those captured, where the value is a function literal that captures it itself
}

// depth bounds how many values are followed from one to the next.
const depth = 6

// refers reports whether the value of e certainly is a pointer into p, or refers to it.
func (c *code) refers(e ast.Expr, p place) bool {
	if e == nil {
		return false
	}
	if q, ok := c.pointee(e); ok && q == p {
		return true
	}
	return c.holds(e, p) != nil
}

// holds says how the function, or other value, e certainly refers to p; nil if that is not
// certain.
func (c *code) holds(e ast.Expr, p place) *holding { return c.holdsTo(e, p, depth) }

func (c *code) holdsTo(e ast.Expr, p place, n int) *holding {
	if n == 0 || e == nil {
		return nil
	}
	switch e := c.initial(e).(type) {
	case *ast.FuncLit:
		return c.literalHolds(e, p, n)
	case *ast.SelectorExpr:
		if c.bound(e, p) {
			return &holding{at: e, how: "is bound to " + text(e.X), object: e.X}
		}
		if methodValue(c.info, e) != nil {
			look := c.holdsTo
			if types.IsInterface(c.info.TypeOf(e.X)) {
				look = c.operandHolds
			}
			if h := look(e.X, p, n-1); h != nil {
				return &holding{at: e, how: "is bound to " + text(e.X) + ", which holds " + text(h.object), object: h.object}
			}
			return nil
		}
		return c.fieldHolds(e, p, n)
	case *ast.UnaryExpr:
		if lit, ok := ast.Unparen(e.X).(*ast.CompositeLit); ok && e.Op == token.AND {
			return c.compositeHolds(lit, p, n)
		}
	case *ast.CompositeLit:
		return c.compositeHolds(e, p, n)
	case *ast.CallExpr:
		return c.callHolds(e, p, n)
	case *ast.Ident:
		if h := c.elementHolds(e, p, n); h != nil {
			return h
		}
		return c.valueHolds(e, p, n)
	}
	return nil
}

// valueHolds looks at the functions that the variable id may be, where they are all assigned
// before.
func (c *code) valueHolds(id *ast.Ident, p place, n int) *holding {
	v := c.local(id)
	if v == nil || !c.declared(v) || !c.settled(v, id) {
		return nil
	}
	for _, value := range c.vars[v].valuesAt(id) {
		if _, ok := c.plain(orNil(value)).(*ast.FuncLit); ok {
			if h := c.holdsTo(value, p, n-1); h != nil {
				return h
			}
		}
	}
	return nil
}

// elementHolds looks at the elements of the literal that the variable of a loop ranges over.
func (c *code) elementHolds(id *ast.Ident, p place, n int) *holding {
	v := c.local(id)
	if v == nil || !c.fixed(v) || c.vars[v].kind() != edge.RangeStmt_Value {
		return nil
	}
	x := c.vars[v].def.Parent().Node().(*ast.RangeStmt).X
	if all := c.local(x); all != nil && len(c.vars[all].uses) != 1 {
		return nil // may have been changed
	}
	lit, ok := c.initial(x).(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		if h := c.holdsTo(e, p, n-1); h != nil {
			return h
		}
	}
	return nil
}

// operandHolds is holdsTo for a value that may itself be a pointer into p.
func (c *code) operandHolds(e ast.Expr, p place, n int) *holding {
	if q, ok := c.pointee(e); ok && q == p {
		return &holding{at: e, how: "is " + text(e), object: e}
	}
	return c.holdsTo(e, p, n)
}

// literalHolds looks at what lit captures.
func (c *code) literalHolds(lit *ast.FuncLit, p place, n int) *holding {
	if ids := c.captured(lit, p); len(ids) > 0 {
		return &holding{at: ids[0], how: "captures " + ids[0].Name, object: ids[0], ids: ids}
	}
	var found *holding
	seen := make(map[*types.Var]bool)
	ast.Inspect(lit.Body, func(node ast.Node) bool {
		id, ok := node.(*ast.Ident)
		if !ok || found != nil {
			return found == nil
		}
		if v := c.local(id); v != nil && !seen[v] && !within(v.Pos(), lit) && c.fixed(v) && c.vars[v].value != nil {
			seen[v] = true
			if h := c.holdsTo(c.vars[v].value, p, n-1); h != nil {
				found = &holding{at: id, how: "captures " + id.Name + ", which holds " + text(h.object), object: h.object}
			}
		}
		return true
	})
	return found
}

// fieldHolds looks at the function in the field e.
func (c *code) fieldHolds(e *ast.SelectorExpr, p place, n int) *holding {
	s := c.info.Selections[e]
	if s == nil || s.Kind() != types.FieldVal {
		return nil
	}
	field := s.Obj().(*types.Var).Origin()
	if v := c.local(e.X); v != nil && len(c.assigned[field]) == 0 {
		if lit := composite(c.initial(e.X)); lit != nil {
			return c.holdsTo(c.element(lit, field), p, n-1)
		}
	}
	if h := c.assignedHolds(e, field, p, n); h != nil {
		return h
	}
	return c.ownFieldHolds(e, field, p, n)
}

// ownFieldHolds looks at the function in field of e, a variable of the function, that was assigned
// there.
func (c *code) ownFieldHolds(e *ast.SelectorExpr, field *types.Var, p place, n int) *holding {
	v := c.local(e.X)
	if v == nil || !c.declared(v) || !c.fixed(v) && elem(v.Type()) != nil {
		return nil
	}
	var value ast.Expr
	for _, at := range c.assigned[field] {
		lhs := at.Node().(*ast.SelectorExpr)
		if c.local(lhs.X) != v {
			continue
		}
		if value != nil || at.Node().Pos() > e.Pos() || block(at) != block(c.vars[v].def) {
			return nil // perhaps another
		}
		value, _ = definition(at)
	}
	return c.holdsTo(value, p, n-1)
}

// assignedHolds looks at the function in field of e, if the one assignment of the package to it
// assigns one that refers to the object which the field is part of.
func (c *code) assignedHolds(e *ast.SelectorExpr, field *types.Var, p place, n int) *holding {
	if len(c.assigned[field]) != 1 || len(c.sets[field]) != 1 {
		return nil
	}
	at := c.assigned[field][0]
	lhs, ok := at.Node().(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	whole, ok := c.base(lhs.X, c.info.Selections[lhs])
	read, same := c.base(e.X, c.info.Selections[e])
	if !ok || !same || read != p || function(at) == nil {
		return nil
	}
	h := c.holdsTo(c.sets[field][0], whole, n-1)
	if h == nil {
		return nil
	}
	return &holding{at: e, how: h.how, object: h.object}
}

// compositeHolds looks at the elements of a struct.
func (c *code) compositeHolds(lit *ast.CompositeLit, p place, n int) *holding {
	if slice, ok := c.info.TypeOf(lit).Underlying().(*types.Slice); ok && isWeakbusType(slice.Elem(), "SubscribeOption") {
		for _, e := range lit.Elts {
			if h := c.holdsTo(e, p, n-1); h != nil {
				return h
			}
		}
	}
	st := structOf(c.info.TypeOf(lit))
	if st == nil {
		return nil
	}
	for i := range st.NumFields() {
		field := st.Field(i).Origin()
		if len(c.assigned[field]) > 0 {
			continue // may be another by now
		}
		if e := c.element(lit, field); e != nil {
			if h := c.operandHolds(e, p, n-1); h != nil {
				return h
			}
		}
	}
	return nil
}

// callHolds looks at the arguments that the result of call refers to.
func (c *code) callHolds(call *ast.CallExpr, p place, n int) *holding {
	if f := weakbusFunc(c.info, call); f != nil {
		if (f.Name() == "Filter" || f.Name() == "Via") && len(call.Args) == 1 {
			return c.holdsTo(call.Args[0], p, n-1)
		}
		return nil
	}
	f := c.callee(call)
	if f == nil {
		return nil
	}
	args := c.arguments(call)
	for _, i := range c.summary(f).Held {
		if i >= len(args) || args[i] == nil || f.Signature().Variadic() && i == len(args)-1 {
			continue
		}
		if h := c.operandHolds(args[i], p, n-1); h != nil {
			if _, ok := c.initial(args[i]).(*ast.FuncLit); ok {
				return &holding{at: h.at, how: h.how, object: h.object}
			}
			return &holding{at: call, how: "comes from " + f.Name() + " and holds " + text(h.object), object: h.object}
		}
	}
	return nil
}

// composite returns the composite literal that e is, or points to, or nil.
func composite(e ast.Expr) *ast.CompositeLit {
	if u, ok := ast.Unparen(e).(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = u.X
	}
	lit, _ := ast.Unparen(e).(*ast.CompositeLit)
	return lit
}

// element returns what lit gives to field, or nil.
func (c *code) element(lit *ast.CompositeLit, field *types.Var) ast.Expr {
	st := structOf(c.info.TypeOf(lit))
	if st == nil {
		return nil
	}
	for i, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				if v, ok := c.info.Uses[id].(*types.Var); ok && v.Origin() == field {
					return kv.Value
				}
			}
		} else if st.Field(i).Origin() == field {
			return e
		}
	}
	return nil
}

// structOf returns the struct that t is, or points to, or nil.
func structOf(t types.Type) *types.Struct {
	if p := elem(t); p != nil {
		t = p
	}
	if t == nil {
		return nil
	}
	st, _ := t.Underlying().(*types.Struct)
	return st
}

// settled reports whether v, a variable of a function, certainly keeps the value that it has at
// the node n.
func (c *code) settled(v *types.Var, n ast.Node) bool {
	x := c.vars[v]
	if x == nil || x.addressed || !x.def.Valid() {
		return false
	}
	home := function(x.def)
	return home != nil && !slices.ContainsFunc(x.assigned, func(use inspector.Cursor) bool {
		if use.Node().Pos() >= n.Pos() || function(use) != home {
			return true
		}
		for loop := range use.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
			if within(n.Pos(), loop.Node()) && !within(v.Pos(), loop.Node()) {
				return true
			}
		}
		return false
	})
}
