package checks_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/weakbus/weakbus/weakvet/checks"
)

// Package planted has mistakes that people make, each named by a comment on its line. They were
// invented before the checks that look for them. missed says which are not found, and why.
func TestPlantedMistakes(t *testing.T) {
	for _, corpus := range []struct {
		dir     string
		planted int
		missed  map[string]string
	}{
		{"immortal", 22, map[string]string{}},
		{"vanishing", 18, map[string]string{}},
		{"variants", 83, map[string]string{
			"variadic helper":                "facts do not say what becomes of the elements of a slice",
			"literal slice":                  "the elements of a literal are not followed",
			"local closure helper":           "function literals have no facts",
			"handed to a function":           "what a function in a variable does is not known",
			"kept by the owner of the scope": "the owner may well keep it as long as itself",
			"method under the bus scope":     "how long the receiver of a method is meant to live is not known, and neither is how many there are",
			"scope that is given":            "the caller says how long it is to live",
		}},
	} {
		t.Run(corpus.dir, func(t *testing.T) {
			planted, reports := lookAt(t, "./planted/"+corpus.dir)
			require.Len(t, planted, corpus.planted)
			for _, line := range slices.Sorted(maps.Keys(planted)) {
				name := planted[line]
				if reason, ok := corpus.missed[name]; ok {
					assert.Empty(t, reports[line], "%s is found, though %s", name, reason)
				} else {
					assert.NotEmpty(t, reports[line], "%s: nothing is reported at %s", name, line)
				}
				delete(reports, line)
			}
			assert.Empty(t, reports, "false reports")
			t.Logf("%d of %d", len(planted)-len(corpus.missed), len(planted))
		})
	}
}

// lookAt runs all checks on a package, and returns by line the mistakes that its comments name and
// what was reported.
func lookAt(t *testing.T, pattern string) (planted map[string]string, reports map[string][]string) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Dir: "testdata"}, pattern)
	require.NoError(t, err)
	require.Len(t, pkgs, 1)
	require.Empty(t, pkgs[0].Errors)
	graph, err := checker.Analyze(checks.All(), pkgs, nil)
	require.NoError(t, err)

	lineOf := func(n ast.Node) string {
		at := pkgs[0].Fset.Position(n.Pos())
		return fmt.Sprintf("%s:%03d", filepath.Base(at.Filename), at.Line)
	}
	planted, reports = make(map[string]string), make(map[string][]string)
	for _, file := range pkgs[0].Syntax {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				if name, ok := strings.CutPrefix(comment.Text, "// planted: "); ok {
					planted[lineOf(comment)] = name
				}
			}
		}
	}
	for _, root := range graph.Roots {
		require.NoError(t, root.Err)
		for _, d := range root.Diagnostics {
			line := lineOf(&ast.Ident{NamePos: d.Pos})
			reports[line] = append(reports[line], root.Analyzer.Name+": "+d.Message)
		}
	}
	return planted, reports
}
