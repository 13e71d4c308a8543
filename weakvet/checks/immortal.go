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
		if s.owner != nil && !s.made && !s.put {
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
	if !s.outside && (s.src == nil || !c.outlives(s, p)) {
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
	if role == "" {
		return fmt.Sprintf("an option %s, %s, and keeps it alive as long as the bus", how, what)
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
	if s.src == nil || s.handler == nil || s.scoped || function(s.cursor) == nil {
		return
	}
	if h := c.initial(s.handler); c.mentionsElement(s, h) {
		pass.Report(analysis.Diagnostic{Pos: h.Pos(), End: h.End(),
			Message: keeperMessage("handler", nil, "captures "+text(s.owner), "its own receiver")})
		return
	}
	field, parent, ok := c.fieldOf(s)
	if !ok || !c.outlives(s, parent) {
		return
	}
	var how string
	switch h := c.initial(s.handler).(type) {
	case *ast.FuncLit:
		if ids := c.captured(h, parent); len(ids) > 0 && c.reaches(h.Body, parent, field, depth) {
			how = "captures " + ids[0].Name + ", and by it " + ids[0].Name + "." + field.Name()
		}
	case *ast.SelectorExpr:
		if c.bound(h, parent) && c.methodReaches(h, field, depth) {
			how = "is bound to " + text(h.X) + ", and by it holds " + text(h.X) + "." + field.Name()
		}
	}
	if how != "" {
		pass.Report(analysis.Diagnostic{Pos: s.handler.Pos(), End: s.handler.End(), Message: keeperMessage("handler", nil, how, "its own receiver")})
	}
}

// reaches reports whether the code n, or a method of the package that it calls, uses field of the
// object parent.
func (c *code) reaches(n ast.Node, parent place, field *types.Var, depth int) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || found {
			return !found
		}
		s := c.info.Selections[sel]
		if s == nil {
			return true
		}
		if q, ok := c.base(sel.X, s); ok && q == parent {
			found = c.assignable(sel) == field || s.Kind() == types.MethodVal && c.methodReaches(sel, field, depth-1)
		}
		return !found
	})
	return found
}

// methodReaches is reaches for the method that sel selects.
func (c *code) methodReaches(sel *ast.SelectorExpr, field *types.Var, depth int) bool {
	f, ok := c.info.Uses[sel.Sel].(*types.Func)
	if !ok || depth == 0 {
		return false
	}
	decl := c.funcs[f.Origin()]
	if decl == nil || decl.Body == nil || decl.Recv == nil || len(decl.Recv.List[0].Names) == 0 {
		return false
	}
	recv, ok := c.pointee(decl.Recv.List[0].Names[0])
	return ok && c.reaches(decl.Body, recv, field, depth)
}

// mentionsElement reports whether the function literal e captures the list that the receiver of s
// is an element of, and uses that element.
func (c *code) mentionsElement(s *subscription, e ast.Expr) (found bool) {
	lit, ok := e.(*ast.FuncLit)
	if !ok {
		return false
	}
	index, ok := ast.Unparen(s.owner).(*ast.IndexExpr)
	if !ok {
		return false
	}
	list, i := c.local(index.X), c.local(index.Index)
	if list == nil || i == nil || !c.fixed(list) || !c.fixed(i) || !c.outlives(s, place{list, true}) {
		return false
	}
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if other, ok := n.(*ast.IndexExpr); ok {
			found = found || c.local(other.X) == list && c.local(other.Index) == i
		}
		return !found
	})
	return found
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
		if !isField || c.info.Selections[sel] == nil || c.assignedIn(c.assignable(sel), function(use)) != 1 {
			continue
		}
		if parent, ok = c.base(sel.X, c.info.Selections[sel]); ok {
			return c.assignable(sel), parent, true
		}
	}
	return nil, parent, false
}

// assignedIn returns how often the function f assigns the field.
func (c *code) assignedIn(field *types.Var, f ast.Node) (n int) {
	for _, at := range c.assigned[field] {
		if within(at.Node().Pos(), f) {
			n++
		}
	}
	return n
}
