//go:build !weakbuscheck

package docs

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// README quotes what the compiler says about the mistakes that everybody makes. Each is made here.
func TestQuotedMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles programs")
	}
	mistakes := []struct{ code, quoted string }{
		{`weakbus.Subscribe(bus, hud, hud.OnScore)`, "`func(s Score) of hud.OnScore does not match`"},
		{`weakbus.Subscribe(bus, h, Hearer.OnScore)`, "`type Hearer of h does not match *T`"},
		{`weakbus.Events(context.Background(), scores)`, "`cannot infer E`"},
		{`weakbus.SubscribeFunc(scores, bus.Scope(), func(any) {})`, "`does not satisfy weakbus.Source[any]`"},
		{`bus.Publish(Score{})`, "`bus.Publish undefined`"},
	}
	const program = `package main
import ("context"; "github.com/weakbus/weakbus")
type Score struct{ Points int }
type Hearer interface{ OnScore(s Score) }
type HUD struct{ total int; subs weakbus.Scope }
func (h *HUD) OnScore(s Score) { h.total += s.Points }
var _ = context.Background
func main() {
	bus, hud := weakbus.New(), &HUD{}
	h, scores := Hearer(hud), weakbus.TopicOf[Score](bus)
	_, _, _ = h, scores, hud
	MISTAKE
}
`
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	for _, m := range mistakes {
		dir := module(t, ".")
		write(t, filepath.Join(dir, "main.go"), strings.Replace(program, "MISTAKE", m.code, 1))
		said := goCommand(dir, "build", "-o", os.DevNull, ".")
		if m.quoted != "`bus.Publish undefined`" || strings.HasPrefix(runtime.Version(), "go1.26") {
			assert.Contains(t, said, strings.Trim(m.quoted, "`"))
		}
		assert.Contains(t, string(readme), m.quoted)
	}
}
