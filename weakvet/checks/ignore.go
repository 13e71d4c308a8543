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
// on the line of the report or of the call that subscribes, on the line before, in the doc comment
// of the function, or above the package clause of the file. NAMES are the names of analyzers, separated by commas. Without a
// reason it silences nothing, and the report says why.
func obeying(pass *analysis.Pass, c *code) *analysis.Pass {
	copied := *pass
	copied.Report = func(d analysis.Diagnostic) {
		for names, reason := range directives(pass, c, d.Pos) {
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
func directives(pass *analysis.Pass, c *code, pos token.Pos) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		lineOf := func(pos token.Pos) int { return pass.Fset.Position(pos).Line }
		line, first := lineOf(pos), lineOf(c.start(pos))
		for _, file := range pass.Files {
			if !within(pos, file) {
				continue
			}
			doc := documentation(file, pos)
			silences := func(group *ast.CommentGroup, comment *ast.Comment) bool {
				at := lineOf(comment.Pos())
				return at == line || at == line-1 || at == first || at == first-1 ||
					comment.Pos() < file.Package || doc != nil && group == doc
			}
			for _, group := range file.Comments {
				for _, comment := range group.List {
					rest, ok := strings.CutPrefix(comment.Text, directive+" ")
					if !ok || !silences(group, comment) {
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

// start returns the position of the innermost subscription around pos, or pos.
func (c *code) start(pos token.Pos) token.Pos {
	start := pos
	if c == nil {
		return start
	}
	for _, s := range c.subs { // outer ones first
		if within(pos, s.call) {
			start = s.call.Pos()
		}
	}
	return start
}

// documentation returns the doc comment of the function around pos, or nil.
func documentation(file *ast.File, pos token.Pos) *ast.CommentGroup {
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && within(pos, f) {
			return f.Doc
		}
	}
	return nil
}
