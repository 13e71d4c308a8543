// Package checks has the analyzers of weakvet, for use in other drivers of
// golang.org/x/tools/go/analysis. What each reports, and what it does not see, is told in the
// documentation of the command, package github.com/weakbus/weakbus/weakvet.
//
// All of them share one rule: what is not certain is not reported. What a function of another
// package does with its parameters and results, they know from the facts of that package.
package checks

import (
	"golang.org/x/tools/go/analysis"
)

const url = "https://pkg.go.dev/github.com/weakbus/weakbus/weakvet"

// All returns the analyzers, a new slice each time.
func All() []*analysis.Analyzer {
	return []*analysis.Analyzer{Immortal, Vanishing, Uncollectable, GlobalScope, Retained, ByValue, Copied}
}

// newAnalyzer returns an analyzer that has find look at each package that uses weakbus.
func newAnalyzer(name, doc string, find func(*analysis.Pass, *code)) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:     name,
		Doc:      doc,
		URL:      url,
		Requires: []*analysis.Analyzer{index},
		Run: func(pass *analysis.Pass) (any, error) {
			if c := pass.ResultOf[index].(*code); c != nil {
				find(obeying(pass, c), c)
			}
			return nil, nil
		},
	}
}
