package core

import "context"

// Store is the memory of a Side: slots for events of one type. It knows nothing of their order.
type Store interface {
	Do(do StoreOp, i int, j *Job)
}

// StoreOp is what is done with a Store.
type StoreOp uint8

const (
	Grow    StoreOp = iota // makes twice as many slots; the event in slot i becomes the first
	Take                   // empties slot i, and has j done with the event; nil drops it
	Publish                // empties slot i, and publishes the event to the topic of j, or else to its bus
	Free                   // lets go of all slots, which are empty
	Move                   // empties slot i, and puts the event behind those of j's side
)

// MinSlots is how many slots a store has at least, once it has any.
const MinSlots = 8

// Side is a queue of events of one type in a circular buffer.
type Side struct {
	Store Store
	head  int
	n     int
	slots int
	notes []any // what is to be said beside the events; nil while there was nothing
}

func newSide(typ *Type) *Side { return &Side{Store: typ.newStore()} }

// Put returns the slot for one more event, with its note. The caller writes the event.
func (s *Side) Put(note any) (slot int) {
	if s.n == s.slots {
		s.grow()
	}
	at := (s.head + s.n) & (s.slots - 1)
	s.n++
	if note != nil && s.notes == nil {
		s.notes = make([]any, s.slots)
	}
	if s.notes != nil {
		s.notes[at] = note
	}
	return at
}

func (s *Side) grow() {
	s.Store.Do(Grow, s.head, nil)
	old := s.slots
	if s.slots = max(MinSlots, 2*old); s.notes != nil {
		notes := make([]any, s.slots)
		copy(notes[copy(notes, s.notes[s.head:]):], s.notes[:s.head])
		s.notes = notes
	}
	s.head = 0
}

// take removes the oldest event, and does something with it. There has to be one.
func (s *Side) take(do StoreOp, j *Job) {
	i := s.head
	if s.notes != nil && j != nil {
		j.note(s.notes[i])
	}
	if s.notes != nil {
		s.notes[i] = nil
	}
	s.head = (i + 1) & (s.slots - 1)
	s.n--
	s.Store.Do(do, i, j)
}

// Pop returns the slot of the oldest event, which the caller empties.
func (s *Side) Pop() (slot int) {
	i := s.head
	s.head = (i + 1) & (s.slots - 1)
	s.n--
	return i
}

// append moves the events of another side behind those of s.
func (s *Side) append(other *Side) {
	for other.n > 0 {
		var n any
		if other.notes != nil {
			n = other.notes[other.head]
		}
		other.take(Move, &Job{errand: &errand{to: s, slot: s.Put(n)}})
	}
}

// drop removes the oldest n events.
func (s *Side) drop(n int) {
	for range n {
		s.take(Take, nil)
	}
}

// free lets go of the memory of an empty side.
func (s *Side) free() {
	s.Store.Do(Free, 0, nil)
	*s = Side{Store: s.Store}
}

// large reports whether the memory is large beside what is used.
func (s *Side) large(used int) bool { return s.slots > 1024 && s.slots/8 > used }

// note is what a letter in a mailbox has to say beside the event; nil stands for the zero one.
type note struct {
	ctx context.Context
	seq uint64
}

func noteOf(ctx context.Context, seq uint64) any {
	if ctx == nil && seq == 0 {
		return nil
	}
	return &note{ctx, seq}
}

// note tells a job the note of the event that it is to be done with: a letter's, or the topic to publish
// to.
func (j *Job) note(n any) {
	switch n := n.(type) {
	case *note:
		if e := j.errand; e != nil && e.letter != nil {
			e.letter.ctx, e.letter.seq = n.ctx, n.seq
		}
	case *Topic:
		j.Topic = n
	}
}
