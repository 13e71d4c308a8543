package checks

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// findKept reports functions under a scope that lives longer than a new object which they
// capture, and which the function that makes it returns or stores.
func (c *code) findKept(pass *analysis.Pass) {
	once := sync.OnceValue(c.once)
	for _, s := range slices.Concat(c.subs, c.loops()) {
		scope, of := c.longScope(s)
		if scope == "" || c.ends(s) || once()[c.declaredBy(s.cursor)] {
			continue
		}
		if field := c.boundField(s, of); field != nil {
			pass.Report(analysis.Diagnostic{Pos: field.Pos(), End: field.End(), Message: keptMessage(pass, scope, field, "is bound to", of, elem(c.info.TypeOf(field)))})
			continue
		}
		for _, v := range c.madeIn(function(s.cursor)) {
			p := place{v, elem(v.Type()) != nil}
			h := c.firstHolding(s.heldByScope(), p)
			if h == nil || !c.scopeOutlives(of, p) || !c.escapes(v, of) {
				continue
			}
			pass.Report(analysis.Diagnostic{Pos: h.at.Pos(), End: h.at.End(), Message: keptMessage(pass, scope, ast.NewIdent(v.Name()), verb(h, v), of, pointedType(v))})
			break
		}
	}
}

func keptMessage(pass *analysis.Pass, scope string, object ast.Expr, verb string, of ast.Expr, t types.Type) string {
	return fmt.Sprintf("%s keeps %s, which the handler %s, as long as %s lives: make a Scope a field of %s, or use Subscribe with a method expression",
		scope, text(object), verb, text(of), types.TypeString(types.Unalias(t), shortly(pass.Pkg)))
}

// boundField returns the field that the handler of s is bound to, if the function has just put a
// new object into it, and that is not a part of what the scope is a part of.
func (c *code) boundField(s *subscription, of ast.Expr) ast.Expr {
	if s.handler == nil {
		return nil
	}
	sel := methodValue(c.info, c.initial(s.handler))
	if sel == nil || elem(c.info.TypeOf(sel.X)) == nil {
		return nil
	}
	field := c.assignable(sel.X)
	for _, at := range c.assigned[field] {
		value, _ := definition(at)
		if value != nil && c.fresh(value) && block(at) == block(s.cursor) && at.Node().Pos() < s.call.Pos() &&
			text(at.Node().(ast.Expr)) == text(sel.X) && c.rootOf(sel.X) != nil && !c.sameRoot(sel.X, of) && c.scopeOutlives(of, place{}) {
			return sel.X
		}
	}
	return nil
}

// ends reports whether s may well end before its scope does.
func (c *code) ends(s *subscription) bool {
	for _, o := range s.options {
		switch o.name {
		case "", "Until", "Once", "In":
			return true
		}
	}
	if !isWeakbusType(elem(c.info.TypeOf(s.call)), "Subscription") {
		return false
	}
	up := unparen(s.cursor)
	switch kind, i := up.ParentEdge(); kind {
	case edge.ExprStmt_X:
		return false
	case edge.AssignStmt_Rhs:
		lhs := up.Parent().Node().(*ast.AssignStmt).Lhs
		return i >= len(lhs) || !isBlank(lhs[i])
	}
	return true // somebody can cancel it
}

func verb(h *holding, v *types.Var) string {
	if h.how == "captures "+v.Name() {
		return "captures"
	}
	if h.ids == nil && h.how == "is bound to "+v.Name() {
		return "is bound to"
	}
	return "holds"
}

// longScope returns what to call the scope of s that is the bus's own, or part of another object,
// and the bus or that object.
func (c *code) longScope(s *subscription) (name string, of ast.Expr) {
	if bus := c.ownScope(s); bus != nil {
		return "the bus's own scope", bus
	}
	if !s.scoped || s.owner == nil {
		return "", nil
	}
	e := c.initial(s.owner)
	if u, ok := e.(*ast.UnaryExpr); ok {
		e = u.X
	}
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok || c.info.Selections[sel] == nil {
		return "", nil
	}
	return "the scope " + text(sel), sel.X
}

// scopeOutlives reports whether of, which a scope is part of or the own scope of, certainly comes
// from outside of p.
func (c *code) scopeOutlives(of ast.Expr, p place) bool {
	o := origin{c, p, make(map[*types.Var]bool)}
	if isWeakbusType(elem(c.info.TypeOf(of)), "Bus") {
		return o.outside(of)
	}
	return o.rootOutside(of)
}

func (c *code) firstHolding(values []ast.Expr, p place) *holding {
	for _, e := range values {
		if e == nil {
			continue
		}
		if q, ok := c.pointee(e); ok && q == p {
			return &holding{at: e, how: "is bound to " + p.v.Name(), object: e}
		}
		if h := c.holds(e, p); h != nil {
			return h
		}
	}
	return nil
}

// madeIn returns the variables of the function f that are new objects, in order.
func (c *code) madeIn(f ast.Node) (made []*types.Var) {
	if f == nil {
		return nil
	}
	for v, x := range c.vars {
		if within(v.Pos(), f) && function(x.def) == f && (c.declared(v) || isResultName(x)) && c.isNew(v, x) {
			made = append(made, v)
		}
	}
	slices.SortFunc(made, func(v, w *types.Var) int { return int(v.Pos() - w.Pos()) })
	return made
}

// isNew reports whether v is, or points to, a new object.
func (c *code) isNew(v *types.Var, x *variable) bool {
	if _, ok := v.Type().Underlying().(*types.Struct); ok {
		return len(x.assigned) == 0 && (x.zero || composite(orNil(x.value)) != nil)
	}
	return c.fixed(v) && c.freshVariable(x)
}

// escapes reports whether the function returns v, or stores it in something else than the object
// of.
func (c *code) escapes(v *types.Var, of ast.Expr) bool {
	stored := false
	for _, use := range c.vars[v].uses {
		if function(use) != function(c.vars[v].def) {
			continue
		}
		if c.handedTo(use, of) {
			return false
		}
		if elem(v.Type()) == nil && !isAddress(use) {
			continue // a copy
		}
		target, ok := c.target(use)
		if !ok && !c.storedByCall(use) {
			continue
		}
		if target != nil && c.sameRoot(target, of) {
			return false // both may well have the same life
		}
		stored = true
	}
	return stored
}

// storedByCall reports whether the value used at cur is an argument of a function of the package
// that stores it.
func (c *code) storedByCall(cur inspector.Cursor) bool {
	up := unparen(cur)
	kind, i := up.ParentEdge()
	if kind != edge.CallExpr_Args {
		return false
	}
	call := up.Parent().Node().(*ast.CallExpr)
	f := c.callee(call)
	if f == nil || c.funcs[f] == nil || f.Signature().Variadic() || i >= f.Signature().Params().Len() {
		return false
	}
	x := c.vars[f.Signature().Params().At(i)]
	return x != nil && slices.ContainsFunc(x.uses, func(use inspector.Cursor) bool {
		target, ok := c.target(use)
		return ok && target != nil
	})
}

// handedTo reports whether the use at cur is an argument of a method of the object of.
func (c *code) handedTo(cur inspector.Cursor, of ast.Expr) bool {
	up := unparen(cur)
	if up.ParentEdgeKind() != edge.CallExpr_Args {
		return false
	}
	call := up.Parent().Node().(*ast.CallExpr)
	sel := methodValue(c.info, call.Fun)
	return sel != nil && c.at[call] == nil && c.rootOf(sel.X) != nil && c.rootOf(sel.X) == c.rootOf(of)
}

// isAddress reports whether cur is the operand of &.
func isAddress(cur inspector.Cursor) bool {
	up := unparen(cur)
	return up.ParentEdgeKind() == edge.UnaryExpr_X && up.Parent().Node().(*ast.UnaryExpr).Op == token.AND
}

// target returns what the value used at cur is stored in; nil if it is returned or sent.
func (c *code) target(cur inspector.Cursor) (target ast.Expr, ok bool) {
	cur = unparen(cur)
	kind, i := cur.ParentEdge()
	switch kind {
	case edge.ReturnStmt_Results, edge.SendStmt_Value:
		return nil, true
	case edge.KeyValueExpr_Value, edge.CompositeLit_Elts, edge.UnaryExpr_X:
		return c.target(cur.Parent())
	case edge.CallExpr_Args:
		if call := cur.Parent().Node().(*ast.CallExpr); i > 0 && c.isBuiltin(call, "append") {
			return c.target(cur.Parent())
		}
	case edge.AssignStmt_Rhs:
		stmt := cur.Parent().Node().(*ast.AssignStmt)
		if len(stmt.Lhs) != len(stmt.Rhs) {
			return nil, false
		}
		switch lhs := ast.Unparen(stmt.Lhs[i]).(type) {
		case *ast.SelectorExpr, *ast.IndexExpr:
			return lhs, c.rootOf(lhs) != nil
		}
	}
	return nil, false
}

// sameRoot reports whether the paths e and f start at the same variable and no pointer is
// certain to part them.
func (c *code) sameRoot(e, f ast.Expr) bool {
	v := c.rootOf(e)
	if v == nil || v != c.rootOf(f) {
		return false
	}
	sel, ok := c.initial(f).(*ast.SelectorExpr)
	if !ok || c.info.Selections[sel] == nil {
		return true
	}
	o := origin{c, place{}, make(map[*types.Var]bool)}
	field := c.assignable(sel)
	return !isWeakbusType(elem(field.Type()), "Bus") || !o.allOutside(field, c.sets[field])
}

// rootOf returns the variable that the path e of fields and elements starts at, if it is not one of
// the function's own.
func (c *code) rootOf(e ast.Expr) *types.Var {
	for {
		switch x := c.initial(e).(type) {
		case *ast.SelectorExpr:
			if c.info.Selections[x] == nil {
				v, _ := c.info.Uses[x.Sel].(*types.Var)
				return v
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.UnaryExpr:
			e = x.X
		case *ast.Ident:
			v, _ := c.info.Uses[x].(*types.Var)
			if v == nil || c.vars[v] != nil && c.vars[v].def.Valid() && c.vars[v].value != nil && c.fresh(c.vars[v].value) {
				return nil
			}
			return v
		default:
			return nil
		}
	}
}

// loops returns the loops over Events without an end that run on a goroutine of their own, as
// subscriptions under the bus's own scope: they keep what their function captures.
func (c *code) loops() (loops []*subscription) {
	for cur := range c.root.Preorder((*ast.RangeStmt)(nil)) {
		call, ok := ast.Unparen(cur.Node().(*ast.RangeStmt).X).(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			continue
		}
		f := weakbusFunc(c.info, call)
		if f == nil || f.Name() != "Events" || !c.background(call.Args[0]) {
			continue
		}
		lit := body(cur)
		if lit.ParentEdgeKind() != edge.CallExpr_Fun || lit.Parent().ParentEdgeKind() != edge.GoStmt_Call {
			continue
		}
		at := lit.Parent()
		loops = append(loops, &subscription{cursor: at, call: at.Node().(*ast.CallExpr), src: call.Args[1], bus: c.trunk(call.Args[1]),
			byScope: []ast.Expr{lit.Node().(ast.Expr)}})
	}
	return loops
}

// background reports whether ctx is a context that is never done.
func (c *code) background(ctx ast.Expr) bool {
	call, ok := c.initial(ctx).(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := typeutil.Callee(c.info, call).(*types.Func)
	return ok && (f.FullName() == "context.Background" || f.FullName() == "context.TODO")
}
