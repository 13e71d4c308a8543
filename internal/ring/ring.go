// Package ring is a queue in a circular buffer.
package ring

// Ring is a queue in a circular buffer, which grows as needed. The zero value is ready to use.
type Ring[V any] struct {
	slots []V // of a length that is a power of two, or none
	head  int
	n     int
}

// Min is the length that a ring starts with, and does not shrink below.
const Min = 8

// Len returns the number of values.
func (r *Ring[V]) Len() int { return r.n }

// Push adds a value behind the others.
func (r *Ring[V]) Push(v V) {
	if r.n == len(r.slots) {
		r.resize(max(Min, 2*len(r.slots)))
	}
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = v
	r.n++
}

// Pop removes the oldest value. There has to be one.
func (r *Ring[V]) Pop() V {
	var none V
	v := r.slots[r.head]
	r.slots[r.head] = none // lets go of what it points to
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return v
}

// At returns the i-th oldest value.
func (r *Ring[V]) At(i int) V { return r.slots[(r.head+i)&(len(r.slots)-1)] }

// Clear removes all values, and the memory of a large ring.
func (r *Ring[V]) Clear() {
	if len(r.slots) > 1024 {
		r.slots = nil
	}
	clear(r.slots)
	r.head, r.n = 0, 0
}

// Prepend moves the values of other before those of r.
func (r *Ring[V]) Prepend(other *Ring[V]) {
	for r.n > 0 {
		other.Push(r.Pop())
	}
	*r, *other = *other, *r
}

// Trim lets go of the memory of an empty ring that is large beside what is used of its kind.
func (r *Ring[V]) Trim(used int) {
	if len(r.slots) > 1024 && len(r.slots)/8 > used {
		*r = Ring[V]{}
	}
}

// resize moves the values to a new buffer.
func (r *Ring[V]) resize(length int) {
	slots := make([]V, length)
	for i := range r.n {
		slots[i] = r.At(i)
	}
	r.slots, r.head = slots, 0
}
