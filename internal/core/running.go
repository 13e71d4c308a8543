package core

import (
	"sync"
	"sync/atomic"
	"time"
)

// calls is what handlers are running, while somebody observes.
type calls struct {
	mu    sync.Mutex
	first *running
}

// running is a publish, or one call of a handler outside one.
type running struct {
	next, prev *running
	topic      *Topic
	entry      atomic.Pointer[Entry] // nil between two handlers
	since      atomic.Int64          // nanoseconds since began
}

var began = time.Now()

func (c *calls) begin(t *Topic) *running {
	r := &running{topic: t}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.next = c.first; c.first != nil {
		c.first.prev = r
	}
	c.first = r
	return r
}

// at notes that the handler of e is being called; nil: none. r is nil where nobody looks.
func (r *running) at(e *Entry) {
	if r == nil {
		return
	}
	if e != nil {
		r.since.Store(int64(time.Since(began)))
	}
	r.entry.Store(e)
}

// end takes what begin returned.
func (c *calls) end(r *running) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		c.first = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	}
}

// counts are the totals of a topic.
type counts struct {
	published, heard, dropped atomic.Int64
}

// counted returns the counts of a topic, which it makes on first use.
func (t *Topic) counted() *counts {
	r := t.makeRare()
	if c := r.counts.Load(); c != nil {
		return c
	}
	r.counts.CompareAndSwap(nil, new(counts))
	return r.counts.Load()
}

// count counts a publish to t, and to the topic that it is a sub-topic of.
func (t *Topic) count(ran int) {
	for _, x := range []*Topic{t, t.root()} {
		c := x.counted()
		c.published.Add(1)
		if ran > 0 {
			c.heard.Add(1)
		}
		if x.Branch == nil {
			break
		}
	}
}

// countDropped counts for t, and for the topic that it is a sub-topic of.
func (t *Topic) countDropped(n int) {
	if !t.Bus.observed() {
		return
	}
	t.counted().dropped.Add(int64(n))
	if t.Branch != nil {
		t.root().counted().dropped.Add(int64(n))
	}
}
