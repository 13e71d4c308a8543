package host_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/plugins/event"
	"github.com/weakbus/weakbus/examples/plugins/host"
)

// built is where TestMain puts the plugins, and their machine code.
var built string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "plugins"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(built)
		build := exec.Command("go", "run", "./build", built)
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("%v\n%s", err, out))
		}
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}())
}

// stage is a host with a bus, and the memory of what was published.
type stage struct {
	bus  *weakbus.Bus
	host *host.Host
	subs weakbus.Scope
	log  chan string
}

func (s *stage) onReport(r event.Report)    { s.log <- r.Plugin + ": " + r.Text }
func (s *stage) onUnloaded(u host.Unloaded) { s.log <- fmt.Sprintf("unloaded %s: %v", u.Plugin, u.Err) }
func (s *stage) onLoaded(l host.Loaded)     { s.log <- "loaded " + l.Plugin }
func (s *stage) next() string {
	select {
	case l := <-s.log:
		return l
	default:
		return ""
	}
}

func newStage(t *testing.T, c host.Config) *stage {
	s := &stage{bus: weakbus.New(), log: make(chan string, 1000)}
	if c.Dir == "" {
		c.Dir = built
	}
	var err error
	s.host, err = host.New(t.Context(), s.bus, c)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.host.Close(context.Background()))
		assert.NoError(t, s.bus.Close())
		runtime.KeepAlive(s)
	})
	weakbus.Subscribe(s.bus, s, (*stage).onReport)
	weakbus.Subscribe(s.bus, s, (*stage).onUnloaded)
	weakbus.Subscribe(s.bus, s, (*stage).onLoaded)
	return s
}

func TestSmoke(t *testing.T) {
	b := time.Now()
	s := newStage(t, host.Config{})
	require.NoError(t, s.host.LoadAll(t.Context()))
	t.Log("load", time.Since(b))
	b = time.Now()
	n, err := weakbus.PublishContext(t.Context(), s.bus, event.Line{Number: 1, Text: "one two"})
	t.Log(n, err, time.Since(b))
	b = time.Now()
	for i := range 10000 {
		weakbus.Publish(s.bus, event.Line{Number: i + 2, Text: strings.Repeat("one two ", i%7)})
	}
	t.Log("10000", time.Since(b))
	b = time.Now()
	require.NoError(t, s.host.Reload(t.Context(), "wordcount"))
	t.Log("reload", time.Since(b))
	b = time.Now()
	weakbus.Publish(s.bus, event.Ask{})
	for l := s.next(); l != ""; l = s.next() {
		t.Log(l)
	}
}
