package checks

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

// subscription is a call that subscribes: of one of weakbus's functions or methods, or of a
// function that is known to call one with its parameters.
type subscription struct {
	cursor  inspector.Cursor
	call    *ast.CallExpr
	src     ast.Expr
	owner   ast.Expr // the receiver, or the scope
	handler ast.Expr
	scoped  bool       // owner is a scope
	put     bool       // no subscription: owner is put into a cache of weak values
	rest    []ast.Expr // the arguments that are options
	options []option

	// Of a call of a function that subscribes with its parameters. handler is nil then.
	helper  *types.Func
	bus     ast.Expr   // the bus whose own scope it is under
	byBus   []ast.Expr // what the bus holds
	byScope []ast.Expr // what the scope holds
	made    bool       // owner is the call: it subscribes what it returns
	result  int        // which of the results that is
	outside bool       // the source certainly comes from outside
	busy    bool       // the function goes on to use the owner
}

// option is an option of a subscription. Its name is empty where it is not known which it is: arg
// is the option itself then, or the slice of them.
type option struct {
	name string
	arg  ast.Expr // the first argument, or nil
}

// without reports whether every option is known, and none is called name.
func (s *subscription) without(name string) bool {
	for _, o := range s.options {
		if o.name == "" || o.name == name {
			return false
		}
	}
	return true
}

// keeper is what a subscription holds: a handler, or the function of an option.
type keeper struct {
	role  string // "handler", the name of the option, or empty for an option that is not known
	value ast.Expr
}

// heldByBus returns what is held for as long as the bus or topic.
func (s *subscription) heldByBus() (keepers []keeper) {
	if s.handler != nil && !s.scoped {
		keepers = append(keepers, keeper{"handler", s.handler})
	}
	for _, o := range s.options {
		if (o.name == "Filter" || o.name == "Via" || o.name == "") && o.arg != nil {
			keepers = append(keepers, keeper{o.name, o.arg})
		}
	}
	for _, e := range s.byBus {
		keepers = append(keepers, keeper{"handler", e})
	}
	return keepers
}

// heldByScope returns what is held for as long as the scope.
func (s *subscription) heldByScope() []ast.Expr {
	if s.handler != nil && s.scoped {
		return []ast.Expr{s.handler}
	}
	return s.byScope
}

// recognise returns the subscription that call makes, or nil.
func recognise(info *types.Info, call *ast.CallExpr) *subscription {
	f := weakbusFunc(info, call)
	if f == nil {
		return nil
	}
	s := &subscription{}
	switch f.Name() {
	case "Subscribe", "SubscribeContext":
	case "SubscribeFunc", "SubscribeFuncContext":
		s.scoped = true
	default:
		return nil
	}
	args := call.Args
	if sel := methodValue(info, call.Fun); sel != nil {
		args = append([]ast.Expr{sel.X}, args...)
	}
	if len(args) < 3 {
		return nil
	}
	s.src, s.owner, s.handler, s.rest = args[0], args[1], args[2], args[3:]
	return s
}

// ownScope returns the bus under whose own scope s is, or nil.
func (c *code) ownScope(s *subscription) ast.Expr {
	if s.owner == nil || !s.scoped {
		return s.bus
	}
	call, ok := c.initial(s.owner).(*ast.CallExpr)
	if !ok {
		return nil
	}
	f, sel := weakbusFunc(c.info, call), methodValue(c.info, call.Fun)
	if f == nil || sel == nil || f.Name() != "Scope" {
		return nil
	}
	return sel.X
}

// recognisePut returns what the call puts into a cache of package weakcache, as if the cache
// subscribed it, or nil.
func recognisePut(info *types.Info, call *ast.CallExpr) *subscription {
	f, ok := typeutil.Callee(info, call).(*types.Func)
	if !ok || f.Name() != "Put" || !isPackage(f.Pkg(), weakcachePath) || len(call.Args) != 2 {
		return nil
	}
	return &subscription{owner: call.Args[1], put: true}
}

// options returns the options of s, which may be elements of a slice.
func (c *code) options(s *subscription) (options []option) {
	if !s.call.Ellipsis.IsValid() || len(s.rest) == 0 {
		for _, e := range s.rest {
			options = append(options, c.option(e))
		}
		return options
	}
	return c.optionSlice(s.rest[len(s.rest)-1])
}

func (c *code) option(e ast.Expr) (o option) {
	o.arg = e
	if call, ok := c.initial(e).(*ast.CallExpr); ok {
		if f := weakbusFunc(c.info, call); f != nil {
			o.arg = nil
			o.name = f.Name()
			if len(call.Args) > 0 {
				o.arg = call.Args[0]
			}
		}
	}
	return o
}

// optionSlice returns the options that may be in the slice e. One without a name stands for those
// that are not known.
func (c *code) optionSlice(e ast.Expr) (options []option) {
	e = c.plain(e)
	if lit, ok := e.(*ast.CompositeLit); ok {
		for _, element := range lit.Elts {
			options = append(options, c.option(element))
		}
		return options
	}
	if call, ok := e.(*ast.CallExpr); ok && c.isBuiltin(call, "append") && !call.Ellipsis.IsValid() {
		for _, element := range call.Args[1:] {
			options = append(options, c.option(element))
		}
		if c.local(call.Args[0]) == nil {
			options = append(options, c.optionSlice(call.Args[0])...)
		}
		return options
	}
	v := c.local(e)
	if v == nil || c.vars[v] == nil || c.vars[v].addressed || !c.declared(v) {
		return []option{{arg: e}}
	}
	return c.optionsOf(v)
}

// optionsOf returns the options that may be in the slice v, which is extended by append only.
func (c *code) optionsOf(v *types.Var) (options []option) {
	x := c.vars[v]
	var values []ast.Expr
	switch {
	case x.value != nil:
		values = append(values, x.value)
	case !x.zero:
		return []option{{}}
	}
	for _, use := range x.assigned {
		value, _ := definition(use)
		values = append(values, value)
	}
	for _, value := range values {
		if value == nil || c.local(value) != nil {
			return []option{{}}
		}
		if call, ok := c.plain(value).(*ast.CallExpr); ok && c.isBuiltin(call, "append") {
			if base := c.local(call.Args[0]); base != nil && base != v {
				return []option{{}}
			}
		}
		options = append(options, c.optionSlice(value)...)
	}
	return options
}

// isBuiltin reports whether call calls the builtin function name.
func (c *code) isBuiltin(call *ast.CallExpr, name string) bool {
	b, ok := typeutil.Callee(c.info, call).(*types.Builtin)
	return ok && b.Name() == name
}

// subscriptions returns what the call at cur subscribes, by itself or as a call of a function
// that does so with its parameters.
func (c *code) subscriptions(cur inspector.Cursor) (subs []*subscription) {
	call := cur.Node().(*ast.CallExpr)
	if own := c.at[call]; len(own) > 0 {
		return own
	}
	f := c.callee(call)
	if f == nil {
		return nil
	}
	args, told := c.arguments(call), c.summary(f)
	pick := func(i int) ast.Expr {
		if i < 0 || i >= len(args) {
			return nil
		}
		return args[i]
	}
	for _, l := range told.Subs {
		s := &subscription{cursor: cur, call: call, helper: f, scoped: l.Scoped, put: l.Put, busy: l.Busy, outside: l.Outside, src: pick(l.Src), owner: pick(l.Owner), bus: pick(l.Bus)}
		for _, i := range l.ByBus {
			s.byBus = append(s.byBus, pick(i))
		}
		for _, i := range l.ByScope {
			s.byScope = append(s.byScope, pick(i))
		}
		subs = append(subs, s)
	}
	for _, i := range told.Subscribed {
		subs = append(subs, &subscription{cursor: cur, call: call, helper: f, owner: call, made: true, result: i})
	}
	return subs
}

// callee returns the declared function or method that call calls, or nil.
func (c *code) callee(call *ast.CallExpr) *types.Func {
	f, ok := typeutil.Callee(c.info, call).(*types.Func)
	if !ok || f.Signature().Recv() != nil && types.IsInterface(f.Signature().Recv().Type()) {
		return nil
	}
	return f.Origin()
}

// arguments returns the arguments of call, that of the receiver first. It is nil where it is not
// the operand itself, or its address.
func (c *code) arguments(call *ast.CallExpr) []ast.Expr {
	sel := methodValue(c.info, call.Fun)
	if sel == nil {
		return call.Args
	}
	recv := sel.X
	s := c.info.Selections[sel]
	if _, ok := c.base(recv, s); !ok && len(s.Index()) > 1 {
		recv = nil // of what it embeds, perhaps by pointer
	} else if elem(c.info.TypeOf(recv)) == nil && elem(s.Obj().(*types.Func).Signature().Recv().Type()) != nil {
		recv = &ast.UnaryExpr{OpPos: recv.Pos(), Op: token.AND, X: recv}
	}
	return append([]ast.Expr{recv}, call.Args...)
}
