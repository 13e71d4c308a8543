package weakbus

// ring is a queue in a circular buffer, which grows as needed and is never copied while it does
// not. The zero value is ready to use.
type ring[V any] struct {
	slots []V // of a length that is a power of two, or none
	head  int
	n     int
}

// minRing is the length that a ring starts with, and does not shrink below.
const minRing = 8

func (r *ring[V]) push(v V) {
	if r.n == len(r.slots) {
		r.resize(max(minRing, 2*len(r.slots)))
	}
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = v
	r.n++
}

// pop removes the oldest value. There has to be one.
func (r *ring[V]) pop() V {
	var none V
	v := r.slots[r.head]
	r.slots[r.head] = none // lets go of what it points to
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return v
}

// at returns the i-th oldest value.
func (r *ring[V]) at(i int) V { return r.slots[(r.head+i)&(len(r.slots)-1)] }

// swap puts v in the place of the i-th oldest value, and returns that.
func (r *ring[V]) swap(i int, v V) V {
	at := &r.slots[(r.head+i)&(len(r.slots)-1)]
	v, *at = *at, v
	return v
}

// clear removes all values, and the memory of a large ring.
func (r *ring[V]) clear() {
	if len(r.slots) > 1024 {
		r.slots = nil
	}
	clear(r.slots)
	r.head, r.n = 0, 0
}

// prepend moves the values of other before those of r.
func (r *ring[V]) prepend(other *ring[V]) {
	for r.n > 0 {
		other.push(r.pop())
	}
	*r, *other = *other, *r
}

// trim lets go of the memory of an empty ring that is large beside what is used of its kind.
func (r *ring[V]) trim(used int) {
	if len(r.slots) > 1024 && len(r.slots)/8 > used {
		*r = ring[V]{}
	}
}

// resize moves the values to a new buffer.
func (r *ring[V]) resize(length int) {
	slots := make([]V, length)
	for i := range r.n {
		slots[i] = r.at(i)
	}
	r.slots, r.head = slots, 0
}
