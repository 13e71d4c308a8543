//lint:file-ignore U1000 unused fields give receivers the size and the pointer that collection needs

package weakbustest_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
	"github.com/weakbus/weakbus/weakbustest"
)

func TestCollectable_PassesWhereNothingKeepsTheSubscriber(t *testing.T) {
	t.Parallel()
	bus := weakbus.New()
	for name, build := range map[string]func() *hud{
		"method expression": func() *hud {
			h := &hud{}
			weakbus.Subscribe(bus, h, (*hud).onScore)
			return h
		},
		"heard an event, with a warm snapshot": func() *hud {
			h := &hud{}
			weakbus.Subscribe(bus, h, (*hud).onScore)
			weakbus.Subscribe(bus, h, (*hud).onScore)
			for range 4 {
				weakbus.Publish(bus, score{1})
			}
			return h
		},
		"under the bus's own scope": func() *hud {
			h := &hud{}
			weakbus.Subscribe(bus, h, (*hud).onScore, weakbus.In(bus.Scope()), weakbus.Async(4, weakbus.Block))
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			weakbustest.Collectable(t, build)
		})
	}
}

// window captures itself in a function under its own scope.
type window struct {
	subs  weakbus.Scope
	width int
}

func TestCollectable_PassesForAnOwnerWhoseScopeHoldsAClosureOverIt(t *testing.T) {
	t.Parallel()
	bus := weakbus.New()
	weakbustest.Collectable(t, func() *window {
		w := &window{}
		weakbus.SubscribeFunc(bus, &w.subs, func(e score) { w.width = e.n })
		return w
	})
}

var global hud

func TestCollectable_FailsWhereSomethingKeepsTheSubscriber(t *testing.T) {
	t.Parallel()
	type dialog struct {
		title string
		hud   hud
	}
	for name, build := range map[string]func(bus *weakbus.Bus) (make func() *hud, keep any){
		"a method value": func(bus *weakbus.Bus) (func() *hud, any) {
			return func() *hud {
				h := &hud{}
				//weakvet:ignore immortal it is to be kept alive
				weakbus.SubscribeFunc(bus, bus.Scope(), h.onScore)
				return h
			}, nil
		},
		"a closure of which only the bus knows": func(bus *weakbus.Bus) (func() *hud, any) {
			return func() *hud {
				h := &hud{}
				//weakvet:ignore immortal it is to be kept alive
				weakbus.Subscribe(bus, h, func(*hud, score) { h.heard = nil })
				return h
			}, nil
		},
		"a package-level variable": func(*weakbus.Bus) (func() *hud, any) {
			return func() *hud { return &global }, nil
		},
		"a timer": func(*weakbus.Bus) (func() *hud, any) {
			timer := new(*time.Timer)
			return func() *hud {
				h := &hud{}
				*timer = time.AfterFunc(time.Hour, func() { h.heard = nil })
				return h
			}, timer
		},
		"a larger allocation that it is part of": func(*weakbus.Bus) (func() *hud, any) {
			whole := &dialog{}
			return func() *hud { return &whole.hud }, nil
		},
		"an event that is retained": func(bus *weakbus.Bus) (func() *hud, any) {
			//weakvet:ignore retained it is to be kept alive
			weakbus.TopicOf[*hud](bus).Retain()
			return func() *hud {
				h := &hud{}
				weakbus.Publish(bus, h)
				return h
			}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			build, keep := build(weakbus.New()) // the bus is known to build alone
			s := spyOn(func(t testing.TB) { weakbustest.Collectable(t, build) })
			assert.Contains(t, s.said(), "a dropped *weakbustest_test.hud is still alive after")
			assert.Contains(t, s.said(), "(*hud).Method")
			runtime.KeepAlive(keep)
		})
	}
}

func TestCollectable_RefusesWhatItCannotTest(t *testing.T) {
	t.Parallel()
	type empty struct{}
	type point struct{ x, y int32 }
	for want, test := range map[string]func(t testing.TB){
		"nil function":              func(t testing.TB) { weakbustest.Collectable[hud](t, nil) },
		"build returned a nil *":    func(t testing.TB) { weakbustest.Collectable(t, func() *hud { return nil }) },
		"is never collected":        func(t testing.TB) { weakbustest.Collectable(t, func() *empty { return &empty{} }) },
		"has 8 bytes and no pointe": func(t testing.TB) { weakbustest.Collectable(t, func() *point { return &point{} }) },
	} {
		s := spyOn(test)
		assert.Contains(t, s.said(), want)
		assert.True(t, s.fatal, want)
	}
}

func TestCollectable_AFatalInBuildEndsTheTest(t *testing.T) {
	t.Parallel()
	s := spyOn(func(t testing.TB) {
		weakbustest.Collectable(t, func() *hud {
			t.Fatalf("no bus")
			return &hud{}
		})
	})
	assert.Equal(t, []string{"no bus"}, s.failures)
}

func TestCollectable_WorksWithTheCollectorTurnedOff(t *testing.T) {
	if os.Getenv("GOGC") == "off" {
		t.Skip("this is the test that is run")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCollectable_Passes", "-test.count=1")
	cmd.Env = append(os.Environ(), "GOGC=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestCollect_WaitsForTheCondition(t *testing.T) {
	t.Parallel()
	h := &hud{}
	ref := weak.Make(h)
	calls := 0
	weakbustest.Collect(t, func() bool { calls++; return calls == 3 })
	assert.Equal(t, 3, calls)
	assert.NotNil(t, ref.Value())
	runtime.KeepAlive(h)
	weakbustest.Collect(t, func() bool { return ref.Value() == nil })
}

func TestCollect_WaitsForTheSweepOfABus(t *testing.T) {
	t.Parallel()
	ended := make(chan weakbus.State, 1)
	bus := weakbus.New(weakbus.WithTrace(&weakbus.Trace{Ended: func(_ weakbus.SubscriptionInfo, cause weakbus.State) { ended <- cause }}))
	//weakvet:ignore vanishing it is to be collected
	weakbus.Subscribe(bus, &hud{}, (*hud).onScore)
	weakbustest.Collect(t, func() bool { return len(ended) == 1 })
	assert.Equal(t, weakbus.Collected, <-ended)
	runtime.KeepAlive(bus)
}

func TestCollect_IsBounded(t *testing.T) {
	t.Parallel()
	s := spyOn(func(t testing.TB) { weakbustest.Collect(t, func() bool { return false }) })
	assert.Equal(t, []string{"weakbustest: Collect: the condition does not hold after 100 collections"}, s.failures)
	assert.True(t, s.fatal)
	s = spyOn(func(t testing.TB) { weakbustest.Collect(t, nil) })
	assert.Contains(t, s.said(), "nil function")
	assert.True(t, s.fatal)
}
