package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

const weakbusPath = "github.com/weakbus/weakbus"

// index collects once what all checks look at. Its result is nil for a package that does not
// use weakbus.
var index = &analysis.Analyzer{
	Name:       "weakbusindex",
	Doc:        "collect the subscriptions and the variables of a package",
	URL:        url,
	Requires:   []*analysis.Analyzer{inspect.Analyzer},
	ResultType: reflect.TypeFor[*code](),
	Run: func(pass *analysis.Pass) (any, error) {
		if !usesWeakbus(pass.Pkg) {
			return (*code)(nil), nil
		}
		return read(pass, recognise), nil
	},
}

// code is what the checks know of a package.
type code struct {
	info  *types.Info
	root  inspector.Cursor
	subs  []*subscription
	vars  map[*types.Var]*variable // of the package, fields excepted
	funcs map[*types.Func]*ast.FuncDecl
	sets  map[*types.Var][]ast.Expr // the values but nil that the package gives to its fields
}

// subscription is a call of one of the Subscribe functions or methods.
type subscription struct {
	cursor  inspector.Cursor
	call    *ast.CallExpr
	src     ast.Expr
	owner   ast.Expr // the receiver, or the scope
	handler ast.Expr
	scoped  bool // owner is a scope
	options []option
}

// option is an option of a subscription. Its name is empty where the option is made elsewhere.
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

// read collects what is known of pass's package. recognise says which calls subscribe.
func read(pass *analysis.Pass, recognise func(*types.Info, *ast.CallExpr) *subscription) *code {
	c := &code{
		info:  pass.TypesInfo,
		root:  pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root(),
		vars:  make(map[*types.Var]*variable),
		funcs: make(map[*types.Func]*ast.FuncDecl),
		sets:  make(map[*types.Var][]ast.Expr),
	}
	for cur := range c.root.Preorder((*ast.CallExpr)(nil), (*ast.Ident)(nil), (*ast.FuncDecl)(nil), (*ast.AssignStmt)(nil), (*ast.CompositeLit)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.CallExpr:
			if s := recognise(c.info, n); s != nil {
				s.cursor, s.call = cur, n
				c.subs = append(c.subs, s)
			}
		case *ast.Ident:
			c.noteVariable(cur, n)
		case *ast.FuncDecl:
			if f, ok := c.info.Defs[n.Name].(*types.Func); ok {
				c.funcs[f] = n
			}
		default:
			c.noteFields(n)
		}
	}
	return c
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
	s.src, s.owner, s.handler = args[0], args[1], args[2]
	for _, arg := range args[3:] {
		s.options = append(s.options, recogniseOption(info, arg))
	}
	return s
}

func recogniseOption(info *types.Info, e ast.Expr) (o option) {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if f := weakbusFunc(info, call); f != nil {
			o.name = f.Name()
			if len(call.Args) > 0 {
				o.arg = call.Args[0]
			}
		}
	}
	return o
}

// weakbusFunc returns the function or method of weakbus that call calls, or nil.
func weakbusFunc(info *types.Info, call *ast.CallExpr) *types.Func {
	if f, ok := typeutil.Callee(info, call).(*types.Func); ok && isWeakbus(f.Pkg()) {
		return f.Origin()
	}
	return nil
}

// methodValue returns the selector x.M that fun, perhaps instantiated, consists of, or nil.
func methodValue(info *types.Info, fun ast.Expr) *ast.SelectorExpr {
	fun = ast.Unparen(fun)
	switch e := fun.(type) {
	case *ast.IndexExpr:
		fun = e.X
	case *ast.IndexListExpr:
		fun = e.X
	}
	if sel, ok := ast.Unparen(fun).(*ast.SelectorExpr); ok {
		if s := info.Selections[sel]; s != nil && s.Kind() == types.MethodVal {
			return sel
		}
	}
	return nil
}

// isWeakbus reports whether p is the library, or its variant for its own tests.
func isWeakbus(p *types.Package) bool {
	if p == nil {
		return false
	}
	path, _, _ := strings.Cut(p.Path(), " ")
	return path == weakbusPath || strings.HasSuffix(path, "/vendor/"+weakbusPath)
}

func usesWeakbus(p *types.Package) bool {
	if isWeakbus(p) {
		return true
	}
	for _, imported := range p.Imports() {
		if isWeakbus(imported) {
			return true
		}
	}
	return false
}

// isWeakbusType reports whether t is the type of that name of weakbus.
func isWeakbusType(t types.Type, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == name && isWeakbus(named.Obj().Pkg())
}

// elem returns what pointers of type t point to, or nil.
func elem(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return nil
}

// shortly writes types as the source of package p does, for messages.
func shortly(p *types.Package) types.Qualifier {
	return func(other *types.Package) string {
		if other == p {
			return ""
		}
		return other.Name()
	}
}

// text returns the source of e in one line.
func text(e ast.Expr) string { return types.ExprString(e) }

// within reports whether pos lies in n.
func within(pos token.Pos, n ast.Node) bool { return n.Pos() <= pos && pos < n.End() }
