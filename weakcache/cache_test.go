//lint:file-ignore U1000 unused fields give values the size and the pointer that collection needs

package weakcache_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus/weakbustest"
	"github.com/weakbus/weakbus/weakcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// texture is the tests' value.
type texture struct {
	path string
	size [4]int
}

type cache = weakcache.Cache[string, texture]

func contents[K comparable, V any](c *weakcache.Cache[K, V]) map[K]*V {
	m := make(map[K]*V)
	for k, v := range c.All() {
		m[k] = v
	}
	return m
}

func TestCache_GivesWhatIsHeldElsewhere(t *testing.T) {
	var c cache
	_, ok := c.Get("a")
	assert.False(t, ok)
	assert.Zero(t, c.Len())
	a, b := &texture{path: "a"}, &texture{path: "b"}
	c.Put("a", a)
	c.Put("b", b)
	got, ok := c.Get("a")
	assert.True(t, ok)
	assert.Same(t, a, got)
	assert.Equal(t, map[string]*texture{"a": a, "b": b}, contents(&c))
	assert.Equal(t, 2, c.Len())
	assert.True(t, c.Delete("a"))
	assert.False(t, c.Delete("a"))
	assert.Equal(t, map[string]*texture{"b": b}, contents(&c))
	runtime.KeepAlive(a)
}

func TestCache_DoesNotKeepValuesAlive(t *testing.T) {
	var c cache
	n := 0
	weakbustest.Collectable(t, func() *texture {
		v := &texture{}
		n++
		c.Put("a", v)
		c.Put("b", v)
		return v
	})
	_, ok := c.Get("a")
	assert.False(t, ok)
	assert.False(t, c.Delete("b"), "what was under it was collected")
	assert.Zero(t, c.Len())
	assert.Empty(t, contents(&c))
}

// key is a key whose own end can be seen.
type key struct {
	name string
	of   *texture
}

// putDropped puts a value that nobody holds under a key that nobody else holds.
func putDropped(c *weakcache.Cache[*key, texture]) weak.Pointer[key] {
	k := &key{name: "k"}
	//weakvet:ignore vanishing the test says when it goes
	c.Put(k, &texture{})
	return weak.Make(k)
}

func TestCache_KeepsNoKeyOfADeadValue(t *testing.T) {
	var c weakcache.Cache[*key, texture]
	held := &texture{}
	c.Put(&key{name: "held"}, held)
	gone := make([]weak.Pointer[key], 100)
	for i := range gone {
		gone[i] = putDropped(&c)
	}
	weakbustest.Collect(t, func() bool {
		for _, k := range gone {
			if k.Value() != nil {
				return false
			}
		}
		return true
	})
	assert.Equal(t, 1, c.Len())
	runtime.KeepAlive(held)
}

func TestCache_DeleteAndReplacementLetGoOfTheKey(t *testing.T) {
	var c weakcache.Cache[*key, texture]
	held := &texture{}
	ref := func() weak.Pointer[key] {
		first, last := &key{}, &key{}
		c.Put(first, held)
		c.Put(last, held)
		assert.True(t, c.Delete(first))
		assert.True(t, c.Delete(last))
		return weak.Make(last)
	}()
	weakbustest.Collect(t, func() bool { return ref.Value() == nil })
	runtime.KeepAlive(held)
	runtime.KeepAlive(&c)
}

// TestCache_KeepsExactlyTheKeysThatItNeeds goes through random histories, in which values are under
// many keys and keys have many values, and looks which keys survive.
func TestCache_KeepsExactlyTheKeysThatItNeeds(t *testing.T) {
	var c weakcache.Cache[*key, texture]
	values := []*texture{{path: "a"}, {path: "b"}, {path: "c"}}
	keys, want := history(&c, values, rand.New(rand.NewPCG(1, 2)))
	survivors := func() (n int) {
		for _, k := range keys {
			if k.Value() != nil {
				n++
			}
		}
		return n
	}
	assert.Greater(t, want, 20)
	weakbustest.Collect(t, func() bool { return survivors() == want })
	assert.Equal(t, want, c.Len())
	runtime.KeepAlive(values)
	values = nil
	weakbustest.Collect(t, func() bool { return survivors() == 0 })
	runtime.KeepAlive(&c)
}

// history fills c, and returns all keys that it had, and how many have a value in the end.
func history(c *weakcache.Cache[*key, texture], values []*texture, random *rand.Rand) (all []weak.Pointer[key], want int) {
	model := make(map[*key]*texture)
	keys := make([]*key, 200)
	for i := range keys {
		keys[i] = &key{name: fmt.Sprint(i)}
		all = append(all, weak.Make(keys[i]))
	}
	for range 2000 {
		k, v := keys[random.IntN(len(keys))], values[random.IntN(len(values))]
		if random.IntN(2) == 0 {
			c.Put(k, v)
			model[k] = v
		} else {
			c.Delete(k)
			delete(model, k)
		}
	}
	return all, len(model)
}

// hasCleanedUp returns a function that reports whether the cleanups have run that were due
// before the collection that it follows.
func hasCleanedUp(v *texture) func() bool {
	done := make(chan struct{})
	runtime.AddCleanup(v, func(done chan struct{}) { close(done) }, done)
	return func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}
}

func TestCache_AValueSurvivesTheCleanupOfItsPredecessor(t *testing.T) {
	for name, replace := range map[string]func(c *cache, v *texture){
		"by Put":            func(c *cache, v *texture) { c.Put("a", v) },
		"by Delete and Put": func(c *cache, v *texture) { c.Delete("a"); c.Put("a", v) },
		"after its collection": func(c *cache, v *texture) {
			for c.Len() > 0 {
				runtime.GC()
			}
			c.Put("a", v)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				var c cache
				over := func() func() bool {
					old := &texture{}
					over := hasCleanedUp(old)
					c.Put("a", old)
					return over
				}()
				v := &texture{}
				replace(&c, v)
				weakbustest.Collect(t, over)
				got, ok := c.Get("a")
				assert.True(t, ok)
				assert.Same(t, v, got)
				runtime.KeepAlive(v)
			}
		})
	}
}

func TestCache_AValueUnderSeveralKeys(t *testing.T) {
	var c weakcache.Cache[int, texture]
	v, other := &texture{}, &texture{}
	for i := range 10 {
		c.Put(i, v)
	}
	for _, i := range []int{0, 9, 4} {
		assert.True(t, c.Delete(i))
	}
	c.Put(5, other)
	c.Put(6, v) // as it was
	want := map[int]*texture{1: v, 2: v, 3: v, 5: other, 6: v, 7: v, 8: v}
	assert.Equal(t, want, contents(&c))
	runtime.KeepAlive(v)
	v, want = nil, nil
	weakbustest.Collect(t, func() bool { return c.Len() == 1 })
	got, _ := c.Get(5)
	assert.Same(t, other, got)
	assert.Equal(t, map[int]*texture{5: other}, contents(&c))
}

func TestCache_AKeyThatRefersToItsValueKeepsItAsLongAsTheCache(t *testing.T) {
	c := &weakcache.Cache[key, texture]{}
	ref := func() weak.Pointer[texture] {
		v := &texture{}
		c.Put(key{of: v}, v)
		return weak.Make(v)
	}()
	for range 3 {
		runtime.GC()
	}
	assert.NotNil(t, ref.Value())
	runtime.KeepAlive(c)
	c = nil
	weakbustest.Collect(t, func() bool { return ref.Value() == nil })
}

func TestCache_DroppedBeforeItsValuesIsCollected(t *testing.T) {
	v := &texture{}
	weakbustest.Collectable(t, func() *cache {
		c := &cache{}
		c.Put("a", v)
		_, _ = c.GetOrCreate("b", func() (*texture, error) { return v, nil })
		return c
	})
	runtime.KeepAlive(v)
}

func heap() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestCache_PuttingOneValueOverAndOverAddsNothing(t *testing.T) {
	const rounds = 20_000
	a, b := &texture{}, &texture{}
	for name, round := range map[string]func(c *cache){
		"the same":        func(c *cache) { c.Put("k", a) },
		"in turns":        func(c *cache) { c.Put("k", a); c.Put("k", b) },
		"after a Delete":  func(c *cache) { c.Put("k", a); c.Delete("k") },
		"under many keys": func(c *cache) { c.Put("k", a); c.Put("l", a); c.Delete("k"); c.Put("m", a); c.Delete("l") },
	} {
		t.Run(name, func(t *testing.T) {
			var c cache
			round(&c)
			before := heap()
			for range rounds {
				round(&c)
			}
			assert.Less(t, heap()-before, 4*rounds, "bytes; one cleanup for each would take a hundred each")
			runtime.KeepAlive(&c)
		})
	}
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}

func TestCache_ShrinksWhenItsValuesHaveGone(t *testing.T) {
	var c weakcache.Cache[int, texture]
	held := &texture{}
	c.Put(-1, held)
	before := heap()
	for i := range 50_000 {
		//weakvet:ignore vanishing the test says when it goes
		c.Put(i, &texture{})
	}
	weakbustest.Collect(t, func() bool { return heap()-before < 100_000 })
	assert.Equal(t, 1, c.Len())
	runtime.KeepAlive(held)
}

var packageLevel cache
var immortal texture

func TestCache_AtPackageLevel(t *testing.T) {
	packageLevel.Put("forever", &immortal)
	//weakvet:ignore vanishing the test says when it goes
	packageLevel.Put("dropped", &texture{})
	weakbustest.Collect(t, func() bool { return packageLevel.Len() == 1 })
	got, ok := packageLevel.Get("forever")
	assert.True(t, ok)
	assert.Same(t, &immortal, got)
}

func TestCache_AValueInALargerAllocationLivesAsLongAsThat(t *testing.T) {
	type level struct {
		name     string
		textures [3]texture
	}
	var c cache
	l := &level{}
	c.Put("first", &l.textures[0])
	c.Put("last", &l.textures[2])
	last := &l.textures[2]
	for range 3 {
		runtime.GC()
	}
	assert.Equal(t, 2, c.Len(), "one of them keeps both")
	runtime.KeepAlive(last)
	weakbustest.Collect(t, func() bool { return c.Len() == 0 })
}

func TestCache_ToleratesItsUseByTheLoop(t *testing.T) {
	var c weakcache.Cache[int, texture]
	held := make([]*texture, 50)
	for i := range held {
		held[i] = &texture{}
		c.Put(i, held[i])
	}
	seen := make(map[int]bool)
	for k := range c.All() {
		assert.False(t, seen[k], "seen twice: %d", k)
		seen[k] = true
		c.Delete(k)
		c.Put(k+1000, held[k%50])
		c.Len()
		if len(seen) == 40 {
			break
		}
	}
	assert.Equal(t, 50, c.Len())
	runtime.KeepAlive(held)
}

func TestCache_TheLoopLeavesOutWhatIsCollectedMeanwhile(t *testing.T) {
	var c weakcache.Cache[int, texture]
	for i := range 100 {
		//weakvet:ignore vanishing the test says when it goes
		c.Put(i, &texture{})
	}
	n := 0
	for range c.All() {
		if n++; n == 1 {
			weakbustest.Collect(t, func() bool { return c.Len() <= 1 })
		}
	}
	assert.LessOrEqual(t, n, 2)
}

func TestCache_RefusesWhatCouldNeverLeaveIt(t *testing.T) {
	var c cache
	assert.PanicsWithValue(t, "weakcache: Put: nil value; use Delete to remove a key", func() { c.Put("a", nil) })
	assert.PanicsWithValue(t, "weakcache: GetOrCreate: nil function", func() { _, _ = c.GetOrCreate("a", nil) })

	var empty weakcache.Cache[string, struct{}]
	assert.PanicsWithValue(t, "weakcache: Put: struct {} has size zero and is never collected; give it a field",
		func() { empty.Put("a", &struct{}{}) })
	var small weakcache.Cache[string, int32]
	const why = "int32 has 4 bytes and no pointers: the runtime allocates such values in batches and may never collect one; give it 16 bytes or a pointer"
	assert.PanicsWithValue(t, "weakcache: Put: "+why, func() { small.Put("a", new(int32)) })
	assert.PanicsWithValue(t, "weakcache: GetOrCreate: "+why, func() {
		_, _ = small.GetOrCreate("a", func() (*int32, error) { assert.Fail(t, "called"); return nil, nil })
	})

	var numbers weakcache.Cache[float64, texture]
	//weakvet:ignore vanishing the test says when it goes
	assert.Panics(t, func() { numbers.Put(math.NaN(), &texture{}) })
	//weakvet:ignore vanishing the test says when it goes
	numbers.Put(math.Inf(1), &texture{})
}

func TestCache_IsSafeForConcurrentUse(t *testing.T) {
	var c cache
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			held := make(map[string]*texture)
			for i := range 300 {
				k := fmt.Sprint("key", (i*7+g)%20)
				switch i % 6 {
				case 0:
					held[k] = &texture{path: k}
					c.Put(k, held[k])
				case 1:
					c.Delete(k)
				case 2:
					delete(held, k)
				case 3:
					if i%90 == 3 {
						runtime.GC()
					}
					c.Len()
				case 4:
					v, err := c.GetOrCreate(k, func() (*texture, error) { return &texture{path: k}, nil })
					if assert.NoError(t, err) {
						assert.Equal(t, k, v.path)
					}
				default:
					if v, ok := c.Get(k); ok {
						assert.Equal(t, k, v.path)
					}
				}
			}
		})
	}
	wg.Wait()
	weakbustest.Collect(t, func() bool { return c.Len() == 0 })
}

func TestCache_ANilKeyOfAnInterfaceTypeIsAKey(t *testing.T) {
	var c weakcache.Cache[error, texture]
	v := &texture{}
	c.Put(nil, v)
	assert.Equal(t, 1, c.Len())
	assert.Equal(t, map[error]*texture{nil: v}, contents(&c))
	assert.True(t, c.Delete(nil))
	runtime.KeepAlive(v)
}
