package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"weak"

	"github.com/weakbus/weakbus/examples/game/arena"
)

// recording is what happened.
type recording struct {
	plan
	lives       []*life
	samples     []sample // at least one after each collection
	collections []collection
}

// sample is what the bus said after a frame.
type sample struct {
	frame int
	arena.Stats
}

type collection struct{ before, after sample }

// life is what was seen of one entity. It must not keep it alive.
type life struct {
	entity  weak.Pointer[arena.Entity]
	radius  float64
	path    []point
	dropped int // the frame in which the game let go of it; never if that was not seen
	gone    int // the frame after which the collector had taken it
}

// point is where an entity was after a frame.
type point struct {
	frame int
	x, y  float64
}

const never = math.MaxInt

// record plays the arena.
func record(p plan) (*recording, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	w := arena.New(p.entities, p.seed)
	for range p.warmUp {
		if err := w.Update(); err != nil {
			return nil, err
		}
	}
	runtime.GC()
	r := &recording{plan: p}
	alive := map[weak.Pointer[arena.Entity]]*life{}
	r.look(w, 0, alive)
	r.samples = append(r.samples, sample{0, w.Stats()})
	collect := p.collect
	for frame := 1; frame <= p.frames; frame++ {
		if err := w.Update(); err != nil {
			return nil, err
		}
		r.look(w, frame, alive)
		switch {
		case len(collect) > 0 && frame == collect[0]:
			collect = collect[1:]
			before := sample{frame, w.Stats()}
			runtime.GC()
			after := sample{frame, w.Stats()}
			r.collections = append(r.collections, collection{before, after})
			r.samples = append(r.samples, before, after)
			r.bury(frame)
		case frame%p.sample == 0:
			r.samples = append(r.samples, sample{frame, w.Stats()})
		}
	}
	return r, nil
}

// look notes where the entities of the world are, and which it has dropped since the last frame.
func (r *recording) look(w *arena.World, frame int, alive map[weak.Pointer[arena.Entity]]*life) {
	for _, e := range w.Entities() {
		entity := weak.Make(e)
		l := alive[entity]
		if l == nil {
			l = &life{entity: entity, radius: e.Radius, dropped: never, gone: never}
			alive[entity] = l
			r.lives = append(r.lives, l)
		}
		l.path = append(l.path, point{frame, e.X, e.Y})
	}
	for entity, l := range alive {
		if l.path[len(l.path)-1].frame != frame {
			l.dropped = frame
			delete(alive, entity)
		}
	}
}

// bury notes which of the dropped entities the collector has taken.
func (r *recording) bury(frame int) {
	for _, l := range r.lives {
		if l.dropped != never && l.gone == never && l.entity.Value() == nil {
			l.gone = frame
		}
	}
}

// simplify leaves out points near the straight way between others: entities fly straight on until
// they meet something.
func simplify(path []point, tolerance float64) []point {
	first, last := path[0], path[len(path)-1]
	farthest, at := tolerance, 0
	for i, p := range path {
		done := float64(p.frame-first.frame) / float64(max(1, last.frame-first.frame))
		x, y := first.x+done*(last.x-first.x), first.y+done*(last.y-first.y)
		if d := math.Hypot(p.x-x, p.y-y); d > farthest {
			farthest, at = d, i
		}
	}
	if at == 0 {
		return []point{first, last}
	}
	return append(simplify(path[:at+1], tolerance), simplify(path[at:], tolerance)[1:]...)
}
