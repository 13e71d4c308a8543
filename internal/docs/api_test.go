//go:build !weakbuscheck

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/api-v1.md has every exported name, and no other, in a row that decides about it.
func TestAPIIsDecided(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "api-v1.md"))
	require.NoError(t, err)
	decided := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| (keep|rename|remove) \\|").FindAllStringSubmatch(string(page), -1) {
		for _, name := range strings.Split(row[1], ", ") {
			assert.False(t, decided[name], "%s is there twice", name)
			decided[strings.Trim(name, "`")] = true
		}
	}
	var names []string
	for _, dir := range []string{".", "weakbustest", "weakcache"} {
		names = append(names, exported(t, filepath.Join(root, dir))...)
	}
	for _, dir := range []string{"weakbusdebug", "link", "link/linktest", "celink"} {
		for _, name := range exported(t, filepath.Join(root, dir)) {
			names = append(names, filepath.Base(dir)+"."+name)
		}
	}
	for _, name := range names {
		assert.True(t, decided[name], "%s is not decided", name)
		delete(decided, name)
	}
	for name := range decided { // those of Go 1.27 cannot be read by 1.26
		text, err := os.ReadFile(filepath.Join(root, "bus_go127.go"))
		require.NoError(t, err)
		_, method, _ := strings.Cut(name, ".")
		assert.Contains(t, string(text), ") "+method, "there is no %s", name)
	}
}

// exported returns the exported functions, types, values and methods of a package.
func exported(t *testing.T, dir string) (names []string) {
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, name := range all {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "_go127") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range f.Decls {
			for _, n := range declared(decl) {
				owner, method, _ := strings.Cut(n, ".")
				if ast.IsExported(owner) && (method == "" || ast.IsExported(method)) {
					names = append(names, n)
				}
			}
		}
	}
	return names
}
