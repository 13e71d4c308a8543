package checks

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// Immortal reports functions that the bus keeps and that keep their own receiver.
var Immortal = newAnalyzer("immortal", `report handlers that keep their own receiver alive

The bus holds the receiver of Subscribe weakly, but it holds the handler, and the functions given
to Filter and Via, strongly. One that captures the receiver, or is a method value of it, keeps it
alive for as long as the bus.`, findImmortal)

func findImmortal(pass *analysis.Pass, c *code) {
	for _, s := range c.subs {
		p, ok := c.pointee(s.owner)
		if !ok || c.ownsSource(s, p) {
			continue
		}
		if !s.scoped {
			c.reportKeeper(pass, s, p, "handler", s.handler)
		}
		for _, o := range s.options {
			if o.name == "Filter" || o.name == "Via" {
				c.reportKeeper(pass, s, p, o.name, o.arg)
			}
		}
	}
}

// ownsSource reports whether the source belongs to p: then both are collected together.
func (c *code) ownsSource(s *subscription, p place) bool {
	src := c.trunk(s.src)
	if sel, ok := src.(*ast.SelectorExpr); ok {
		if q, ok := c.storage(sel); ok && q == p {
			field := c.info.Selections[sel].Obj().(*types.Var)
			return elem(field.Type()) == nil || c.owns[field.Origin()]
		}
	}
	q, ok := c.pointee(src)
	return ok && q == p
}

// trunk returns the bus or topic that src is got from: of a sub-topic its topic, of a bus's topic
// the bus.
func (c *code) trunk(src ast.Expr) ast.Expr {
	for {
		src = ast.Unparen(src)
		call, ok := src.(*ast.CallExpr)
		if !ok {
			return src
		}
		switch f := weakbusFunc(c.info, call); {
		case f == nil:
			return src
		case f.Name() == "TopicOf" && len(call.Args) == 1:
			src = call.Args[0]
		case f.Name() == "At" && methodValue(c.info, call.Fun) != nil:
			src = methodValue(c.info, call.Fun).X
		default:
			return src
		}
	}
}

// reportKeeper reports fn if it keeps p. role is "handler" or the name of an option.
func (c *code) reportKeeper(pass *analysis.Pass, s *subscription, p place, role string, fn ast.Expr) {
	var how string
	var fixes []analysis.SuggestedFix
	at := fn
	switch e := c.initial(fn).(type) {
	case *ast.FuncLit:
		ids := c.captured(e, p)
		if len(ids) == 0 {
			return
		}
		how = "captures " + ids[0].Name
		if role == "handler" && c.plain(fn) == e { // no variable, which may have other uses
			fixes = c.fix(pass, e, ids)
		}
		at = ids[0]
	case *ast.SelectorExpr:
		if !c.bound(e, p) {
			return
		}
		how = "is bound to " + text(e.X)
	default:
		return
	}
	pass.Report(analysis.Diagnostic{Pos: at.Pos(), End: at.End(), Message: keeperMessage(s, role, how), SuggestedFixes: fixes})
}

func keeperMessage(s *subscription, role, how string) string {
	switch {
	case role == "handler":
		return fmt.Sprintf("the handler %s, its own receiver, and keeps it alive as long as the bus: "+
			"reach the receiver through the first parameter, as a method expression does, or use SubscribeFunc with a Scope", how)
	case s.scoped:
		return fmt.Sprintf("the function of %s %s, which the scope belongs to, and keeps it alive as long as the bus: "+
			"%s", role, how, remedies[role])
	default:
		return fmt.Sprintf("the function of %s %s, the receiver, and keeps it alive as long as the bus: "+
			"%s", role, how, remedies[role])
	}
}

// remedies has what to do instead, by option.
var remedies = map[string]string{
	"Filter": "test in the handler instead, or capture a copy of the value that it compares with",
	"Via":    "pass a function of something that lives as long as the bus, or hand the work over in the handler",
}
