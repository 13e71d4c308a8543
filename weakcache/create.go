package weakcache

// creation is a call of create that is under way.
type creation[V any] struct {
	done     chan struct{} // closed when it is over
	returned bool          // rather than ended by a panic or runtime.Goexit
	value    *V
	err      error
}

// GetOrCreate returns the value under key. If there is none, it calls create, puts what that
// returns under key, and returns it. Of concurrent calls for one key, one calls create; the
// others wait for it and return the same value, or the same error. An error is not kept: the next
// call tries again.
//
// create runs on the goroutine of its caller and may use the cache for other keys, also with
// GetOrCreate; for its own key, and round about by way of another creation, that waits for
// itself for ever. If create panics or ends its goroutine, that goes on in the goroutine that
// called it; those that waited try again with a create of their own. A value that was Put
// meanwhile is not replaced: all get that one, and what create made is dropped.
//
// GetOrCreate panics if create is nil or returns nil without an error, and where Put does.
func (c *Cache[K, V]) GetOrCreate(key K, create func() (*V, error)) (*V, error) {
	const function = "GetOrCreate"
	check[V](function, key)
	if create == nil {
		misuse(function, "nil function")
	}
	for {
		if v, ok := c.Get(key); ok {
			return v, nil
		}
		if cr, first := c.join(key); first {
			return c.create(key, cr, create)
		} else if <-cr.done; cr.returned {
			return cr.value, cr.err
		}
	}
}

// join returns the creation that is under way for key, which it begins if there is none.
func (c *Cache[K, V]) join(key K) (cr *creation[V], first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cr := c.creating[key]; cr != nil {
		return cr, false
	}
	if c.creating == nil {
		c.creating = make(map[K]*creation[V])
	}
	cr = &creation[V]{done: make(chan struct{})}
	c.creating[key] = cr
	return cr, true
}

// create makes the value of a creation that this goroutine has begun.
func (c *Cache[K, V]) create(key K, cr *creation[V], create func() (*V, error)) (*V, error) {
	defer c.leave(key, cr) // also when create does not return
	// Another creation may have ended between our look and our beginning.
	if v, ok := c.Get(key); ok {
		cr.value, cr.returned = v, true
		return v, nil
	}
	v, err := create()
	switch {
	case err != nil:
		v = nil
	case v == nil:
		misuse("GetOrCreate", "create returned nil without an error; return a value or an error")
	default:
		v = c.getOrPut(key, v)
	}
	cr.value, cr.err, cr.returned = v, err, true
	return v, err
}

// leave ends a creation. Its value can be found by now.
func (c *Cache[K, V]) leave(key K, cr *creation[V]) {
	c.mu.Lock()
	delete(c.creating, key)
	c.mu.Unlock()
	close(cr.done)
}

// getOrPut returns the value under key, which is value if there was none.
func (c *Cache[K, V]) getOrPut(key K, value *V) *V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.Get(key); ok {
		return v
	}
	c.put(key, value)
	return value
}
