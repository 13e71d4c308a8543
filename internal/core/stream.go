package core

import "context"

// Stream is events that wait for a loop over Events. Only the loop holds it.
type Stream struct {
	line
	lane  lane
	bus   *Bus
	entry *Entry
	ready chan struct{} // there is something, or the subscription has ended
	idle  bool          // the loop waits for ready; guarded by mu
}

// Init makes the stream ready for events of a type.
func (s *Stream) Init(bus *Bus, typ *Type, store Store, capacity int, overflow Overflow) {
	s.bus, s.ready = bus, make(chan struct{}, 1)
	s.capacity, s.overflow = capacity, overflow
	s.lane = lane{line: &s.line, in: &Side{Store: store}, event: typ.Event}
	s.only = &s.lane
}

// Of says which subscription fills the stream.
func (s *Stream) Of(e *Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry = e
}

// Begin makes room for one event, and reports whether it is accepted. The caller pushes it onto the
// store if so, and calls End in any case. Between the two it holds the mutex.
func (s *Stream) Begin(ctx context.Context) (a Arrival) {
	s.mu.Lock()
	before := s.dropped
	a.Accepted = true
	for a.Accepted && !s.over && s.full() {
		switch s.overflow {
		case Block:
			if a.Err = s.await(ctx, nil, s.stalled); a.Err != nil {
				a.Accepted = false
			}
		case DropNewest:
			s.dropped++
			a.Accepted = false
		case DropOldest:
			s.dropped++
			s.dropOldest()
		default:
			s.dropped += s.n
			s.clear()
		}
	}
	a.Accepted = a.Accepted && !s.over
	a.dropped = s.dropped - before
	return a
}

// Arrival is an event that comes to a stream.
type Arrival struct {
	Accepted bool
	Err      error
	dropped  int
}

// End ends what Begin began.
func (s *Stream) End(a Arrival) error {
	if a.Accepted {
		s.push(&s.lane)
	}
	s.pass()
	if s.idle {
		s.idle = false
		notify(s.ready)
	}
	total, e := s.dropped, s.entry
	s.mu.Unlock()
	if a.dropped > 0 && s.bus != nil {
		d := Dropped{Event: s.lane.event, Count: a.dropped, Total: total}
		if e != nil {
			if t := e.kind.ledger.topic.Value(); t != nil {
				info := t.describe(e)
				d.Subscription = &info
				t.countDropped(a.dropped)
			}
		}
		s.bus.tellDrop(d)
	}
	return a.Err
}

func (s *Stream) stalled() {
	s.bus.stalled("the buffer of a loop over Events", s.lane.event.String())
}

// Next returns the slot of the next event, with the mutex held, which Taken unlocks. It waits for one; ok is
// false if there is none to come: ctx is done or the subscription has ended.
func (s *Stream) Next(ctx context.Context) (slot int, ok bool) {
	for ctx.Err() == nil {
		s.mu.Lock()
		if s.n > 0 {
			s.n--
			return s.lane.in.Pop(), true
		}
		if s.over {
			s.mu.Unlock()
			return 0, false
		}
		s.idle = true
		s.mu.Unlock()
		select {
		case <-s.ready:
		case <-ctx.Done():
		}
	}
	return 0, false
}

// Taken tells that the event that Next returned was taken.
func (s *Stream) Taken() {
	s.pass()
	s.mu.Unlock()
}

// Side returns where events are put, between Begin and End.
func (s *Stream) Side() *Side { return s.lane.in }

// Stop has the stream accept no more: what it has can still be taken. If nobody waits, it sends
// nothing; see wakeAll.
func (s *Stream) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.wakeAll()
	if s.idle {
		s.idle = false
		notify(s.ready)
	}
}

// Backlog returns how many events wait, and how many were dropped.
func (s *Stream) Backlog() (waiting, dropped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.dropped
}
