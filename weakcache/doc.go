// Package weakcache holds values by key for as long as somebody else holds them: a [Cache] keeps
// no value alive, and when the collector takes one, its key goes too. It is for objects of which
// there is to be one for each key while they are in use: open documents, loaded textures,
// sessions, canonical instances.
//
//	var textures weakcache.Cache[string, Texture]
//
//	tex, err := textures.GetOrCreate(path, func() (*Texture, error) { return load(path) })
//
// It is no cache for values that are expensive to make and used seldom: a value that nobody
// holds may be gone at the next collection. To keep some for longer, hold them as well, in a
// list of bounded length.
//
// # What keeps a value alive
//
// Only what refers to it elsewhere. A key that refers to its value does, so such an entry is never
// removed; a value that refers to its key does not. A value inside a larger allocation, such as an element of
// a slice or a field of a struct, lives as long as all of it. What looks a value up while the collector
// marks keeps it for that cycle. Values in package-level variables are never collected, and those of
// types that the runtime allocates in batches are refused, see [Cache.Put].
//
// # What is not promised
//
// Collection is neither prompt nor promised: an unused value is found until it has happened.
// A key goes a little after its value, on a goroutine of the runtime; in between, Get, All
// and Len leave it out. A key outlives the program's last use of its value by at least that. A value
// that a finalizer revives is gone from the cache; each time that it is put anew adds to what the cache
// knows of it until its real end.
//
// # Next to Python
//
// The model is WeakValueDictionary of Python's module weakref:
//
//	WeakValueDictionary                       Cache
//	-------------------                       -----
//	d[k] = v                                  Put; of a value that is there already, nothing is added
//	d[k], d.get(k), k in d                    Get; there is no KeyError to catch
//	d.setdefault(k, make())                   GetOrCreate; makes nothing where there is a value, and
//	                                          once under concurrency; create may fail
//	del d[k], d.pop(k)                        Delete; reports whether there was a value
//	d.items(), d.keys(), d.values()           All; may be modified meanwhile, and loses dead entries
//	                                          meanwhile, which Python puts off until the loop ends
//	len(d)                                    Len; live values only, and walks all of them: Python's
//	                                          may count dead ones, and is quicker
//	key removed by the weak reference's       by a cleanup of the value, after its collection; like
//	callback, at once in CPython, and only    in Python not if there is another value under the key,
//	if its reference is still in the dict     and once for all keys of a value
//	TypeError: int, str, tuple, None          panic: nil, and types that are never collected
//	a class needs a __weakref__ slot          nothing; any struct of 16 bytes or with a pointer
//	single operations are atomic (GIL)        all methods are safe for concurrent use
//	d.copy(), d | other, d.update(other)      none; range over All
package weakcache
