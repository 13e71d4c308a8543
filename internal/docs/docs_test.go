//go:build !weakbuscheck

// Package docs checks the documentation: its snippets are Go that compiles and prints what the page
// says; its links lead somewhere. With WEAKBUS_TESTS=full, as in CI, vet and weakvet have nothing to say
// about the snippets, and those that need a nested module compile too.
//
// A snippet is a block of Go in README.md or docs/*.md, or a block of code in doc.go. A page is read from
// top to bottom:
//
//   - A block with a package clause is a complete file. All others are fragments: their declarations stand
//     where a file's do, their statements in a function.
//   - A fragment may use what earlier blocks of its page declare, what testdata/prelude.go and the file of
//     the page's name beside it declare, and the packages in known. It may import others; then only its types are known to later blocks.
//   - A block with a test is run as one.
//   - A block of text right after a program is its output. A fragment says what it prints as a Go example
//     does, in a comment that begins with "Output:".
//   - With WEAKBUS_TESTS=full, weakvet must report each line that ends in a comment that begins with "bad:", and no other.
//   - A block of doc.go that begins with "go " is a command.
package docs

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// known are the packages that fragments use without importing them.
var known = map[string]string{
	"assert":        "github.com/stretchr/testify/assert",
	"context":       "context",
	"http":          "net/http",
	"link":          "github.com/weakbus/weakbus/link",
	"message":       "github.com/ThreeDotsLabs/watermill/message",
	"nats":          "github.com/nats-io/nats.go",
	"natslink":      "github.com/weakbus/weakbus/natslink",
	"natslocal":     "github.com/weakbus/weakbus/natslocal",
	"otelbus":       "github.com/weakbus/weakbus/otelbus",
	"prombus":       "github.com/weakbus/weakbus/prombus",
	"watermilllink": "github.com/weakbus/weakbus/watermilllink",
	"weakbusdebug":  "github.com/weakbus/weakbus/weakbusdebug",
	"errors":        "errors",
	"fmt":           "fmt",
	"io":            "io",
	"log":           "log",
	"os":            "os",
	"runtime":       "runtime",
	"slog":          "log/slog",
	"strings":       "strings",
	"sync":          "sync",
	"synctest":      "testing/synctest",
	"testing":       "testing",
	"time":          "time",
	"weak":          "weak",
	"weakbus":       "github.com/weakbus/weakbus",
	"weakbustest":   "github.com/weakbus/weakbus/weakbustest",
	"weakcache":     "github.com/weakbus/weakbus/weakcache",
}

// snippet is one block of Go.
type snippet struct {
	page string // absolute
	line int    // of the first line of code
	code string
	want string // what it prints; "" if nobody says
}

func (s snippet) String() string {
	name, _ := filepath.Rel(root, s.page)
	if abs, err := filepath.Abs(root); err == nil {
		name, _ = filepath.Rel(abs, s.page)
	}
	return fmt.Sprintf("%s:%d", name, s.line)
}

// pages returns the absolute names of the pages with snippets.
func pages(t *testing.T) []string {
	abs, err := filepath.Abs(root)
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(abs, "docs", "*.md"))
	require.NoError(t, err)
	return append([]string{filepath.Join(abs, "README.md"), filepath.Join(abs, "doc.go")}, more...)
}

// snippets returns those of a page.
func snippets(t *testing.T, page string) []snippet {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	if strings.HasSuffix(page, ".go") {
		return goSnippets(t, page, text)
	}
	var found []snippet
	var last *snippet // the program that a block of text may belong to
	var block []string
	kind, start, ended := "", 0, 0
	for i, line := range strings.Split(string(text), "\n") {
		switch fence, ok := strings.CutPrefix(line, "```"); {
		case ok && kind == "":
			kind, start, block = fence+" ", i+2, nil
		case ok:
			code := strings.Join(block, "\n") + "\n"
			switch {
			case kind == "go ":
				found = append(found, snippet{page: page, line: start, code: code})
				last, ended = &found[len(found)-1], i
			case kind == "text " && last != nil && start-ended <= 5:
				last.want = code
			}
			kind = ""
		case kind != "":
			block = append(block, line)
		}
	}
	require.Empty(t, kind, "%s: a block without an end", page)
	return found
}

// goSnippets returns the snippets of a package's documentation.
func goSnippets(t *testing.T, page string, text []byte) (found []snippet) {
	f, err := parser.ParseFile(token.NewFileSet(), page, text, parser.ParseComments)
	require.NoError(t, err)
	for _, block := range new(comment.Parser).Parse(f.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok && !strings.HasPrefix(code.Text, "go ") {
			first, _, _ := strings.Cut(code.Text, "\n")
			at := bytes.Index(text, []byte("//\t"+first))
			require.GreaterOrEqual(t, at, 0, "%s: %s", page, first)
			found = append(found, snippet{page: page, line: 1 + bytes.Count(text[:at], []byte("\n")), code: code.Text})
		}
	}
	return found
}

// decls is declarations by name, methods by Type.Method, in order.
type decls struct {
	names []string
	text  map[string]string
}

// add adds the declarations of a file, which take the place of earlier ones of the same name.
func (d *decls) add(file *ast.File, fset *token.FileSet, source string) {
	at := func(p token.Pos) int { return fset.PositionFor(p, false).Offset }
	for _, decl := range file.Decls {
		names := declared(decl)
		if len(names) == 0 || names[0] == "main" || names[0] == "snippet" || strings.HasPrefix(names[0], "Test") {
			continue
		}
		if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.TYPE { // its methods go with it
			d.names = slices.DeleteFunc(d.names, func(n string) bool { return strings.HasPrefix(n, names[0]+".") })
		}
		d.names = slices.DeleteFunc(d.names, func(n string) bool { return n == names[0] })
		d.names = append(d.names, names[0])
		d.text[names[0]] = source[at(decl.Pos()):at(decl.End())]
	}
}

// without returns the text of the declarations, but for those that others take the place of.
func (d *decls) without(names []string) string {
	var b strings.Builder
	for _, n := range d.names {
		owner, _, method := strings.Cut(n, ".")
		if !slices.Contains(names, n) && (!method || !slices.Contains(names, owner)) {
			b.WriteString(d.text[n] + "\n\n")
		}
	}
	return b.String()
}

func declared(decl ast.Decl) (names []string) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			return []string{decl.Name.Name}
		}
		of := decl.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		switch generic := of.(type) {
		case *ast.IndexExpr:
			of = generic.X
		case *ast.IndexListExpr:
			of = generic.X
		}
		if id, ok := of.(*ast.Ident); ok {
			return []string{id.Name + "." + decl.Name.Name}
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// prelude is what testdata/prelude.go declares: the types of its variables, and the rest.
type prelude struct {
	params map[string]string
	decls  decls
}

func readPrelude(t *testing.T, page string) prelude {
	p := prelude{map[string]string{}, decls{text: map[string]string{}}}
	p.read(t, "testdata/prelude.go")
	if own := filepath.Join("testdata", strings.TrimSuffix(filepath.Base(page), ".md")+".go"); exists(own) {
		p.read(t, own)
	}
	return p
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func (p *prelude) read(t *testing.T, name string) {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, 0)
	require.NoError(t, err)
	f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			return false
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for _, n := range v.Names {
				p.params[n.Name] = string(text[fset.Position(v.Type.Pos()).Offset:fset.Position(v.Type.End()).Offset])
			}
		}
		return true
	})
	p.decls.add(f, fset, string(text))
}

// parts divides a fragment into its imports, declarations and statements. Each begins with a line
// directive, so that what the compiler and vet report names the line of the page.
func (s snippet) parts() (imports, decls, statements string) {
	part, open := &statements, false
	for i, line := range strings.Split(s.code, "\n") {
		if !open {
			part = &statements
			for _, word := range []string{"func ", "type "} {
				if strings.HasPrefix(line, word) {
					part = &decls
				}
			}
			if strings.HasPrefix(line, "import ") {
				part = &imports
			}
			open = part != &statements && (strings.HasSuffix(line, "{") || strings.HasSuffix(line, "("))
		} else if line == "}" || line == ")" {
			open = false
		}
		*part += fmt.Sprintf("//line %s:%d\n%s\n", s.page, s.line+i, line)
	}
	return imports, decls, statements
}

// file makes a file of package name of a snippet, and adds its declarations to those of the page. The
// function Main of a snippet that prints does so.
func (s snippet) file(t *testing.T, p prelude, page *decls, name string) string {
	if complete.MatchString(s.code) {
		source := fmt.Sprintf("//line %s:%d\n%s", s.page, s.line, s.code)
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "", source, parser.SkipObjectResolution)
		require.NoError(t, err, "%v", s)
		page.add(f, fset, source)
		return program.ReplaceAllString(complete.ReplaceAllString(source, "package "+name), "func Main() {")
	}
	imports, decls, statements := s.parts()
	wrap := func(more, params, use, tail string) string {
		return fmt.Sprintf("package %s\n\n%s\n%s\n%s\nfunc snippet(%s) {\n{\n%s\n%s}\n}\n%s", name, imports, more, decls, params, statements, use, tail)
	}
	parse := func(source string) (*ast.File, *token.FileSet) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "", source, 0)
		require.NoError(t, err, "%v\n%s", s, source)
		return f, fset
	}
	f, fset := parse(wrap("", "", "", ""))
	foreign := s.from() != "." || imports != ""
	var own []string
	for _, decl := range f.Decls {
		own = append(own, declared(decl)...)
	}
	context := page.without(own)
	context = p.decls.without(append(own, page.names...)) + context
	var params []string
	for _, id := range f.Unresolved {
		if typ, ok := p.params[id.Name]; ok && !slices.Contains(params, id.Name+" "+typ) {
			params = append(params, id.Name+" "+typ)
		}
	}
	tail := ""
	if _, prints := s.prints(); prints {
		require.Empty(t, params, "%v prints, and needs variables that it does not make", s)
		tail = "func Main() { snippet() }\n"
	}
	use := unused(f)
	whole, _ := parse(wrap(context, strings.Join(params, ", "), use, tail))
	if foreign { // its functions use what later fragments may not have
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			fn, ok := d.(*ast.FuncDecl)
			return ok && fn.Recv == nil
		})
	}
	page.add(f, fset, wrap("", "", "", ""))
	var more []string
	for _, id := range whole.Unresolved {
		if path, ok := known[id.Name]; ok && !slices.Contains(more, path) {
			more = append(more, path)
		}
	}
	for _, path := range more {
		imports += fmt.Sprintf("import %q\n", path)
	}
	return wrap(context, strings.Join(params, ", "), use, tail)
}

// unused uses the variables that a fragment declares and does not use, as programs but not fragments must.
func unused(f *ast.File) (use string) {
	uses := map[string]int{}
	ast.Inspect(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			uses[id.Name]++
		}
		return true
	})
	body := f.Decls[len(f.Decls)-1].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt)
	for _, stmt := range body.List {
		if assign, ok := stmt.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, left := range assign.Lhs {
				if id := left.(*ast.Ident); id.Name != "_" && uses[id.Name] == 1 {
					use += "_ = " + id.Name + "\n"
				}
			}
		}
	}
	return use
}

var (
	test       = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing`)
	complete   = regexp.MustCompile(`(?m)^package \w+$`)
	program    = regexp.MustCompile(`(?m)^func main\(\) {$`)
	notInNames = regexp.MustCompile(`\W`)
	output     = regexp.MustCompile(`(?s)\n\s*// Output:(.*)$`)
	report     = regexp.MustCompile(`^(/\S+):(\d+)(?::\d+)?: (.*)$`)
)

// prints returns what a snippet says that it prints.
func (s snippet) prints() (want string, ok bool) {
	if m := output.FindStringSubmatch(s.code); m != nil {
		for line := range strings.Lines(m[1]) {
			want += strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "//"), " ") + "\n"
		}
		return strings.TrimSpace(want), true
	}
	return strings.TrimSpace(s.want), s.want != ""
}

// full is set to check what takes minutes from an empty build cache too: CI sets it.
var full = os.Getenv("WEAKBUS_TESTS") == "full"

// Every snippet is formatted and parses. Those that need no module but the root one compile, and print
// what their page says.
func TestSnippets(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles snippets")
	}
	m := writeSnippets(t)["."]
	require.NotEmpty(t, m.runs)
	write(t, filepath.Join(m.dir, "run_test.go"), m.tests())
	// All that runs is in one test binary. To optimise it takes longer than to run it.
	said := goCommand(m.dir, "test", "-vet=off", "-gcflags=-N -l", "./...")
	said = regexp.MustCompile(`(?m)^\?.*\[no test files\]\n`).ReplaceAllString(said, "")
	require.Regexp(t, `^ok\s+snippets\s\S+\n$`, said)
}

// Neither vet nor weakvet has anything to say about a snippet, of whatever module, but what its page says.
func TestSnippets_UnderVetAndWeakvet(t *testing.T) {
	if !full {
		t.Skip("without WEAKBUS_TESTS=full: builds weakvet, and what the nested modules import")
	}
	modules := writeSnippets(t)
	weakvet := filepath.Join(t.TempDir(), "weakvet")
	require.Empty(t, goCommand(filepath.Join(root, "weakvet"), "build", "-o", weakvet, "."))
	found := map[string]string{}
	for _, m := range modules {
		require.Empty(t, reports(t, goCommand(m.dir, "vet", "./...")), "go vet")
		maps.Copy(found, reports(t, goCommand(m.dir, "vet", "-vettool="+weakvet, "./...")))
	}
	for at, what := range found {
		require.Contains(t, lineOf(t, at), bad, "%s: %s", at, what)
	}
	for at := range markedBad(t) {
		require.Contains(t, found, at, "weakvet does not report a line that is marked as bad")
	}
}

// snippetModule is a module of snippets, each a package of its own.
type snippetModule struct {
	dir  string
	runs []run
}

// run is a snippet that says what it prints, or is a test.
type run struct {
	snippet
	path string // of its package
}

// writeSnippets writes all snippets, and returns their modules by the one that each has the requirements of.
func writeSnippets(t *testing.T) map[string]*snippetModule {
	modules := map[string]*snippetModule{}
	for _, page := range pages(t) {
		p, d := readPrelude(t, page), decls{text: map[string]string{}}
		for i, s := range snippets(t, page) {
			formatted(t, s)
			m := modules[s.from()]
			if m == nil {
				m = &snippetModule{dir: module(t, s.from())}
				modules[s.from()] = m
			}
			name := fmt.Sprintf("s%03d", i)
			at := path.Join(strings.TrimSuffix(filepath.Base(page), filepath.Ext(page)), name)
			write(t, filepath.Join(m.dir, at, "snippet.go"), s.file(t, p, &d, name))
			if _, prints := s.prints(); prints || test.MatchString(s.code) {
				m.runs = append(m.runs, run{s, "snippets/" + at})
			}
		}
	}
	return modules
}

// tests returns a file of tests that runs what there is to run: what prints as an example, a test as a test.
func (m *snippetModule) tests() string {
	var imports, funcs strings.Builder
	for _, r := range m.runs {
		name := notInNames.ReplaceAllString(r.String(), "_")
		fmt.Fprintf(&imports, "import %s %q\n", name, r.path)
		if want, prints := r.prints(); prints {
			fmt.Fprintf(&funcs, "func Example_of%s() {\n%[1]s.Main()\n// Output:\n// %s\n}\n", name, strings.ReplaceAll(want, "\n", "\n// "))
		}
		for _, found := range test.FindAllStringSubmatch(r.code, -1) {
			fmt.Fprintf(&funcs, "func %s_of%s(t *testing.T) { %[2]s.%[1]s(t) }\n", found[1], name)
		}
	}
	return "package snippets\n\nimport \"testing\"\n" + imports.String() + funcs.String()
}

const bad = "// bad:"

// peer matches the imports of libraries that module benchmarks requires.
var peer = regexp.MustCompile(`"github.com/(asaskevich|badu|gookit|kelindar|maniartech)/`)

// nested matches the uses of packages that are modules of their own.
var nested = regexp.MustCompile(`\b(natslink|natslocal|otelbus|prombus|watermilllink)\.`)

// from returns the module that has the requirements of a snippet.
func (s snippet) from() string {
	if m := nested.FindStringSubmatch(s.code); m != nil {
		return m[1]
	}
	if peer.MatchString(s.code) {
		return "benchmarks"
	}
	return "."
}

// lineOf returns a line of a page.
func lineOf(t *testing.T, at string) string {
	page, number, _ := strings.Cut(at, ":")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	n, err := strconv.Atoi(number)
	require.NoError(t, err)
	return strings.Split(string(text), "\n")[n-1]
}

// module makes an empty module with the requirements of one of the repository.
func module(t *testing.T, from string) (dir string) {
	dir = t.TempDir()
	abs, err := filepath.Abs(root)
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, from, "go.mod"))
	require.NoError(t, err)
	_, requirements, _ := strings.Cut(string(mod), "\n")
	ours := map[string]bool{".": true}
	if nested.MatchString(from + ".") {
		ours[from] = true
	}
	for _, m := range local.FindAllStringSubmatch(requirements, -1) {
		ours["."+m[1]] = true
	}
	requirements = local.ReplaceAllString(requirements, "")
	for dir := range ours {
		path := strings.TrimSuffix("github.com/weakbus/weakbus/"+strings.TrimPrefix(dir, "./"), "/.")
		requirements += fmt.Sprintf("\nrequire %s v0.0.0\nreplace %s => %s\n", path, path, filepath.Join(abs, dir))
	}
	write(t, filepath.Join(dir, "go.mod"), "module snippets\n"+requirements)
	sum, err := os.ReadFile(filepath.Join(root, from, "go.sum"))
	require.NoError(t, err)
	write(t, filepath.Join(dir, "go.sum"), string(sum))
	return dir
}

// local matches what a module says of others in this repository.
var local = regexp.MustCompile(`(?m)^.*github.com/weakbus/weakbus(/\w+)? .*$`)

func write(t *testing.T, name, text string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o666))
}

// goCommand returns all that a go command prints.
func goCommand(dir string, args ...string) string {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		return err.Error()
	}
	return string(out)
}

// reports returns what a go command reports, by page and line.
func reports(t *testing.T, out string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "vet: ")
		if m := report.FindStringSubmatch(line); m != nil {
			found[m[1]+":"+m[2]] = m[3]
		} else {
			require.Regexp(t, `^(#|\t|go: (downloading|warning: "./..." matched no packages)|no packages to vet|$)`, line, "%s", out)
		}
	}
	return found
}

// markedBad returns the lines of snippets that are marked as bad.
func markedBad(t *testing.T) map[string]bool {
	found := map[string]bool{}
	for _, page := range pages(t) {
		for _, s := range snippets(t, page) {
			for i, line := range strings.Split(s.code, "\n") {
				if strings.Contains(line, bad) {
					found[fmt.Sprintf("%s:%d", page, s.line+i)] = true
				}
			}
		}
	}
	return found
}

// formatted checks that a snippet looks as gofmt has it.
func formatted(t *testing.T, s snippet) {
	text, err := format.Source([]byte(s.code))
	if err != nil { // declarations among statements
		return
	}
	require.Equal(t, strings.TrimSpace(string(text)), strings.TrimSpace(s.code), "%v is not formatted", s)
}
