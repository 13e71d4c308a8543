package core

import (
	"slices"
	"sync/atomic"

	"github.com/weakbus/weakbus/internal/sweep"
)

// mover is told what becomes active and idle, for one topic or all.
type mover struct {
	root         *Topic // nil: all
	active, idle func(TopicInfo)
	told         map[*Topic]struct{} // to be active; owned by whoever pumps
	over         atomic.Bool
}

// turn is a topic that became active or idle.
type turn struct {
	topic  *Topic
	active bool
	only   *mover // nil: all
}

// move adds a mover. It is told first what is active already, in order with what changes meanwhile.
func (b *Bus) move(root *Topic, active, idle func(TopicInfo)) *mover {
	tr := &b.tracer
	m := &mover{root: root, active: active, idle: idle, told: make(map[*Topic]struct{})}
	tr.mu.Lock()
	var all []*mover
	if old := tr.movers.Load(); old != nil {
		all = slices.Clip(*old)
	}
	all = append(all, m)
	tr.movers.Store(&all)
	tr.mu.Unlock()
	tell := func(t *Topic) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.head.Load() != nil {
			tr.mu.Lock()
			tr.moves = append(tr.moves, turn{t, true, m})
			tr.mu.Unlock()
		}
	}
	visit := func(t *Topic) {
		if root != nil && t != root {
			return
		}
		tell(t)
		if ks := t.keys.Load(); ks != nil {
			ks.settle()
			ks.each(func(b *Branch) { tell(b.topic) })
		}
	}
	b.all(visit)
	return m
}

// still removes a mover.
func (tr *tracer) still(m *mover) {
	if m == nil {
		return
	}
	m.over.Store(true)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(*tr.movers.Load()), func(x *mover) bool { return x == m })
	if tr.movers.Store(&all); len(all) == 0 {
		tr.movers.Store(nil)
		tr.moves = nil // nobody notes what follows on them
	}
}

// moved notes that the topic got its first subscriber, or lost its last one. The caller holds mu,
// which puts the moves of a topic in order, and calls pump afterwards.
func (t *Topic) moved(active bool) {
	if t.Bus == nil || t.Bus.tracer.movers.Load() == nil {
		return
	}
	tr := &t.Bus.tracer
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.movers.Load() != nil { // still; see still
		tr.moves = append(tr.moves, turn{t, active, nil})
	}
}

// pump tells the moves that were noted, unless somebody is telling them already.
func (tr *tracer) pump() {
	tr.mu.Lock()
	if tr.pumping {
		tr.mu.Unlock()
		return
	}
	tr.pumping = true
	told := false
	defer func() {
		tr.pumping = false
		tr.mu.Unlock()
		if !told { // a hook has panicked, or ended the goroutine
			tr.pump()
		}
	}()
	for range pumpAtOnce {
		if len(tr.moves) == 0 {
			tr.moves = nil
			told = true
			return
		}
		m := tr.moves[0]
		tr.moves = tr.moves[1:]
		tr.tell(m)
	}
	told = true
	sweep.Call(tr.pump) // others make moves faster than this goroutine, which has its own work, tells them
}

// pumpAtOnce bounds how many moves one goroutine tells on behalf of others.
const pumpAtOnce = 4096

// tell calls the hooks without mu, which the caller holds.
func (tr *tracer) tell(m turn) {
	movers := tr.movers.Load()
	if movers == nil {
		return
	}
	tr.mu.Unlock()
	defer tr.mu.Lock() // also when a hook panics
	for _, x := range *movers {
		if (m.only == nil || m.only == x) && (x.root == nil || x.root == m.topic.root()) && !x.over.Load() {
			x.tell(m)
		}
	}
}

// tell tells a move, unless the mover knows.
func (m *mover) tell(x turn) {
	hook := m.idle
	_, told := m.told[x.topic]
	if told == x.active {
		return
	}
	if x.active {
		hook = m.active
		m.told[x.topic] = struct{}{}
	} else {
		delete(m.told, x.topic)
	}
	if hook != nil {
		hook(x.topic.info())
	}
}
