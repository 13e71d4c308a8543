package weakcache

import (
	"iter"
	"maps"
	"reflect"
	"runtime"
	"sync"
	"weak"

	"github.com/weakbus/weakbus/internal/lifetime"
)

// Cache holds values of type V by key, weakly: none is kept alive, and the key of one that was
// collected is removed. The zero value is ready to use. A Cache must not be copied, which vet's
// copylocks check reports. Its methods are safe for concurrent use.
//
// A cache that is dropped is collected whether its values live on or not. Each of those then
// carries some two hundred bytes until its own end.
type Cache[K comparable, V any] struct {
	slots sync.Map // of K to *slot[V]; read without mu

	// It is tempting to give each entry a cleanup. A value that is put and deleted over and over
	// would pile them up, and to stop one can crash the runtime: see docs/adr/0010. So a value has
	// one cleanup, whatever becomes of its entries, and keys says what there is to remove. (One
	// more for each time that a finalizer has revived it: its weak pointer is another one then.)
	mu       sync.Mutex              // serialises writers; no user code runs while it is held
	keys     map[weak.Pointer[V]][]K // of each value that has a cleanup, perhaps none
	most     int                     // the length of keys at which it was largest
	creating map[K]*creation[V]
}

// slot is what is under a key. Its place in keys makes it quick to take out again.
type slot[V any] struct {
	value weak.Pointer[V]
	at    int // the index of the key in keys[value]; guarded by mu
}

// Get returns the value under key, and whether there is one that has not been collected.
func (c *Cache[K, V]) Get(key K) (*V, bool) {
	if s := c.slot(key); s != nil {
		if v := s.value.Value(); v != nil {
			return v, true
		}
	}
	return nil, false
}

func (c *Cache[K, V]) slot(key K) *slot[V] {
	if s, ok := c.slots.Load(key); ok {
		return s.(*slot[V])
	}
	return nil
}

// Put puts value under key, in the place of another one that may be there. A value can be under
// several keys, and is under none of them once it was collected.
//
// Put panics if value is nil, if V is a type that is never, or perhaps never, collected (of
// size zero, or pointer-free and smaller than 16 bytes), if key is not equal to itself, as
// NaN is not, and if it is an interface with a value that cannot be compared.
func (c *Cache[K, V]) Put(key K, value *V) {
	const function = "Put"
	check[V](function, key)
	if value == nil {
		misuse(function, "nil value; use Delete to remove a key")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value)
}

// put is Put. The caller holds mu.
func (c *Cache[K, V]) put(key K, value *V) {
	w := weak.Make(value)
	if old := c.slot(key); old != nil {
		if old.value == w {
			return
		}
		c.detach(old)
	}
	keys, watched := c.keys[w]
	if !watched {
		runtime.AddCleanup(value, expired[K, V].remove, expired[K, V]{weak.Make(c), w})
		if c.keys == nil {
			c.keys = make(map[weak.Pointer[V]][]K)
		}
	}
	c.keys[w] = append(keys, key)
	c.most = max(c.most, len(c.keys))
	c.slots.Store(key, &slot[V]{w, len(keys)}) // in one step, so that no Get misses both
}

// detach takes a slot's key from those of its value. The caller holds mu, and replaces or removes
// the slot.
func (c *Cache[K, V]) detach(s *slot[V]) {
	keys := c.keys[s.value]
	last := len(keys) - 1
	if s.at < last {
		keys[s.at] = keys[last]
		c.slot(keys[last]).at = s.at
	}
	clear(keys[last:]) // a key may be large
	if last == 0 {
		keys = nil
	}
	c.keys[s.value] = keys[:last]
}

// Delete removes what is under key, and reports whether that was a value that had not been
// collected. It does not stop a GetOrCreate under way, which puts its value when it has it.
func (c *Cache[K, V]) Delete(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slot(key)
	if s == nil {
		return false
	}
	c.detach(s)
	c.slots.Delete(key)
	return s.value.Value() != nil
}

// All returns the keys and values, in no particular order. It looks at each key once: what is put
// or deleted during the loop may be seen or not, what was collected is left out. The loop holds
// one value at a time. The loop body may use the cache.
func (c *Cache[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		c.slots.Range(func(key, s any) bool {
			k, _ := key.(K) // a nil key of an interface type is no K here
			v := s.(*slot[V]).value.Value()
			return v == nil || yield(k, v)
		})
	}
}

// Len returns how many keys have a value that has not been collected. It looks at each of them.
func (c *Cache[K, V]) Len() (n int) {
	for range c.All() {
		n++
	}
	return n
}

// expired is what the cleanup of a value gets. It keeps neither the cache nor a key alive: a key
// may well refer to the value, which could then never be collected.
type expired[K comparable, V any] struct {
	cache weak.Pointer[Cache[K, V]]
	value weak.Pointer[V]
}

// remove removes the keys that the value was under to the end. Those that have another value by
// now are not among them.
func (e expired[K, V]) remove() {
	c := e.cache.Value()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys[e.value] {
		c.slots.Delete(key)
	}
	delete(c.keys, e.value)
	if c.most >= 64 && len(c.keys) < c.most/4 { // a map does not shrink by itself
		smaller := make(map[weak.Pointer[V]][]K, len(c.keys))
		maps.Copy(smaller, c.keys)
		c.keys, c.most = smaller, len(smaller)
	}
}

// check panics at the call of function for what can never leave the cache again.
func check[V any, K comparable](function string, key K) {
	if reason := lifetime.Refuse(reflect.TypeFor[V]()); reason != "" {
		misuse(function, reason)
	}
	if other := key; other != key {
		misuse(function, "the key is not equal to itself, so it could never be found; leave NaN out")
	}
}

// misuse panics at the call site of function with what is wrong and how to mend it.
func misuse(function, reason string) {
	panic("weakcache: " + function + ": " + reason)
}
