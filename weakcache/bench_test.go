package weakcache_test

import (
	"runtime"
	"strconv"
	"sync"
	"testing"
	"weak"

	"github.com/weakbus/weakbus/weakcache"
)

// store is what is compared. The other two are what one writes by hand: they keep the key of each
// dead value.
type store interface {
	Get(key string) (*texture, bool)
	Put(key string, value *texture)
}

type mutexMap struct {
	mu sync.Mutex
	m  map[string]weak.Pointer[texture]
}

func (s *mutexMap) Get(key string) (*texture, bool) {
	s.mu.Lock()
	w := s.m[key]
	s.mu.Unlock()
	v := w.Value()
	return v, v != nil
}

func (s *mutexMap) Put(key string, value *texture) {
	w := weak.Make(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[key] = w
}

type syncMap struct{ m sync.Map }

func (s *syncMap) Get(key string) (*texture, bool) {
	w, ok := s.m.Load(key)
	if !ok {
		return nil, false
	}
	v := w.(weak.Pointer[texture]).Value()
	return v, v != nil
}

func (s *syncMap) Put(key string, value *texture) { s.m.Store(key, weak.Make(value)) }

func stores(b *testing.B, bench func(b *testing.B, s store)) {
	b.Run("weakcache", func(b *testing.B) { bench(b, &weakcache.Cache[string, texture]{}) })
	b.Run("mutex", func(b *testing.B) { bench(b, &mutexMap{m: make(map[string]weak.Pointer[texture])}) })
	b.Run("syncmap", func(b *testing.B) { bench(b, &syncMap{}) })
}

const entries = 10_000

var names = func() (names [entries]string) {
	for i := range names {
		names[i] = "texture" + strconv.Itoa(i)
	}
	return names
}()

func filled(s store) (held []*texture) {
	for _, name := range names {
		held = append(held, &texture{path: name})
		s.Put(name, held[len(held)-1])
	}
	return held
}

func BenchmarkGet(b *testing.B) {
	stores(b, func(b *testing.B, s store) {
		held := filled(s)
		i := 0
		for b.Loop() {
			if _, ok := s.Get(names[i%entries]); !ok {
				b.Fatal("gone")
			}
			i++
		}
		runtime.KeepAlive(held)
	})
}

func BenchmarkGetParallel(b *testing.B) {
	stores(b, func(b *testing.B, s store) {
		held := filled(s)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, ok := s.Get(names[i%entries]); !ok {
					b.Error("gone")
				}
			}
		})
		runtime.KeepAlive(held)
	})
}

// BenchmarkPutNew puts a new value in each round and drops it: with the collector's part.
func BenchmarkPutNew(b *testing.B) {
	stores(b, func(b *testing.B, s store) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			s.Put(names[i%entries], &texture{})
			i++
		}
	})
}

// BenchmarkPutAgain puts a value that is there.
func BenchmarkPutAgain(b *testing.B) {
	stores(b, func(b *testing.B, s store) {
		held := filled(s)
		i := 0
		for b.Loop() {
			s.Put(names[i%entries], held[i%entries])
			i++
		}
	})
}

// BenchmarkMemory reports the bytes per entry, the value apart.
func BenchmarkMemory(b *testing.B) {
	stores(b, func(b *testing.B, s store) {
		held := make([]*texture, 0, entries)
		for range entries {
			held = append(held, &texture{})
		}
		before := heap()
		for i, name := range names {
			s.Put(name, held[i])
		}
		grown := heap() - before
		for b.Loop() { // nothing more to measure
		}
		b.ReportMetric(float64(grown)/entries, "B/entry")
		runtime.KeepAlive(held)
		runtime.KeepAlive(s)
	})
}
