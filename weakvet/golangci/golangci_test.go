package golangci_test

import (
	"testing"

	"github.com/golangci/plugin-module-register/register"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/tools/go/analysis"

	"github.com/weakbus/weakbus/weakvet/checks"
	_ "github.com/weakbus/weakbus/weakvet/golangci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// build makes the plugin as golangci-lint does.
func build(t *testing.T, settings any) ([]*analysis.Analyzer, error) {
	t.Helper()
	newPlugin, err := register.GetPlugin("weakvet")
	require.NoError(t, err)
	p, err := newPlugin(settings)
	if err != nil {
		return nil, err
	}
	assert.Equal(t, register.LoadModeTypesInfo, p.GetLoadMode(), "the checks need types")
	return p.BuildAnalyzers()
}

func TestPlugin_HasAllChecks(t *testing.T) {
	analyzers, err := build(t, nil)
	require.NoError(t, err)
	assert.Equal(t, checks.All(), analyzers)
	assert.NoError(t, analysis.Validate(analyzers))
}

func TestPlugin_LeavesOutWhatIsDisabled(t *testing.T) {
	analyzers, err := build(t, map[string]any{"disable": []string{"vanishing", "retained"}})
	require.NoError(t, err)
	assert.Len(t, analyzers, len(checks.All())-2)
	assert.NotContains(t, analyzers, checks.Vanishing)
}

func TestPlugin_RefusesWhatItDoesNotKnow(t *testing.T) {
	_, err := build(t, map[string]any{"disable": []string{"vanished"}})
	require.ErrorContains(t, err, `no check "vanished"`)
	_, err = build(t, map[string]any{"enable": true})
	require.ErrorContains(t, err, "enable")
}
