//go:build !weakbuscheck

package docs

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const reference = "https://pkg.go.dev/github.com/weakbus/weakbus"

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
	quoted  = regexp.MustCompile("`[^`\n]*`")
)

// Links between the files lead to files and headings that exist, and links to the reference to names and
// examples that exist.
func TestLinks(t *testing.T) {
	found := 0
	for _, page := range markdown(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		prose := quoted.ReplaceAllString(fenced.ReplaceAllString(string(text), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			switch {
			case strings.HasPrefix(target, reference):
				checkReference(t, page, target, anchor)
			case strings.Contains(target, "://"):
				continue
			default:
				checkLocal(t, page, target, anchor)
			}
			found++
		}
	}
	require.Greater(t, found, 20)
}

func markdown(t *testing.T) (pages []string) {
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			pages = append(pages, path)
		}
		return nil
	}))
	return pages
}

func checkLocal(t *testing.T, page, target, anchor string) {
	file := page
	if target != "" {
		file = filepath.Join(filepath.Dir(page), target)
	}
	if _, err := os.Stat(file); !assert.NoError(t, err, "%s: %s", page, target) || anchor == "" {
		return
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var anchors []string
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		anchors = append(anchors, slug(m[1]))
	}
	assert.Contains(t, anchors, anchor, "%s: a link to %s", page, target)
}

// slug returns the anchor that GitHub gives a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}

func checkReference(t *testing.T, page, target, anchor string) {
	dir := filepath.Join(root, strings.TrimPrefix(target, reference))
	names, examples := anchorsOf(t, dir)
	if example, ok := strings.CutPrefix(anchor, "example-"); ok {
		assert.Contains(t, examples, example, "%s: %s", page, target)
	} else if anchor != "" && !strings.HasPrefix(anchor, "pkg-") {
		assert.Contains(t, names, anchor, "%s: %s", page, target)
	}
}

// anchorsOf returns the anchors of the names and of the examples of a package.
func anchorsOf(t *testing.T, dir string) (names, examples []string) {
	fset := token.NewFileSet()
	var files []*ast.File
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, all, dir)
	for _, name := range all {
		if strings.Contains(name, "_go127") { // Go 1.26 cannot read methods with type parameters
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
	}
	for _, e := range doc.Examples(files...) {
		anchor := strings.ReplaceAll(e.Name, "_", ".")
		if e.Suffix != "" {
			anchor = strings.TrimSuffix(anchor, "."+e.Suffix) + "-" + strings.ToUpper(e.Suffix[:1]) + e.Suffix[1:]
		}
		examples = append(examples, anchor)
	}
	for _, f := range files {
		for _, decl := range f.Decls {
			names = append(names, declared(decl)...)
		}
	}
	return slices.Compact(names), examples
}
