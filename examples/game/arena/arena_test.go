package arena

import (
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func play(t testing.TB, w *World, frames int) {
	t.Helper()
	for range frames {
		require.NoError(t, w.Update())
	}
}

// collect runs the collector until the bus has forgotten the dead, and returns the last Stats.
func collect(t testing.TB, w *World) Stats {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		runtime.GC()
		s := w.Stats()
		if s.OfDead == 0 {
			return s
		}
		require.True(t, time.Now().Before(deadline), "%d subscriptions of dead entities survive the collector", s.OfDead)
	}
}

// picture is what one sees of a world.
func picture(w *World) (all []Entity) {
	for _, e := range w.Entities() {
		all = append(all, Entity{X: e.X, Y: e.Y, VX: e.VX, VY: e.VY, Radius: e.Radius, Team: e.Team, Health: e.Health})
	}
	return all
}

func TestWorld_TheBusForgetsTheDead(t *testing.T) {
	w := New(500, 1)
	play(t, w, 600)
	require.Greater(t, w.spawned, 1000, "they should die by the hundred")
	s := collect(t, w)
	assert.Equal(t, len(w.Entities()), s.Entities)
	assert.Equal(t, subscriptions*s.Entities, s.Subscriptions)
	assert.Equal(t, subscriptions*w.spawned, s.Subscriptions+s.Pruned)

	ticks, keyed := 0, 0
	for _, topic := range w.Bus().Stats().Topics {
		if topic.Keys != nil {
			keyed += topic.Live
		} else if topic.Event == reflect.TypeFor[Tick]() {
			ticks += topic.Live
			assert.Equal(t, map[weakbus.State]int{weakbus.Collected: w.spawned - s.Entities}, topic.Ended)
		}
	}
	assert.Equal(t, s.Entities, ticks, "the bus counts the same")
	assert.Equal(t, s.Entities, keyed)
	runtime.KeepAlive(w)
}

func TestWorld_TheDeadHearButDoNothing(t *testing.T) {
	w, hud := quiet(100)
	e := w.entities[0]
	e.dead, e.Health = true, 0
	was := *e
	play(t, w, 1)
	require.NotContains(t, w.Entities(), e, "the world drops it")
	require.Zero(t, hud.Kills, "it is scored in the next frame")
	w.Stats()

	assert.Equal(t, 2, e.hits.Publish(Collision{PushX: 1}), "e is referred to here: it and the HUD still hear")
	play(t, w, 1)
	assert.Equal(t, 2.0, w.Stats().Late, "the collision and the tick")
	assert.Equal(t, was, *e)
	assert.Equal(t, 1, hud.Kills)
	assert.Equal(t, []Score{{points, was.X, was.Y, was.Team, 1}}, hud.Flashes(1))
	assert.Empty(t, hud.Flashes(2))
}

func TestGhosts_AreThereUntilTheCollectorTakesThem(t *testing.T) {
	w, _ := quiet(100)
	w.entities[3].until, w.entities[7].until = 1, 1
	play(t, w, 1)
	require.Len(t, w.Entities(), 98)
	if all := w.Ghosts(); len(all) > 0 { // unless a collection has run by now
		assert.Equal(t, 320.0, all[0].Y)
		assert.Equal(t, 4.0, all[0].Radius)
	}
	collect(t, w)
	assert.Empty(t, w.Ghosts())
}

// quiet returns a world in which nothing happens by itself.
func quiet(entities int) (*World, *HUD) {
	w := New(entities, 1)
	for i, e := range w.entities {
		e.X, e.Y, e.VX, e.VY, e.until = float64(5+i*9), 320, 0, 0, 1<<40
		e.Radius = 4
	}
	return w, NewHUD(w.Bus())
}

func TestWorld_CollisionsReachThoseWhoCollide(t *testing.T) {
	w, hud := quiet(100)
	a, b, other := w.entities[10], w.entities[11], w.entities[12]
	a.VX, b.VX = 0.6, -0.6 // the gap is 1
	play(t, w, 1)
	require.Equal(t, 0.6, a.VX, "they touch now, and hear of it in the next frame")
	play(t, w, 1)
	assert.Equal(t, []float64{-0.6, 0.6, 0}, []float64{a.VX, b.VX, other.VX}, "they exchange their speed")
	assert.Equal(t, []int{FullHealth - 1, FullHealth - 1, FullHealth}, []int{a.Health, b.Health, other.Health})
	assert.Equal(t, 2, hud.Collisions, "the parent topic hears both")
}

func TestWorld_FindsAllThatTouch(t *testing.T) {
	w := New(2_000, 7)
	play(t, w, 100)
	want := 0
	for i, a := range w.entities {
		for _, b := range w.entities[:i] {
			if _, ok := impact(a, b); ok {
				want++
			}
		}
	}
	require.NotZero(t, want)
	hud := NewHUD(w.Bus())
	play(t, w, 1)
	assert.Equal(t, 2*want, hud.Collisions)
}

func TestWorld_DiesOfWearAndOfAge(t *testing.T) {
	w, hud := quiet(2)
	worn, old := w.entities[0], w.entities[1]
	old.until = 3
	for range FullHealth {
		worn.hits.Publish(Collision{})
	}
	play(t, w, 2)
	assert.Equal(t, []*Entity{old}, w.Entities())
	assert.Equal(t, points, hud.Score)
	play(t, w, 2)
	assert.Empty(t, w.Entities())
	assert.Equal(t, points, hud.Score, "nobody gets points for the old")
	play(t, w, burst)
	assert.Len(t, w.Entities(), 2, "the arena is filled up again")
}

func TestWorld_SameSeedSameGame(t *testing.T) {
	collected, not := New(200, 3), New(200, 3)
	for range 60 {
		play(t, collected, 10)
		play(t, not, 10)
		runtime.GC()
		collected.Stats()
	}
	assert.Equal(t, picture(collected), picture(not))
	assert.NotEqual(t, picture(New(200, 4)), picture(New(200, 3)))
}

func TestWorld_MemoryStaysFlat(t *testing.T) {
	heap := func(w *World) uint64 {
		collect(t, w)
		w.Bus().Stats() // prunes the topics of the dead, if the sweep has not yet
		runtime.GC()    // and takes them
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	w := New(300, 1)
	play(t, w, 1_000)
	before, spawned := heap(w), w.spawned
	for range 9 { // and 10,000 are full
		play(t, w, 1_000)
		require.Less(t, heap(w), before+before/4) // what has died since takes more than all of before
	}
	assert.Greater(t, w.spawned-spawned, 10_000)
}

func TestStats_AreMeansForAFrame(t *testing.T) {
	w, _ := quiet(10)
	play(t, w, 4)
	s := w.Stats()
	assert.Equal(t, 1.0, s.Events, "the tick")
	assert.Positive(t, s.Publishing)
	assert.Equal(t, Stats{Entities: 10, Subscriptions: 20}, w.Stats(), "no frame since")
}

func TestNew_NeedsAnEntity(t *testing.T) {
	assert.PanicsWithValue(t, "arena: New: 0 entities; at least one is needed", func() { New(0, 1) })
}
