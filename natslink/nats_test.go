package natslink_test

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/natslink"
)

func TestInterestFollowsTheCollector(t *testing.T) {
	s := serve(t, nil)
	a, b := join(t, s), join(t, s)
	base := s.NumSubscriptions()
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	weakbus.Subscribe(at(b.bus, "eu"), v, (*view).onPlaced)
	syncAll(t, b)
	require.EqualValues(t, 4, s.NumSubscriptions()-base, "each subject, and what is below it")
	for i := range 3 {
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
	}
	hears(t, v, "placed 0", "placed 1", "placed 2")
	runtime.KeepAlive(v)
	v = nil
	idle(t, b)
	require.Equal(t, base, s.NumSubscriptions())
	before, err := s.Varz(nil)
	require.NoError(t, err)
	weakbus.Publish(a.bus, placed{"9", 1})
	at(a.bus, "eu").Publish(placed{"9", 1})
	syncAll(t, a)
	after, err := s.Varz(nil)
	require.NoError(t, err)
	assert.Equal(t, before.InMsgs+2, after.InMsgs)
	assert.Equal(t, before.OutMsgs, after.OutMsgs)
}

func TestTypeAndKeySubscribedIsDeliveredOnce(t *testing.T) {
	for name, listen := range map[string]func(*server.Options){
		"in process": nil,
		"loopback":   func(o *server.Options) { o.DontListen, o.Host, o.Port = false, "127.0.0.1", -1 },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, listen)
			a, b := join(t, s), join(t, s)
			all, one := &view{}, &view{}
			weakbus.Subscribe(b.bus, all, (*view).onPlaced)
			sub := weakbus.Subscribe(at(b.bus, "eu"), one, (*view).onPlaced)
			syncAll(t, b)
			var want []string
			for i := range 200 {
				at(a.bus, "eu").Publish(placed{strconv.Itoa(i), 1})
				want = append(want, fmt.Sprint("placed ", i))
			}
			hears(t, all, want...)
			hears(t, one, want...)
			sub.Cancel()
			at(a.bus, "eu").Publish(placed{"x", 1})
			hears(t, all, append(want, "placed x")...)
			assert.EqualValues(t, 201, b.link.Stats().Received)
			quiet(t, one, want...)
		})
	}
}

// While a key comes and goes, no event is lost for who listens to the type, nor delivered twice.
func TestFlappingKeyLosesNothing(t *testing.T) {
	s := serve(t, func(o *server.Options) { o.DontListen, o.Host, o.Port = false, "127.0.0.1", -1 })
	nc, err := nats.Connect(s.ClientURL(), nats.NoEcho())
	require.NoError(t, err)
	defer nc.Close()
	a := join(t, s)
	b := start(t, nc, natslink.New(nc, "shop"))
	all, one := &view{}, &view{}
	weakbus.Subscribe(b.bus, all, (*view).onPlaced)
	syncAll(t, b)
	stop := make(chan struct{})
	var flap sync.WaitGroup
	flap.Go(func() {
		tick := time.NewTicker(50 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				weakbus.Subscribe(at(b.bus, "eu"), one, (*view).onPlaced).Cancel()
			}
		}
	})
	var want []string
	for i := range 3000 {
		at(a.bus, "eu").Publish(placed{strconv.Itoa(i), 1})
		want = append(want, fmt.Sprint("placed ", i))
	}
	hears(t, all, want...)
	close(stop)
	flap.Wait()
	syncAll(t, b)
	runtime.KeepAlive(all)
}

func TestOrderAcrossTypesAndNestedPublishes(t *testing.T) {
	s := serve(t, nil)
	a, b := join(t, s), join(t, s)
	clerk, v := &view{bus: a.bus}, &view{}
	weakbus.SubscribeContext(a.bus, clerk, (*view).bill)
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	weakbus.Subscribe(b.bus, v, (*view).onBilled)
	syncAll(t, b)
	var want []string
	for i := range 200 {
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
		want = append(want, fmt.Sprint("placed ", i), fmt.Sprint("billed ", i))
	}
	hears(t, v, want...)
	runtime.KeepAlive(clerk)
}

func TestNothingComesBack(t *testing.T) {
	for _, echo := range []bool{false, true} {
		t.Run(fmt.Sprintf("echo %v", echo), func(t *testing.T) {
			s := serve(t, nil)
			nc := dial(t, s, func(o *nats.Options) error { o.NoEcho = !echo; return nil })
			a, b, c := start(t, nc, natslink.New(nc, "shop")), join(t, s), join(t, s)
			h, va, vc := &view{bus: b.bus}, &view{}, &view{}
			weakbus.SubscribeContext(b.bus, h, (*view).again)
			weakbus.Subscribe(a.bus, va, (*view).onPlaced)
			weakbus.Subscribe(c.bus, vc, (*view).onPlaced)
			syncAll(t, a, b, c)
			weakbus.Publish(a.bus, placed{"1", 1})
			hears(t, vc, "placed 1", "placed 1'")
			require.Eventually(t, func() bool { return len(va.list()) >= 2 }, 5*time.Second, time.Millisecond)
			assert.Never(t, func() bool { return len(va.list()) != 2 }, 50*time.Millisecond, 5*time.Millisecond)
			assert.ElementsMatch(t, []string{"placed 1", "placed 1'"}, va.list(), "the answer may be faster than a's own handler")
			assert.EqualValues(t, map[bool]int{true: 1}[echo], a.link.Stats().Own)
			runtime.KeepAlive(h)
		})
	}
}

func TestRingOfThreeServers(t *testing.T) {
	ab, bc, ca := serve(t, nil), serve(t, nil), serve(t, nil)
	a, b, c := join(t, ab), join(t, bc), join(t, ca)
	links := []*link.Link{a.link, b.link, c.link}
	for p, s := range map[*process]*server.Server{b: ab, c: bc, a: ca} {
		links = append(links, p.join(t, natslink.New(dial(t, s), "shop")))
	}
	va, vb, vc := &view{}, &view{}, &view{}
	for p, v := range map[*process]*view{a: va, b: vb, c: vc} {
		weakbus.Subscribe(p.bus, v, (*view).onPlaced)
	}
	for _, l := range links {
		require.NoError(t, l.Sync(soon(t)))
	}
	weakbus.Publish(a.bus, placed{"1", 1})
	hears(t, vb, "placed 1", "placed 1") // by either way
	hears(t, vc, "placed 1", "placed 1")
	quiet(t, va, "placed 1")
	quiet(t, vb, "placed 1", "placed 1")
	quiet(t, vc, "placed 1", "placed 1")
}

func TestHardKeys(t *testing.T) {
	s := serve(t, nil)
	a, b := join(t, s), join(t, s)
	key := "eu.west/1 *>=\r\n\x00ä"
	v := &view{}
	weakbus.Subscribe(at(b.bus, key), v, (*view).onPlaced)
	weakbus.Subscribe(at(b.bus, ""), v, (*view).onPlaced)
	syncAll(t, b)
	at(a.bus, "eu").Publish(placed{"other", 1})
	at(a.bus, key).Publish(placed{"1", 1})
	at(a.bus, "").Publish(placed{"2", 1})
	at(a.bus, key).At("below").Publish(placed{"3", 1})
	hears(t, v, "placed 1", "placed 2", "placed 3")
	assert.EqualValues(t, 3, b.link.Stats().Received)
	assert.Empty(t, a.errs)
}

func TestSchemaMismatchIsReportedAndNothingStops(t *testing.T) {
	s := serve(t, nil)
	b := join(t, s)
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	syncAll(t, b)
	nc := dial(t, s)
	for _, data := range []string{`{"ID":7}`, `{"ID":"ok","New":true}`} {
		require.NoError(t, nc.Publish("shop.orders.placed", []byte(data)))
	}
	hears(t, v, "placed ok")
	e := <-b.errs
	assert.Equal(t, "decode", e.Op)
	assert.ErrorContains(t, e, "orders.placed: json: cannot unmarshal number")
}

func TestSlowHandlerDropsAndSaysSo(t *testing.T) {
	s := serve(t, nil)
	nc := dial(t, s)
	b := start(t, nc, natslink.New(nc, "shop", natslink.Buffer(64)))
	gate := make(chan struct{})
	var scope weakbus.Scope
	v := &view{}
	weakbus.SubscribeFunc(b.bus, &scope, func(e placed) { <-gate; v.onPlaced(e) })
	syncAll(t, b)
	a := join(t, s)
	for i := range 1000 {
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
	}
	syncAll(t, a)
	e := <-b.errs
	assert.Equal(t, "drop", e.Op)
	require.ErrorIs(t, e, nats.ErrSlowConsumer)
	require.Eventually(t, func() bool { return b.link.Stats().Dropped == 1000-65 }, 5*time.Second, time.Millisecond, "64 wait and one is at it")
	close(gate)
	require.NoError(t, b.link.Close(soon(t)))
	assert.Len(t, v.list(), 65, "what was accepted is delivered")
	close(b.errs)
	last := e.Count
	for e := range b.errs {
		assert.Equal(t, "drop", e.Op)
		assert.Greater(t, len(strconv.Itoa(int(e.Count))), len(strconv.Itoa(int(last))), "once per power of ten")
		last = e.Count
	}
	assert.EqualValues(t, 935, max(last, b.link.Stats().Dropped))
	runtime.KeepAlive(&scope)
}

func TestServerDown(t *testing.T) {
	listen := func(port int) func(*server.Options) {
		return func(o *server.Options) { o.DontListen, o.Host, o.Port = false, "127.0.0.1", port }
	}
	s := serve(t, listen(-1))
	nc, err := nats.Connect(s.ClientURL(), nats.NoEcho(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(4096))
	require.NoError(t, err)
	defer nc.Close()
	a := start(t, nc, natslink.New(nc, "shop"))
	v := &view{}
	weakbus.Subscribe(a.bus, v, (*view).onBilled)
	syncAll(t, a)
	port := s.Addr().String()
	s.Shutdown()
	s.WaitForShutdown()
	require.Eventually(t, func() bool { return !nc.IsConnected() }, 5*time.Second, time.Millisecond)
	begin := time.Now()
	for i := range 1000 {
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
	}
	assert.Less(t, time.Since(begin), time.Second)
	_, err = weakbus.PublishContext(t.Context(), a.bus, placed{})
	require.ErrorIs(t, err, nats.ErrReconnectBufExceeded)
	failed := a.link.Stats().Failed
	assert.Greater(t, failed, int64(900))
	assert.Len(t, a.errs, len(strconv.Itoa(int(failed))), "the 1st, the 10th, the 100th")

	var n int
	_, err = fmt.Sscanf(port, "127.0.0.1:%d", &n)
	require.NoError(t, err)
	s = serve(t, listen(n))
	b := join(t, s)
	require.Eventually(t, func() bool { return nc.IsConnected() }, 5*time.Second, time.Millisecond)
	syncAll(t, a)
	weakbus.Publish(b.bus, billed{"1"})
	hears(t, v, "billed 1") // the subscription came back
}

func TestPermissionErrorsArrive(t *testing.T) {
	u := &server.User{Username: "u", Password: "p", Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{"shop.orders.placed"}},
		Subscribe: &server.SubjectPermission{Allow: []string{"shop.orders.placed", "shop.orders.placed.>"}},
	}}
	s := serve(t, func(o *server.Options) { o.Users = []*server.User{u} })
	mine := make(chan error, 10)
	nc := dial(t, s, nats.UserInfo("u", "p"), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { mine <- err }))
	a := start(t, nc, natslink.New(nc, "shop"))
	v := &view{}
	weakbus.Subscribe(a.bus, v, (*view).onPlaced)
	syncAll(t, a)
	assert.Empty(t, mine)
	weakbus.Subscribe(a.bus, v, (*view).onBilled)
	syncAll(t, a)
	e := <-a.errs
	assert.Equal(t, "permission", e.Op)
	assert.Equal(t, "orders.billed", e.Subject)
	require.ErrorIs(t, e, nats.ErrPermissionViolation)
	require.ErrorIs(t, <-mine, nats.ErrPermissionViolation, "the handler of the connection is still called")
	weakbus.Publish(a.bus, billed{"1"})
	require.Eventually(t, func() bool { return a.link.Stats().Failed == 3 }, 5*time.Second, time.Millisecond)
	require.NoError(t, nc.Publish("other", nil))
	require.NoError(t, nc.Flush())
	require.Eventually(t, func() bool { return len(mine) == 3 }, 5*time.Second, time.Millisecond)
	assert.EqualValues(t, 3, a.link.Stats().Failed, "what others do with the connection is not the link's")
	runtime.KeepAlive(v)
}

func TestSyncThenNothingIsMissed(t *testing.T) {
	s := serve(t, func(o *server.Options) { o.DontListen, o.Host, o.Port = false, "127.0.0.1", -1 })
	nc, err := nats.Connect(s.ClientURL(), nats.NoEcho())
	require.NoError(t, err)
	defer nc.Close()
	a, b := join(t, s), start(t, nc, natslink.New(nc, "shop"))
	for i := range 100 {
		v := &view{}
		sub := weakbus.Subscribe(b.bus, v, (*view).onPlaced)
		syncAll(t, b)
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
		hears(t, v, fmt.Sprint("placed ", i))
		sub.Cancel()
	}
}

func TestCloseDeliversWhatWasAccepted(t *testing.T) {
	s := serve(t, nil)
	a, b := join(t, s), join(t, s)
	gate := make(chan struct{})
	var scope weakbus.Scope
	v := &view{}
	weakbus.SubscribeFunc(b.bus, &scope, func(e placed) { <-gate; v.onPlaced(e) })
	syncAll(t, b)
	var want []string
	for i := range 100 {
		weakbus.Publish(a.bus, placed{strconv.Itoa(i), 1})
		want = append(want, fmt.Sprint("placed ", i))
	}
	require.NoError(t, a.link.Close(soon(t))) // has sent it all
	closed := make(chan error)
	go func() { closed <- b.link.Close(soon(t)) }()
	require.Eventually(t, func() bool { return b.link.Stats().Interests == 0 }, 5*time.Second, time.Millisecond)
	close(gate)
	require.NoError(t, <-closed)
	require.Equal(t, want, v.list())
	n, err := weakbus.PublishContext(t.Context(), a.bus, placed{"late", 1})
	assert.Zero(t, n)
	require.NoError(t, err, "the bus goes on")
	require.NoError(t, a.nc.Publish("x", nil), "and the connection")
	runtime.KeepAlive(&scope)
}

func TestCloseGivesUp(t *testing.T) {
	s := serve(t, nil)
	a := join(t, s)
	nc := dial(t, s)
	bus := weakbus.New()
	l := link.Open(bus, natslink.New(nc, "shop"))
	require.NoError(t, link.Share[placed](l, "orders.placed"))
	gate := make(chan struct{})
	var scope weakbus.Scope
	weakbus.SubscribeFunc(bus, &scope, func(placed) { <-gate })
	require.NoError(t, l.Sync(soon(t)))
	weakbus.Publish(a.bus, placed{"1", 1})
	syncAll(t, a)
	require.Eventually(t, func() bool { return l.Stats().Received == 1 }, 5*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, l.Close(ctx), ctx.Err())
	close(gate)
	runtime.KeepAlive(&scope)
}

func TestClosedConnection(t *testing.T) {
	s := serve(t, nil)
	a := join(t, s)
	v := &view{}
	weakbus.Subscribe(a.bus, v, (*view).onPlaced)
	a.nc.Close()
	_, err := weakbus.PublishContext(t.Context(), a.bus, placed{"1", 1})
	var e *link.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "send", e.Op)
	require.ErrorIs(t, err, nats.ErrConnectionClosed)
	weakbus.Subscribe(a.bus, v, (*view).onBilled)
	require.ErrorIs(t, a.link.Sync(soon(t)), nats.ErrConnectionClosed)
	for range 2 { // of Send and of Receive
		require.ErrorIs(t, <-a.errs, nats.ErrConnectionClosed)
	}
	runtime.KeepAlive(v)
}

func TestFlappingInterestSettles(t *testing.T) {
	s := serve(t, nil)
	a, b := join(t, s), join(t, s)
	base := s.NumSubscriptions()
	stop := make(chan struct{})
	var wg, publisher sync.WaitGroup
	publisher.Go(func() {
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				at(a.bus, "eu").Publish(placed{"x", 1})
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				v := &view{}
				sub := weakbus.Subscribe(b.bus, v, (*view).onPlaced) //weakvet:ignore vanishing most are to be collected
				keyed := weakbus.Subscribe(at(b.bus, "eu"), v, (*view).onPlaced)
				if i%3 == 0 { // the others are left to the collector
					sub.Cancel()
					keyed.Cancel()
				}
				if i%50 == 0 {
					runtime.GC()
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	publisher.Wait()
	idle(t, b)
	require.Equal(t, base, s.NumSubscriptions())
	v := &view{}
	weakbus.Subscribe(b.bus, v, (*view).onPlaced)
	syncAll(t, b)
	weakbus.Publish(a.bus, placed{"last", 1})
	require.Eventually(t, func() bool { l := v.list(); return len(l) > 0 && l[len(l)-1] == "placed last" }, 5*time.Second, time.Millisecond)
}

func TestPrefixes(t *testing.T) {
	for _, bad := range []string{"", ".a", "a.", "a..b", "a b", "a.*", ">"} {
		assert.Panics(t, func() { natslink.New(nil, bad) }, "%q", bad)
	}
	assert.Panics(t, func() { natslink.Buffer(0) })
}
