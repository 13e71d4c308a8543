package checks

import (
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/copylock"
)

// Copied reports copies of what weakbus forbids to copy. It is vet's check copylocks, which does
// not run where weakvet takes the place of vet's checks, and leaves out what has nothing to do
// with weakbus.
var Copied = &analysis.Analyzer{
	Name: "copied",
	Doc: `report copies of Scope, Topic, Cache and other types of weakbus

A copy of a Scope or Topic has the subscriptions of the original for a part, and later ones not.`,
	URL:      url,
	Requires: append([]*analysis.Analyzer{index}, copylock.Analyzer.Requires...),
	Run: func(pass *analysis.Pass) (any, error) {
		copied := *pass
		copied.Report = func(d analysis.Diagnostic) {
			if strings.Contains(d.Message, weakbusPath) {
				pass.Report(d)
			}
		}
		return copylock.Analyzer.Run(obeying(&copied, pass.ResultOf[index].(*code)))
	},
}
