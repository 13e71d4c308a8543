package core

import (
	"runtime"
	"slices"
	"time"
)

// Stats is a picture of a bus.
type Stats struct {
	Topics  []TopicStats
	Queues  []QueueStats
	Running []RunningStats
}

// TopicStats is a picture of a topic.
type TopicStats struct {
	TopicInfo
	Retains                   bool
	Ended                     map[State]int
	Published, Heard, Dropped int
	Subscriptions             []SubscriptionStats
}

// SubscriptionStats is a picture of a subscription.
type SubscriptionStats struct {
	Info
	State                      State
	Waiting, Dropped, Replaced int
}

// QueueStats is a picture of a queue.
type QueueStats struct {
	Label                      string
	Waiting, Capacity, Dropped int
}

// RunningStats is a handler that is running.
type RunningStats struct {
	Subscription Info
	Since        time.Time
}

// Stats returns a picture of the bus.
func (b *Bus) Stats() Stats {
	var s Stats
	b.all(func(t *Topic) { t.stats(&s.Topics) })
	b.mu.Lock()
	queues := slices.Clone(b.queues)
	b.mu.Unlock()
	for _, w := range queues {
		if q := w.Value(); q != nil {
			s.Queues = append(s.Queues, QueueStats{q.Label, q.Len(), q.capacity, q.Dropped()})
		}
	}
	b.tracer.calls.mu.Lock()
	defer b.tracer.calls.mu.Unlock()
	for r := b.tracer.calls.first; r != nil; r = r.next {
		if e := r.entry.Load(); e != nil {
			s.Running = append(s.Running, RunningStats{r.topic.describe(e), began.Add(time.Duration(r.since.Load()))})
		}
	}
	slices.Reverse(s.Running) // the first to begin comes first
	return s
}

func (t *Topic) stats(report *[]TopicStats) {
	t.prune()
	s := TopicStats{TopicInfo: t.info(), Retains: t.rare().kept.Load() != nil, Ended: map[State]int{}}
	l := t.head.Load()
	if l != nil && l.Mode&Unordered != 0 {
		l = t.ordered()
	}
	if l == nil && t.Branch != nil && !s.Retains {
		return // it has just been let go of
	}
	if l != nil {
		for k, c := range l.chunks {
			for i, e := range c.Slots[:l.upTo(k)] {
				if st := t.entryStats(c, i, e); st.State == Active || st.State == Paused {
					s.Subscriptions = append(s.Subscriptions, st)
				}
			}
		}
	}
	for i := range t.ledger.ends {
		if n := t.ledger.ends[i].Load(); n > 0 {
			s.Ended[Cancelled+State(i)] = int(n)
		}
	}
	if c := t.rare().counts.Load(); c != nil {
		s.Published, s.Heard, s.Dropped = int(c.published.Load()), int(c.heard.Load()), int(c.dropped.Load())
	}
	*report = append(*report, s)
	if ks := t.keys.Load(); ks != nil {
		ks.each(func(b *Branch) { b.topic.stats(report) })
	}
}

// entryStats returns what there is to know of the subscriber in slot i of c.
func (t *Topic) entryStats(c *Chunk, i int, e *Entry) SubscriptionStats {
	st := SubscriptionStats{Info: t.describe(e), State: e.State()}
	st.Priority = c.prio
	if r := e.kind.receiver(); r.Backlog != nil { // see Events
		st.Waiting, st.Dropped = r.Backlog(e)
	}
	if c.Ops.Run != nil {
		return st
	}
	g := c.Handlers[i].(*Guard)
	if l := g.lane; l != nil {
		l.line.mu.Lock()
		st.Waiting, st.Dropped = l.in.n, l.dropped
		if l.line.only == l {
			st.Waiting = l.line.waits()
		}
		l.line.mu.Unlock()
	}
	if g.latest != nil {
		st.Replaced = g.latest.stats()
	}
	if g.pace != nil {
		replaced, waiting := g.pace.stats()
		st.Replaced, st.Waiting = st.Replaced+replaced, st.Waiting+waiting
	}
	return st
}

// Vanished runs a collection, and tells of each subscriber that this, or one before, took before it heard
// anything. For the end of a test: it ends no subscription, and none ends by a sweep any more.
func (b *Bus) Vanished(told func(Info)) {
	b.still.Store(true)
	runtime.GC()
	look := func(t *Topic) {
		t.head.Load().each(func(e *Entry) {
			if x := e.kind.extra; !e.final() && !e.alive() && !e.heard.Load() && (x == nil || !x.exempt.Load()) {
				told(t.describe(e))
			}
		})
	}
	b.all(func(t *Topic) {
		look(t)
		if ks := t.keys.Load(); ks != nil {
			ks.each(func(b *Branch) {
				if !b.keyDied() { // else that is why
					look(b.topic)
				}
			})
		}
	})
}
