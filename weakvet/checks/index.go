package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
	"golang.org/x/tools/go/types/typeutil"
)

const (
	weakbusPath   = "github.com/weakbus/weakbus"
	weakcachePath = weakbusPath + "/weakcache"
)

// index collects once what all checks look at, and tells the packages that import this one what
// its functions subscribe. Its result is nil for a package that has nothing to do with weakbus.
var index = &analysis.Analyzer{
	Name:       "weakbusindex",
	Doc:        "collect the subscriptions and the variables of a package",
	URL:        url,
	Requires:   []*analysis.Analyzer{inspect.Analyzer},
	ResultType: reflect.TypeFor[*code](),
	FactTypes:  []analysis.Fact{(*summary)(nil)},
	Run: func(pass *analysis.Pass) (any, error) {
		if !usesWeakbus(pass.Pkg) && len(pass.AllObjectFacts()) == 0 {
			return (*code)(nil), nil
		}
		c := read(pass, recognise)
		for f := range c.funcs {
			if s := c.summary(f); f.Exported() && !s.empty() {
				pass.ExportObjectFact(f, s)
			}
		}
		return c, nil
	},
}

// code is what the checks know of a package.
type code struct {
	info      *types.Info
	root      inspector.Cursor
	subs      []*subscription
	at        map[*ast.CallExpr][]*subscription
	vars      map[*types.Var]*variable // of the package, fields excepted
	funcs     map[*types.Func]*ast.FuncDecl
	decls     map[*types.Func]inspector.Cursor
	sets      map[*types.Var][]ast.Expr         // the values but nil that the package gives to its fields
	assigned  map[*types.Var][]inspector.Cursor // where it assigns them
	appends   map[*types.Var][]inspector.Cursor // the assignments x = append(x, ...), of variables and fields
	reads     map[*types.Var]bool               // the fields whose values it uses for more than to call them
	summaries map[*types.Func]*summary
	imported  func(types.Object, analysis.Fact) bool
}

// read collects what is known of pass's package. recognise says which calls subscribe.
func read(pass *analysis.Pass, recognise func(*types.Info, *ast.CallExpr) *subscription) *code {
	c := &code{
		info:      pass.TypesInfo,
		root:      pass.ResultOf[inspect.Analyzer].(*inspector.Inspector).Root(),
		at:        make(map[*ast.CallExpr][]*subscription),
		vars:      make(map[*types.Var]*variable),
		funcs:     make(map[*types.Func]*ast.FuncDecl),
		decls:     make(map[*types.Func]inspector.Cursor),
		sets:      make(map[*types.Var][]ast.Expr),
		assigned:  make(map[*types.Var][]inspector.Cursor),
		appends:   make(map[*types.Var][]inspector.Cursor),
		reads:     make(map[*types.Var]bool),
		summaries: make(map[*types.Func]*summary),
		imported:  pass.ImportObjectFact,
	}
	var calls []inspector.Cursor
	for cur := range c.root.Preorder((*ast.CallExpr)(nil), (*ast.Ident)(nil), (*ast.FuncDecl)(nil), (*ast.AssignStmt)(nil), (*ast.CompositeLit)(nil)) {
		switch n := cur.Node().(type) {
		case *ast.CallExpr:
			calls = append(calls, cur)
			c.noteCall(cur, n, recognise)
		case *ast.Ident:
			c.noteVariable(cur, n)
		case *ast.FuncDecl:
			if f, ok := c.info.Defs[n.Name].(*types.Func); ok {
				c.funcs[f], c.decls[f] = n, cur
			}
		case *ast.AssignStmt:
			c.noteFields(n)
			c.noteAssignments(cur, n)
		default:
			c.noteFields(n)
		}
	}
	c.noteLateValues()
	for _, subs := range c.at {
		for _, s := range subs {
			s.options = c.options(s)
		}
	}
	for _, cur := range calls {
		c.subs = append(c.subs, c.subscriptions(cur)...)
	}
	return c
}

// noteCall notes the call at cur if it subscribes, or puts a value into a cache.
func (c *code) noteCall(cur inspector.Cursor, call *ast.CallExpr, recognise func(*types.Info, *ast.CallExpr) *subscription) {
	if s := recognise(c.info, call); s != nil {
		s.cursor, s.call = cur, call
		c.at[call] = append(c.at[call], s)
	}
	if s := recognisePut(c.info, call); s != nil {
		s.cursor, s.call = cur, call
		c.at[call] = append(c.at[call], s)
	}
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
func isWeakbus(p *types.Package) bool { return isPackage(p, weakbusPath) }

func isPackage(p *types.Package, want string) bool {
	if p == nil {
		return false
	}
	path, _, _ := strings.Cut(p.Path(), " ")
	return path == want || strings.HasSuffix(path, "/vendor/"+want)
}

func usesWeakbus(p *types.Package) bool {
	uses := func(p *types.Package) bool { return isWeakbus(p) || isPackage(p, weakcachePath) }
	return uses(p) || slices.ContainsFunc(p.Imports(), uses)
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
