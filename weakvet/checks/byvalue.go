package checks

import (
	"fmt"
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
)

// ByValue reports events that have to be published by pointer, and are not.
var ByValue = newAnalyzer("byvalue", `report events with a Stopper or Request that are published by value

Each handler gets a copy of an event that is published by value. What it tells the copy's Stopper
or Request, nobody hears: embed them in events that are published by pointer.`, findByValue)

func findByValue(pass *analysis.Pass, c *code) {
	for cur := range c.root.Preorder((*ast.CallExpr)(nil)) {
		call := cur.Node().(*ast.CallExpr)
		f := weakbusFunc(c.info, call)
		if f == nil {
			continue
		}
		event := c.eventOf(call, f)
		if event == nil {
			continue
		}
		embedded := embeds(event)
		if embedded == "" {
			continue
		}
		name := types.TypeString(event, shortly(pass.Pkg))
		pass.Report(analysis.Diagnostic{Pos: call.Pos(), End: call.End(), Message: fmt.Sprintf(
			"events of type %s go to each handler as a copy, and with them the %s that they embed: publish and subscribe *%s", name, embedded, name)})
	}
}

// eventOf returns the event type that the call of f, a function or method of weakbus, is about, or
// nil.
func (c *code) eventOf(call *ast.CallExpr, f *types.Func) types.Type {
	if sel := methodValue(c.info, call.Fun); sel != nil {
		if event := eventType(c.info.TypeOf(sel.X)); event != nil {
			switch f.Name() {
			case "Publish", "PublishContext", "Subscribe", "SubscribeContext", "SubscribeFunc", "SubscribeFuncContext":
				return event
			}
			return nil
		}
	}
	instance, ok := c.info.Instances[instantiated(call.Fun)]
	if !ok {
		return nil
	}
	params := f.Signature().TypeParams()
	for i := range params.Len() {
		if params.At(i).Obj().Name() == "E" {
			return instance.TypeArgs.At(i)
		}
	}
	return nil
}

// instantiated returns the identifier of the function that fun names, perhaps with type arguments.
func instantiated(fun ast.Expr) *ast.Ident {
	switch e := ast.Unparen(fun).(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return e.Sel
	case *ast.IndexExpr:
		return instantiated(e.X)
	case *ast.IndexListExpr:
		return instantiated(e.X)
	}
	return nil
}

// embeds returns the name of the type that only works by pointer and that values of t embed, or "".
func embeds(t types.Type) string {
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return ""
	}
	for f := range st.Fields() {
		if !f.Embedded() {
			continue
		}
		for _, name := range []string{"Stopper", "Request"} {
			if isWeakbusType(f.Type(), name) {
				return name
			}
		}
		if name := embeds(f.Type()); name != "" {
			return name
		}
	}
	return ""
}
