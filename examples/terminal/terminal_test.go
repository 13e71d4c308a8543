package main

import (
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// terminal is a program without a display.
type terminal struct {
	t    *testing.T
	m    *model
	p    *tea.Program
	keys *io.PipeWriter
	done chan error
}

// look asks the program's goroutine for what it would draw.
type look chan string

func answer(m tea.Model, msg tea.Msg) tea.Msg {
	if l, ok := msg.(look); ok {
		l <- m.View().Content
		return nil
	}
	return msg
}

func open(t *testing.T, author, addr string) *terminal {
	t.Helper()
	m, err := join(author, addr, "token")
	require.NoError(t, err)
	in, keys := io.Pipe()
	x := &terminal{t: t, m: m, keys: keys, done: make(chan error, 1)}
	x.p, err = m.program(tea.WithInput(in), tea.WithOutput(io.Discard), tea.WithFilter(answer), tea.WithWindowSize(100, 24), tea.WithoutSignals(), tea.WithEnvironment([]string{"TERM=xterm"}))
	require.NoError(t, err)
	go func() { _, err := x.p.Run(); x.done <- err }()
	return x
}

func (x *terminal) types(s string) {
	x.t.Helper()
	_, err := io.WriteString(x.keys, s)
	require.NoError(x.t, err)
}

func (x *terminal) shows(s string) {
	x.t.Helper()
	screen := ""
	for limit := time.Now().Add(patience); !strings.Contains(screen, s); {
		require.WithinDuration(x.t, limit, time.Now(), patience, "no %q in\n%s", s, screen)
		l := make(look, 1)
		x.p.Send(l)
		select {
		case screen = <-l:
		case <-time.After(10 * time.Millisecond): // it has not begun, or has ended
		}
	}
}

func (x *terminal) end() {
	x.t.Helper()
	x.p.Quit()
	require.NoError(x.t, <-x.done)
	require.NoError(x.t, x.keys.Close())
	require.NoError(x.t, x.m.leave())
}

func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func TestTwoTerminals(t *testing.T) {
	addr := free(t)
	ann, bob := open(t, "ann", addr), open(t, "bob", addr)
	ann.shows("ann is the host")
	bob.shows("bob is a guest")
	require.NoError(t, bob.m.link.Sync(t.Context()))
	ann.types("hello\r")
	ann.shows("ann: hello")
	bob.shows("ann: hello")
	bob.types("\t") // opens a panel
	bob.shows("since this panel is open: ")
	ann.types("again\r")
	bob.shows("ann: again")
	bob.shows("ann 1")
	bob.types("\t") // and drops it
	ann.end()       // the server goes with it
	require.Eventually(t, bob.m.local.Host, patience, time.Millisecond)
	cid := open(t, "cid", addr)
	cid.shows("cid is a guest")
	require.NoError(t, bob.m.link.Sync(t.Context()))
	cid.types("hi bob\r")
	bob.shows("cid: hi bob")
	cid.end()
	bob.end()
}

func TestADroppedPanelIsForgotten(t *testing.T) {
	m, err := join("ann", free(t), "token")
	require.NoError(t, err)
	_, err = m.program(tea.WithInput(nil), tea.WithOutput(io.Discard))
	require.NoError(t, err)
	live := func() (n int) {
		for _, topic := range m.bus.Stats().Topics {
			if topic.Event.Name() == "Posted" {
				n += topic.Live
			}
		}
		return n
	}
	tab := tea.KeyPressMsg{Code: tea.KeyTab}
	assert.Equal(t, 1, live())
	m.Update(tab)
	assert.Equal(t, 2, live())
	m.Update(tab)
	require.Eventually(t, func() bool { runtime.GC(); return live() == 1 }, patience, time.Millisecond)
	require.NoError(t, m.leave())
}

func TestToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	tokens := make([]string, 10)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			var err error
			tokens[i], err = tokenIn(dir)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for _, token := range tokens {
		assert.Len(t, token, 26)
		assert.Equal(t, tokens[0], token)
	}
}

// Two real terminals in tmux; the one with the server is killed.
func TestKilledInTmux(t *testing.T) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("no tmux")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "terminal")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	do := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), tmux, append([]string{"-S", filepath.Join(dir, "tmux"), "-f", "/dev/null"}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	addr := free(t)
	start := func(name string) {
		do("new-session", "-d", "-s", name, "-x", "110", "-y", "24", "-e", "XDG_CACHE_HOME="+dir, program, "-name", name, "-addr", addr)
	}
	shows := func(name, want string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Contains(do("capture-pane", "-p", "-t", name), want) }, patience, 20*time.Millisecond, "%s: %s", name, want)
	}
	start("ann")
	shows("ann", "ann is the host")
	start("bob")
	start("cid")
	shows("bob", "bob is a guest")
	shows("cid", "cid is a guest")
	defer exec.Command(tmux, "-S", filepath.Join(dir, "tmux"), "kill-server").Run() //nolint:errcheck // it may have ended
	do("send-keys", "-t", "ann", "hello from ann", "Enter")
	shows("bob", "ann: hello from ann")
	shows("cid", "ann: hello from ann")

	pid := strings.TrimSpace(do("display-message", "-p", "-t", "ann", "#{pane_pid}"))
	out, err = exec.CommandContext(t.Context(), "kill", "-9", pid).CombinedOutput()
	require.NoError(t, err, "%s", out)
	killed := time.Now()
	for i := 0; !strings.Contains(do("capture-pane", "-p", "-t", "cid"), "bob: still"); i++ {
		require.Less(t, time.Since(killed), patience)
		do("send-keys", "-t", "bob", "still here", "Enter")
	}
	t.Log("messages flow again after", time.Since(killed))
	do("send-keys", "-t", "cid", "me too", "Enter")
	shows("bob", "cid: me too")
}
