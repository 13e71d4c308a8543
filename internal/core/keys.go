package core

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
)

// Branch is what makes a topic a keyed sub-topic.
//
// There may be several topics for one key: At makes one without telling anybody, so that asking for
// a key that nobody listens to leaves nothing behind. At most one of them is linked, that is, in the
// map of the root. Only a linked one has subscribers or a retained event, and it is unlinked when it
// has neither. Those that are not linked look for it; see current and K1.
type Branch struct {
	Face         any // the typed topic
	topic        *Topic
	root, parent *Topic
	key          any // below the root; a keyPath below another sub-topic
	pins         int // subscriptions in the making; guarded by root's keys.mu
	linked       bool
	weak         func(key any) []reflect.Value // weakKeys; a program without At does not carry it
	weakKeys     []reflect.Value               // Value of the keys that are weak pointers; set before it is first linked
}

// keyPath is the key of a sub-topic of a sub-topic.
type keyPath struct{ up, key any }

// keys is the sub-topics of a topic, at any depth.
type keys struct {
	mu       sync.Mutex // serialises writers of branches; comes before Topic.mu
	branches sync.Map   // from key to *Branch: the linked ones
	n        atomic.Int64
	limit    atomic.Int64 // the number at which all are next pruned
}

// minKeys is the number of keyed sub-topics that are not worth pruning.
const minKeys = 64

// At returns the linked sub-topic of a key, or else makes one that nobody knows of.
func (t *Topic) At(key any) *Branch {
	checkKey(key)
	root, full := t, key
	if t.Branch != nil {
		root, full = t.Branch.root, keyPath{t.Branch.key, key}
	}
	if linked := root.lookup(full); linked != nil {
		return linked
	}
	b := t.typ.do(NewBranch, nil, nil).(*Branch)
	b.root, b.parent, b.key, b.weak = root, t, full, weakKeys
	b.topic.Branch, b.topic.Bus, b.topic.typ = b, t.Bus, t.typ
	b.topic.remode() // nobody else has it yet
	return b
}

// Grow makes b the branch of a topic that it comes with.
func (b *Branch) Grow(face any, t *Topic) *Branch {
	b.Face, b.topic = face, t
	return b
}

func checkKey(key any) {
	if key == nil {
		return
	}
	switch typ := reflect.TypeOf(key); {
	case !typ.Comparable(),
		(typ.Kind() == reflect.Struct || typ.Kind() == reflect.Array) && !reflect.ValueOf(key).Comparable():
		Misuse("At", fmt.Sprintf("a %v cannot be compared; use a comparable key, such as an ID or weak.Make(object)", typ))
	case key != key: //nolint:gocritic // NaN, or something that contains one
		Misuse("At", fmt.Sprintf("%v does not equal itself and would never be found again; use another key", key))
	}
}

// Misuse panics at the call site of function with what is wrong and how to mend it.
//
//go:noinline
func Misuse(function, reason string) {
	panic("weakbus: " + function + ": " + reason)
}

// lookup returns the linked branch of a key below the root t, or nil.
func (t *Topic) lookup(key any) *Branch {
	if ks := t.keys.Load(); ks != nil {
		if b, ok := ks.branches.Load(key); ok {
			return b.(*Branch)
		}
	}
	return nil
}

// current returns t, or the topic that is linked in its place.
func (t *Topic) current() *Topic {
	if t.Branch != nil && t.head.Load() == nil {
		if linked := t.Branch.root.lookup(t.Branch.key); linked != nil {
			return linked.topic
		}
	}
	return t
}

// pin makes t ready to be subscribed to, and a sub-topic linked until unpin. It returns the topic to
// use in its place.
func (t *Topic) pin(typ *Type) *Topic {
	if t.Branch == nil {
		t.Init(typ)
		return t
	}
	root := t.Branch.root
	if root.keys.Load() == nil {
		root.Init(typ)
		root.keys.CompareAndSwap(nil, &keys{})
	}
	ks := root.keys.Load()
	if ks.n.Load() >= max(minKeys, ks.limit.Load()) {
		ks.prune()
		ks.limit.Store(2 * ks.n.Load())
	}
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if linked := root.lookup(t.Branch.key); linked != nil {
		t = linked.topic
	} else {
		t.mu.Lock()
		t.init(typ)
		t.remode()                                                 // it may have been unlinked while observers came or went
		t.closed = t.closed || t.Bus != nil && t.Bus.closed.Load() // see close
		t.mu.Unlock()
		if b := t.Branch; !b.linked {
			b.linked, b.weakKeys = true, b.weak(b.key)
		}
		ks.branches.Store(t.Branch.key, t.Branch)
		ks.n.Add(1)
	}
	t.Branch.pins++
	return t
}

// unpin ends a pin.
func (t *Topic) unpin() {
	if t.Branch == nil {
		return
	}
	ks := t.Branch.root.keys.Load()
	ks.mu.Lock()
	t.Branch.pins--
	ks.mu.Unlock()
	if t.head.Load() == nil {
		t.unlink()
	}
}

// unlink removes the sub-topic t from its root, unless it is still of use.
func (t *Topic) unlink() {
	root := t.Branch.root
	ks := root.keys.Load()
	ks.mu.Lock()
	defer ks.mu.Unlock()
	if t.Branch.pins == 0 && t.head.Load() == nil && t.rare().kept.Load() == nil && root.lookup(t.Branch.key) == t.Branch {
		ks.branches.Delete(t.Branch.key)
		ks.n.Add(-1)
	}
}

// weakKeys returns the methods that tell whether the objects of keys are alive, for those keys on
// the way from the root that are weak pointers.
func weakKeys(key any) (values []reflect.Value) {
	if p, nested := key.(keyPath); nested {
		values, key = weakKeys(p.up), p.key
	}
	if key == nil {
		return values
	}
	typ := reflect.TypeOf(key)
	if typ.PkgPath() != "weak" || reflect.ValueOf(key).IsZero() {
		return values
	}
	return append(values, reflect.ValueOf(key).MethodByName("Value"))
}

// keyDied reports whether an object that the sub-topic is keyed by was collected.
func (b *Branch) keyDied() bool {
	if !b.linked {
		return false
	}
	for _, value := range b.weakKeys {
		if value.Call(nil)[0].IsNil() {
			return true
		}
	}
	return false
}

// each calls do for each linked sub-topic, without a lock.
func (ks *keys) each(do func(*Branch)) {
	ks.branches.Range(func(_, b any) bool {
		do(b.(*Branch))
		return true
	})
}

// settle waits for pins in progress. A sub-topic linked before is then in the map; one linked later
// sees everything done before settle.
func (ks *keys) settle() {
	ks.mu.Lock()
	defer ks.mu.Unlock()
}

// prune prunes all sub-topics, and ends those whose objects died.
func (ks *keys) prune() {
	ks.each(func(b *Branch) {
		if b.keyDied() {
			b.topic.expire()
		}
		b.topic.prune()
	})
}

func (ks *keys) empty() bool { return ks.n.Load() == 0 }

// path returns the keys of a sub-topic, outermost first, and nil for any other topic.
func (t *Topic) path() []any {
	if t.Branch == nil {
		return nil
	}
	key := t.Branch.key
	if p, nested := key.(keyPath); nested {
		key = p.key
	}
	return append(t.Branch.parent.path(), key)
}
