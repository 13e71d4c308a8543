//lint:file-ignore U1000 unused fields give receivers the size and the pointer of ordinary objects

package peers

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/gookit/event"
	"github.com/mustafaturan/bus/v3"
	"github.com/weakbus/weakbus"
)

//go:generate go run gen.go

// Receiver is an object that hears events. Each library is given the shape of handler that it
// calls, bound to the object by a method value of its concrete type, so that no library pays for
// a wrapper.
type Receiver interface {
	On(Tick)
	Handler() func(Tick)
	ContextHandler() func(context.Context, Tick)
	MessageHandler() func(context.Context, bus.Event)
	event.Listener

	upgrading() func(Tick)
	onTopic(*weakbus.Topic[Tick], ...weakbus.SubscribeOption) *weakbus.Subscription
	onBus(*weakbus.Bus, ...weakbus.SubscribeOption) *weakbus.Subscription
}

// Player is an ordinary receiver: a few fields and a pointer.
type Player struct {
	name   *string
	points int
	x, y   float64
	state  [2]int
}

// On is the work of every handler that is timed.
func (p *Player) On(e Tick) { p.points += e.Points }

// Points returns the sum of the events.
func (p *Player) Points() int { return p.points }

// Kind0 to Kind7 do the same work as Player, each in machine code of its own, so that a mix of
// them defeats the prediction of indirect calls.
type (
	Kind0 struct{ Player }
	Kind1 struct{ Player }
	Kind2 struct{ Player }
	Kind3 struct{ Player }
	Kind4 struct{ Player }
	Kind5 struct{ Player }
	Kind6 struct{ Player }
	Kind7 struct{ Player }
)

// NewKind returns a receiver of type Kind0 to Kind7.
func NewKind(i int) Receiver {
	switch i {
	case 0:
		return new(Kind0)
	case 1:
		return new(Kind1)
	case 2:
		return new(Kind2)
	case 3:
		return new(Kind3)
	case 4:
		return new(Kind4)
	case 5:
		return new(Kind5)
	case 6:
		return new(Kind6)
	default:
		return new(Kind7)
	}
}

// Reader only reads, so that what scales with cores, or does not, is the bus.
type Reader struct {
	Player
}

// On compares.
func (r *Reader) On(e Tick) {
	if r.points > e.Points {
		panic("peers: a reader has points")
	}
}

// Hook does what it is told.
type Hook struct {
	Do   func(Tick)
	Name string
}

// On calls Do.
func (h *Hook) On(e Tick) { h.Do(e) }

// Counted reports each delivery to a latch, for peers that deliver elsewhere. Their goroutines may
// call one handler concurrently: it locks.
type Counted struct {
	Receiver Receiver
	Latch    *Latch
	mu       sync.Mutex
}

// On has the receiver do its work, and counts.
func (c *Counted) On(e Tick) {
	c.mu.Lock()
	c.Receiver.On(e)
	c.mu.Unlock()
	c.Latch.arrive()
}

// Latch waits for a number of deliveries.
type Latch struct {
	left atomic.Int64
	done chan struct{}
}

// NewLatch returns a latch that waits for nothing.
func NewLatch() *Latch { return &Latch{done: make(chan struct{}, 1)} }

// Expect has the next Wait wait for n deliveries, which is more than none.
func (l *Latch) Expect(n int) { l.left.Store(int64(n)) }

// Wait returns when the deliveries have come.
func (l *Latch) Wait() { <-l.done }

func (l *Latch) arrive() {
	if l.left.Add(-1) == 0 {
		l.done <- struct{}{}
	}
}
