package natslink_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
)

func jetStream(t testing.TB) *server.Server {
	dir := t.TempDir()
	return serve(t, func(o *server.Options) { o.JetStream, o.StoreDir = true, dir })
}

func joinDurable(t testing.TB, s *server.Server, name string, opts ...natslink.DurableOption) *process {
	t.Helper()
	nc := dial(t, s)
	tr, err := natslink.NewDurable(soon(t), nc, "shop", name, opts...)
	require.NoError(t, err)
	return start(t, nc, tr)
}

var errFull = errors.New("disk full")

// flaky fails as often as it is told to.
type flaky struct {
	view
	fails atomic.Int32
}

func (f *flaky) on(_ context.Context, e placed) error {
	if f.fails.Add(-1) >= 0 {
		f.add("failed " + e.ID)
		return errFull
	}
	f.add("done " + e.ID)
	return nil
}

func publish(p *process, from, to int) {
	for i := from; i < to; i++ {
		weakbus.Publish(p.bus, placed{strconv.Itoa(i), 1})
	}
}

func TestDurableKeepsOrderThroughFailuresAndARestart(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b")
	v := &flaky{}
	v.fails.Store(2)
	weakbus.SubscribeContext(b.bus, v, (*flaky).on)
	syncAll(t, b)
	publish(a, 0, 3)
	hears(t, &v.view, "failed 0", "failed 0", "done 0", "done 1", "done 2")
	e := <-b.errs
	assert.Equal(t, "handle", e.Op)
	require.ErrorIs(t, e, errFull)
	require.NoError(t, b.link.Close(soon(t)))
	runtime.KeepAlive(v)

	publish(a, 3, 6)
	syncAll(t, a)
	again := joinDurable(t, s, "b")
	w := &flaky{}
	weakbus.SubscribeContext(again.bus, w, (*flaky).on)
	hears(t, &w.view, "done 3", "done 4", "done 5")
	publish(a, 6, 7)
	hears(t, &w.view, "done 3", "done 4", "done 5", "done 6")
	quiet(t, &w.view, "done 3", "done 4", "done 5", "done 6")
	runtime.KeepAlive(w)
}

func TestDurableWaitsWhileNobodyListens(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b")
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	syncAll(t, b)
	publish(a, 0, 1)
	hears(t, v, "placed 0")
	runtime.KeepAlive(v)
	v = nil
	idle(t, b)
	publish(a, 1, 3)
	syncAll(t, a)
	w := &view{}
	weakbus.Subscribe(b.bus, w, (*view).onPlaced)
	hears(t, w, "placed 1", "placed 2")
	quiet(t, w, "placed 1", "placed 2")
}

func TestDurableTypeAndKeys(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b")
	all, one := &view{}, &view{}
	weakbus.Subscribe(at(b.bus, "eu"), one, (*view).onPlaced)
	weakbus.Subscribe(b.bus, all, (*view).onPlaced)
	syncAll(t, b)
	for i := range 10 {
		at(a.bus, []string{"eu", "us"}[i%2]).Publish(placed{strconv.Itoa(i), 1})
	}
	hears(t, all, "placed 0", "placed 1", "placed 2", "placed 3", "placed 4", "placed 5", "placed 6", "placed 7", "placed 8", "placed 9")
	hears(t, one, "placed 0", "placed 2", "placed 4", "placed 6", "placed 8")
	assert.EqualValues(t, 10, b.link.Stats().Received)
}

// Keys that were subscribed before Share all get what has waited.
func TestDurableKeysBeforeShare(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b")
	v := &view{}
	weakbus.Subscribe(at(b.bus, "eu"), v, (*view).onPlaced)
	syncAll(t, b)
	require.NoError(t, b.link.Close(soon(t)))
	runtime.KeepAlive(v)
	var want []string
	for i := range 20 {
		at(a.bus, strconv.Itoa(i)).Publish(placed{strconv.Itoa(i), 1})
		want = append(want, fmt.Sprint("placed ", i))
	}
	syncAll(t, a)
	nc := dial(t, s)
	tr, err := natslink.NewDurable(soon(t), nc, "shop", "b")
	require.NoError(t, err)
	bus, w := weakbus.New(), &view{}
	for i := range 20 {
		weakbus.Subscribe(at(bus, strconv.Itoa(i)), w, (*view).onPlaced)
	}
	l := link.Open(bus, tr)
	require.NoError(t, link.Share[placed](l, "orders.placed"))
	hears(t, w, want...)
	require.NoError(t, l.Close(soon(t)))
}

func TestDurableRefusesItsOwnAlsoAfterARestart(t *testing.T) {
	s := jetStream(t)
	b := joinDurable(t, s, "b")
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	syncAll(t, b)
	publish(b, 0, 1)
	require.Eventually(t, func() bool { return b.link.Stats().Own == 1 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, []string{"placed 0"}, v.list())
	runtime.KeepAlive(v)
	v = nil
	idle(t, b)
	publish(b, 1, 2) // waits on the server
	require.NoError(t, b.link.Close(soon(t)))
	again := joinDurable(t, s, "b")
	w := &view{}
	weakbus.Subscribe(again.bus, w, (*view).onPlaced)
	require.Eventually(t, func() bool { return again.link.Stats().Own == 1 }, 5*time.Second, time.Millisecond)
	assert.Empty(t, w.list())
	runtime.KeepAlive(w)
}

func TestDurableEndsWhatCannotBeDecoded(t *testing.T) {
	s := jetStream(t)
	b := joinDurable(t, s, "b")
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	syncAll(t, b)
	for _, data := range []string{`{"ID":7}`, `{"ID":"ok"}`} {
		require.NoError(t, b.nc.Publish("shop.orders.placed", []byte(data)))
	}
	hears(t, v, "placed ok")
	assert.Equal(t, "decode", (<-b.errs).Op)
	assert.EqualValues(t, 1, b.link.Stats().Failed, "not delivered again")
	runtime.KeepAlive(v)
}

func TestDurableAttempts(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b", natslink.Attempts(3))
	v := &flaky{}
	v.fails.Store(3)
	weakbus.SubscribeContext(b.bus, v, (*flaky).on)
	syncAll(t, b)
	publish(a, 0, 2)
	hears(t, &v.view, "failed 0", "failed 0", "failed 0", "done 1")
	runtime.KeepAlive(v)
}

// A handler that takes longer than the server would wait for a dead process is not called twice.
func TestDurableSlowHandler(t *testing.T) {
	s := jetStream(t)
	a, b := joinDurable(t, s, "a"), joinDurable(t, s, "b", natslink.AckWait(60*time.Millisecond))
	v := &view{}
	var scope weakbus.Scope
	weakbus.SubscribeFunc(b.bus, &scope, func(e placed) {
		<-time.After(300 * time.Millisecond)
		v.onPlaced(e)
	})
	syncAll(t, b)
	publish(a, 0, 2)
	hears(t, v, "placed 0", "placed 1")
	quiet(t, v, "placed 0", "placed 1")
	runtime.KeepAlive(&scope)
}

// A process that is cut off in the middle of an event gets it again when it is back.
func TestDurableCutOff(t *testing.T) {
	s := jetStream(t)
	a := joinDurable(t, s, "a")
	nc := dial(t, s)
	tr, err := natslink.NewDurable(soon(t), nc, "shop", "b", natslink.AckWait(100*time.Millisecond))
	require.NoError(t, err)
	bus := weakbus.New()
	l := link.Open(bus, tr)
	require.NoError(t, link.Share[placed](l, "orders.placed"))
	var scope weakbus.Scope
	begun, gate := make(chan bool), make(chan bool)
	weakbus.SubscribeFunc(bus, &scope, func(placed) { begun <- true; <-gate })
	require.NoError(t, l.Sync(soon(t)))
	publish(a, 0, 2)
	<-begun
	nc.Close() // nothing of it reaches the server any more
	close(gate)

	b := joinDurable(t, s, "b", natslink.AckWait(100*time.Millisecond))
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	hears(t, v, "placed 0", "placed 1")
	require.NoError(t, l.Close(soon(t)))
	runtime.KeepAlive(&scope)
}

// What Receive asks for while the server is away is asked for again until it is there.
func TestDurableSubscribesWhenTheServerIsBack(t *testing.T) {
	dir := t.TempDir()
	listen := func(port int) func(*server.Options) {
		return func(o *server.Options) {
			o.JetStream, o.StoreDir, o.DontListen, o.Host, o.Port = true, dir, false, "127.0.0.1", port
		}
	}
	s := serve(t, listen(-1))
	nc, err := nats.Connect(s.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
	require.NoError(t, err)
	defer nc.Close()
	tr, err := natslink.NewDurable(soon(t), nc, "shop", "b")
	require.NoError(t, err)
	b := start(t, nc, tr)
	var port int
	_, err = fmt.Sscanf(s.Addr().String(), "127.0.0.1:%d", &port)
	require.NoError(t, err)
	s.Shutdown()
	s.WaitForShutdown()
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.link.Sync(ctx), context.DeadlineExceeded)
	s = serve(t, listen(port))
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, b.link.Sync(ctx))
	a := joinDurable(t, s, "a")
	publish(a, 0, 1)
	hears(t, v, "placed 0")
	runtime.KeepAlive(v)
}

func TestDurableUsesAStreamThatIsThere(t *testing.T) {
	s := jetStream(t)
	nc := dial(t, s)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(soon(t), jetstream.StreamConfig{Name: "shop", Subjects: []string{"shop.>"}, MaxMsgs: 7, Storage: jetstream.MemoryStorage})
	require.NoError(t, err)
	joinDurable(t, s, "a")
	st, err := js.Stream(soon(t), "shop")
	require.NoError(t, err)
	assert.EqualValues(t, 7, st.CachedInfo().Config.MaxMsgs)
}

func TestDurableStreamOptionAndErrors(t *testing.T) {
	s := jetStream(t)
	nc := dial(t, s)
	_, err := natslink.NewDurable(soon(t), nc, "a.b", "x", natslink.Stream(func(c *jetstream.StreamConfig) { c.MaxMsgs = 3 }))
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	st, err := js.Stream(soon(t), "a_b")
	require.NoError(t, err)
	assert.EqualValues(t, 3, st.CachedInfo().Config.MaxMsgs)
	assert.Equal(t, []string{"a.b.>"}, st.CachedInfo().Config.Subjects)
	_, err = natslink.NewDurable(soon(t), nc, "shop", "a.b")
	require.ErrorContains(t, err, "is no name for a durable")
	plain := serve(t, nil)
	_, err = natslink.NewDurable(soon(t), dial(t, plain), "shop", "a")
	require.ErrorContains(t, err, "natslink: stream shop: ")
}

// The permissions that docs/distributed.md names are enough.
func TestDurablePermissions(t *testing.T) {
	dir := t.TempDir()
	user := func(name string, publish ...string) *server.User {
		return &server.User{Username: name, Password: "p", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: append(publish, "shop.>", "$JS.API.STREAM.INFO.shop", "$JS.API.CONSUMER.>", "$JS.ACK.shop.>")},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}
	}
	s := serve(t, func(o *server.Options) {
		o.JetStream, o.StoreDir = true, dir
		o.Users = []*server.User{user("maker", "$JS.API.STREAM.CREATE.shop"), user("user")}
	})
	var ps []*process
	for _, name := range []string{"maker", "user"} {
		nc := dial(t, s, nats.UserInfo(name, "p"))
		tr, err := natslink.NewDurable(soon(t), nc, "shop", name)
		require.NoError(t, err)
		ps = append(ps, start(t, nc, tr))
	}
	v := &flaky{}
	v.fails.Store(1)
	weakbus.SubscribeContext(ps[1].bus, v, (*flaky).on)
	syncAll(t, ps...)
	publish(ps[0], 0, 2)
	hears(t, &v.view, "failed 0", "done 0", "done 1")
	assert.Equal(t, "handle", (<-ps[1].errs).Op)
	assert.Empty(t, ps[0].errs)
	assert.Empty(t, ps[1].errs)
	runtime.KeepAlive(v)
}
