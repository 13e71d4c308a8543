package checks

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// Vanishing reports receivers and scopes that nothing holds.
var Vanishing = newAnalyzer("vanishing", `report receivers and scopes that nothing holds

A receiver that only the call of Subscribe refers to is gone with the next garbage collection, and
its subscription with it. So is a Scope that only SubscribeFunc refers to.`, findVanishing)

func findVanishing(pass *analysis.Pass, c *code) {
	told := make(map[*types.Var]bool)
	for _, s := range c.subs {
		if !s.without("Replay") {
			continue // a handler may well run before Subscribe returns, and keep the receiver
		}
		if up := unparen(s.cursor); up.ParentEdgeKind() == edge.SelectorExpr_X && up.Parent().Node().(*ast.SelectorExpr).Sel.Name == "Cancel" {
			continue // not meant to last
		}
		t := elem(c.info.TypeOf(s.owner))
		if !s.scoped && uncollectable(pass.TypesSizes, t) != "" {
			continue // that one panics
		}
		var message string
		if c.fresh(s.owner) {
			message = "nothing else holds this " + types.TypeString(t, shortly(pass.Pkg))
		} else if v := c.ownVariable(s.owner); v != nil && !told[v] && c.dropped(v, s) {
			told[v] = true
			message = fmt.Sprintf("nothing uses %s after its subscriptions are made", v.Name())
		} else {
			continue
		}
		pass.Report(analysis.Diagnostic{Pos: s.owner.Pos(), End: s.owner.End(), Message: message + vanishingRemedy(s)})
	}
}

func vanishingRemedy(s *subscription) string {
	if s.scoped {
		return ", so the subscription ends with the next garbage collection: " +
			"make the Scope a field of what is to hear the events, or use the bus's own Scope()"
	}
	return ", so the subscription ends with the next garbage collection: " +
		"keep the receiver in a field or variable that lives as long as it is to hear the events"
}

// fresh reports whether e makes an object that nothing else refers to.
func (c *code) fresh(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		_, ok := ast.Unparen(e.X).(*ast.CompositeLit)
		return ok && e.Op == token.AND
	case *ast.CallExpr:
		if b, ok := c.info.Uses[calleeName(e)].(*types.Builtin); ok {
			return b.Name() == "new"
		}
		f, ok := c.info.Uses[calleeName(e)].(*types.Func)
		return ok && c.constructs(f)
	}
	return false
}

func calleeName(call *ast.CallExpr) *ast.Ident {
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return f
	case *ast.IndexExpr:
		id, _ := f.X.(*ast.Ident)
		return id
	}
	return nil
}

// constructs reports whether f is a function of the package that does nothing but return a fresh
// object.
func (c *code) constructs(f *types.Func) bool {
	decl := c.funcs[f.Origin()]
	if decl == nil || decl.Body == nil || len(decl.Body.List) != 1 {
		return false
	}
	ret, ok := decl.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	if call, ok := ast.Unparen(ret.Results[0]).(*ast.CallExpr); ok {
		b, ok := c.info.Uses[calleeName(call)].(*types.Builtin)
		return ok && b.Name() == "new" // no recursion
	}
	return c.fresh(ret.Results[0])
}

// ownVariable returns the variable that is, or points to, the whole object at e, if it was made
// for that variable and has never been another.
func (c *code) ownVariable(e ast.Expr) *types.Var {
	if v := c.local(e); v != nil {
		if x := c.vars[v]; x != nil && x.value != nil && c.fixed(v) && c.fresh(x.value) {
			return v
		}
		return nil
	}
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.AND {
		return nil
	}
	v := c.local(u.X)
	if v == nil || c.vars[v] == nil || len(c.vars[v].assigned) > 0 || !c.declared(v) {
		return nil
	}
	return v
}

// declared reports whether v is made by a declaration in a function, and is neither a parameter
// nor a result.
func (c *code) declared(v *types.Var) bool {
	if def := c.vars[v].def; def.Valid() {
		kind := def.ParentEdgeKind()
		return kind == edge.ValueSpec_Names || kind == edge.AssignStmt_Lhs
	}
	return false
}

// dropped reports whether nothing holds v once s was made.
func (c *code) dropped(v *types.Var, s *subscription) bool {
	x := c.vars[v]
	home := function(x.def)
	for loop := range s.cursor.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if !within(v.Pos(), loop.Node()) && within(loop.Node().Pos(), home) {
			return false // the next turn uses it
		}
	}
	for _, use := range x.uses {
		if function(use) != home || !c.idle(use, s) {
			return false
		}
	}
	return true
}

// idle reports whether the use at cur of a variable certainly does not hold it beyond s.
func (c *code) idle(cur inspector.Cursor, s *subscription) bool {
	cur = unparen(cur)
	if cur.ParentEdgeKind() == edge.UnaryExpr_X {
		cur = unparen(cur.Parent())
	}
	switch kind, i := cur.ParentEdge(); kind {
	case edge.CallExpr_Args:
		call := cur.Parent()
		if call.ParentEdgeKind() == edge.DeferStmt_Call || call.ParentEdgeKind() == edge.GoStmt_Call {
			return false
		}
		return c.subscribes(call.Node().(*ast.CallExpr), call.Node().(*ast.CallExpr).Args[i])
	case edge.AssignStmt_Rhs:
		stmt := cur.Parent().Node().(*ast.AssignStmt)
		return !slices.ContainsFunc(stmt.Lhs, func(e ast.Expr) bool { return !isBlank(e) })
	case edge.SelectorExpr_X: // x.field = value, before
		field := cur.Parent()
		return field.ParentEdgeKind() == edge.AssignStmt_Lhs && field.Node().Pos() < s.call.Pos() &&
			field.Parent().Node().(*ast.AssignStmt).Tok == token.ASSIGN
	}
	return false
}

// subscribes reports whether call uses arg as the receiver or scope of a subscription only.
func (c *code) subscribes(call *ast.CallExpr, arg ast.Expr) bool {
	for _, s := range c.subs {
		if s.call == call {
			return s.owner == arg && s.without("Replay")
		}
	}
	f := weakbusFunc(c.info, call)
	return f != nil && f.Name() == "In"
}

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}
