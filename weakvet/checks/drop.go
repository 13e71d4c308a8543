package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// drop finds out whether nothing holds an object. It knows what certainly does not; all else may.
type drop struct {
	*code
	p        place
	s        *subscription   // after which nothing may hold it; nil: at no time
	returned bool            // to return it does not count
	subs     []*subscription // what these hold does not count
	seen     map[*types.Var]bool
}

// unheld reports whether no use of v, whose value is the object or leads to it, holds it.
func (d drop) unheld(v *types.Var) bool {
	if d.seen[v] {
		return true // decided by its other uses
	}
	d.seen[v] = true
	x := d.vars[v]
	home := function(x.def)
	for _, use := range x.uses {
		if function(use) != home {
			if !d.inOwnFunction(use, home) {
				return false
			}
		} else if !d.idle(use) {
			return false
		}
	}
	return true
}

// inOwnFunction reports whether the use lies in a function literal that only the object holds.
func (d drop) inOwnFunction(use inspector.Cursor, home ast.Node) bool {
	for lit := range use.Enclosing((*ast.FuncLit)(nil)) {
		if function(lit.Parent()) == home {
			return d.ownFunction(lit)
		}
	}
	return false
}

// ownFunction reports whether only the object holds the function at cur: as the handler under a
// scope that is part of it, or in one of its fields.
func (d drop) ownFunction(cur inspector.Cursor) bool {
	cur = unparen(cur)
	switch kind, i := cur.ParentEdge(); kind {
	case edge.CallExpr_Args:
		call := cur.Parent()
		if !atOnce(call) {
			return false
		}
		e := cur.Node().(ast.Expr)
		for _, s := range d.subs {
			if slices.ContainsFunc(s.heldByBus(), func(k keeper) bool { return k.value == e }) || slices.Contains(s.heldByScope(), e) {
				return true
			}
		}
		return d.handedToOwnScope(call, i)
	case edge.AssignStmt_Rhs:
		stmt := cur.Parent().Node().(*ast.AssignStmt)
		return len(stmt.Lhs) == len(stmt.Rhs) && d.part(stmt.Lhs[i])
	}
	return false
}

// handedToOwnScope reports whether argument i of the call at cur is held by nothing but a scope
// that is part of the object.
func (d drop) handedToOwnScope(cur inspector.Cursor, i int) bool {
	e, own := cur.Node().(*ast.CallExpr).Args[i], false
	for _, s := range d.subscriptions(cur) {
		if slices.ContainsFunc(s.heldByBus(), func(k keeper) bool { return k.value == e }) {
			return false
		}
		if slices.Contains(s.heldByScope(), e) {
			q, ok := d.pointee(orNil(s.owner))
			if !ok || q != d.p {
				return false
			}
			own = true
		}
	}
	return own && (d.at[cur.Node().(*ast.CallExpr)] != nil || d.looseArgument(cur.Node().(*ast.CallExpr), e))
}

func orNil(e ast.Expr) ast.Expr {
	if e == nil {
		return &ast.BadExpr{}
	}
	return e
}

// part reports whether the operand e is a part of the object, and nobody gets from there what is
// stored in it.
func (d drop) part(e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	q, ok := d.storage(sel)
	return ok && q == d.p && !d.reads[d.assignable(sel)]
}

// idle reports whether the use at cur certainly does not hold the object, which the expression
// there is a pointer to, or is the variable of.
func (d drop) idle(cur inspector.Cursor) bool {
	cur = unparen(cur)
	switch kind, i := cur.ParentEdge(); kind {
	case edge.ExprStmt_X, edge.CallExpr_Fun, edge.AssignStmt_Lhs:
		return true
	case edge.UnaryExpr_X:
		return cur.Parent().Node().(*ast.UnaryExpr).Op == token.AND && d.idle(cur.Parent())
	case edge.CallExpr_Args:
		return d.idleArgument(cur, i)
	case edge.SelectorExpr_X:
		return d.idleSelector(cur.Parent())
	case edge.AssignStmt_Rhs:
		stmt := cur.Parent().Node().(*ast.AssignStmt)
		if len(stmt.Lhs) == len(stmt.Rhs) {
			return d.idleTarget(stmt.Lhs[i])
		}
	case edge.ValueSpec_Values:
		spec := cur.Parent().Node().(*ast.ValueSpec)
		return len(spec.Names) == len(spec.Values) && d.idleTarget(spec.Names[i])
	case edge.KeyValueExpr_Value:
		return cur.Parent().ParentEdgeKind() == edge.CompositeLit_Elts && d.idle(cur.Parent().Parent())
	case edge.CompositeLit_Elts:
		return d.idle(cur.Parent())
	case edge.IndexExpr_X: // of a list or map, that is written
		return cur.Parent().ParentEdgeKind() == edge.AssignStmt_Lhs
	case edge.ReturnStmt_Results:
		return d.returned
	}
	return false
}

// idleTarget reports whether what lhs names, and is assigned the object, does not hold it.
func (d drop) idleTarget(lhs ast.Expr) bool {
	switch e := ast.Unparen(lhs).(type) {
	case *ast.Ident:
		if e.Name == "_" {
			return true
		}
		v := d.local(e)
		return v != nil && d.idleVariable(v)
	case *ast.IndexExpr:
		v := d.local(e.X)
		return v != nil && d.idleVariable(v)
	case *ast.SelectorExpr:
		q, ok := d.storage(e)
		if ok && q == d.p {
			return d.part(e)
		}
		return ok && d.idleVariable(q.v)
	}
	return false
}

// idleVariable reports whether v, which the object is assigned to or put into, is a variable of
// the function that is not used for anything else.
func (d drop) idleVariable(v *types.Var) bool {
	x := d.vars[v]
	if x == nil || !x.def.Valid() || !d.declared(v) || x.addressed && elem(v.Type()) != nil {
		return false
	}
	if d.p.v == nil || d.vars[d.p.v] == nil || !d.vars[d.p.v].def.Valid() {
		d.p = place{v, true}
	} else if function(x.def) != function(d.vars[d.p.v].def) {
		return false
	}
	for _, value := range x.values() {
		if !d.private(value, v) {
			return false
		}
	}
	return !d.inEndlessLoop(v) && d.unheld(v)
}

// private reports whether e is a new object, list or map that nothing else holds, or leads to the
// object itself.
func (d drop) private(e ast.Expr, v *types.Var) bool {
	if e == nil {
		return false
	}
	if d.info.Types[e].IsNil() || d.fresh(e) {
		return true
	}
	if q, ok := d.pointee(e); ok && q == d.p {
		return true
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		return d.isBuiltin(e, "make") || d.isBuiltin(e, "append") && d.local(e.Args[0]) == v || d.s != nil && e == d.s.call
	}
	return false
}

// inEndlessLoop reports whether the loop that the subscription is made in, and v is not, may go on
// for long.
func (d drop) inEndlessLoop(v *types.Var) bool {
	if d.s == nil {
		return false
	}
	for loop := range d.s.cursor.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if within(v.Pos(), loop.Node()) || function(loop) != function(d.s.cursor) {
			continue
		}
		switch loop := loop.Node().(type) {
		case *ast.ForStmt:
			if loop.Init == nil || loop.Cond == nil || loop.Post == nil {
				return true
			}
		case *ast.RangeStmt:
			switch d.info.TypeOf(loop.X).Underlying().(type) {
			case *types.Chan, *types.Signature:
				return true
			}
		}
	}
	return false
}

// idleArgument reports whether the call that cur is argument i of does not hold the object.
func (d drop) idleArgument(cur inspector.Cursor, i int) bool {
	at := cur.Parent()
	call := at.Node().(*ast.CallExpr)
	if !atOnce(at) {
		return false
	}
	switch {
	case d.isBuiltin(call, "append"):
		return !call.Ellipsis.IsValid() && d.idle(at)
	case d.isBuiltin(call, "len"), d.isBuiltin(call, "cap"):
		return true
	}
	if f := d.callee(call); f != nil && f.FullName() == "weak.Make" {
		return d.before(at)
	}
	return d.idleCall(at, call.Args[i])
}

// atOnce reports whether the call at cur is made where it stands.
func atOnce(cur inspector.Cursor) bool {
	kind := unparen(cur).ParentEdgeKind()
	return kind != edge.DeferStmt_Call && kind != edge.GoStmt_Call
}

// idleCall reports whether the call at cur does not hold its argument arg, or the operand arg of
// its method.
func (d drop) idleCall(cur inspector.Cursor, arg ast.Expr) bool {
	call := cur.Node().(*ast.CallExpr)
	if own := d.at[call]; len(own) > 0 {
		return d.subscribes(call, arg) || slices.ContainsFunc(own, func(s *subscription) bool {
			return slices.Contains(s.heldByScope(), arg)
		}) && d.ownFunction(argumentCursor(cur, arg))
	}
	if f := weakbusFunc(d.info, call); f != nil {
		return f.Name() == "In"
	}
	if !d.looseArgument(call, arg) && !(d.passedArgument(call, arg) && d.idle(cur)) {
		return false
	}
	subscribed := false
	for _, s := range d.subscriptions(cur) {
		if s.made {
			continue
		}
		if q, ok := d.pointee(orNil(s.owner)); ok && q == d.p {
			if s.busy {
				return false
			}
			subscribed = true
		}
		for _, k := range s.heldByBus() {
			if sameOperand(k.value, arg) {
				return false
			}
		}
		for _, e := range s.heldByScope() {
			if q, ok := d.pointee(orNil(s.owner)); sameOperand(e, arg) && (!ok || q != d.p) {
				return false
			}
		}
	}
	return subscribed || d.before(cur) && (d.s == nil || call.End() <= d.s.call.Pos() || d.summary(d.callee(call)).Brief)
}

func argumentCursor(cur inspector.Cursor, arg ast.Expr) inspector.Cursor {
	i := slices.Index(cur.Node().(*ast.CallExpr).Args, arg)
	return cur.ChildAt(edge.CallExpr_Args, i)
}

// sameOperand reports whether e is arg or its address.
func sameOperand(e, arg ast.Expr) bool {
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND && u.X == arg {
		return true
	}
	return e == arg
}

// looseArgument reports whether the function that call calls does not hold arg.
func (c *code) looseArgument(call *ast.CallExpr, arg ast.Expr) bool {
	return c.isAmong(call, arg, func(s *summary) []int { return s.Loose })
}

// passedArgument reports whether that function does not hold arg, but returns it.
func (c *code) passedArgument(call *ast.CallExpr, arg ast.Expr) bool {
	return c.isAmong(call, arg, func(s *summary) []int { return s.Passed })
}

func (c *code) isAmong(call *ast.CallExpr, arg ast.Expr, list func(*summary) []int) bool {
	f := c.callee(call)
	if f == nil {
		return false
	}
	args := c.arguments(call)
	i := slices.IndexFunc(args, func(e ast.Expr) bool { return e != nil && sameOperand(e, arg) })
	return i >= 0 && !(f.Signature().Variadic() && i == len(args)-1) && slices.Contains(list(c.summary(f)), i)
}

// before reports whether the use at cur, which ends at once, comes before the subscription, or so
// soon after it that nothing has been published.
func (d drop) before(cur inspector.Cursor) bool {
	n := cur.Node()
	if d.s == nil || n.Pos() < d.s.call.Pos() {
		return true
	}
	for loop := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if !within(d.s.call.Pos(), loop.Node()) {
			return false
		}
	}
	for cur := range body(d.s.cursor).Preorder((*ast.CallExpr)(nil), (*ast.UnaryExpr)(nil), (*ast.SelectStmt)(nil)) {
		between := cur.Node().Pos() > d.s.call.End() && cur.Node().Pos() < n.Pos()
		if !between {
			continue
		}
		switch e := cur.Node().(type) {
		case *ast.CallExpr:
			if len(d.subscriptions(cur)) == 0 {
				return false
			}
		case *ast.UnaryExpr:
			if e.Op == token.ARROW {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// body returns the innermost function around cur.
func body(cur inspector.Cursor) inspector.Cursor {
	for f := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		return f
	}
	return cur
}

// idleSelector reports whether what is done with the field or method of the object at cur does not
// hold it.
func (d drop) idleSelector(cur inspector.Cursor) bool {
	sel := cur.Node().(*ast.SelectorExpr)
	s := d.info.Selections[sel]
	if s == nil {
		return false
	}
	up := unparen(cur)
	if s.Kind() == types.FieldVal {
		return d.idleField(up, sel, s)
	}
	if s.Kind() != types.MethodVal {
		return false
	}
	if up.ParentEdgeKind() != edge.CallExpr_Fun {
		return d.ownFunction(up)
	}
	call := up.Parent()
	if !atOnce(call) {
		return d.s == nil && call.ParentEdgeKind() == edge.DeferStmt_Call && d.locks(call.Node().(*ast.CallExpr))
	}
	if recv := s.Obj().(*types.Func).Signature().Recv(); elem(recv.Type()) == nil && !types.IsInterface(recv.Type()) {
		return d.s == nil || call.Node().End() <= d.s.call.Pos() // works on a copy
	}
	return d.idleCall(call, sel.X) || d.locks(call.Node().(*ast.CallExpr)) && d.before(call)
}

// locks reports whether call locks or unlocks, or is atomic.
func (c *code) locks(call *ast.CallExpr) bool {
	f := c.callee(call)
	if f == nil {
		return false
	}
	return isPackage(f.Pkg(), "sync") && strings.HasSuffix(f.Name(), "ock") || isPackage(f.Pkg(), "sync/atomic")
}

// idleField reports whether what is done at up with the field sel of the object does not hold it.
func (d drop) idleField(up inspector.Cursor, sel *ast.SelectorExpr, s *types.Selection) bool {
	if _, ok := d.base(sel.X, s); ok && elem(d.info.TypeOf(sel)) == nil {
		return d.idlePart(up)
	}
	return d.before(up)
}

// idlePart reports whether what is done with the part of the object at cur does not hold it.
func (d drop) idlePart(cur inspector.Cursor) bool {
	part := cur.Node().(ast.Expr)
	_, array := d.info.TypeOf(part).Underlying().(*types.Array)
	switch up := cur.Parent(); cur.ParentEdgeKind() {
	case edge.SelectorExpr_X:
		return d.idleSelector(up)
	case edge.UnaryExpr_X:
		if up.Node().(*ast.UnaryExpr).Op == token.AND {
			return d.idle(up)
		}
	case edge.IndexExpr_X:
		if array {
			return d.idlePart(unparen(up))
		}
	case edge.SliceExpr_X:
		if array {
			return false
		}
	}
	return d.before(cur)
}
