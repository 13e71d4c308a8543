package prombus_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var (
	selector = regexp.MustCompile(`(weakbus_\w+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)\s*[=!]~?\s*"`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
	legend   = regexp.MustCompile(`\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}`)
)

// fromScrape are labels that Prometheus adds.
var fromScrape = []string{"job", "instance"}

// check checks an expression: each metric is exported, has the labels that its matchers name, and
// has one that is grouped by. It returns the metrics, and the labels that the result has.
func check(t *testing.T, exported map[string][]string, expr string) (used, labels []string) {
	t.Helper()
	have := slices.Clone(fromScrape)
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		name := m[1]
		if base, ok := strings.CutSuffix(name, "_bucket"); ok {
			name = base
			have = append(have, "le")
		}
		require.Contains(t, exported, name, "in %s", expr)
		used, have = append(used, name), append(have, exported[name]...)
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			assert.Contains(t, append(exported[name], fromScrape...), l[1], "label in %s", m[0])
		}
	}
	require.NotEmpty(t, used, expr)
	groups := grouping.FindAllStringSubmatch(expr, -1)
	for _, g := range groups {
		for l := range strings.SplitSeq(g[1], ",") {
			assert.Contains(t, have, strings.TrimSpace(l), "group in %s", expr)
			labels = append(labels, strings.TrimSpace(l))
		}
	}
	if groups == nil && !strings.HasPrefix(expr, "sum(") {
		labels = have
	}
	return used, labels
}

// checkText checks that a template names labels that there are.
func checkText(t *testing.T, labels []string, text string) {
	t.Helper()
	for _, l := range legend.FindAllStringSubmatch(text, -1) {
		assert.Contains(t, labels, l[1], "in %q", text)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}

func TestAlerts_NameWhatIsExported(t *testing.T) {
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(read(t, "alerts.yml"), &file))
	exported := families(t)
	seen := make(map[string]bool)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			assert.False(t, seen[r.Alert], "%s comes twice", r.Alert)
			seen[r.Alert] = true
			assert.Contains(t, []string{"info", "warning", "critical"}, r.Labels["severity"], r.Alert)
			assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
			_, labels := check(t, exported, r.Expr)
			for _, text := range r.Annotations {
				checkText(t, labels, text)
			}
		}
	}
	assert.True(t, seen["WeakbusSubscriberCollectedUnheard"])
}

func TestDashboard_NamesWhatIsExportedAndShowsAll(t *testing.T) {
	var file struct {
		Title, UID string
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Panels []struct {
			ID                 int
			Title, Description string
			GridPos            struct{ X, Y, W, H int }
			Targets            []struct{ RefID, Expr, LegendFormat string }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, "dashboard.json"), &file))
	exported := families(t)
	var shown, variables []string
	for _, v := range file.Templating.List {
		variables = append(variables, v.Name)
		if v.Definition != "" {
			check(t, exported, v.Definition)
		}
	}
	variable := regexp.MustCompile(`\$\{?(\w+)`)
	ids := make(map[int]bool)
	for _, p := range file.Panels {
		assert.False(t, ids[p.ID], "panel %d comes twice", p.ID)
		ids[p.ID] = true
		assert.NotEmpty(t, p.Description, p.Title)
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for _, target := range p.Targets {
			used, labels := check(t, exported, target.Expr)
			shown = append(shown, used...)
			checkText(t, labels, target.LegendFormat)
			for _, v := range variable.FindAllStringSubmatch(target.Expr, -1) {
				if !strings.HasPrefix(v[1], "__") {
					assert.Contains(t, variables, v[1], target.Expr)
				}
			}
		}
	}
	for name := range exported {
		assert.Contains(t, shown, name, "no panel shows it")
	}
}

// What check lets pass would not be noticed in the files.
func TestCheck_SeesWhatIsWrong(t *testing.T) {
	exported := map[string][]string{"weakbus_a_total": {"bus"}}
	for _, expr := range []string{
		`rate(weakbus_b_total[5m])`,
		`rate(weakbus_a_total{event="x"}[5m])`,
		`sum by (event) (weakbus_a_total)`,
		`1`,
	} {
		var failed bool
		done := make(chan struct{})
		go func() { // FailNow ends the goroutine
			defer close(done)
			probe := &testing.T{}
			defer func() { failed = probe.Failed() }()
			check(probe, exported, expr)
		}()
		<-done
		assert.True(t, failed, expr)
	}
}
