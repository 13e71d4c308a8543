package weakbus

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
)

// sub is what makes a topic a keyed sub-topic.
//
// There may be several Topics for one key: At makes one without telling anybody, so that asking
// for a key that nobody listens to leaves nothing behind. At most one of them is linked, that
// is, in the map of the root. Only a linked one has subscribers or a retained event, and it is
// unlinked when it has neither. Those that are not linked look for it; see current.
type sub[E any] struct {
	root, parent *Topic[E]
	key          any // below the root; a keyPath below another sub-topic
	pins         int // subscriptions in the making; guarded by root's keys.mu
	linked       bool
	weakKey      reflect.Value // Value of a key that is a weak pointer; set before it is first linked
}

// keyPath is the key of a sub-topic of a sub-topic.
type keyPath struct{ up, key any }

// keys is the sub-topics of a topic, at any depth.
type keys[E any] struct {
	mu     sync.Mutex // serialises writers of topics; comes before Topic.mu
	topics sync.Map   // from key to *Topic[E]: the linked ones
	n      atomic.Int64
	limit  atomic.Int64 // the number at which all are next pruned
}

// minKeys is the number of keyed sub-topics that are not worth pruning.
const minKeys = 64

// At returns the sub-topic of key. What is published there reaches the sub-topic's own
// subscribers first and those of t, its parent, after that; what is published to t reaches only
// t's. Within each of the two, higher priorities come first; a priority does not lift a
// subscriber of the parent before one of the sub-topic. At of a sub-topic gives one of its own.
//
// Keys are compared with ==, so equal values of different types are different keys. A key is
// kept for as long as the sub-topic has subscribers; to key by an object without keeping that
// alive, use weak.Make(object): when the object is collected, so is the sub-topic, and its
// subscriptions are Collected. Topics of one key are interchangeable, but not always identical. A
// sub-topic without subscribers costs its parent nothing. Whoever publishes to one key often
// keeps its sub-topic: to look it up boxes the key.
//
// At panics if key cannot be compared, or does not equal itself, as NaN.
func (t *Topic[E]) At(key any) *Topic[E] {
	checkKey(key)
	root, full := t, key
	if t.sub != nil {
		root, full = t.sub.root, keyPath{t.sub.key, key}
	}
	if linked := root.lookup(full); linked != nil {
		return linked
	}
	made := &struct {
		Topic[E]
		sub sub[E]
	}{sub: sub[E]{root: root, parent: t, key: full}}
	made.Topic.sub, made.bus = &made.sub, t.bus
	made.mode.Store(modeRouted)
	return &made.Topic
}

func checkKey(key any) {
	if key == nil {
		return
	}
	switch typ := reflect.TypeOf(key); {
	case !typ.Comparable(),
		(typ.Kind() == reflect.Struct || typ.Kind() == reflect.Array) && !reflect.ValueOf(key).Comparable():
		misuse("At", fmt.Sprintf("a %v cannot be compared; use a comparable key, such as an ID or weak.Make(object)", typ))
	case key != key: //nolint:gocritic // NaN, or something that contains one
		misuse("At", fmt.Sprintf("%v does not equal itself and would never be found again; use another key", key))
	}
}

// lookup returns the linked sub-topic of a key below the root t, or nil.
func (t *Topic[E]) lookup(key any) *Topic[E] {
	if ks := t.keys.Load(); ks != nil {
		if x, ok := ks.topics.Load(key); ok {
			return x.(*Topic[E])
		}
	}
	return nil
}

// current returns t, or the topic that is linked in its place.
func (t *Topic[E]) current() *Topic[E] {
	if t.sub != nil && t.head.Load() == nil {
		if linked := t.sub.root.lookup(t.sub.key); linked != nil {
			return linked
		}
	}
	return t
}

// pin links t, and keeps it linked until unpin. It returns the topic to use in its place.
func (t *Topic[E]) pin() *Topic[E] {
	if t.sub == nil {
		return t
	}
	root := t.sub.root
	if root.keys.Load() == nil {
		root.keys.CompareAndSwap(nil, &keys[E]{})
	}
	ks := root.keys.Load()
	if ks.n.Load() >= max(minKeys, ks.limit.Load()) {
		ks.each(func(sub *Topic[E]) { sub.prune() })
		ks.limit.Store(2 * ks.n.Load())
	}
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if linked := root.lookup(t.sub.key); linked != nil {
		t = linked
	} else {
		if t.bus != nil && t.bus.closed.Load() { // see close
			t.mu.Lock()
			t.closed = true
			t.mu.Unlock()
		}
		if !t.sub.linked {
			t.sub.linked, t.sub.weakKey = true, weakKey(t.sub.key)
		}
		ks.topics.Store(t.sub.key, t)
		ks.n.Add(1)
	}
	t.sub.pins++
	return t
}

// unpin ends a pin.
func (t *Topic[E]) unpin() {
	if t.sub == nil {
		return
	}
	ks := t.sub.root.keys.Load()
	ks.mu.Lock()
	t.sub.pins--
	ks.mu.Unlock()
	if t.head.Load() == nil {
		t.unlink()
	}
}

// unlink removes the sub-topic t from its root, unless it is still of use.
func (t *Topic[E]) unlink() {
	root := t.sub.root
	ks := root.keys.Load()
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if t.sub.pins == 0 && t.head.Load() == nil && t.kept.Load() == nil && root.lookup(t.sub.key) == t {
		ks.topics.Delete(t.sub.key)
		ks.n.Add(-1)
	}
}

// weakKey returns the method that tells whether the object of a key is alive, if it is a weak
// pointer to one, or the zero Value.
func weakKey(key any) (value reflect.Value) {
	if p, nested := key.(keyPath); nested {
		key = p.key
	}
	if key == nil {
		return value
	}
	typ := reflect.TypeOf(key)
	if typ.PkgPath() != "weak" || reflect.ValueOf(key).IsZero() {
		return value
	}
	return reflect.ValueOf(key).MethodByName("Value")
}

// keyDied reports whether the sub-topic is that of an object that was collected.
func (s *sub[E]) keyDied() bool {
	return s.linked && s.weakKey.IsValid() && s.weakKey.Call(nil)[0].IsNil()
}

// expire ends the subscriptions of a sub-topic whose object was collected.
func (t *Topic[E]) expire() {
	if l := t.head.Load(); l != nil {
		t.end(l, Collected)
		t.compact()
	}
}

// each calls do for each linked sub-topic, without a lock.
func (ks *keys[E]) each(do func(*Topic[E])) {
	ks.topics.Range(func(_, t any) bool {
		do(t.(*Topic[E]))
		return true
	})
}

// settle waits for pins under way: afterwards, whoever links a sub-topic has either stored it, or
// sees what was done before.
func (ks *keys[E]) settle() {
	ks.mu.Lock()
	defer ks.mu.Unlock()
}

func (ks *keys[E]) empty() bool { return ks.n.Load() == 0 }

// path returns the keys of a sub-topic, outermost first, and nil for any other topic.
func (t *Topic[E]) path() []any {
	if t.sub == nil {
		return nil
	}
	key := t.sub.key
	if p, nested := key.(keyPath); nested {
		key = p.key
	}
	return append(t.sub.parent.path(), key)
}
