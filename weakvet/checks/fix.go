package checks

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// fix returns how lit, the handler of s, which captures its receiver with ids, can be made to use
// its first parameter, or nil where that is not certain to mean the same.
func (c *code) fix(pass *analysis.Pass, s *subscription, lit *ast.FuncLit, ids []*ast.Ident) []analysis.SuggestedFix {
	v := c.local(ids[0])
	sig, ok := c.info.TypeOf(lit).(*types.Signature)
	if !ok || sig.Params().Len() == 0 || !types.Identical(v.Type(), sig.Params().At(0).Type()) {
		return nil
	}
	for _, id := range ids {
		if c.local(id) != v {
			return nil // by several names
		}
	}
	if name := c.named(ids[0]); name == nil || name != c.named(s.owner) || !c.usedOutside(v, lit) {
		return nil // another object of the same allocation, or a variable that would be left unused
	}
	if fix, ok := c.methodExpression(pass, lit, sig, v); ok {
		return []analysis.SuggestedFix{fix}
	}
	if fix, ok := c.useParameter(lit, v, ids); ok {
		return []analysis.SuggestedFix{fix}
	}
	return nil
}

// usedOutside reports whether lit is not all that uses the value of v.
func (c *code) usedOutside(v *types.Var, lit *ast.FuncLit) bool {
	x := c.vars[v]
	return slices.ContainsFunc(x.uses, func(use inspector.Cursor) bool {
		return !within(use.Node().Pos(), lit) && !slices.Contains(x.assigned, use)
	})
}

// methodExpression turns func(_ *T, e E) { v.Method(e) } into (*T).Method.
func (c *code) methodExpression(pass *analysis.Pass, lit *ast.FuncLit, sig *types.Signature, v *types.Var) (fix analysis.SuggestedFix, ok bool) {
	call := onlyCall(lit)
	if call == nil || call.Ellipsis.IsValid() || commented(pass, lit) {
		return fix, false
	}
	sel := methodValue(c.info, call.Fun)
	if sel == nil || c.local(sel.X) != v {
		return fix, false
	}
	method, params := c.info.TypeOf(sel).(*types.Signature), sig.Params()
	if method.Variadic() || method.Params().Len() != len(call.Args) || len(call.Args) != params.Len()-1 ||
		!types.Identical(method.Results(), sig.Results()) {
		return fix, false
	}
	for i, arg := range call.Args {
		p := params.At(i + 1)
		if c.local(arg) != p || !types.Identical(p.Type(), method.Params().At(i).Type()) {
			return fix, false
		}
	}
	var b bytes.Buffer
	if err := format.Node(&b, pass.Fset, lit.Type.Params.List[0].Type); err != nil {
		return fix, false
	}
	expression := "(" + b.String() + ")." + sel.Sel.Name
	return analysis.SuggestedFix{
		Message:   "Use the method expression " + expression,
		TextEdits: []analysis.TextEdit{{Pos: lit.Pos(), End: lit.End(), NewText: []byte(expression)}},
	}, true
}

// onlyCall returns the call that is all that lit does, or nil.
func onlyCall(lit *ast.FuncLit) *ast.CallExpr {
	if len(lit.Body.List) != 1 {
		return nil
	}
	var e ast.Expr
	switch stmt := lit.Body.List[0].(type) {
	case *ast.ExprStmt:
		e = stmt.X
	case *ast.ReturnStmt:
		if len(stmt.Results) == 1 {
			e = stmt.Results[0]
		}
	}
	call, _ := e.(*ast.CallExpr)
	return call
}

// commented reports whether a comment would be lost with n.
func commented(pass *analysis.Pass, n ast.Node) bool {
	for _, file := range pass.Files {
		if !within(n.Pos(), file) {
			continue
		}
		for _, group := range file.Comments {
			if within(group.Pos(), n) {
				return true
			}
		}
	}
	return false
}

// useParameter has the body of lit use the first parameter instead of v: a parameter without a
// name gets that of v, one that has a name takes its place.
func (c *code) useParameter(lit *ast.FuncLit, v *types.Var, ids []*ast.Ident) (fix analysis.SuggestedFix, ok bool) {
	scope := c.info.Scopes[lit.Type]
	first := lit.Type.Params.List[0]
	if len(first.Names) > 0 && first.Names[0].Name != "_" {
		return c.replace(lit, first.Names[0], ids)
	}
	if scope == nil || scope.Lookup(v.Name()) != nil {
		return fix, false // declared again in the body
	}
	fix.Message = "Name the parameter " + v.Name()
	if len(first.Names) > 0 {
		fix.TextEdits = []analysis.TextEdit{{Pos: first.Names[0].Pos(), End: first.Names[0].End(), NewText: []byte(v.Name())}}
		return fix, true
	}
	for i, field := range lit.Type.Params.List {
		name := "_ "
		if i == 0 {
			name = v.Name() + " "
		}
		fix.TextEdits = append(fix.TextEdits, analysis.TextEdit{Pos: field.Pos(), End: token.NoPos, NewText: []byte(name)})
	}
	return fix, true
}

// replace has the body of lit use param wherever it uses ids.
func (c *code) replace(lit *ast.FuncLit, param *ast.Ident, ids []*ast.Ident) (fix analysis.SuggestedFix, ok bool) {
	p, ok := c.info.Defs[param].(*types.Var)
	if !ok || !c.fixed(p) {
		return fix, false
	}
	fix.Message = "Use the parameter " + p.Name()
	scope := c.info.Scopes[lit.Type]
	for _, id := range ids {
		inner := scope.Innermost(id.Pos())
		if inner == nil {
			return fix, false
		}
		if _, found := inner.LookupParent(p.Name(), id.Pos()); found != p {
			return fix, false // hidden here
		}
		fix.TextEdits = append(fix.TextEdits, analysis.TextEdit{Pos: id.Pos(), End: id.End(), NewText: []byte(p.Name())})
	}
	return fix, true
}
