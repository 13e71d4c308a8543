package checks

import (
	"fmt"
	"go/ast"

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
		if !ok || !c.outlives(s, p) {
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

// reportKeeper reports fn if it keeps p. role is "handler" or the name of an option.
func (c *code) reportKeeper(pass *analysis.Pass, s *subscription, p place, role string, fn ast.Expr) {
	var how, what string
	var fixes []analysis.SuggestedFix
	at := fn
	switch e := c.initial(fn).(type) {
	case *ast.FuncLit:
		ids := c.captured(e, p)
		if len(ids) == 0 {
			return
		}
		how, what = "captures "+ids[0].Name, c.relation(s, ids[0])
		if role == "handler" && c.plain(fn) == e { // no variable, which may have other uses
			fixes = c.fix(pass, s, e, ids)
		}
		at = ids[0]
	case *ast.SelectorExpr:
		if !c.bound(e, p) {
			return
		}
		how, what = "is bound to "+text(e.X), c.relation(s, e.X)
	default:
		return
	}
	pass.Report(analysis.Diagnostic{Pos: at.Pos(), End: at.End(), Message: keeperMessage(role, how, what), SuggestedFixes: fixes})
}

// relation says what e, which the function of s keeps, is to the receiver or scope of s.
func (c *code) relation(s *subscription, e ast.Expr) string {
	switch v := c.named(e); {
	case s.scoped:
		return "which the scope belongs to"
	case v != nil && v == c.named(s.owner), "&"+text(e) == text(s.owner):
		return "its own receiver"
	default:
		return "which lies in the same allocation as the receiver"
	}
}

func keeperMessage(role, how, what string) string {
	if role == "handler" {
		return fmt.Sprintf("the handler %s, %s, and keeps it alive as long as the bus: "+
			"reach the receiver through the first parameter, as a method expression does, or use SubscribeFunc with a Scope", how, what)
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
