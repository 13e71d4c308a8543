package checks_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/weakbus/weakbus/weakvet/checks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestImmortal(t *testing.T) {
	analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), checks.Immortal, "./immortal")
}

func TestVanishing(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Vanishing, "./vanishing")
}

func TestUncollectable(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Uncollectable, "./uncollectable")
}

func TestGlobalScope(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.GlobalScope, "./globalscope")
}

func TestRetained(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Retained, "./retained")
}

func TestIgnoreDirective(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Vanishing, "./ignore")
}

// On Go 1.26 there is nothing to see.
func TestMethodsOfGo127(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Immortal, "./go127")
}

func TestAnalyzersAreValid(t *testing.T) {
	require.NoError(t, analysis.Validate(checks.All()))
}
