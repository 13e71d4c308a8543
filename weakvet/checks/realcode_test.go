package checks

import (
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/packages"
)

// Real code rarely uses weakbus. So this takes every call in it for a subscription, of whatever
// its arguments are, and every type for that of a retained event: the checks have to get
// through it. The directories of more modules can be given in WEAKVET_MODULES, as a list like PATH.
func TestChecks_GetThroughRealCode(t *testing.T) {
	var findings int
	everything := &analysis.Analyzer{
		Name: "everything", Doc: "take every call for a subscription", Requires: []*analysis.Analyzer{inspect.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			// Once every call, and once a part of them, so that the functions around them have
			// something to tell.
			for _, part := range []token.Pos{1, 7} {
				c := read(pass, func(info *types.Info, call *ast.CallExpr) *subscription {
					if call.Pos()%part != 0 {
						return nil
					}
					return anyCall(info, call)
				})
				for f := range c.funcs {
					c.summary(f)
				}
				for _, find := range []func(*analysis.Pass, *code){findImmortal, findVanishing, findUncollectable, findGlobalScope, findRetained, findByValue, findInAnyType} {
					find(pass, c)
				}
			}
			return nil, nil
		},
	}
	t.Run("default", func(t *testing.T) {
		findings += analyze(t, ".", everything, "golang.org/x/tools/go/ast/...", "golang.org/x/tools/go/analysis/passes/...", "go/types", "slices")
	})
	for _, dir := range filepath.SplitList(os.Getenv("WEAKVET_MODULES")) {
		t.Run(filepath.Base(dir), func(t *testing.T) { findings += analyze(t, dir, everything, "./...") })
	}
	assert.NotZero(t, findings, "the checks looked at nothing")
}

func analyze(t *testing.T, dir string, a *analysis.Analyzer, patterns ...string) (findings int) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax, Dir: dir, Env: append(os.Environ(), "CGO_ENABLED=0"), Tests: dir != "."}, patterns...)
	require.NoError(t, err)
	var whole []*packages.Package
	for _, p := range pkgs {
		if len(p.Errors) == 0 && !p.IllTyped {
			whole = append(whole, p)
		}
	}
	require.NotEmpty(t, whole)
	graph, err := checker.Analyze([]*analysis.Analyzer{a}, whole, nil)
	require.NoError(t, err)
	for _, root := range graph.Roots {
		require.NoError(t, root.Err, "%v", root)
		findings += len(root.Diagnostics)
		if testing.Verbose() {
			for _, d := range root.Diagnostics {
				t.Logf("%v: %s", root.Package.Fset.Position(d.Pos), d.Message)
			}
		}
	}
	t.Logf("%d of %d packages, %d findings", len(whole), len(pkgs), findings)
	return findings
}

// anyCall takes every call with arguments for a subscription.
func anyCall(info *types.Info, call *ast.CallExpr) *subscription {
	if len(call.Args) == 0 {
		return nil
	}
	s := &subscription{src: call.Fun, owner: call.Args[0], handler: call.Args[len(call.Args)-1], scoped: call.Pos()%2 == 0}
	if sel := methodValue(info, call.Fun); sel != nil {
		s.src = sel.X
	}
	for _, arg := range call.Args {
		switch t := info.TypeOf(arg); {
		case t == nil: // a type
		case elem(t) != nil:
			s.owner = arg
		case types.IsInterface(t):
			s.options = append(s.options, option{"Label", arg})
		default:
			if _, ok := t.Underlying().(*types.Signature); ok {
				s.handler = arg
				s.options = append(s.options, option{"Filter", arg})
			}
		}
	}
	return s
}

// findInAnyType takes every type of a package for that of a retained event.
func findInAnyType(pass *analysis.Pass, c *code) {
	receivers := c.receivers()
	for _, object := range pass.TypesInfo.Defs {
		if name, ok := object.(*types.TypeName); ok {
			w := walk{receivers: receivers, seen: make(map[types.Type]bool)}
			if w.finds(name.Type(), nil) {
				_ = w.describe(name.Type(), nil)
			}
		}
	}
}
