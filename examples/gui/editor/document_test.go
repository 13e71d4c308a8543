package editor_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/examples/gui/editor"
)

func TestAppend_FromManyGoroutinesLosesNothingAndKeepsTheOrder(t *testing.T) {
	bus, doc := newDocument()
	var heard []editor.Changed // published under the document's lock, so one at a time
	weakbus.SubscribeFunc(bus, bus.Scope(), func(c editor.Changed) { heard = append(heard, c) })

	var appenders sync.WaitGroup
	for range 8 {
		appenders.Go(func() {
			for range 50 {
				doc.Append("a line")
			}
		})
	}
	appenders.Wait()
	require.Len(t, heard, 400)
	for i, c := range heard {
		assert.Len(t, c.Lines, i+1, "an event changed after it was published, or came out of order")
	}
}

func TestImport_EndsWithItsContext(t *testing.T) {
	bus, doc := newDocument()
	ctx, cancel := context.WithCancel(t.Context())
	weakbus.SubscribeFunc(bus, bus.Scope(), func(editor.Changed) { cancel() })
	err := doc.Import(ctx, strings.NewReader("one\ntwo\n"), time.Hour)
	require.ErrorIs(t, err, context.Canceled)
	last, _ := weakbus.TopicOf[editor.Changed](bus).Last()
	assert.Equal(t, []string{"one"}, last.Lines)
}
