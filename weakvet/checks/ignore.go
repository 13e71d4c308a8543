package checks

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

const directive = "//weakvet:ignore"

// obeying returns pass with reports left out where a comment says so:
//
//	//weakvet:ignore NAMES REASON
//
// on the line of the report or on the line before, with the names of analyzers separated by
// commas. Without a reason it silences nothing, and the report says why.
func obeying(pass *analysis.Pass) *analysis.Pass {
	copied := *pass
	copied.Report = func(d analysis.Diagnostic) {
		switch names, reason, found := ignored(pass, d.Pos); {
		case found && reason == "":
			d.Message += " (" + directive + " takes the name of the analyzer and a reason)"
		case found && slices.Contains(strings.Split(names, ","), pass.Analyzer.Name):
			return
		}
		pass.Report(d)
	}
	return &copied
}

// ignored returns what the directive for pos says.
func ignored(pass *analysis.Pass, pos token.Pos) (names, reason string, found bool) {
	line := pass.Fset.Position(pos).Line
	for _, file := range pass.Files {
		if !within(pos, file) {
			continue
		}
		for comment := range comments(file) {
			if rest, ok := strings.CutPrefix(comment.Text, directive); ok && (rest == "" || rest[0] == ' ') {
				if at := pass.Fset.Position(comment.Pos()).Line; at == line || at == line-1 {
					names, reason, _ = strings.Cut(strings.TrimSpace(rest), " ")
					return names, strings.TrimSpace(reason), true
				}
			}
		}
	}
	return "", "", false
}

func comments(file *ast.File) func(yield func(*ast.Comment) bool) {
	return func(yield func(*ast.Comment) bool) {
		for _, group := range file.Comments {
			for _, comment := range group.List {
				if !yield(comment) {
					return
				}
			}
		}
	}
}
