package checks

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// variable is what a package does with one of its variables.
type variable struct {
	def       inspector.Cursor   // its defining identifier; invalid for those of a type switch
	value     ast.Expr           // what it is defined with, nil if that is not one expression
	zero      bool               // defined without a value
	call      *ast.CallExpr      // the call with several results that it is defined with
	result    int                // which of them
	uses      []inspector.Cursor // all but def
	assigned  []inspector.Cursor // those uses that give it a value
	addressed bool
}

// noteVariable notes the use or definition of a variable at cur.
func (c *code) noteVariable(cur inspector.Cursor, id *ast.Ident) {
	if v, ok := c.info.Defs[id].(*types.Var); ok && !v.IsField() {
		x := c.variable(v)
		x.def = cur
		x.value, x.zero = definition(cur)
		x.call, x.result = severalResults(cur)
	} else if v, ok := c.info.Uses[id].(*types.Var); ok && !v.IsField() {
		x := c.variable(v)
		x.uses = append(x.uses, cur)
		switch up := unparen(cur); up.ParentEdgeKind() {
		case edge.AssignStmt_Lhs, edge.RangeStmt_Key, edge.RangeStmt_Value, edge.IncDecStmt_X:
			x.assigned = append(x.assigned, cur)
		case edge.UnaryExpr_X:
			x.addressed = x.addressed || up.Parent().Node().(*ast.UnaryExpr).Op == token.AND
		}
	} else if ok && cur.ParentEdgeKind() == edge.SelectorExpr_Sel && reads(cur.Parent()) {
		c.reads[v.Origin()] = true
	}
}

// reads reports whether the value of the field that is selected at cur may go elsewhere from there.
// It does not if the field is assigned, compared or called.
func reads(cur inspector.Cursor) bool {
	up := unparen(cur)
	switch up.ParentEdgeKind() {
	case edge.AssignStmt_Lhs, edge.BinaryExpr_X, edge.BinaryExpr_Y:
		return false
	case edge.CallExpr_Fun:
		return !atOnce(up.Parent())
	}
	return true
}

// kind returns where the variable is defined, as the edge to its identifier.
func (x *variable) kind() edge.Kind {
	if x == nil || !x.def.Valid() {
		return edge.Invalid
	}
	return x.def.ParentEdgeKind()
}

func (c *code) variable(v *types.Var) *variable {
	x := c.vars[v]
	if x == nil {
		x = &variable{}
		c.vars[v] = x
	}
	return x
}

// definition returns the value that the variable at cur is defined with, if any.
func definition(cur inspector.Cursor) (value ast.Expr, zero bool) {
	kind, i := cur.ParentEdge()
	switch kind {
	case edge.Field_Names:
		return nil, isResult(cur)
	case edge.AssignStmt_Lhs:
		if stmt := cur.Parent().Node().(*ast.AssignStmt); len(stmt.Lhs) == len(stmt.Rhs) {
			return stmt.Rhs[i], false
		}
	case edge.ValueSpec_Names:
		spec := cur.Parent().Node().(*ast.ValueSpec)
		if len(spec.Names) == len(spec.Values) {
			return spec.Values[i], false
		}
		return nil, len(spec.Values) == 0
	}
	return nil, false
}

// severalResults returns the call with several results that the variable at cur is defined with,
// if that is so, and which of them it is.
func severalResults(cur inspector.Cursor) (call *ast.CallExpr, result int) {
	kind, i := cur.ParentEdge()
	if kind != edge.AssignStmt_Lhs {
		return nil, 0
	}
	stmt := cur.Parent().Node().(*ast.AssignStmt)
	if len(stmt.Rhs) != 1 || len(stmt.Lhs) < 2 {
		return nil, 0
	}
	call, _ = ast.Unparen(stmt.Rhs[0]).(*ast.CallExpr)
	return call, i
}

// values returns the expressions that the variable is defined with or assigned; nil stands for
// any other.
func (x *variable) values() (values []ast.Expr) {
	if !x.zero && x.call == nil {
		values = append(values, x.value)
	}
	for _, use := range x.assigned {
		value, _ := definition(use)
		values = append(values, value)
	}
	return values
}

// valuesAt is values without those that another one certainly replaces before the node n.
func (x *variable) valuesAt(n ast.Node) []ast.Expr {
	values := x.values()
	for i := len(x.assigned) - 1; i >= 0; i-- {
		if b := block(x.assigned[i]); b != nil && within(n.Pos(), b) {
			return values[len(values)-len(x.assigned)+i:]
		}
	}
	return values
}

// unparen returns the outermost of the parentheses around cur.
func unparen(cur inspector.Cursor) inspector.Cursor {
	for cur.ParentEdgeKind() == edge.ParenExpr_X {
		cur = cur.Parent()
	}
	return cur
}

// local returns the variable of a function that e names, or nil.
func (c *code) local(e ast.Expr) *types.Var {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		return nil
	}
	v, ok := c.info.ObjectOf(id).(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() == v.Pkg().Scope() {
		return nil
	}
	return v
}

// fixed reports whether v certainly has one value all its life, or none before that one.
func (c *code) fixed(v *types.Var) bool {
	x := c.vars[v]
	if x == nil || x.addressed {
		return false
	}
	if !x.zero {
		return len(x.assigned) == 0
	}
	return len(x.assigned) == 1 && block(x.assigned[0]) == home(x)
}

// home returns the list of statements in which x is declared; of a result, those of the function.
func home(x *variable) ast.Node {
	if x.kind() == edge.Field_Names {
		switch f := function(x.def).(type) {
		case *ast.FuncDecl:
			return f.Body
		case *ast.FuncLit:
			return f.Body
		}
	}
	return block(x.def)
}

// noteLateValues has the variables that are given their only value after they are declared count
// as defined with it, where that is a new object or a function.
func (c *code) noteLateValues() {
	for v, x := range c.vars {
		if !x.zero || !c.fixed(v) {
			continue
		}
		value, _ := definition(x.assigned[0])
		switch e := ast.Unparen(orNil(value)).(type) {
		case *ast.FuncLit:
			x.value = value
		case *ast.CallExpr:
			if weakbusFunc(c.info, e) == nil {
				x.value = value
			}
		default:
			if composite(e) != nil {
				x.value = value
			}
		}
	}
}

// block returns the innermost list of statements around cur.
func block(cur inspector.Cursor) ast.Node {
	for b := range cur.Enclosing((*ast.BlockStmt)(nil), (*ast.CaseClause)(nil), (*ast.CommClause)(nil)) {
		return b.Node()
	}
	return nil
}

// function returns the innermost function around cur.
func function(cur inspector.Cursor) ast.Node {
	if !cur.Valid() {
		return nil
	}
	for f := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		return f.Node()
	}
	return nil
}

// initial returns the expression that e certainly has the value of: that of a variable which is
// defined with it and never changes, e itself otherwise.
func (c *code) initial(e ast.Expr) ast.Expr {
	for {
		e = c.plain(e)
		v := c.local(e)
		if v == nil || !c.fixed(v) || c.vars[v].value == nil {
			return e
		}
		e = c.vars[v].value
	}
}

// named returns the variable that e certainly is, perhaps by another name, or nil. Where two
// expressions have one, they have the same value.
func (c *code) named(e ast.Expr) (v *types.Var) {
	for {
		next := c.local(c.plain(e))
		if next == nil || !c.fixed(next) {
			return v
		}
		v, e = next, c.vars[next].value
		if e == nil {
			return v
		}
	}
}

// plain returns e without parentheses and conversions.
func (c *code) plain(e ast.Expr) ast.Expr {
	for {
		e = ast.Unparen(e)
		call, ok := e.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 || !c.info.Types[call.Fun].IsType() {
			return e
		}
		e = call.Args[0]
	}
}

// place is an allocation that a variable of a function leads to: the variable itself, or what
// its only value points to.
type place struct {
	v       *types.Var
	pointed bool
}

// pointee returns the allocation that the pointer, or slice, e points into, if that is certain.
func (c *code) pointee(e ast.Expr) (place, bool) {
	switch e := c.plain(e).(type) {
	case *ast.Ident:
		v := c.local(e)
		if v == nil || !c.fixed(v) {
			break
		}
		if value := c.vars[v].value; value != nil {
			if p, ok := c.pointee(value); ok {
				return p, true // another name for it
			}
		}
		return place{v, true}, true
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return c.storage(e.X)
		}
	}
	return place{}, false
}

// storage returns the allocation that the operand e lies in, if that is certain.
func (c *code) storage(e ast.Expr) (place, bool) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if v := c.local(e); v != nil {
			return place{v: v}, true
		}
	case *ast.StarExpr:
		return c.pointee(e.X)
	case *ast.SelectorExpr:
		if s := c.info.Selections[e]; s != nil && s.Kind() == types.FieldVal {
			return c.base(e.X, s)
		}
	case *ast.IndexExpr:
		switch c.info.TypeOf(e.X).Underlying().(type) {
		case *types.Array:
			return c.storage(e.X)
		case *types.Slice, *types.Pointer:
			return c.pointee(e.X)
		}
	}
	return place{}, false
}

// base returns the allocation in which the field or method that s selects of x is found, if no
// embedded pointer is on the way.
func (c *code) base(x ast.Expr, s *types.Selection) (place, bool) {
	t, isPointer := c.info.TypeOf(x), false
	if e := elem(t); e != nil {
		t, isPointer = e, true
	}
	for _, i := range s.Index()[:len(s.Index())-1] {
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return place{}, false
		}
		t = st.Field(i).Type()
	}
	if len(s.Index()) > 1 && elem(t) != nil {
		return place{}, false
	}
	if isPointer {
		return c.pointee(x)
	}
	return c.storage(x)
}

// leadsTo reports whether the variable that id names leads to p.
func (c *code) leadsTo(id *ast.Ident, p place) bool {
	v := c.local(id)
	if v == nil {
		return false
	}
	if v == p.v {
		return true
	}
	q, ok := c.pointee(id)
	return ok && p == q
}

// captured returns the identifiers in lit of variables outside it that lead to p.
func (c *code) captured(lit *ast.FuncLit, p place) (ids []*ast.Ident) {
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if v := c.local(id); v != nil && !within(v.Pos(), lit) && c.leadsTo(id, p) {
				ids = append(ids, id)
			}
		}
		return true
	})
	return ids
}

// bound reports whether e is a method value bound to p.
func (c *code) bound(e ast.Expr, p place) bool {
	sel := methodValue(c.info, e)
	if sel == nil {
		return false
	}
	s := c.info.Selections[sel]
	f := s.Obj().(*types.Func)
	if recv := f.Signature().Recv(); recv == nil || elem(recv.Type()) == nil {
		return false // bound to a copy, or to what an interface holds
	}
	q, ok := c.base(sel.X, s)
	return ok && p == q
}
