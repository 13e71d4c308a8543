package sdktest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/celink"
	"github.com/weakbus/weakbus/link"
	"github.com/weakbus/weakbus/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type placed struct{ ID string }

type view struct{ got chan placed }

func (v *view) on(e placed) { v.got <- e }

func TestBothDirections(t *testing.T) {
	var hub linktest.Hub
	bus := weakbus.New()
	l := link.Open(bus, hub.Join())
	require.NoError(t, link.Share[placed](l, "placed", link.With(celink.Codec{Source: "/shop", Type: "com.example.placed"})))
	defer func() { assert.NoError(t, l.Close(context.Background())) }()

	// what celink writes, the SDK reads
	sent := make(chan *link.Message, 1)
	spy := hub.Join()
	stop, err := spy.Receive("placed", "placed", true, func(m *link.Message) { sent <- m })
	require.NoError(t, err)
	weakbus.Publish(bus, placed{"1"})
	m := <-sent
	assert.Equal(t, []string{cloudevents.ApplicationCloudEventsJSON}, m.Header["content-type"])
	var e cloudevents.Event
	require.NoError(t, json.Unmarshal(m.Data, &e))
	require.NoError(t, e.Validate())
	assert.Equal(t, "com.example.placed", e.Type())
	assert.Equal(t, "/shop", e.Source())
	assert.WithinDuration(t, time.Now(), e.Time(), time.Minute)
	var p placed
	require.NoError(t, e.DataAs(&p))
	assert.Equal(t, placed{"1"}, p)
	require.NoError(t, stop())
	require.NoError(t, spy.Close(t.Context()))

	// what the SDK writes, celink reads
	v := &view{make(chan placed, 1)}
	weakbus.Subscribe(bus, v, (*view).on)
	require.NoError(t, l.Sync(t.Context()))
	out := cloudevents.NewEvent()
	out.SetID("7")
	out.SetSource("/other")
	out.SetType("com.example.placed")
	out.SetExtension("traceid", "x")
	require.NoError(t, out.SetData(cloudevents.ApplicationJSON, placed{"from the SDK"}))
	data, err := json.Marshal(out)
	require.NoError(t, err)
	hub.Send(&link.Message{Name: "placed", Subject: "placed", Data: data})
	assert.Equal(t, placed{"from the SDK"}, <-v.got)
}
