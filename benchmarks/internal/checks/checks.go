// Package checks finds out what a bus does where handlers do what handlers do: publish, subscribe,
// cancel, panic, and be forgotten. A check tells what it saw, not what a library promises. It may
// hang, race or crash with its library; it is to be run in a process of its own.
package checks

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/weakbus/weakbus/benchmarks/internal/peers"
)

// Check is one question to a library.
type Check struct {
	Name, Title string
	// Legend explains the answers.
	Legend string
	// Run returns the answer.
	Run func(peers.Peer) string
}

const (
	// NotApplicable is the answer where a library has not what the question is about.
	NotApplicable = "n/a"
	// patience bounds the wait for what may never come.
	patience = time.Second
	// quiet is how long nothing has to happen until nothing more is expected.
	quiet = 50 * time.Millisecond
)

// All returns the checks in the order of the table.
func All() []Check {
	return []Check{
		{"publish", "publishes", "A handler publishes. **ok**: everybody heard both events once.", publishInside},
		{"subscribe", "subscribes", "A handler subscribes another. **next**: that one heard the next publish; **at once**: the one under way too.", subscribeInside},
		{"cancel", "cancels itself", "The second of three handlers cancels itself. **ok**: it heard no more, and the others every event once; **others missed**, **others twice**: they did not; **stays**: it still heard the next publish.", cancelInside},
		{"later", "cancels a later one", "A handler cancels a subscriber whose turn in this publish is still to come. **skipped**: it was not called any more; **called**: it was; **stays**: it also heard the next publish.", cancelLater},
		{"panic", "panic reaches", "The second of three handlers panics. **publisher**: that came out of Publish; **nobody**: neither publisher nor program saw it; **crash**: it ended the program, on a goroutine where no publisher can recover it.", panicTo},
		{"rest", "third handler then", "In the publish that panicked.", panicRest},
		{"after", "next publish then", "**ok**: it reached all three; **loses it**: not the one that had panicked; **stuck**: it did not return.", panicAfter},
		{"concurrent", "concurrent use", "Two goroutines publish, two subscribe and cancel, for a third of a second. **ok**: and a subscriber from before heard the publish after; **lost**: it did not.", concurrent},
		{"order", "order after a removal", "Five subscribe, the second is cancelled. **kept**: the order of subscribing, also without it; **changed**: another one then; **reversed**: the last subscriber first, before and after; **none**: neither, also before; **wrong one**: another was removed.", order},
		{"unsubscribed", "freed if cancelled", "Is a receiver collected that was cancelled and dropped, if nobody subscribes meanwhile?", func(p peers.Peer) string { return collected(p, true) }},
		{"dropped", "freed if dropped", "Is it collected without being cancelled?", func(p peers.Peer) string { return collected(p, false) }},
		{"close", "goroutines left after Close", "Of ten subscribers that nobody cancelled, those included that a library has its users start. **no Close**: there is nothing to call.", closed},
	}
}

// group is a bus with hooks, which it records the calls of.
type group struct {
	peers.Bus
	hooks   []*peers.Hook // kept alive: a bus may not do that
	cancels []func()

	mu    sync.Mutex
	calls []call
}

type call struct{ hook, points int }

func newGroup(p peers.Peer) *group { return &group{Bus: p.New()} }

// add subscribes a hook that does what it is told after it was recorded.
func (g *group) add(do func(e peers.Tick)) int {
	g.mu.Lock()
	i := len(g.hooks)
	hook := &peers.Hook{Name: fmt.Sprint(i)}
	g.hooks, g.cancels = append(g.hooks, hook), append(g.cancels, nil)
	g.mu.Unlock()
	hook.Do = func(e peers.Tick) {
		g.mu.Lock()
		g.calls = append(g.calls, call{i, e.Points})
		g.mu.Unlock()
		if do != nil {
			do(e)
		}
	}
	cancel := g.Subscribe(hook)
	g.mu.Lock()
	g.cancels[i] = cancel
	g.mu.Unlock()
	return i
}

// cancel cancels a subscription.
func (g *group) cancel(i int) {
	g.mu.Lock()
	cancel := g.cancels[i]
	g.mu.Unlock()
	cancel()
}

// publish returns when everything that follows from the event has happened.
func (g *group) publish(points int) {
	g.Publish(peers.Tick{Points: points})
	g.settle()
}

// settle waits until no more calls come.
func (g *group) settle() {
	for seen := -1; seen != g.count(); {
		seen = g.count()
		if g.Deliver != nil {
			g.Deliver()
		}
		await(quiet, func() bool { return g.count() != seen })
	}
}

func (g *group) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.calls)
}

// heard returns how often the hook heard an event with these points.
func (g *group) heard(hook, points int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, c := range g.calls {
		if c == (call{hook, points}) {
			n++
		}
	}
	return n
}

// await returns whether ok came to hold.
func await(limit time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(limit); !ok(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

func publishInside(p peers.Peer) string {
	g := newGroup(p)
	g.add(func(e peers.Tick) {
		if e.Points == 1 {
			g.Publish(peers.Tick{Points: 2})
		}
	})
	g.add(nil)
	g.publish(1)
	defer runtime.KeepAlive(g)
	for hook := range 2 {
		for points := 1; points <= 2; points++ {
			if n := g.heard(hook, points); n != 1 {
				return fmt.Sprintf("heard %d times", n)
			}
		}
	}
	return "ok"
}

func subscribeInside(p peers.Peer) string {
	g := newGroup(p)
	g.add(func(e peers.Tick) {
		if e.Points == 1 {
			g.add(nil)
		}
	})
	g.publish(1)
	g.publish(2)
	defer runtime.KeepAlive(g)
	switch {
	case g.heard(1, 2) != 1:
		return "lost"
	case g.heard(1, 1) > 0:
		return "at once"
	default:
		return "next"
	}
}

func cancelInside(p peers.Peer) string {
	g := newGroup(p)
	for i := range 3 {
		g.add(func(e peers.Tick) {
			if i == 1 && e.Points == 1 {
				g.cancel(1)
			}
		})
	}
	g.publish(1)
	g.publish(2)
	defer runtime.KeepAlive(g)
	others := []int{g.heard(0, 1), g.heard(0, 2), g.heard(2, 1), g.heard(2, 2)}
	switch {
	case g.heard(1, 2) > 0 && slices.Contains(others, 0):
		return "wrong one"
	case g.heard(1, 2) > 0:
		return "stays"
	case slices.Contains(others, 0):
		return "others missed"
	case slices.Max(others) > 1:
		return "others twice"
	default:
		return "ok"
	}
}

func cancelLater(p peers.Peer) string {
	if p.Kind == peers.Async {
		return NotApplicable // handlers run concurrently: there are no turns
	}
	g := newGroup(p)
	var once sync.Once
	victim := -1
	for i := range 3 {
		g.add(func(peers.Tick) {
			once.Do(func() {
				victim = (i + 1) % 3
				g.cancel(victim)
			})
		})
	}
	g.publish(1)
	g.publish(2)
	defer runtime.KeepAlive(g)
	switch {
	case g.heard(victim, 2) > 0:
		return "stays"
	case g.heard(victim, 1) > 0:
		return "called"
	default:
		return "skipped"
	}
}

// panicking has the second of three hooks panic on the first event, and returns what Publish, or
// what delivers in its place, panicked with.
func panicking(p peers.Peer) (g *group, reached any) {
	g = newGroup(p)
	for i := range 3 {
		g.add(func(e peers.Tick) {
			if i == 1 && e.Points == 1 {
				panic("a handler's panic")
			}
		})
	}
	func() {
		defer func() { reached = recover() }()
		g.Publish(peers.Tick{Points: 1})
		if g.Deliver != nil {
			g.Deliver()
		}
	}()
	await(quiet, func() bool { return g.count() >= 3 })
	return g, reached
}

func panicTo(p peers.Peer) string {
	g, reached := panicking(p)
	defer runtime.KeepAlive(g)
	if reached != nil {
		return "publisher"
	}
	return "nobody"
}

func panicRest(p peers.Peer) string {
	g, _ := panicking(p)
	defer runtime.KeepAlive(g)
	if g.heard(0, 1)+g.heard(2, 1) == 2 {
		return "run"
	}
	return "skipped"
}

func panicAfter(p peers.Peer) string {
	g, _ := panicking(p)
	defer runtime.KeepAlive(g)
	returned := make(chan struct{})
	go func() {
		g.publish(2)
		close(returned)
	}()
	select {
	case <-returned:
	case <-time.After(patience):
		return "stuck"
	}
	switch {
	case g.heard(0, 2) != 1 || g.heard(2, 2) != 1:
		return "loses others"
	case g.heard(1, 2) != 1:
		return "loses it"
	default:
		return "ok"
	}
}

func concurrent(p peers.Peer) string {
	g := newGroup(p)
	var last atomic.Bool
	stays := &peers.Hook{Name: "stays", Do: func(e peers.Tick) {
		if e.Points == 2 {
			last.Store(true)
		}
	}}
	g.Subscribe(stays)
	end := time.Now().Add(patience / 3)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for time.Now().Before(end) {
				g.Publish(peers.Tick{Points: 1})
				if g.Deliver != nil {
					g.Deliver()
				}
			}
		})
		wg.Go(func() {
			for time.Now().Before(end) {
				comes := &peers.Hook{Name: "comes", Do: func(peers.Tick) {}}
				g.Subscribe(comes)()
				runtime.KeepAlive(comes)
			}
		})
	}
	wg.Wait()
	g.Publish(peers.Tick{Points: 2})
	heard := await(2*patience, func() bool {
		if g.Deliver != nil {
			g.Deliver()
		}
		return last.Load()
	})
	runtime.KeepAlive(stays)
	if !heard {
		return "lost"
	}
	return "ok"
}

func order(p peers.Peer) string {
	if p.Kind == peers.Async {
		return NotApplicable // one subscriber does not wait for another
	}
	g := newGroup(p)
	for range 5 {
		g.add(nil)
	}
	defer runtime.KeepAlive(g)
	before := g.turns(1)
	g.cancel(1)
	after := g.turns(2)
	forward, backward := []int{0, 1, 2, 3, 4}, []int{4, 3, 2, 1, 0}
	without := slices.DeleteFunc(slices.Clone(before), func(i int) bool { return i == 1 })
	switch {
	case slices.Contains(after, 1):
		return "wrong one"
	case slices.Equal(before, forward) && slices.Equal(after, without):
		return "kept"
	case slices.Equal(before, forward):
		return "changed"
	case slices.Equal(before, backward) && slices.Equal(after, without):
		return "reversed"
	default:
		return "none"
	}
}

// turns publishes, and returns the hooks in the order in which they were called.
func (g *group) turns(points int) []int {
	g.publish(points)
	g.mu.Lock()
	defer g.mu.Unlock()
	var hooks []int
	for _, c := range g.calls {
		if c.points == points {
			hooks = append(hooks, c.hook)
		}
	}
	return hooks
}

// collected asks whether a receiver that heard an event, and that nobody else refers to any more,
// goes; the bus and another subscriber stay in use.
func collected(p peers.Peer, cancelled bool) string {
	g := newGroup(p)
	g.add(nil)
	gone := subscribePlayer(g, cancelled)
	went := await(patience, func() bool {
		runtime.GC()
		return gone.Value() == nil
	})
	g.publish(2)
	if went {
		return "yes"
	}
	return "no"
}

// subscribePlayer is a function of its own so that none of its variables outlives it.
func subscribePlayer(g *group, cancelled bool) weak.Pointer[peers.Player] {
	player := new(peers.Player)
	cancel := g.Subscribe(player)
	g.publish(1)
	if cancelled {
		cancel()
		g.publish(1)
	}
	return weak.Make(player)
}

func closed(p peers.Peer) string {
	before := runtime.NumGoroutine()
	g := newGroup(p)
	for range 10 {
		g.add(nil)
	}
	g.publish(1)
	if g.Close != nil {
		g.Close()
	}
	await(patience, func() bool { return runtime.NumGoroutine() <= before })
	left := max(0, runtime.NumGoroutine()-before) // one of an earlier check may have ended meanwhile
	runtime.KeepAlive(g)
	if g.Close == nil {
		return fmt.Sprintf("no Close, %d", left)
	}
	return fmt.Sprint(left)
}
