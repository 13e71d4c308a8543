package checks_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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
	analysistest.Run(t, analysistest.TestData(), checks.GlobalScope, "./globalscope", "./program")
}

func TestRetained(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Retained, "./retained")
}

func TestByValue(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.ByValue, "./byvalue")
}

func TestCopied(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Copied, "./copied")
}

// What only looks like a mistake is not reported.
func TestImmortal_PassesOverWhatIsReleased(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Immortal, "./released")
}

func TestVanishing_PassesOverWhatIsHeld(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Vanishing, "./held")
}

func TestIgnoreDirective(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Vanishing, "./ignore")
}

// On Go 1.26 there is nothing to see.
func TestMethodsOfGo127(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), checks.Immortal, "./go127")
}

func TestDocumentation_ShowsCheckedCode(t *testing.T) {
	analysistest.Run(t, analysistest.TestData(), together(), "./doc")

	page, err := os.ReadFile("../doc.go")
	require.NoError(t, err)
	code, err := os.ReadFile("testdata/doc/doc.go")
	require.NoError(t, err)
	shown := regexp.MustCompile(`(?m)^//\t(\t?(?:weakbus\.|hud :=|subs :=|cache\.|NewHUD\(|run\(|runtime\.|func |//weakvet).*)$`).FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(shown), 15, "not found")
	for _, line := range shown {
		statement, _, _ := strings.Cut(line[1], " // reported")
		statement, _, _ = strings.Cut(statement, "   // type")
		assert.Contains(t, string(code), strings.TrimSpace(statement))
	}
}

// together returns one analyzer that runs all, and names the one that each report is from.
func together() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: "together", Doc: "run all checks", Requires: checks.Copied.Requires,
		Run: func(pass *analysis.Pass) (any, error) {
			for _, a := range checks.All() {
				one := *pass
				one.Analyzer = a
				one.Report = func(d analysis.Diagnostic) {
					d.Message = a.Name + ": " + d.Message
					pass.Report(d)
				}
				if _, err := a.Run(&one); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	}
}

func TestAnalyzersAreValid(t *testing.T) {
	require.NoError(t, analysis.Validate(checks.All()))
}
