package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// tool is the path of a weakvet made from this directory.
var tool string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "weakvet")
	var out string
	if err == nil {
		tool = filepath.Join(dir, "weakvet")
		out, err = run(".", "go", "build", "-o", tool, ".")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build weakvet:", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

const header = `package main

import (
	"fmt"

	"github.com/weakbus/weakbus"
)

type Score struct{ Points int }

type HUD struct {
	name   string
	points int
}

func (h *HUD) OnScore(e Score) { h.points += e.Points }

type Game struct{ hud *HUD }

func play(bus *weakbus.Bus) { fmt.Println(weakbus.Publish(bus, Score{Points: 10})) }

`

const mistakes = header + `func (g *Game) start(bus *weakbus.Bus) {
	hud := &HUD{name: "immortal"}
	g.hud = hud
	weakbus.Subscribe(bus, hud, func(_ *HUD, e Score) { hud.OnScore(e) })
}

func main() {
	bus, g := weakbus.New(), &Game{}
	g.start(bus)
	hud := &HUD{name: "vanishing"}
	weakbus.Subscribe(bus, hud, (*HUD).OnScore)
	play(bus)
	fmt.Println(g.hud.points)
}
`

const corrected = header + `func (g *Game) start(bus *weakbus.Bus) {
	g.hud = &HUD{name: "held by the game, which it can end with"}
	weakbus.Subscribe(bus, g.hud, (*HUD).OnScore)
}

func main() {
	bus, g := weakbus.New(), &Game{}
	g.start(bus)
	play(bus)
	fmt.Println(g.hud.points)
}
`

const copying = header + `type Window struct{ subs weakbus.Scope }

func take(s weakbus.Scope) {}

func main() {
	w := &Window{}
	subs := w.subs
	take(subs)
	play(weakbus.New())
}
`

func TestGoVet_FindsTheClassicMistakesInAFreshModule(t *testing.T) {
	dir := module(t, mistakes)
	out, err := run(dir, "go", "vet", "-vettool="+tool, "./...")
	require.Error(t, err, "go vet finds nothing: %s", out)
	assert.Contains(t, out, "main.go:25:54: the handler captures hud, its own receiver")
	assert.Contains(t, out, "main.go:32:25: nothing uses hud after its subscriptions are made")

	out, err = run(dir, "go", "vet", "-vettool="+tool, "-vanishing=false", "./...")
	require.Error(t, err)
	assert.Contains(t, out, "the handler captures hud")
	assert.NotContains(t, out, "nothing uses hud", "it was switched off")
}

// The package ui tells of its constructor, and package main drops what it returns.
const constructor = `package ui

import "github.com/weakbus/weakbus"

var Bus = weakbus.New()

type Resize struct{ Width int }

type Panel struct {
	title string
	width int
}

func (p *Panel) OnResize(e Resize) { p.width = e.Width }

func NewPanel(title string) *Panel {
	p := &Panel{title: title}
	weakbus.Subscribe(Bus, p, (*Panel).OnResize)
	return p
}
`

const caller = `package main

import "example.com/fresh/ui"

func main() {
	ui.NewPanel("tools")
}
`

func TestWeakvet_KnowsTheConstructorsOfOtherPackages(t *testing.T) {
	dir := module(t, caller)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "ui"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ui", "ui.go"), []byte(constructor), 0o600))
	for _, command := range [][]string{{"go", "vet", "-vettool=" + tool, "."}, {tool, "."}} {
		out, err := run(dir, command[0], command[1:]...)
		require.Error(t, err)
		assert.Contains(t, out, "main.go:6:2: nothing holds the ui.Panel that NewPanel subscribes and returns")
	}
}

// As README.md has it, but for the replacement of the module by this directory.
func TestGoTool_RunsTheToolOfTheModule(t *testing.T) {
	dir := module(t, mistakes)
	here, err := filepath.Abs(".")
	require.NoError(t, err)
	out, err := run(dir, "go", "mod", "edit", "-replace=github.com/weakbus/weakbus/weakvet="+here, "-require=github.com/weakbus/weakbus/weakvet@v0.0.0")
	require.NoError(t, err, out)
	out, err = run(dir, "go", "get", "-tool", "github.com/weakbus/weakbus/weakvet@v0.0.0")
	require.NoError(t, err, out)
	for _, command := range []string{"go tool weakvet ./...", `go vet -vettool="$(go tool -n weakvet)" ./...`} {
		out, err := run(dir, "sh", "-c", command)
		require.Error(t, err)
		assert.Contains(t, out, "main.go:25:54: the handler captures hud, its own receiver", command)
	}
}

func TestGoVet_PassesTheCorrectedModule(t *testing.T) {
	out, err := run(module(t, corrected), "go", "vet", "-vettool="+tool, "./...")
	require.NoError(t, err, out)
}

func TestStandalone_FixesWhatItFinds(t *testing.T) {
	dir := module(t, mistakes)
	out, _ := run(dir, tool, "-immortal", "-fix", "./...")
	fixed, err := os.ReadFile(filepath.Join(dir, "main.go"))
	require.NoError(t, err)
	assert.Contains(t, string(fixed), "weakbus.Subscribe(bus, hud, (*HUD).OnScore)\n}", out)
	out, err = run(dir, tool, "-immortal", "./...")
	require.NoError(t, err, out)
	out, err = run(dir, "go", "build", "-o", os.DevNull, ".")
	require.NoError(t, err, out)
}

// What weakvet reports and what Subscribe refuses has to be the same.
func TestUncollectable_AgreesWithTheLibrary(t *testing.T) {
	types := []string{
		"struct{}", "[0]int", "[0]*int", "struct{ a struct{}; b [0]string }", "bool", "int", "[15]byte", "[16]byte", "[3]int32", "float64", "complex128",
		"struct{ a, b int32 }", "struct{ a int64; b bool }", "uintptr", "*int", "string", "[]int", "func()", "map[int]int", "chan int", "any", "error",
		"struct{ p *int }", "struct{ a [1]struct{ p *int } }", "struct{ none [0]*int; b byte }", "[1]*int", "[2]int32",
	}
	var source strings.Builder
	source.WriteString("package main\n\nimport \"github.com/weakbus/weakbus\"\n\nfunc refuses(subscribe func()) (refused bool) {\n" +
		"\tdefer func() { refused = recover() != nil }()\n\tsubscribe()\n\treturn\n}\n\nfunc main() {\n\tbus := weakbus.New()\n")
	for _, typ := range types {
		fmt.Fprintf(&source, "\tif recv := new(%[1]s); refuses(func() { weakbus.Subscribe(bus, recv, func(*%[1]s, int) {}) }) { println(`%[1]s`) }\n", typ)
	}
	source.WriteString("}\n")
	dir := module(t, source.String())
	refused, err := run(dir, "go", "run", ".")
	require.NoError(t, err, refused)
	reported, _ := run(dir, tool, "-uncollectable", ".")
	var listed strings.Builder
	for i, typ := range types {
		if strings.Contains(reported, fmt.Sprintf("main.go:%d:", 13+i)) {
			fmt.Fprintln(&listed, typ)
		}
	}
	assert.Equal(t, refused, listed.String())
	assert.Contains(t, refused, "[15]byte")
}

func TestGoVet_ReportsACopiedScopeWithAndWithoutWeakvet(t *testing.T) {
	dir := module(t, copying)
	for _, vet := range [][]string{{"vet", "./..."}, {"vet", "-vettool=" + tool, "-copied", "./..."}} {
		out, err := run(dir, "go", vet...)
		require.Error(t, err)
		assert.Contains(t, out, "take passes lock by value: github.com/weakbus/weakbus.Scope contains")
		assert.Contains(t, out, "assignment copies lock value to subs: github.com/weakbus/weakbus.Scope contains")
	}
}

// module returns the directory of a new module that uses the weakbus of this repository.
func module(t *testing.T, source string) string {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	dir := t.TempDir()
	mod := "module example.com/fresh\n\ngo 1.26\n\nrequire github.com/weakbus/weakbus v0.0.0\n\nreplace github.com/weakbus/weakbus => " + root + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600))
	return dir
}

func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
