package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
)

// moves returns the slice that e points into an element of, if the package appends to that slice
// afterwards; "" if there is none.
func (c *code) moves(e ast.Expr) string {
	index := c.elementOf(e)
	if index == nil {
		return ""
	}
	v := c.assignable(index.X)
	if v == nil || c.reserved(v) {
		return ""
	}
	for _, at := range c.appends[v] {
		if c.movesLater(v, index, at) {
			return text(index.X)
		}
	}
	return ""
}

// elementOf returns the innermost element of a slice that e points into, or nil.
func (c *code) elementOf(e ast.Expr) *ast.IndexExpr {
	u, ok := c.initial(orNil(e)).(*ast.UnaryExpr)
	if !ok || u.Op != token.AND {
		return nil
	}
	for e = u.X; ; {
		switch x := ast.Unparen(e).(type) {
		case *ast.SelectorExpr:
			if c.info.Selections[x] == nil || elem(c.info.TypeOf(x.X)) != nil {
				return nil
			}
			e = x.X
		case *ast.IndexExpr:
			if _, ok := c.info.TypeOf(x.X).Underlying().(*types.Slice); ok {
				return x
			}
			e = x.X
		default:
			return nil
		}
	}
}

// reserved reports whether a value of the slice v is made with a capacity, or may be.
func (c *code) reserved(v *types.Var) bool {
	values := c.sets[v]
	if x := c.vars[v]; x != nil {
		if x.addressed || x.call != nil {
			return true
		}
		values = x.values()
	}
	return slices.ContainsFunc(values, func(e ast.Expr) bool {
		if composite(orNil(e)) != nil {
			return false
		}
		call, ok := ast.Unparen(orNil(e)).(*ast.CallExpr)
		if !ok {
			return true // a part of another slice, perhaps
		}
		return !c.isBuiltin(call, "append") && (!c.isBuiltin(call, "make") || len(call.Args) == 3)
	})
}

// movesLater reports whether the append at cur to the slice v certainly comes after the element at
// index has been subscribed, or does so when the function is called again.
func (c *code) movesLater(v *types.Var, index *ast.IndexExpr, cur inspector.Cursor) bool {
	decl := outermost(cur)
	if decl == nil {
		return false
	}
	if !within(index.Pos(), decl) {
		return !c.isLocal(v) && !c.inConstructor(cur)
	}
	if cur.Node().Pos() > index.Pos() {
		return true
	}
	start := v.Pos()
	if !c.isLocal(v) {
		start = token.NoPos
		if c.isLast(index) && !c.inConstructor(cur) {
			return true
		}
	}
	for loop := range cur.Enclosing((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		if within(index.Pos(), loop.Node()) && !(start.IsValid() && within(start, loop.Node())) {
			return true
		}
	}
	return false
}

// outermost returns the declared function around cur, or nil.
func outermost(cur inspector.Cursor) ast.Node {
	for decl := range cur.Enclosing((*ast.FuncDecl)(nil)) {
		return decl.Node()
	}
	return nil
}

// inConstructor reports whether the assignment at cur is to a part of an object that the function
// makes.
func (c *code) inConstructor(cur inspector.Cursor) bool {
	lhs := ast.Unparen(cur.Node().(*ast.AssignStmt).Lhs[0])
	sel, ok := lhs.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	p, ok := c.storage(sel)
	if !ok {
		return false
	}
	x := c.vars[p.v]
	return x.kind() != edge.Invalid && x.kind() != edge.Field_Names
}

// isLast reports whether index is that of the last element.
func (c *code) isLast(index *ast.IndexExpr) bool {
	i := c.initial(index.Index)
	if b, ok := i.(*ast.BinaryExpr); ok && b.Op == token.SUB {
		i = ast.Unparen(b.X)
	}
	call, ok := i.(*ast.CallExpr)
	return ok && text(call) == "len("+text(index.X)+")"
}

// isLocal reports whether v is a variable of a function.
func (c *code) isLocal(v *types.Var) bool {
	return !v.IsField() && v.Pkg() != nil && v.Parent() != v.Pkg().Scope()
}
