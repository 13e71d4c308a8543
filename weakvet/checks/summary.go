package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/edge"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// summary is what a package tells others of one of its functions. Parameters are numbered with
// the receiver first, results from zero.
type summary struct {
	Fresh      []int // results that are new objects, which nothing but the caller holds
	Subscribed []int // those of them that the function subscribes
	Loose      []int // parameters that nothing but what Subs says holds afterwards
	Passed     []int // those that nothing else holds but the only result, which they are
	Held       []int // parameters that the only result certainly refers to
	Subs       []lifted
	Brief      bool // neither waits, nor loops, nor calls another function
}

// lifted is a subscription that a function makes of its parameters. A number is -1 where there is
// no such parameter.
type lifted struct {
	Scoped, Put     bool
	Outside         bool // the source certainly comes from outside of the owner
	Busy            bool // the function goes on to use the owner
	Src, Owner, Bus int
	ByBus, ByScope  []int
}

// AFact makes a summary known to other packages.
func (*summary) AFact() {}

func (s *summary) String() string { return "summary" }

func (s *summary) empty() bool {
	return len(s.Fresh)+len(s.Subscribed)+len(s.Loose)+len(s.Passed)+len(s.Held)+len(s.Subs) == 0
}

// summary returns what is known of f. Of a function that is still being looked at, because it
// calls itself, that is nothing.
func (c *code) summary(f *types.Func) *summary {
	if s, ok := c.summaries[f]; ok {
		return s
	}
	s := &summary{}
	c.summaries[f] = &summary{}
	if decl := c.funcs[f]; decl == nil {
		if !isWeakbus(f.Pkg()) {
			c.imported(f, s)
		}
	} else if decl.Body != nil {
		c.summarise(c.decls[f], f, s)
	}
	c.summaries[f] = s
	return s
}

func (c *code) summarise(decl inspector.Cursor, f *types.Func, s *summary) {
	s.Brief = c.brief(decl)
	params := parameters(f)
	subs := c.subscriptionsIn(decl)
	for _, sub := range subs {
		if l, ok := c.lift(sub, params); ok {
			l.Busy = sub.busy || l.Owner >= 0 && c.usedAfter(params[l.Owner], sub)
			s.Subs = append(s.Subs, l)
		}
	}
	for i, v := range params {
		switch {
		case c.vars[v] == nil || c.loose(v, subs, false):
			s.Loose = append(s.Loose, i)
		case f.Signature().Results().Len() == 1 && c.loose(v, subs, true):
			s.Passed = append(s.Passed, i)
		}
	}
	returns := returnsOf(decl)
	results := f.Signature().Results().Len()
	for i := range results {
		if fresh, subscribed := c.returnsFresh(returns, subs, i, results); fresh {
			s.Fresh = append(s.Fresh, i)
			if subscribed {
				s.Subscribed = append(s.Subscribed, i)
			}
		}
	}
	if results == 1 && len(returns) > 0 {
		s.Held = c.held(returns, params)
	}
}

func parameters(f *types.Func) (params []*types.Var) {
	if recv := f.Signature().Recv(); recv != nil {
		params = append(params, recv)
	}
	for v := range f.Signature().Params().Variables() {
		params = append(params, v)
	}
	return params
}

// subscriptionsIn returns the subscriptions that decl makes, those in function literals excepted.
func (c *code) subscriptionsIn(decl inspector.Cursor) (subs []*subscription) {
	for cur := range decl.Preorder((*ast.CallExpr)(nil)) {
		if function(cur) == decl.Node() {
			subs = append(subs, c.subscriptions(cur)...)
		}
	}
	return subs
}

// returnsOf returns the return statements of decl.
func returnsOf(decl inspector.Cursor) (returns []inspector.Cursor) {
	for cur := range decl.Preorder((*ast.ReturnStmt)(nil)) {
		if function(cur) == decl.Node() {
			returns = append(returns, cur)
		}
	}
	return returns
}

// lift returns sub in terms of params, if the object that it concerns is one of them.
func (c *code) lift(sub *subscription, params []*types.Var) (l lifted, ok bool) {
	if sub.made || !sub.without("Replay") {
		return l, false
	}
	l = lifted{Scoped: sub.scoped, Put: sub.put, Outside: sub.outside, Src: -1, Owner: c.parameter(sub.owner, params), Bus: -1}
	if sub.src != nil {
		l.Src = c.parameter(c.trunk(sub.src), params)
	}
	if p, ok := c.pointee(orNil(sub.owner)); ok && l.Src < 0 && l.Owner >= 0 && sub.src != nil {
		l.Outside = c.outlives(sub, p)
	}
	if bus := c.ownScope(sub); bus != nil {
		l.Bus = c.parameter(bus, params)
	}
	for i, v := range params {
		if c.vars[v] == nil || !c.fixed(v) || !refers(v.Type()) {
			continue
		}
		p := place{v, true}
		for _, k := range sub.heldByBus() {
			if c.refers(k.value, p) {
				l.ByBus = append(l.ByBus, i)
			}
		}
		for _, e := range sub.heldByScope() {
			if c.refers(e, p) {
				l.ByScope = append(l.ByScope, i)
			}
		}
	}
	return l, l.Owner >= 0 || len(l.ByBus)+len(l.ByScope) > 0
}

// parameter returns the number of the parameter that e is, or points into, or -1.
func (c *code) parameter(e ast.Expr, params []*types.Var) int {
	if e == nil {
		return -1
	}
	p, ok := c.pointee(e)
	if !ok || !p.pointed {
		return -1
	}
	return slices.Index(params, p.v)
}

// refers reports whether a value of type t can be what refers to an object.
func refers(t types.Type) bool {
	switch t.Underlying().(type) {
	case *types.Pointer, *types.Signature, *types.Interface:
		return true
	}
	return false
}

// returnsFresh reports whether result i is always a new object that nothing else holds, or nil,
// and whether subs has it.
func (c *code) returnsFresh(returns []inspector.Cursor, subs []*subscription, i, results int) (fresh, subscribed bool) {
	for _, ret := range returns {
		stmt := ret.Node().(*ast.ReturnStmt)
		switch {
		case len(stmt.Results) == results:
			e := stmt.Results[i]
			if c.info.Types[e].IsNil() {
				continue
			}
			ok, sub := c.newObject(e, subs)
			if !ok {
				return false, false
			}
			fresh, subscribed = true, subscribed || sub
		case len(stmt.Results) == 1: // of a call with several results
			call, ok := ast.Unparen(stmt.Results[0]).(*ast.CallExpr)
			if !ok || c.callee(call) == nil {
				return false, false
			}
			told := c.summary(c.callee(call))
			if !slices.Contains(told.Fresh, i) {
				return false, false
			}
			fresh, subscribed = true, subscribed || slices.Contains(told.Subscribed, i)
		default:
			return false, false
		}
	}
	return fresh, subscribed
}

// newObject reports whether the returned e is a new object that nothing else holds, and whether
// it has been subscribed.
func (c *code) newObject(e ast.Expr, subs []*subscription) (fresh, subscribed bool) {
	e = c.plain(e)
	v := c.ownVariable(e)
	if v == nil {
		if call, ok := e.(*ast.CallExpr); ok && c.fresh(e) && c.callee(call) != nil {
			subscribed = slices.Contains(c.summary(c.callee(call)).Subscribed, 0)
		}
		return c.fresh(e), subscribed
	}
	p, _ := c.pointee(e)
	d := drop{code: c, p: p, returned: true, seen: make(map[*types.Var]bool)}
	if !d.unheld(v) {
		return false, false
	}
	for _, s := range subs {
		if s.made {
			subscribed = subscribed || c.vars[v].value == s.call || c.vars[v].call == s.call && c.vars[v].result == s.result
		} else if q, ok := c.pointee(s.owner); ok && q == p {
			subscribed = true
		}
	}
	return true, subscribed
}

// held returns the parameters that all of returns certainly refer to.
func (c *code) held(returns []inspector.Cursor, params []*types.Var) (held []int) {
	for i, v := range params {
		if c.vars[v] == nil || !c.fixed(v) || !refers(v.Type()) {
			continue
		}
		all := true
		for _, ret := range returns {
			stmt := ret.Node().(*ast.ReturnStmt)
			all = all && len(stmt.Results) == 1 && c.refers(stmt.Results[0], place{v, true})
		}
		if all {
			held = append(held, i)
		}
	}
	return held
}

// loose reports whether nothing holds the parameter v but what subs do with it.
func (c *code) loose(v *types.Var, subs []*subscription, returned bool) bool {
	x := c.vars[v]
	if x.kind() != edge.Field_Names || !c.fixed(v) || !refers(v.Type()) {
		return false
	}
	d := drop{code: c, p: place{v, true}, subs: subs, returned: returned, seen: make(map[*types.Var]bool)}
	return d.unheld(v)
}

// brief reports whether the function at decl neither waits, nor loops, nor calls another function.
func (c *code) brief(decl inspector.Cursor) bool {
	for cur := range decl.Preorder((*ast.ForStmt)(nil), (*ast.RangeStmt)(nil), (*ast.SelectStmt)(nil), (*ast.SendStmt)(nil), (*ast.UnaryExpr)(nil), (*ast.CallExpr)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.CallExpr:
			if _, ok := typeutil.Callee(c.info, n).(*types.Builtin); !ok && !c.info.Types[n.Fun].IsType() && !c.locks(n) {
				return false
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// usedAfter reports whether the parameter v is used for something that may take long, when sub has
// been made.
func (c *code) usedAfter(v *types.Var, sub *subscription) bool {
	x := c.vars[v]
	if x == nil {
		return false
	}
	d := drop{code: c, p: place{v, true}, s: sub, returned: true, seen: make(map[*types.Var]bool)}
	return slices.ContainsFunc(x.uses, func(use inspector.Cursor) bool {
		for call := range use.Enclosing((*ast.CallExpr)(nil)) {
			if !atOnce(call) {
				return true
			}
			if subs := c.subscriptions(call); len(subs) > 0 {
				return slices.ContainsFunc(subs, func(s *subscription) bool { return s.busy })
			}
		}
		return use.Node().Pos() > sub.call.Pos() && function(use) == function(x.def) && !d.idle(use)
	})
}
