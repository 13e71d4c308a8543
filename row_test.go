package weakbus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

// A row is subscribers with options whose handlers, or filters, do something to each other.
type row struct {
	bus    *weakbus.Bus
	subs   []*weakbus.Subscription
	ends   []context.CancelFunc // of Until, and last that of the publish
	ctx    context.Context
	scope  weakbus.Scope
	armed  bool
	log    []string
	nested int
}

// deed is what the handler or the filter of a subscriber does.
type deed struct {
	who, whom int
	inFilter  bool
	do        int
}

// deeds are all that there is to do; some only a handler does.
const (
	cancels = iota
	pauses
	resumes
	endsContext
	endsPublish
	publishes
	panics
	fails
	deeds
)

func (r *row) done(d deed) {
	if !r.armed {
		return
	}
	switch d.do {
	case cancels:
		r.subs[d.whom].Cancel()
	case pauses:
		r.subs[d.whom].Pause()
	case resumes:
		r.subs[d.whom].Resume()
	case endsContext:
		r.ends[d.whom%len(r.ends)]()
	case endsPublish:
		r.ends[len(r.ends)-1]()
	case publishes:
		if r.nested++; r.nested < 3 {
			weakbus.Publish(r.bus, note{-r.nested})
		}
	case panics:
		panic("boom")
	}
}

// newRow makes a row of n from a seed.
func newRow(t *testing.T, seed uint64, onPanic, warm bool) *row {
	const n = 7
	rnd := rand.New(rand.NewPCG(seed, 1))
	r := &row{}
	var opts []weakbus.BusOption
	if onPanic {
		opts = append(opts, weakbus.OnPanic(func(p *weakbus.PanicError) { r.log = append(r.log, p.Error()) }))
	}
	r.bus = weakbus.New(opts...)
	ctxs := make([]context.Context, 4)
	for i := range ctxs {
		ctx, cancel := context.WithCancel(t.Context())
		ctxs[i], r.ends = ctx, append(r.ends, cancel)
	}
	r.ctx = ctxs[len(ctxs)-1]
	plan := make([]deed, 3)
	for i := range plan {
		plan[i] = deed{rnd.IntN(n), rnd.IntN(n), rnd.IntN(3) == 0, rnd.IntN(deeds)}
	}
	for i := range n {
		act := func(inFilter bool) (err error) {
			for _, d := range plan {
				if d.who == i && d.inFilter == inFilter {
					r.done(d)
					if d.do == fails && r.armed {
						err = errors.New("no")
					}
				}
			}
			return err
		}
		o := []weakbus.SubscribeOption{weakbus.Label(fmt.Sprint(i))}
		if rnd.IntN(2) == 0 {
			o = append(o, weakbus.Filter(func(e note) bool {
				r.log = append(r.log, fmt.Sprint("filter ", i, " ", e.n))
				_ = act(true)
				return e.n%(i+2) != 0
			}))
		}
		if rnd.IntN(3) == 0 {
			o = append(o, weakbus.Until(ctxs[rnd.IntN(len(ctxs)-1)]))
		}
		once := rnd.IntN(4) == 0
		if once {
			o = append(o, weakbus.Once())
		}
		sub := weakbus.SubscribeFuncContext(r.bus, &r.scope, func(_ context.Context, e note) error {
			r.log = append(r.log, fmt.Sprint("handler ", i, " ", e.n))
			return act(false)
		}, o...)
		r.subs = append(r.subs, sub)
		if once {
			sub.Pause() // for the sake of warming up
		}
	}
	for range 6 {
		if warm {
			weakbus.Publish(r.bus, note{1})
		}
	}
	for _, sub := range r.subs {
		sub.Resume()
	}
	r.log, r.armed = nil, true
	return r
}

// publish publishes once, and returns what happened.
func (r *row) publish(withContext bool) (log []string) {
	func() {
		defer func() {
			if v := recover(); v != nil {
				r.log = append(r.log, fmt.Sprint("panic ", v))
			}
		}()
		var ran int
		var err error
		if withContext {
			ran, err = weakbus.PublishContext(r.ctx, r.bus, note{1})
		} else {
			ran = weakbus.Publish(r.bus, note{1})
		}
		r.log = append(r.log, fmt.Sprint("ran ", ran, " ", err))
	}()
	for i, sub := range r.subs {
		r.log = append(r.log, fmt.Sprint("state of ", i, ": ", sub.State()))
	}
	return r.log
}

// A topic that was just published calls handlers with options in one go, one that was not calls each by
// itself. Nobody can tell.
func TestPublish_HandlersWithOptionsAreCalledAlikeInARowAndOneByOne(t *testing.T) {
	old := slog.Default() // which the errors of handlers go to
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(old)
	for seed := range uint64(2_000) {
		for mode := range 4 {
			onPanic, withContext := mode&1 != 0, mode&2 != 0
			one := newRow(t, seed, onPanic, false).publish(withContext)
			inARow := newRow(t, seed, onPanic, true).publish(withContext)
			require.Equal(t, one, inARow, "seed %d, OnPanic %v, PublishContext %v", seed, onPanic, withContext)
		}
	}
}

// grim is a context whose Err panics.
type grim struct {
	context.Context
	on *bool
}

func (g grim) Err() error {
	if *g.on {
		panic("grim")
	}
	return g.Context.Err()
}

// The panic of a context is that of the subscriber whose Until it is.
func TestOnPanic_OfAContextIsReportedForItsOwnSubscriber(t *testing.T) {
	for _, warm := range []bool{false, true} {
		var reported []string
		bus := weakbus.New(weakbus.OnPanic(func(p *weakbus.PanicError) { reported = append(reported, p.Label) }))
		on := false
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var heard []string
		for _, name := range []string{"a", "b", "c", "d"} {
			opts := []weakbus.SubscribeOption{weakbus.Label(name)}
			if name == "b" {
				opts = append(opts, weakbus.Until(grim{ctx, &on}))
			}
			weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error {
				heard = append(heard, name)
				return nil
			}, opts...)
		}
		for range 6 {
			if warm {
				weakbus.Publish(bus, note{1})
			}
		}
		heard, on = nil, true
		ran := 0
		assert.NotPanics(t, func() { ran = weakbus.Publish(bus, note{1}) })
		assert.Equal(t, []string{"b"}, reported)
		assert.Equal(t, []string{"a", "c", "d"}, heard)
		assert.Equal(t, 4, ran)
	}
}

// Once that panics in a row is let go of as one that returns is.
func TestOnce_ThatPanicsInARowHasEnded(t *testing.T) {
	for _, onPanic := range []bool{false, true} {
		var opts []weakbus.BusOption
		if onPanic {
			opts = append(opts, weakbus.OnPanic(func(*weakbus.PanicError) {}))
		}
		bus := weakbus.New(opts...)
		var subs []*weakbus.Subscription
		for range 6 {
			sub := weakbus.SubscribeFuncContext(bus, bus.Scope(), func(context.Context, note) error { panic("oops") }, weakbus.Once())
			sub.Pause()
			subs = append(subs, sub)
		}
		for range 6 {
			weakbus.Publish(bus, note{1})
		}
		for _, sub := range subs {
			sub.Resume()
		}
		for range subs {
			if onPanic {
				weakbus.Publish(bus, note{1})
			} else {
				assert.Panics(t, func() { weakbus.Publish(bus, note{1}) })
			}
		}
		assert.Equal(t, map[weakbus.State]int{weakbus.Spent: 6}, bus.Stats().Topics[0].Ended)
		assert.Zero(t, bus.Stats().Topics[0].Live)
	}
}
