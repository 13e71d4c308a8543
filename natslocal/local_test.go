package natslocal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
	"github.com/weakbus/weakbus/natslocal"
)

func TestMain(m *testing.M) {
	if addr := os.Getenv("NATSLOCAL_TEST_PROCESS"); addr != "" {
		other(addr)
		return
	}
	goleak.VerifyTestMain(m)
}

type said struct{ From, Text string }

type board struct {
	mu  sync.Mutex
	got []string
}

func (b *board) on(s said) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, s.From+": "+s.Text)
}

func (b *board) has(s string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.got {
		if x == s {
			return true
		}
	}
	return false
}

// other is a process of its own: it publishes each line that it reads, and prints each event that it hears.
func other(addr string) {
	t, err := natslocal.Local(addr, "secret", "test")
	if err != nil {
		fmt.Println("error", err)
		return
	}
	bus := weakbus.New()
	l := link.Open(bus, t)
	if err := link.Share[said](l, "said"); err != nil {
		fmt.Println("error", err)
		return
	}
	var scope weakbus.Scope
	weakbus.SubscribeFuncContext(bus, &scope, func(ctx context.Context, s said) error {
		if link.Remote(ctx) {
			fmt.Println("heard", s.From, s.Text)
		}
		return nil
	})
	ctx := context.Background()
	if err := l.Sync(ctx); err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("ready", t.Host())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "host?" {
			fmt.Println("host", t.Host())
			continue
		}
		weakbus.Publish(bus, said{strconv.Itoa(os.Getpid()), in.Text()})
	}
	_ = l.Close(ctx)
	runtime.KeepAlive(&scope)
}

type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func spawn(t *testing.T, addr string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(os.Args[0]), lines: make(chan string, 1000)}
	p.cmd.Env = append(os.Environ(), "NATSLOCAL_TEST_PROCESS="+addr)
	p.cmd.Stderr = os.Stderr
	var err error
	p.in, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	})
	t.Cleanup(func() {
		_ = p.in.Close()
		reader.Wait()
		_ = p.cmd.Wait()
	})
	return p
}

func (p *process) say(s string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.in, s)
	require.NoError(p.t, err)
}

// until waits for a line.
func (p *process) until(line string) {
	p.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case got, ok := <-p.lines:
			require.True(p.t, ok, "ended before %q", line)
			require.False(p.t, strings.HasPrefix(got, "error"), "%s", got)
			if got == line {
				return
			}
		case <-limit:
			require.FailNow(p.t, "no line", "%q", line)
		}
	}
}

func free(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	return ln.Addr().String()
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

type member struct {
	t    *natslocal.Transport
	bus  *weakbus.Bus
	link *link.Link
	b    *board
}

func join(t testing.TB, addr string) *member {
	t.Helper()
	tr, err := natslocal.Local(addr, "secret", "test")
	require.NoError(t, err)
	m := &member{t: tr, bus: weakbus.New(), b: &board{}}
	m.link = link.Open(m.bus, tr)
	require.NoError(t, link.Share[said](m.link, "said"))
	weakbus.Subscribe(m.bus, m.b, (*board).on)
	require.NoError(t, m.link.Sync(soon(t)))
	t.Cleanup(func() { assert.NoError(t, m.link.Close(soon(t))) })
	return m
}

func TestHostKilled(t *testing.T) {
	addr := free(t)
	host := spawn(t, addr)
	host.until("ready true")
	guest, here := spawn(t, addr), join(t, addr)
	guest.until("ready false")
	require.False(t, here.t.Host())
	weakbus.Publish(here.bus, said{"here", "hello"})
	host.until("heard here hello")
	guest.until("heard here hello")
	guest.say("hi")
	host.until(fmt.Sprintf("heard %d hi", guest.cmd.Process.Pid))
	require.Eventually(t, func() bool { return here.b.has(fmt.Sprintf("%d: hi", guest.cmd.Process.Pid)) }, 5*time.Second, time.Millisecond)

	killed := time.Now()
	require.NoError(t, host.cmd.Process.Kill())
	heard := make(chan string)
	go func() {
		for line := range guest.lines {
			if strings.HasPrefix(line, "heard here again ") {
				heard <- line
				return
			}
		}
	}()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i, flows := 0, false; !flows; i++ {
		select {
		case <-tick.C:
			require.Less(t, time.Since(killed), 10*time.Second)
			weakbus.Publish(here.bus, said{"here", "again " + strconv.Itoa(i)})
		case <-heard:
			flows = true
		}
	}
	took := time.Since(killed)
	t.Log("messages flow again after", took)
	assert.Less(t, took, time.Second)
	guest.say("still there")
	require.Eventually(t, func() bool { return here.b.has(fmt.Sprintf("%d: still there", guest.cmd.Process.Pid)) }, 5*time.Second, time.Millisecond)
}

func TestHostLeaves(t *testing.T) {
	addr := free(t)
	a, b, c := join(t, addr), join(t, addr), join(t, addr)
	require.True(t, a.t.Host())
	require.False(t, b.t.Host() || c.t.Host())
	weakbus.Publish(a.bus, said{"a", "bye"})
	require.NoError(t, a.link.Close(soon(t)))
	require.Eventually(t, func() bool { return b.b.has("a: bye") && c.b.has("a: bye") }, 5*time.Second, time.Millisecond, "what was accepted is delivered")
	require.Eventually(t, func() bool { return (b.t.Host() || c.t.Host()) && b.t.Conn().IsConnected() && c.t.Conn().IsConnected() }, time.Second, time.Millisecond)
	require.False(t, b.t.Host() && c.t.Host())
	require.NoError(t, b.link.Sync(soon(t)))
	require.NoError(t, c.link.Sync(soon(t)))
	weakbus.Publish(b.bus, said{"b", "on we go"})
	require.Eventually(t, func() bool { return c.b.has("b: on we go") }, 5*time.Second, time.Millisecond)
}

// Many processes that come at the same moment agree on one.
func TestAllAtOnce(t *testing.T) {
	addr := free(t)
	all := make([]*natslocal.Transport, 8)
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() { all[i], errs[i] = natslocal.Local(addr, "secret", "test") })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	hosts := 0
	for _, tr := range all {
		if tr.Host() {
			hosts++
		}
	}
	assert.Equal(t, 1, hosts)
	for _, tr := range all {
		require.NoError(t, tr.Close(soon(t)))
	}
}

func TestWrongToken(t *testing.T) {
	addr := free(t)
	join(t, addr)
	_, err := natslocal.Local(addr, "guessed", "test")
	require.ErrorIs(t, err, natslocal.ErrToken)
	require.ErrorContains(t, err, "another process has this address, with another token ("+addr+")")
}

func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n")
			_ = c.Close()
		}
	})
	_, err = natslocal.Local(ln.Addr().String(), "secret", "test")
	require.ErrorIs(t, err, natslocal.ErrForeign)
	t.Log(err)
	require.NoError(t, ln.Close())
	wg.Wait()
}

// A program that has the port and says nothing.
func TestPortTakenBySilence(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	_, err = natslocal.Local(ln.Addr().String(), "secret", "test")
	require.ErrorIs(t, err, natslocal.ErrForeign)
	t.Log(err)
}

func TestAddresses(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:7422": "not on the loopback interface", "192.168.0.1:7422": "not on the loopback interface",
		"example.com:7422": "not on the loopback interface", ":7422": "not on the loopback interface",
		"127.0.0.1": "missing port", "127.0.0.1:0": "a number from 1 to 65535", "127.0.0.1:x": "a number from 1 to 65535",
	} {
		_, err := natslocal.Local(addr, "secret", "test")
		require.ErrorContains(t, err, want, addr)
	}
	_, err := natslocal.Local("127.0.0.1:7422", "", "test")
	require.ErrorContains(t, err, "empty token")
}

func TestEmbedded(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s, err := natslocal.Embedded(dir)
		require.NoError(t, err)
		var buses [2]*weakbus.Bus
		var links [2]*link.Link
		for i := range buses {
			nc, err := s.Connect()
			require.NoError(t, err)
			defer nc.Close()
			var tr link.Transport
			if dir == "" {
				tr = natslink.New(nc, "test")
			} else {
				tr, err = natslink.NewDurable(soon(t), nc, "test", strconv.Itoa(i))
				require.NoError(t, err)
			}
			buses[i] = weakbus.New()
			links[i] = link.Open(buses[i], tr)
			require.NoError(t, link.Share[said](links[i], "said"))
		}
		b := &board{}
		weakbus.Subscribe(buses[1], b, (*board).on)
		require.NoError(t, links[1].Sync(soon(t)))
		weakbus.Publish(buses[0], said{"0", "hello"})
		require.Eventually(t, func() bool { return b.has("0: hello") }, 5*time.Second, time.Millisecond)
		for _, l := range links {
			require.NoError(t, l.Close(soon(t)))
		}
		require.NoError(t, s.Close())
	}
	_, err := natslocal.Embedded("/dev/null/no")
	require.ErrorContains(t, err, "natslocal: ")
	t.Log(err)
}
