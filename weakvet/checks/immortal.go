package checks

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
)

// Immortal reports functions that the bus keeps and that keep their own receiver.
var Immortal = newAnalyzer("immortal", `report handlers that keep their own receiver alive

The bus holds the receiver of Subscribe weakly, but it holds the handler, and the functions given
to Filter and Via, strongly. One that captures the receiver, or is a method value of it, keeps it
alive for as long as the bus. So does a function under the bus's own Scope, or under that of
another object, with a new object that it captures.`, findImmortal)

func findImmortal(pass *analysis.Pass, c *code) {
	for _, s := range c.subs {
		if s.owner != nil && !s.made {
			c.findCaptured(pass, s)
		}
	}
	c.findKept(pass)
}

func (c *code) findCaptured(pass *analysis.Pass, s *subscription) {
	p, ok := c.pointee(s.owner)
	if v := c.local(c.plain(s.owner)); !ok && v != nil && c.settled(v, s.call) {
		p, ok = place{v, true}, true // one of several values, but certainly the last
	}
	if !ok {
		c.findParent(pass, s)
		return
	}
	if s.src == nil || !c.outlives(s, p) {
		return
	}
	if !c.reportKeepers(pass, s, p) && !s.scoped {
		c.findParent(pass, s)
	}
}

// reportKeepers reports what of s keeps p, and reports whether there was anything.
func (c *code) reportKeepers(pass *analysis.Pass, s *subscription, p place) (found bool) {
	for _, k := range s.heldByBus() {
		h := c.holds(k.value, p)
		if h == nil {
			continue
		}
		found = true
		var fixes []analysis.SuggestedFix
		if lit, ok := c.plain(k.value).(*ast.FuncLit); ok && k.role == "handler" && h.ids != nil && s.helper == nil {
			fixes = c.fix(pass, s, lit, h.ids)
		}
		pass.Report(analysis.Diagnostic{Pos: h.at.Pos(), End: h.at.End(), SuggestedFixes: fixes,
			Message: keeperMessage(k.role, s.helper, h.how, c.relation(s, h.object))})
	}
	return found
}

// relation says what e, which the function of s keeps, is to the receiver or scope of s.
func (c *code) relation(s *subscription, e ast.Expr) string {
	switch v := c.named(e); {
	case s.scoped:
		return "which the scope belongs to"
	case v != nil && v == c.named(s.owner), "&"+text(e) == text(s.owner), text(e) == text(s.owner):
		return "its own receiver"
	default:
		return "which lies in the same allocation as the receiver"
	}
}

func keeperMessage(role string, helper *types.Func, how, what string) string {
	if role == "handler" {
		if helper != nil {
			role = "handler that " + helper.Name() + " subscribes"
		}
		return fmt.Sprintf("the %s %s, %s, and keeps it alive as long as the bus: "+
			"reach the receiver through the first parameter, as a method expression does, or use SubscribeFunc with a Scope", role, how, what)
	}
	if what == "its own receiver" {
		what = "the receiver"
	}
	return fmt.Sprintf("the function of %s %s, %s, and keeps it alive as long as the bus: %s", role, how, what, remedies[role])
}

// remedies has what to do instead, by option.
var remedies = map[string]string{
	"Filter": "test in the handler instead, or capture a copy of the value that it compares with",
	"Via":    "pass a function of something that lives as long as the bus, or hand the work over in the handler",
}

// findParent reports a handler that reaches its receiver by way of the object that has it in a
// field: x.field is the receiver, and the handler uses x.field.
func (c *code) findParent(pass *analysis.Pass, s *subscription) {
	field, parent, ok := c.fieldOf(s)
	if !ok || s.src == nil || s.handler == nil || s.scoped || !c.outlives(s, parent) {
		return
	}
	lit, ok := c.initial(s.handler).(*ast.FuncLit)
	if !ok {
		return
	}
	reaches := func(n ast.Node) *ast.SelectorExpr {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || c.assignable(sel) != field {
			return nil
		}
		selection := c.info.Selections[sel]
		if selection == nil {
			return nil
		}
		if q, ok := c.base(sel.X, selection); !ok || q != parent {
			return nil
		}
		return sel
	}
	var found *ast.SelectorExpr
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if n != nil && found == nil {
			found = reaches(n)
		}
		return found == nil
	})
	if found != nil && len(c.captured(lit, parent)) > 0 {
		pass.Report(analysis.Diagnostic{Pos: found.Pos(), End: found.End(),
			Message: keeperMessage("handler", nil, "captures "+text(found.X)+" and by it "+text(found), "its own receiver")})
	}
}

// fieldOf returns the field that the receiver of s certainly is in, and the object that this is a
// field of.
func (c *code) fieldOf(s *subscription) (field *types.Var, parent place, ok bool) {
	sel, ok := c.initial(s.owner).(*ast.SelectorExpr)
	if !ok {
		return c.storedIn(s)
	}
	selection := c.info.Selections[sel]
	if selection == nil || selection.Kind() != types.FieldVal {
		return nil, parent, false
	}
	field = c.assignable(sel)
	parent, ok = c.base(sel.X, selection)
	for _, at := range c.assigned[field] {
		if within(at.Node().Pos(), function(s.cursor)) && at.Node().Pos() > sel.Pos() {
			return nil, parent, false // may be another when the handler runs
		}
	}
	return field, parent, ok
}

// storedIn is fieldOf for a receiver in a variable that the function assigns to a field.
func (c *code) storedIn(s *subscription) (field *types.Var, parent place, ok bool) {
	v := c.local(c.plain(s.owner))
	if v == nil || !c.fixed(v) {
		return nil, parent, false
	}
	for _, use := range c.vars[v].uses {
		kind, i := use.ParentEdge()
		if i != 0 || kind != edge.AssignStmt_Rhs || function(use) != function(s.cursor) {
			continue
		}
		sel, isField := use.Parent().Node().(*ast.AssignStmt).Lhs[0].(*ast.SelectorExpr)
		if !isField || c.info.Selections[sel] == nil || len(c.assigned[c.assignable(sel)]) != 1 {
			continue
		}
		if parent, ok = c.base(sel.X, c.info.Selections[sel]); ok {
			return c.assignable(sel), parent, true
		}
	}
	return nil, parent, false
}
