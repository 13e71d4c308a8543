// Package golangci makes weakvet a module plugin of golangci-lint. Importing it registers a linter
// called weakvet. See [README.md] for the two files that build golangci-lint with it.
//
// [README.md]: https://github.com/weakbus/weakbus/tree/main/weakvet#golangci-lint
package golangci

import (
	"fmt"
	"slices"

	"github.com/golangci/plugin-module-register/register"
	"golang.org/x/tools/go/analysis"

	"github.com/weakbus/weakbus/weakvet/checks"
)

func init() { register.Plugin("weakvet", New) }

// Settings is what can be set under linters.settings.custom.weakvet.settings.
type Settings struct {
	// Disable has the names of checks that do not run.
	Disable []string `json:"disable"`
}

// New returns the plugin. It fails on settings that it does not know.
func New(conf any) (register.LinterPlugin, error) {
	settings, err := register.DecodeSettings[Settings](conf)
	if err != nil {
		return nil, fmt.Errorf("weakvet: %w", err)
	}
	var p plugin
	for _, a := range checks.All() {
		if i := slices.Index(settings.Disable, a.Name); i >= 0 {
			settings.Disable = slices.Delete(settings.Disable, i, i+1)
		} else {
			p = append(p, a)
		}
	}
	if len(settings.Disable) > 0 {
		return nil, fmt.Errorf("weakvet: there is no check %q to disable", settings.Disable[0])
	}
	return p, nil
}

// plugin is the checks that run.
type plugin []*analysis.Analyzer

func (p plugin) BuildAnalyzers() ([]*analysis.Analyzer, error) { return p, nil }

func (plugin) GetLoadMode() string { return register.LoadModeTypesInfo }
