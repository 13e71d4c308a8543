package checks

import (
	"go/ast"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// outlives reports whether the source of s comes from outside: from a parameter, a package-level
// variable, or a field that the package sets from these alone. Any other bus or topic may belong
// to p, and is then collected together with it.
func (c *code) outlives(s *subscription, p place) bool {
	o := origin{c, p, make(map[*types.Var]bool)}
	return o.outside(s.src)
}

// origin follows a source to where it comes from.
type origin struct {
	*code
	p    place
	seen map[*types.Var]bool
}

func (o origin) outside(e ast.Expr) bool {
	if v := o.local(o.stem(e)); v != nil && o.around(v) {
		return true
	}
	switch e := o.trunk(e).(type) {
	case *ast.Ident:
		if v := o.local(e); v != nil {
			return !o.leadsTo(e, o.p) && o.variableOutside(v)
		}
		_, ok := o.info.Uses[e].(*types.Var)
		return ok
	case *ast.SelectorExpr:
		s := o.info.Selections[e]
		if s == nil {
			_, ok := o.info.Uses[e.Sel].(*types.Var)
			return ok // of another package
		}
		v, ok := s.Obj().(*types.Var)
		if !ok {
			return false
		}
		if elem(v.Type()) == nil {
			return o.rootOutside(e.X)
		}
		return o.allOutside(v.Origin(), o.sets[v.Origin()]) || o.elder(e.X)
	case *ast.UnaryExpr:
		return o.rootOutside(e.X)
	case *ast.IndexExpr:
		return o.rootOutside(e.X)
	case *ast.CallExpr: // what a method elsewhere returns was there before; a function may make it
		f, ok := typeutil.Callee(o.info, e).(*types.Func)
		if !ok || f.Signature().Recv() == nil {
			return false
		}
		sel := methodValue(o.info, e.Fun)
		return o.funcs[f.Origin()] == nil || sel != nil && o.elder(sel.X)
	}
	return false
}

// variableOutside is outside for a variable of a function.
func (o origin) variableOutside(v *types.Var) bool {
	x := o.vars[v]
	if x == nil || x.addressed || !x.def.Valid() {
		return false
	}
	var values []ast.Expr
	switch {
	case x.def.ParentEdgeKind() == edge.Field_Names: // a parameter, or a result
		if isResult(x.def) {
			return false
		}
		if len(x.assigned) == 0 {
			return true
		}
	case x.value != nil:
		values = append(values, x.value)
	case !x.zero:
		return false
	}
	for _, use := range x.assigned {
		value, _ := definition(use)
		if value == nil {
			return false
		}
		values = append(values, value)
	}
	return o.allOutside(v, values)
}

// elder reports whether what e leads to was there before the function made the object, and the
// object is not in a field of it, with which it may live and die.
func (o origin) elder(e ast.Expr) bool {
	x := o.vars[o.p.v]
	if x == nil || !x.def.Valid() || x.value == nil || !o.fixed(o.p.v) || !o.fresh(x.value) || !o.rootOutside(e) {
		return false
	}
	root := o.rootOf(e)
	return root != nil && !slices.ContainsFunc(x.uses, func(use inspector.Cursor) bool {
		target, _ := o.target(use)
		sel, ok := target.(*ast.SelectorExpr)
		_, list := o.appends[o.assignable(orNil(target))]
		return ok && !list && o.rootOf(sel) == root
	})
}

// around reports whether v belongs to a function around the function literal that makes the object.
func (o origin) around(v *types.Var) bool {
	x := o.vars[o.p.v]
	if x == nil || !x.def.Valid() || x.value == nil || !o.fixed(o.p.v) || !o.fresh(x.value) || o.vars[v] == nil {
		return false
	}
	lit, ok := function(x.def).(*ast.FuncLit)
	return ok && !within(v.Pos(), lit) && !slices.ContainsFunc(o.vars[v].uses, func(use inspector.Cursor) bool {
		return within(use.Node().Pos(), x.value)
	})
}

// allOutside reports whether all values of v, of which there are some, come from outside.
func (o origin) allOutside(v *types.Var, values []ast.Expr) bool {
	if o.seen[v] {
		return true // decided by its other values
	}
	o.seen[v] = true
	for _, value := range values {
		if !o.outside(value) {
			return false
		}
	}
	return len(values) > 0
}

// rootOutside reports whether the variable that the path e of fields, elements and pointers starts
// at is a parameter or at package level, and not one that leads to p.
func (o origin) rootOutside(e ast.Expr) bool {
	for {
		switch x := o.initial(e).(type) {
		case *ast.SelectorExpr:
			if o.info.Selections[x] == nil {
				return true // of another package
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.UnaryExpr:
			e = x.X
		case *ast.Ident:
			v := o.local(x)
			if v == nil {
				_, ok := o.info.Uses[x].(*types.Var)
				return ok
			}
			return !o.leadsTo(x, o.p) && o.fixed(v) && o.vars[v].def.Valid() &&
				o.vars[v].def.ParentEdgeKind() == edge.Field_Names && !isResult(o.vars[v].def)
		default:
			return false
		}
	}
}

// isResult reports whether the name of a parameter or result at def is that of a result.
func isResult(def inspector.Cursor) bool {
	list := def.Parent().Parent()
	return list.ParentEdgeKind() == edge.FuncType_Results
}

// trunk returns the bus or topic that src is got from: of a sub-topic its topic, of a bus's topic
// the bus, of a variable that never changes its value.
func (c *code) trunk(src ast.Expr) ast.Expr { return c.origin(src, c.initial) }

// stem is trunk, but a variable stands for itself.
func (c *code) stem(src ast.Expr) ast.Expr { return c.origin(src, c.plain) }

func (c *code) origin(src ast.Expr, resolve func(ast.Expr) ast.Expr) ast.Expr {
	for {
		src = resolve(src)
		call, ok := src.(*ast.CallExpr)
		if !ok {
			return src
		}
		switch f := weakbusFunc(c.info, call); {
		case f == nil:
			return src
		case f.Name() == "TopicOf" && len(call.Args) == 1:
			src = call.Args[0]
		case (f.Name() == "At" || f.Name() == "Retain") && methodValue(c.info, call.Fun) != nil:
			src = methodValue(c.info, call.Fun).X
		default:
			return src
		}
	}
}

// noteAssignments notes the fields and slices that the assignment n at cur changes.
func (c *code) noteAssignments(cur inspector.Cursor, n *ast.AssignStmt) {
	for i, lhs := range n.Lhs {
		v := c.assignable(lhs)
		if v == nil {
			continue
		}
		if _, ok := ast.Unparen(lhs).(*ast.SelectorExpr); ok {
			c.assigned[v] = append(c.assigned[v], cur.ChildAt(edge.AssignStmt_Lhs, i))
		}
		if len(n.Lhs) != len(n.Rhs) {
			continue
		}
		call, ok := ast.Unparen(n.Rhs[i]).(*ast.CallExpr)
		if ok && c.isBuiltin(call, "append") && c.assignable(call.Args[0]) == v {
			c.appends[v] = append(c.appends[v], cur)
		}
	}
}

// assignable returns the variable or field that e names, or nil.
func (c *code) assignable(e ast.Expr) *types.Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ := c.info.ObjectOf(e).(*types.Var)
		return v
	case *ast.SelectorExpr:
		if v, ok := c.info.Uses[e.Sel].(*types.Var); ok {
			return v.Origin()
		}
	}
	return nil
}

// noteFields notes the values that the assignment or composite literal n gives to fields.
func (c *code) noteFields(n ast.Node) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		for i, lhs := range n.Lhs {
			if sel, ok := ast.Unparen(lhs).(*ast.SelectorExpr); ok {
				c.noteField(c.info.Uses[sel.Sel], n.Rhs[min(i, len(n.Rhs)-1)])
			}
		}
	case *ast.CompositeLit:
		t := c.info.TypeOf(n)
		if p := elem(t); p != nil {
			t = p
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return
		}
		for i, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				c.noteField(c.info.Uses[kv.Key.(*ast.Ident)], kv.Value)
			} else {
				c.noteField(st.Field(i), e)
			}
		}
	}
}

func (c *code) noteField(field types.Object, value ast.Expr) {
	if v, ok := field.(*types.Var); ok && v.IsField() && !c.info.Types[value].IsNil() {
		c.sets[v.Origin()] = append(c.sets[v.Origin()], value)
	}
}
