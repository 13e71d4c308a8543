// Package layout holds no code. Its test checks which packages of the library import which.
//
// The library has two floors. The face is the root package with the packages beside it; the core is
// everything under internal. The core imports the standard library and parts of itself, and never
// the face. The root package imports the standard library and the core. So a program that imports it
// depends on no other module.
//
// Package internal/core has no type parameters: it is compiled once, and not for each event type
// of a program. Packages under it may have some, as a ring of values does.
package layout

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// module is the path of the root package.
const module = "github.com/weakbus/weakbus"

func TestImportsPointOneWay(t *testing.T) {
	root := os.DirFS("../..")
	files, err := sources(root)
	require.NoError(t, err)
	require.Contains(t, files, "doc.go", "this test has to find the root package")
	faults, err := check(root)
	require.NoError(t, err)
	assert.Empty(t, faults)
}

func TestCheck_FindsEachFault(t *testing.T) {
	for name, c := range map[string]struct{ file, source, fault string }{
		"the face imports another module":            {"bus.go", `import "golang.org/x/sync/errgroup"`, "bus.go imports golang.org/x/sync/errgroup"},
		"the face imports a package beside it":       {"bus.go", `import "github.com/weakbus/weakbus/weakcache"`, "bus.go imports github.com/weakbus/weakbus/weakcache"},
		"the core imports the face":                  {"internal/core/list.go", `import "github.com/weakbus/weakbus"`, "internal/core/list.go imports github.com/weakbus/weakbus"},
		"a part of the core imports the face":        {"internal/core/ring/ring.go", `import _ "github.com/weakbus/weakbus"`, "internal/core/ring/ring.go imports github.com/weakbus/weakbus"},
		"the core imports a package beside the face": {"internal/sweep/sweep.go", `import "github.com/weakbus/weakbus/weakcache"`, "internal/sweep/sweep.go imports github.com/weakbus/weakbus/weakcache"},
		"the core imports another module":            {"internal/core/list.go", `import "github.com/stretchr/testify/assert"`, "internal/core/list.go imports github.com/stretchr/testify/assert"},
		"a function of the core is generic":          {"internal/core/list.go", `func each[E any](e E) {}`, "internal/core/list.go:2: each has type parameters"},
		"a type of the core is generic":              {"internal/core/list.go", `type list[E any] []E`, "internal/core/list.go:2: list has type parameters"},
		"a local type of the core is generic":        {"internal/core/list.go", `func f() { type list[E any] []E }`, "internal/core/list.go:2: list has type parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			faults, err := check(fstest.MapFS{c.file: file(c.source)})
			require.NoError(t, err)
			assert.Equal(t, []string{c.fault}, faults)
		})
	}
}

func TestCheck_AllowsWhatThereMayBe(t *testing.T) {
	faults, err := check(fstest.MapFS{
		"bus.go":                     file(`import ("sync/atomic"; "github.com/weakbus/weakbus/internal/core")`),
		"bus_test.go":                file(`import "github.com/stretchr/testify/assert"`),
		"later.go":                   file("import \"weak\"\nfunc (b *Bus) generic[E any]() {}"), // methods of a later Go
		"weakcache/cache.go":         file(`import "github.com/weakbus/weakbus"`),
		"examples/game/main.go":      file(`import "github.com/hajimehoshi/ebiten/v2"`),
		"internal/core/list.go":      file("import \"github.com/weakbus/weakbus/internal/core/ring\"\nfunc f(r ring.Ring[int]) {}"),
		"internal/core/list_test.go": file("import \"github.com/weakbus/weakbus/weakbustest\"\nfunc f[E any]() {}"),
		"internal/core/ring/ring.go": file(`type Ring[V any] struct{ values []V }`),
		"internal/testdata/x.go":     file(`import "github.com/weakbus/weakbus"`),
	})
	require.NoError(t, err)
	assert.Empty(t, faults)
}

func TestCheck_RefusesWhatItCannotRead(t *testing.T) {
	_, err := check(fstest.MapFS{"internal/core/list.go": file(`func {`)})
	require.ErrorContains(t, err, "internal/core/list.go")
}

func file(source string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte("package p\n" + source)}
}

// check returns the faults of the library in root, file by file.
func check(root fs.FS) (faults []string, err error) {
	files, err := sources(root)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		// The face is read no further than its imports: one of its files has methods that only a later Go can parse.
		core, mode := path.Dir(name) == "internal/core", parser.ImportsOnly
		if core {
			mode = parser.SkipObjectResolution
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		positions := token.NewFileSet()
		f, err := parser.ParseFile(positions, name, text, mode)
		if err != nil {
			return nil, err
		}
		for _, spec := range f.Imports {
			if imported, _ := strconv.Unquote(spec.Path.Value); !allowed(imported) {
				faults = append(faults, name+" imports "+imported)
			}
		}
		if !core {
			continue
		}
		for _, generic := range generics(f) {
			faults = append(faults, fmt.Sprintf("%s:%d: %s has type parameters", name, positions.Position(generic.Pos()).Line, generic.Name))
		}
	}
	return faults, nil
}

// sources returns the files of the root package and of those under internal, without tests. Files
// for other systems and releases are among them.
func sources(root fs.FS) ([]string, error) {
	files, err := fs.Glob(root, "*.go")
	if err != nil {
		return nil, err
	}
	err = fs.WalkDir(root, "internal", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && name == "internal": // there is none
			return nil
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".go":
			files = append(files, name)
		}
		return nil
	})
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") }), err
}

// allowed reports whether the root package and those under internal may import a package: one of the
// standard library, whose path has no dot in its first element, or one under internal.
func allowed(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".") || strings.HasPrefix(imported, module+"/internal/")
}

// generics returns the names of the functions and types in f that have type parameters.
func generics(f *ast.File) (names []*ast.Ident) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Type.TypeParams != nil {
				names = append(names, n.Name)
			}
		case *ast.TypeSpec:
			if n.TypeParams != nil {
				names = append(names, n.Name)
			}
		}
		return true
	})
	return names
}
