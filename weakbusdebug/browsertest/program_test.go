package browsertest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/weakbus/weakbus"
)

// The program whose bus is shown: a small game.

// Step is published for each frame.
type Step struct{ Frame int }

// Hit is published, by key, for what was hit; Died follows from some.
type Hit struct {
	By     string
	Amount int
}

// Died follows from a Hit.
type Died struct{ Name string }

// Saved is heard through a mailbox.
type Saved struct{ Path string }

// Quit is heard by nobody.
type Quit struct{ Reason string }

// Asked is posted to a queue that is drained slowly.
type Asked struct{ Line string }

type world struct {
	bus   *weakbus.Bus
	frame int
	name  string
}

func (w *world) onStep(ctx context.Context, s Step) error {
	w.frame = s.Frame
	if s.Frame%7 == 0 {
		_, err := weakbus.TopicOf[Hit](w.bus).At("player").PublishContext(ctx, Hit{"goblin", 1 + s.Frame%5})
		return err
	}
	return nil
}

type health struct {
	bus  *weakbus.Bus
	left int
	name string
}

func (h *health) onHit(hit Hit) {
	if h.left -= hit.Amount; h.left <= 0 {
		h.left = 20
		weakbus.Publish(h.bus, Died{"player"}) // no context: the page finds out by itself
	}
}

type screen struct {
	name  string
	drawn int
}

func (s *screen) onStep(Step) { s.drawn++ }
func (s *screen) onDied(Died) {
	if s.drawn++; s.drawn%3 == 0 {
		panic("no sprite for <b>death</b>")
	}
}
func (s *screen) onAsked(Asked) { s.drawn++ }

type disk struct {
	name    string
	release chan struct{}
}

func (d *disk) onSaved(_ context.Context, s Saved) error {
	time.Sleep(3 * time.Millisecond)
	if s.Path == "save/13" {
		return errors.New("no space left on the device")
	}
	return nil
}

func (d *disk) onSlow(Saved) {
	select {
	case <-d.release:
	case <-time.After(2 * time.Second):
	}
}

// play runs the game until the test ends.
func play(t *testing.T) *weakbus.Bus {
	bus := weakbus.New(weakbus.WithSites(), weakbus.OnPanic(func(*weakbus.PanicError) {}))
	w, h := &world{bus: bus, name: "world"}, &health{bus: bus, left: 20, name: "health"}
	view, minimap := &screen{name: "view"}, &screen{name: "minimap"}
	d := &disk{name: "disk", release: make(chan struct{})}
	weakbus.Subscribe(bus, view, (*screen).onStep, weakbus.Label("view"))
	weakbus.SubscribeContext(bus, w, (*world).onStep, weakbus.Priority(10), weakbus.Label("world"))
	weakbus.Subscribe(bus, minimap, (*screen).onStep, weakbus.Priority(-5), weakbus.Label("minimap")).Pause()
	weakbus.Subscribe(weakbus.TopicOf[Hit](bus).At("player"), h, (*health).onHit)
	weakbus.Subscribe(bus, view, (*screen).onDied)
	weakbus.SubscribeContext(bus, d, (*disk).onSaved, weakbus.Async(8, weakbus.DropOldest), weakbus.Label("save game"))
	weakbus.Subscribe(bus, d, (*disk).onSlow, weakbus.Async(4, weakbus.DropNewest), weakbus.Coalesce(), weakbus.Label("cloud"))
	weakbus.Subscribe(bus, view, (*screen).onAsked)
	questions := weakbus.NewQueue(bus, weakbus.QueueLabel("questions"), weakbus.Capacity(32))

	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			frame(bus, questions, i)
			select {
			case <-time.After(16 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		runtime.KeepAlive([]any{w, h, view, minimap, d})
	})
	t.Cleanup(func() {
		cancel()
		close(d.release)
		done.Wait()
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
	return bus
}

func frame(bus *weakbus.Bus, questions *weakbus.Queue, i int) {
	weakbus.Publish(bus, Step{i})
	if i%3 == 0 {
		if weakbus.Post(questions, Asked{"who goes there?"}) != nil {
			questions.Drain()
		}
	}
	if i%40 == 5 {
		for n := range 12 {
			weakbus.Publish(bus, Saved{fmt.Sprintf("save/%d", n+i%20)})
		}
	}
	if i%90 == 10 {
		weakbus.Publish(bus, Quit{"nobody is there"})
	}
	if i%60 == 30 {
		weakbus.Subscribe(bus, &screen{name: "lost"}, (*screen).onAsked, weakbus.Label("hint")) //weakvet:ignore vanishing it is to be collected
		runtime.GC()
	}
}
