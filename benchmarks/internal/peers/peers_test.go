package peers

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// What is ignored here are goroutines that a library never ends; the table of correctness has them.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// A cancelled consumer ends at the dispatcher's next tick, of which there is none after Close.
		goleak.IgnoreAnyFunction("github.com/kelindar/event.(*consumer[...]).Listen"),
		// Its pool of workers, made by the first Emit to more than one listener, has no end. The compiler
		// names it one way with the race detector and another without.
		goleak.IgnoreAnyFunction("github.com/maniartech/signals.(*AsyncSignal[...]).ensureWorkerPool.func2.1"),
		goleak.IgnoreAnyFunction("github.com/maniartech/signals.(*AsyncSignal[...]).ensureWorkerPool.func1.1"),
	)
}

// once lists every peer of both tables.
func once() map[string]Peer {
	ps := map[string]Peer{}
	for _, p := range append(All(), Deferred()...) {
		ps[p.Name] = p
	}
	return ps
}

// receive publishes and waits until that has been received as often as it should.
func receive(t *testing.T, b Bus, latch *Latch, times int) {
	t.Helper()
	latch.Expect(times)
	b.Publish(Tick{Points: 1})
	if b.Deliver != nil {
		b.Deliver()
	}
	select {
	case <-latch.done:
	case <-time.After(5 * time.Second):
		require.Fail(t, "lost", "%d of %d deliveries", latch.left.Load(), times)
	}
}

func TestPeers_DeliverOnceToEach(t *testing.T) {
	for name, p := range once() {
		for _, n := range []int{1, 20} {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				b, latch := p.New(), NewLatch()
				players := make([]*Player, n)
				counted := make([]*Counted, n)
				var cancels []func()
				for i := range players {
					players[i] = new(Player)
					counted[i] = &Counted{Receiver: players[i], Latch: latch}
					cancels = append(cancels, b.Subscribe(counted[i]))
				}
				receive(t, b, latch, n)
				receive(t, b, latch, n)
				if racy(p) {
					cancels = nil
				}
				leave(b, cancels)
				for _, p := range players {
					assert.Equal(t, 2, p.Points())
				}
				runtime.KeepAlive(counted)
			})
		}
	}
}

func TestPeers_CancelOne(t *testing.T) {
	for name, p := range once() {
		if p.Kind == Reference || p.Module == eventBusModule || racy(p) {
			continue // no cancellation, one that finds the wrong subscription, and one that races
		}
		t.Run(name, func(t *testing.T) {
			b, latch := p.New(), NewLatch()
			stays, goes := new(Player), new(Player)
			first := &Counted{Receiver: stays, Latch: latch}
			second := &Counted{Receiver: goes, Latch: latch}
			cancelFirst, cancelSecond := b.Subscribe(first), b.Subscribe(second)
			receive(t, b, latch, 2)
			cancelSecond()
			require.Eventually(t, func() bool { // watermill cancels later
				before := goes.Points()
				receive(t, b, latch, 1)
				return goes.Points() == before
			}, 5*time.Second, time.Millisecond)
			leave(b, []func(){cancelFirst})
			runtime.KeepAlive([]*Counted{first, second})
		})
	}
}

func TestPeers_SubscribeForeverDelivers(t *testing.T) {
	for _, p := range []Peer{signalsSync(), signalsAsync()} {
		b, latch := p.New(), NewLatch()
		require.NotNil(t, b.SubscribeForever, p.Name)
		for range 2 {
			b.Add(&Counted{Receiver: new(Player), Latch: latch})
		}
		receive(t, b, latch, 2)
	}
}

// racy reports whether cancelling races with the library's own goroutines.
func racy(p Peer) bool { return p.Module == gookitModule && p.Kind == Async }

// leave cancels and closes.
func leave(b Bus, cancels []func()) {
	for _, cancel := range cancels {
		if cancel != nil {
			cancel()
		}
	}
	if b.Close != nil {
		b.Close()
	}
}

func TestReceivers_AllDoTheSameWork(t *testing.T) {
	for i := range 8 {
		for _, peer := range []Peer{strongLoop(), weakLoop(), weakbusTopic(), weakbusBus(), signalsSync(), gookit(), mustafaturan()} {
			r := NewKind(i)
			b := peer.New()
			b.Add(r)
			b.Publish(Tick{Points: 3})
			assert.Equal(t, 3, r.(interface{ Points() int }).Points(), "%T of %s", r, peer.Name)
		}
	}
}

func TestReader_OnlyReads(t *testing.T) {
	r := new(Reader)
	r.On(Tick{Points: 1})
	assert.Zero(t, r.Points())
}
