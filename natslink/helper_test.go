package natslink_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type placed struct {
	ID    string
	Total int
}

type billed struct{ ID string }

// view notes what it hears.
type view struct {
	mu  sync.Mutex
	got []string
	bus *weakbus.Bus
}

func (v *view) add(s string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.got = append(v.got, s)
}

func (v *view) list() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{}, v.got...)
}

func (v *view) onPlaced(e placed) { v.add("placed " + e.ID) }
func (v *view) onBilled(e billed) { v.add("billed " + e.ID) }

func (v *view) bill(ctx context.Context, e placed) error {
	_, err := weakbus.PublishContext(ctx, v.bus, billed{e.ID})
	return err
}

func (v *view) again(ctx context.Context, e placed) error {
	if e.Total == 0 {
		return nil
	}
	_, err := weakbus.PublishContext(ctx, v.bus, placed{e.ID + "'", 0})
	return err
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// serve starts a server; without a listener unless change asks for one.
func serve(t testing.TB, change func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{ServerName: "test", DontListen: true, NoLog: true, NoSigs: true}
	if change != nil {
		change(o)
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(5*time.Second))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func dial(t testing.TB, s *server.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", append([]nats.Option{nats.InProcessServer(s), nats.NoEcho()}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

type process struct {
	bus  *weakbus.Bus
	link *link.Link
	nc   *nats.Conn
	errs chan *link.Error
}

func start(t testing.TB, nc *nats.Conn, tr link.Transport) *process {
	t.Helper()
	p := &process{bus: weakbus.New(), nc: nc, errs: make(chan *link.Error, 100)}
	p.link = p.join(t, tr)
	return p
}

func (p *process) join(t testing.TB, tr link.Transport) *link.Link {
	t.Helper()
	l := link.Open(p.bus, tr, link.OnError(func(e *link.Error) { p.errs <- e }))
	require.NoError(t, link.Share[placed](l, "orders.placed"))
	require.NoError(t, link.Share[billed](l, "orders.billed"))
	t.Cleanup(func() { assert.NoError(t, l.Close(soon(t))) })
	return l
}

func join(t testing.TB, s *server.Server) *process {
	t.Helper()
	nc := dial(t, s)
	return start(t, nc, natslink.New(nc, "shop"))
}

func syncAll(t testing.TB, ps ...*process) {
	t.Helper()
	for _, p := range ps {
		require.NoError(t, p.link.Sync(soon(t)))
	}
}

func hears(t testing.TB, v *view, want ...string) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return len(v.list()) >= len(want) }, 10*time.Second, time.Millisecond) {
		require.Equal(t, want, v.list())
	}
	require.Equal(t, want, v.list())
}

// quiet checks that nothing more is under way.
func quiet(t testing.TB, v *view, want ...string) {
	t.Helper()
	assert.Never(t, func() bool { return len(v.list()) != len(want) }, 50*time.Millisecond, 5*time.Millisecond)
	require.Equal(t, want, v.list())
}

func idle(t testing.TB, p *process) {
	t.Helper()
	require.Eventually(t, func() bool { runtime.GC(); return p.link.Stats().Interests == 0 }, 10*time.Second, time.Millisecond)
	syncAll(t, p)
}

func at(bus *weakbus.Bus, key string) *weakbus.Topic[placed] {
	return weakbus.TopicOf[placed](bus).At(key)
}
