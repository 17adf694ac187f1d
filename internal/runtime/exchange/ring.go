package exchange

// ring is a queue that grows and never shrinks.
type ring[T any] struct {
	items []T // length is a power of two, or 0
	head  int
	n     int
}

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) at(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) grow() {
	if r.n < len(r.items) {
		return
	}
	items := make([]T, max(4, 2*len(r.items)))
	for i := range r.n {
		items[i] = *r.at(i)
	}
	r.items, r.head = items, 0
}

func (r *ring[T]) push(v T) {
	r.grow()
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) pop() T {
	var zero T
	v := r.items[r.head]
	r.items[r.head] = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.n--
	return v
}
