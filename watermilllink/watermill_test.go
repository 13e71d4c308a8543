package watermilllink_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/watermilllink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type placed struct{ ID string }

type view struct {
	mu    sync.Mutex
	got   []string
	fails int
}

func (v *view) on(_ context.Context, e placed) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fails--; v.fails >= 0 {
		v.got = append(v.got, "failed "+e.ID)
		return errors.New("disk full")
	}
	v.got = append(v.got, e.ID)
	return nil
}

func (v *view) list() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string{}, v.got...)
}

func hears(t testing.TB, v *view, want ...string) {
	t.Helper()
	assert.Eventually(t, func() bool { return len(v.list()) >= len(want) }, 10*time.Second, time.Millisecond)
	require.Equal(t, want, v.list())
}

// backend makes the publisher and the subscriber of one process.
type backend func(t *testing.T, process string) (message.Publisher, message.Subscriber)

// backends are a channel in memory, and a real server with acknowledgements: NATS with JetStream, by way of watermill-nats.
func backends(t *testing.T) map[string]backend {
	channel := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 100}, watermill.NopLogger{})
	t.Cleanup(func() { assert.NoError(t, channel.Close()) })
	return map[string]backend{
		"gochannel": func(*testing.T, string) (message.Publisher, message.Subscriber) { return channel, channel },
		"NATS":      overNATS(t),
	}
}

func overNATS(t *testing.T) backend {
	s, err := server.NewServer(&server.Options{ServerName: "test", DontListen: true, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir()})
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(5*time.Second))
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return func(t *testing.T, process string) (message.Publisher, message.Subscriber) {
		options := []nats.Option{nats.InProcessServer(s)}
		stream := wmnats.JetStreamConfig{
			AutoProvision: true, DurablePrefix: process,
			DurableCalculator: func(prefix, topic string) string { return prefix + "-" + topic },
			SubscribeOptions:  []nats.SubOpt{nats.DeliverNew(), nats.AckExplicit(), nats.MaxAckPending(1)},
		}
		pub, err := wmnats.NewPublisher(wmnats.PublisherConfig{NatsOptions: options, JetStream: stream}, watermill.NopLogger{})
		require.NoError(t, err)
		sub, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{NatsOptions: options, JetStream: stream, CloseTimeout: 5 * time.Second, AckWaitTimeout: 5 * time.Second, SubscribersCount: 1}, watermill.NopLogger{})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, pub.Close()); assert.NoError(t, sub.Close()) })
		return pub, sub
	}
}

type process struct {
	bus  *weakbus.Bus
	link *link.Link
	pub  message.Publisher
	errs chan *link.Error
}

func join(t *testing.T, b backend, name string) *process {
	t.Helper()
	pub, sub := b(t, name)
	tr := watermilllink.New(pub, sub, watermilllink.Topic(func(name string) string { return strings.ReplaceAll(name, ".", "_") }))
	p := &process{bus: weakbus.New(), pub: pub, errs: make(chan *link.Error, 100)}
	p.link = link.Open(p.bus, tr, link.OnError(func(e *link.Error) {
		select {
		case p.errs <- e:
		default:
		}
	}))
	require.NoError(t, link.Share[placed](p.link, "orders.placed"))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, p.link.Close(ctx))
	})
	return p
}

func at(bus *weakbus.Bus, key string) *weakbus.Topic[placed] {
	return weakbus.TopicOf[placed](bus).At(key)
}

func TestTransport(t *testing.T) {
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			a, b := join(t, b, "a"), join(t, b, "b")
			own, all, one := &view{}, &view{}, &view{fails: 1}
			weakbus.SubscribeContext(a.bus, own, (*view).on)
			weakbus.SubscribeContext(at(b.bus, "eu.west"), one, (*view).on)
			weakbus.Publish(a.bus, placed{"nobody's"})
			at(a.bus, "us").Publish(placed{"another key's"})
			at(a.bus, "eu.west").Publish(placed{"eu"})
			hears(t, one, "failed eu", "eu") // refused once, and delivered again
			hears(t, own, "nobody's", "another key's", "eu")
			assert.Equal(t, "handle", (<-b.errs).Op)

			weakbus.SubscribeContext(b.bus, all, (*view).on)
			at(a.bus, "eu.west").Publish(placed{"both"})
			hears(t, one, "failed eu", "eu", "both")
			hears(t, all, "both")
			require.Eventually(t, func() bool { return a.link.Stats().Own == 4 }, 5*time.Second, time.Millisecond)
			assert.Len(t, own.list(), 4)

			runtime.KeepAlive(one)
			runtime.KeepAlive(all)
			one, all = nil, nil
			require.Eventually(t, func() bool { runtime.GC(); return b.link.Stats().Interests == 0 }, 10*time.Second, time.Millisecond)
			runtime.KeepAlive(own)
		})
	}
}

// gochannel hands over each message on a goroutine of its own, so only the server keeps the order.
func TestOrder(t *testing.T) {
	b := overNATS(t)
	p, q := join(t, b, "p"), join(t, b, "q")
	v := &view{}
	weakbus.SubscribeContext(q.bus, v, (*view).on)
	var want []string
	for i := range 50 {
		weakbus.Publish(p.bus, placed{strconv.Itoa(i)})
		want = append(want, strconv.Itoa(i))
	}
	hears(t, v, want...)
	runtime.KeepAlive(v)
}

func TestForeignMessages(t *testing.T) {
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			p := join(t, b, "p")
			v := &view{}
			weakbus.SubscribeContext(p.bus, v, (*view).on)
			for i, data := range []string{`{"ID":7}`, `{"ID":"good"}`} {
				require.NoError(t, p.pub.Publish("orders_placed", message.NewMessage(fmt.Sprint(i), []byte(data))))
			}
			hears(t, v, "good")
			e := <-p.errs
			assert.Equal(t, "decode", e.Op)
			assert.EqualValues(t, 1, p.link.Stats().Failed, "not delivered again")
			runtime.KeepAlive(v)
		})
	}
}

func TestErrors(t *testing.T) {
	channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	p := join(t, func(*testing.T, string) (message.Publisher, message.Subscriber) { return channel, channel }, "p")
	require.NoError(t, channel.Close())
	_, err := weakbus.PublishContext(t.Context(), p.bus, placed{})
	var e *link.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "send", e.Op)
	v := &view{}
	weakbus.SubscribeContext(p.bus, v, (*view).on)
	assert.Equal(t, "send", (<-p.errs).Op)
	assert.Equal(t, "subscribe", (<-p.errs).Op)
	runtime.KeepAlive(v)
}
