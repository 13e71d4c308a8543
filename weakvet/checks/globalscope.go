package checks

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// GlobalScope reports scopes at package level that keep objects of shorter life.
var GlobalScope = newAnalyzer("globalscope", `report package-level scopes that keep objects of shorter life

A Scope keeps the functions of its subscriptions, and they what they capture. Under a Scope at
package level that is never closed, the object whose method or constructor subscribes stays for
as long as the program.`, findGlobalScope)

func findGlobalScope(pass *analysis.Pass, c *code) {
	if pass.Pkg.Name() == "main" {
		return // most of what a program makes, it makes once
	}
	once := sync.OnceValue(c.once)
	for _, s := range c.subs {
		scope := c.globalScope(s.owner)
		if !s.scoped || scope == nil || c.closes(scope) {
			continue
		}
		p, name := c.made(s.cursor)
		if name == "" || once()[c.declaredBy(s.cursor)] {
			continue
		}
		if slices.ContainsFunc(s.heldByScope(), func(e ast.Expr) bool { return c.refers(e, p) }) {
			pass.Report(analysis.Diagnostic{Pos: s.owner.Pos(), End: s.owner.End(), Message: fmt.Sprintf(
				"the package-level scope %s keeps %s, which the handler captures, for as long as the program runs: "+
					"make the Scope a field of %s", scope.Name(), name, types.TypeString(types.Unalias(pointedType(p.v)), shortly(pass.Pkg)))})
		}
	}
}

func pointedType(v *types.Var) types.Type {
	if t := elem(v.Type()); t != nil {
		return t
	}
	return v.Type()
}

// globalScope returns the unexported variable at package level that e, a pointer to a Scope, is
// the address of, or nil.
func (c *code) globalScope(e ast.Expr) *types.Var {
	u, ok := ast.Unparen(orNil(e)).(*ast.UnaryExpr)
	if !ok {
		return nil
	}
	id, ok := ast.Unparen(u.X).(*ast.Ident)
	if !ok {
		return nil
	}
	v, ok := c.info.Uses[id].(*types.Var)
	if !ok || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() || v.Exported() || c.vars[v] == nil {
		return nil
	}
	return v
}

// closes reports whether the package may do more with a scope than subscribe under it.
func (c *code) closes(scope *types.Var) bool {
	return slices.ContainsFunc(c.vars[scope].uses, func(use inspector.Cursor) bool {
		up := unparen(use)
		if up.ParentEdgeKind() != edge.UnaryExpr_X {
			return true
		}
		up = unparen(up.Parent())
		kind, i := up.ParentEdge()
		if kind != edge.CallExpr_Args {
			return true
		}
		call := up.Parent().Node().(*ast.CallExpr)
		return !c.subscribes(call, call.Args[i])
	})
}

// made returns the object that the function around cur is a method of, or that it makes and
// returns, and the name it has there.
func (c *code) made(cur inspector.Cursor) (p place, name string) {
	decl, ok := function(cur).(*ast.FuncDecl)
	if !ok || decl.Body == nil {
		return p, ""
	}
	if decl.Recv != nil {
		if names := decl.Recv.List[0].Names; len(names) == 1 && elem(c.info.TypeOf(names[0])) != nil {
			p, _ = c.pointee(names[0])
			return p, nameOf(p)
		}
		return p, ""
	}
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			for _, e := range n.Results {
				if v := c.local(e); v != nil && c.fixed(v) && c.fresh(c.vars[v].value) {
					p = place{v, true}
				}
			}
		}
		return true
	})
	return p, nameOf(p)
}

// declaredBy returns the declared function that is the innermost around cur, or nil.
func (c *code) declaredBy(cur inspector.Cursor) *types.Func {
	decl, ok := function(cur).(*ast.FuncDecl)
	if !ok {
		return nil
	}
	f, _ := c.info.Defs[decl.Name].(*types.Func)
	return f
}

func nameOf(p place) string {
	if p.v == nil {
		return ""
	}
	return p.v.Name()
}

// once returns the functions that may run once in a program: those that init, an initialiser at
// package level, or an argument of package sync's Once leads to.
func (c *code) once() map[*types.Func]bool {
	reached := make(map[*types.Func]bool)
	var follow func(ast.Node)
	reach := func(f *types.Func) {
		if f = f.Origin(); !reached[f] && c.funcs[f] != nil {
			reached[f] = true
			follow(c.funcs[f])
		}
	}
	follow = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if f, ok := c.info.Uses[n].(*types.Func); ok {
					reach(f)
				}
			case ast.Expr: // what is made here may be used through an interface
				for _, f := range c.methodsOfNew(n) {
					reach(f)
				}
			}
			return true
		})
	}
	for cur := range c.root.Preorder((*ast.GenDecl)(nil), (*ast.FuncDecl)(nil), (*ast.CallExpr)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.GenDecl:
			if function(cur) == nil {
				follow(n)
			}
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				follow(n)
			}
		case *ast.CallExpr:
			if f, ok := typeutil.Callee(c.info, n).(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == "sync" && (f.Name() == "Do" || strings.HasPrefix(f.Name(), "Once")) {
				follow(n)
			}
		}
	}
	return reached
}

// methodsOfNew returns the methods of the object that e makes, if it does.
func (c *code) methodsOfNew(e ast.Expr) (methods []*types.Func) {
	var t types.Type
	switch e := e.(type) {
	case *ast.CompositeLit:
		t = c.info.TypeOf(e)
	case *ast.CallExpr:
		if c.fresh(e) {
			t = elem(c.info.TypeOf(e))
		}
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		for m := range named.Origin().Methods() {
			methods = append(methods, m)
		}
	}
	return methods
}
