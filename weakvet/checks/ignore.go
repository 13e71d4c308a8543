package checks

import (
	"go/ast"
	"go/token"
	"iter"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

const directive = "//weakvet:ignore"

// obeying returns pass with reports left out where a comment says so:
//
//	//weakvet:ignore NAMES REASON
//
// on the line of the report, on the line before, or in the doc comment of the function or of the
// package clause of the file. NAMES are the names of analyzers, separated by commas. Without a
// reason it silences nothing, and the report says why.
func obeying(pass *analysis.Pass) *analysis.Pass {
	copied := *pass
	copied.Report = func(d analysis.Diagnostic) {
		for names, reason := range directives(pass, d.Pos) {
			if !slices.Contains(strings.Split(names, ","), pass.Analyzer.Name) {
				continue
			}
			if reason != "" {
				return
			}
			d.Message += " (" + directive + " takes the name of the analyzer and a reason)"
		}
		pass.Report(d)
	}
	return &copied
}

// directives yields names and reason of the directives for pos.
func directives(pass *analysis.Pass, pos token.Pos) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		line := pass.Fset.Position(pos).Line
		for _, file := range pass.Files {
			if !within(pos, file) {
				continue
			}
			doc := documentation(file, pos)
			for _, group := range file.Comments {
				for _, comment := range group.List {
					rest, ok := strings.CutPrefix(comment.Text, directive+" ")
					at := pass.Fset.Position(comment.Pos()).Line
					if !ok || at != line && at != line-1 && !slices.Contains(doc, group) {
						continue
					}
					names, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
					if !yield(names, strings.TrimSpace(reason)) {
						return
					}
				}
			}
		}
	}
}

// documentation returns the doc comments of the file and of the function around pos.
func documentation(file *ast.File, pos token.Pos) []*ast.CommentGroup {
	doc := []*ast.CommentGroup{file.Doc}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && within(pos, f) {
			doc = append(doc, f.Doc)
		}
	}
	return doc
}
