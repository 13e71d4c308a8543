package checks

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/weakbus/weakbus/benchmarks/internal/peers"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// naive is a bus with the usual mistakes: it calls what joins, and skips one when another goes.
func naive() peers.Bus {
	var handlers []func(peers.Tick)
	return peers.Bus{
		Publish: func(e peers.Tick) {
			for i := 0; i < len(handlers); i++ {
				handlers[i](e)
			}
		},
		Subscribe: func(r peers.Receiver) func() {
			handlers = append(handlers, r.Handler())
			index := len(handlers) - 1
			return func() { handlers = slices.Delete(handlers, index, index+1) }
		},
		Close: func() {},
	}
}

func TestChecks_SeeTheMistakesOfANaiveBus(t *testing.T) {
	p := peers.Peer{Kind: peers.Sync, New: naive}
	assert.Equal(t, map[string]string{
		"publish": "ok", "subscribe": "at once", "cancel": "others missed", "later": "skipped", "panic": "publisher", "rest": "skipped", "after": "ok",
		"order": "kept", "unsubscribed": "yes", "dropped": "no", "close": "0",
	}, answers(p))
}

func TestChecks_OfWeakbus(t *testing.T) {
	for _, p := range peers.Checked()[:2] {
		got := answers(p)
		assert.Equal(t, map[string]string{
			"publish": "ok", "subscribe": "next", "cancel": "ok", "later": "skipped", "panic": "publisher", "rest": got["rest"], "after": "ok",
			"order": "kept", "unsubscribed": "yes", "dropped": "yes", "close": "0",
		}, got, p.Name)
	}
}

// answers runs the checks that end with any bus.
func answers(p peers.Peer) map[string]string {
	got := map[string]string{}
	for _, c := range All() {
		if c.Name != "concurrent" {
			got[c.Name] = c.Run(p)
		}
	}
	return got
}

func TestConcurrent_OfWeakbus(t *testing.T) {
	assert.Equal(t, "ok", concurrent(peers.Checked()[0]))
}
