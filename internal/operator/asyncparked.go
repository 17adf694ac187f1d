package operator

import "unsafe"

// asyncParked is a full async operator as an output that an emit waits for. Its counts are what came when there was no room.
type asyncParked[T, U any] struct {
	a       *asyncInstance[T, U]
	records int64
}

var _ Output = (*asyncParked[int, int])(nil)

// Room reports whether there is a slot, or something to do that may make one.
func (p *asyncParked[T, U]) Room() bool {
	a := p.a
	return a.used < a.f.Capacity || a.calls.arrived.Load() || a.queue.due() != nil
}

func (p *asyncParked[T, U]) Flush()          {}
func (p *asyncParked[T, U]) Watermark(int64) {}
func (p *asyncParked[T, U]) Signal(Element)  {}

func (p *asyncParked[T, U]) Counts() (records, bytes int64) {
	return p.records, p.records * int64(unsafe.Sizeof(asyncEntry[T, U]{}))
}

// Overdrawn is how many bytes have been taken while there was no room: the task counts them against the limit of a record.
func (a *asyncInstance[T, U]) Overdrawn() int64 {
	_, bytes := a.parked.Counts()
	return bytes
}
