package checks

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

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
		t := c.ownerType(s)
		if t == nil || s.busy || !s.without("Replay") || c.cancelled(s) {
			continue // with Replay a handler may well run before Subscribe returns, and keep the receiver
		}
		if !s.scoped && !types.IsInterface(t) && uncollectable(pass.TypesSizes, t) != "" {
			continue // that one panics
		}
		name := types.TypeString(t, shortly(pass.Pkg))
		v, lost := c.lost(s)
		var message string
		switch {
		case v != nil && told[v]:
			continue
		case lost && v != nil:
			told[v] = true
			message = fmt.Sprintf("nothing uses %s after its subscriptions are made", v.Name())
			if s.put {
				message = fmt.Sprintf("nothing uses %s once it is in the cache", v.Name())
			}
		case lost && s.made:
			message = fmt.Sprintf("nothing holds the %s that %s subscribes and returns", name, s.helper.Name())
		case lost:
			message = "nothing else holds this " + name
		case c.moves(s.owner) != "":
			message = fmt.Sprintf("append moves %s to a new array, and nothing holds the old one", c.moves(s.owner))
		default:
			continue
		}
		pass.Report(analysis.Diagnostic{Pos: s.owner.Pos(), End: s.owner.End(), Message: message + vanishingRemedy(s, message)})
	}
}

// ownerType returns the type of what has to be held for s to go on, or nil if that is not known.
func (c *code) ownerType(s *subscription) types.Type {
	if s.owner == nil {
		return nil
	}
	if s.made {
		t := s.helper.Signature().Results().At(s.result).Type()
		if p := elem(t); p != nil {
			return p
		}
		return t
	}
	if u, ok := s.owner.(*ast.UnaryExpr); ok && u.Op == token.AND {
		return c.info.TypeOf(u.X)
	}
	return elem(c.info.TypeOf(s.owner))
}

// cancelled reports whether s is cancelled at once, and so not meant to last.
func (c *code) cancelled(s *subscription) bool {
	up := unparen(s.cursor)
	return up.ParentEdgeKind() == edge.SelectorExpr_X && up.Parent().Node().(*ast.SelectorExpr).Sel.Name == "Cancel"
}

func vanishingRemedy(s *subscription, message string) string {
	switch {
	case strings.HasPrefix(message, "append"):
		return ", so the subscription ends with the next garbage collection: use a slice of pointers"
	case s.put:
		return ", so the cache loses it with the next garbage collection: " +
			"keep the value in a field or variable that lives as long as it is to be found"
	case s.scoped:
		return ", so the subscription ends with the next garbage collection: " +
			"make the Scope a field of what is to hear the events, or use the bus's own Scope()"
	}
	return ", so the subscription ends with the next garbage collection: " +
		"keep the receiver in a field or variable that lives as long as it is to hear the events"
}

// lost reports whether nothing holds the owner of s. v is the variable that it is in, if any.
func (c *code) lost(s *subscription) (v *types.Var, lost bool) {
	d := drop{code: c, s: s, seen: make(map[*types.Var]bool)}
	if s.made {
		return c.lostResult(d, s)
	}
	if c.fresh(s.owner) {
		return nil, s.helper == nil || c.looseArgument(s.call, s.owner) || c.passedArgument(s.call, s.owner) && d.idle(s.cursor)
	}
	v = c.ownVariable(s.owner)
	if v == nil {
		return nil, false
	}
	d.p, _ = c.pointee(s.owner)
	return v, !c.usedAgain(v, s) && d.unheld(v)
}

// lostResult is lost for what the call of a constructor returns.
func (c *code) lostResult(d drop, s *subscription) (v *types.Var, lost bool) {
	up := unparen(s.cursor)
	if up.ParentEdgeKind() == edge.ExprStmt_X {
		return nil, true
	}
	stmt, ok := up.Parent().Node().(*ast.AssignStmt)
	if !ok || len(stmt.Rhs) != 1 || s.result >= len(stmt.Lhs) {
		return nil, d.idle(s.cursor)
	}
	lhs := stmt.Lhs[s.result]
	if isBlank(lhs) {
		return nil, onlyErrorsBeside(s.helper, s.result)
	}
	v = c.local(lhs)
	if v != nil && (!c.fixed(v) || !c.declared(v) || c.usedAgain(v, s)) {
		return v, false
	}
	return v, d.idleTarget(lhs)
}

// onlyErrorsBeside reports whether f returns nothing but errors beside its result i, so that who
// calls it wants that.
func onlyErrorsBeside(f *types.Func, i int) bool {
	results := f.Signature().Results()
	for k := range results.Len() {
		if k != i && !types.Identical(results.At(k).Type(), types.Universe.Lookup("error").Type()) {
			return false
		}
	}
	return true
}

// usedAgain reports whether v, which is made before a loop, is used by each turn of it.
func (c *code) usedAgain(v *types.Var, s *subscription) bool {
	home := function(c.vars[v].def)
	for loop := range s.cursor.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if !within(v.Pos(), loop.Node()) && within(loop.Node().Pos(), home) {
			return true
		}
	}
	return false
}

// fresh reports whether e makes an object that nothing else refers to.
func (c *code) fresh(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.UnaryExpr:
		_, ok := ast.Unparen(e.X).(*ast.CompositeLit)
		return ok && e.Op == token.AND
	case *ast.CallExpr:
		if c.isBuiltin(e, "new") {
			return true
		}
		f := c.callee(e)
		return f != nil && slices.Contains(c.summary(f).Fresh, 0)
	}
	return false
}

// freshVariable reports whether x is defined with a new object that nothing else refers to.
func (c *code) freshVariable(x *variable) bool {
	if x.call == nil {
		return x.value != nil && c.fresh(x.value)
	}
	f := c.callee(x.call)
	return f != nil && slices.Contains(c.summary(f).Fresh, x.result)
}

// ownVariable returns the variable that is, or points to, the object that e points into, if it was
// made for that variable and has never been another.
func (c *code) ownVariable(e ast.Expr) *types.Var {
	p, ok := c.pointee(e)
	if !ok || c.vars[p.v] == nil || !c.vars[p.v].def.Valid() {
		return nil
	}
	x := c.vars[p.v]
	switch {
	case p.pointed:
		if !c.declared(p.v) && !isResultName(x) || !c.fixed(p.v) || !c.freshVariable(x) {
			return nil
		}
	case len(x.assigned) > 0 && x.kind() != edge.RangeStmt_Value, !c.declared(p.v) && !isCopy(x.def):
		return nil
	}
	return p.v
}

func isResultName(x *variable) bool { return x.kind() == edge.Field_Names && isResult(x.def) }

// isCopy reports whether the variable at def is a parameter.
func isCopy(def inspector.Cursor) bool {
	return def.ParentEdgeKind() == edge.Field_Names && !isResult(def)
}

// declared reports whether v is made by a statement of a function, and is neither a parameter nor
// a result.
func (c *code) declared(v *types.Var) bool {
	kind := c.vars[v].kind()
	return kind == edge.ValueSpec_Names || kind == edge.AssignStmt_Lhs || kind == edge.RangeStmt_Value
}

// subscribes reports whether call uses arg as the receiver or scope of a subscription only, or puts
// it into a cache.
func (c *code) subscribes(call *ast.CallExpr, arg ast.Expr) bool {
	for _, s := range c.at[call] {
		if s.owner == arg {
			return s.without("Replay")
		}
	}
	f := weakbusFunc(c.info, call)
	return f != nil && f.Name() == "In"
}

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}
