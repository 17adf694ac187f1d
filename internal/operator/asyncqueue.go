package operator

import (
	"iter"
	"time"

	"github.com/weirstream/weir/eventtime"
)

// asyncQueue holds the records of an async operator from their arrival until their results have been emitted, and among them the marks: watermarks and idleness that wait
// for the records before them. It decides what may be emitted next: in order, the head once it is done; unordered, any record that is done and has no mark before it.
//
// It is used on the task alone.
type asyncQueue[T, U any] struct {
	ordered    bool
	head, tail *asyncEntry[T, U]
	// unissued is the first record of which the function has not been called; all records behind it have not either.
	unissued *asyncEntry[T, U]
	// ready are the records that may be emitted, in the order in which they were done; unordered only.
	readyHead, readyTail *asyncEntry[T, U]
	// Records in front of the first mark are of epoch first; those behind the last one of epoch last.
	first, last uint64
	free        *asyncEntry[T, U]
}

type asyncState uint8

const (
	asyncQueued  asyncState = iota // the function has not been called
	asyncCalling                   // a call has not returned, and its record has not timed out
	asyncPausing                   // waits for the next attempt
	asyncDone                      // has its results
	asyncMark
)

// asyncEntry is a record or a mark. An entry is used again once it has left the queue and no call works on it.
type asyncEntry[T, U any] struct {
	prev, next *asyncEntry[T, U]
	nextReady  *asyncEntry[T, U] // in ready, or in the free list
	epoch      uint64
	state      asyncState

	value    T
	ts       int64
	results  []U
	deadline time.Time
	attempts int
	life     uint64 // counts the uses of the entry: a pause that outlives one is told by it
	running  bool   // a call has not returned, or its return has not been noticed
	gone     bool   // left the queue
	call     asyncCall[U]

	watermark int64 // of a mark: MinWatermark for none
	idle      bool  // of a mark: idleness begins behind the watermark
}

func (q *asyncQueue[T, U]) empty() bool { return q.head == nil }

// push appends a record.
func (q *asyncQueue[T, U]) push(v T, ts int64) *asyncEntry[T, U] {
	e := q.take()
	e.value, e.ts, e.epoch = v, ts, q.last
	q.link(e)
	if q.unissued == nil {
		q.unissued = e
	}
	return e
}

// mark returns the mark at the tail, a new one if the tail is a record. The queue must not be empty.
func (q *asyncQueue[T, U]) mark() *asyncEntry[T, U] {
	if q.tail.state == asyncMark {
		return q.tail
	}
	e := q.take()
	e.state, e.watermark = asyncMark, eventtime.MinWatermark
	q.last++
	q.link(e)
	return e
}

func (q *asyncQueue[T, U]) take() *asyncEntry[T, U] {
	e := q.free
	if e == nil {
		return new(asyncEntry[T, U])
	}
	q.free, e.nextReady = e.nextReady, nil
	return e
}

// recycle takes back an entry that has left the queue.
func (q *asyncQueue[T, U]) recycle(e *asyncEntry[T, U]) {
	*e = asyncEntry[T, U]{life: e.life + 1, nextReady: q.free}
	q.free = e
}

func (q *asyncQueue[T, U]) link(e *asyncEntry[T, U]) {
	e.prev = q.tail
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
}

// issue returns the first record of which the function has not been called, which it now is; nil if there is none.
func (q *asyncQueue[T, U]) issue() *asyncEntry[T, U] {
	e := q.unissued
	if e == nil {
		return nil
	}
	q.unissued = e.next
	for q.unissued != nil && q.unissued.state == asyncMark {
		q.unissued = q.unissued.next
	}
	e.state = asyncCalling
	return e
}

// done notes that a record has its results.
func (q *asyncQueue[T, U]) done(e *asyncEntry[T, U]) {
	e.state = asyncDone
	if !q.ordered && e.epoch == q.first {
		q.makeReady(e)
	}
}

func (q *asyncQueue[T, U]) makeReady(e *asyncEntry[T, U]) {
	if q.readyHead == nil {
		q.readyHead = e
	} else {
		q.readyTail.nextReady = e
	}
	q.readyTail = e
}

// due returns what may be emitted next, a record or a mark; nil if nothing may.
func (q *asyncQueue[T, U]) due() *asyncEntry[T, U] {
	switch h := q.head; {
	case q.readyHead != nil:
		return q.readyHead
	case h == nil:
		return nil
	case h.state == asyncMark || q.ordered && h.state == asyncDone:
		return h
	}
	return nil
}

// remove takes out what due returned.
func (q *asyncQueue[T, U]) remove(e *asyncEntry[T, U]) {
	if e == q.readyHead {
		q.readyHead, e.nextReady = e.nextReady, nil
	}
	if e.prev == nil {
		q.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		q.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
	e.gone = true
	if e.state != asyncMark {
		return
	}
	q.first++
	if q.ordered {
		return
	}
	for e := q.head; e != nil && e.state != asyncMark; e = e.next {
		if e.state == asyncDone {
			q.makeReady(e)
		}
	}
}

// all returns the records in the order in which they came.
func (q *asyncQueue[T, U]) all() iter.Seq2[T, int64] {
	return func(yield func(T, int64) bool) {
		for e := q.head; e != nil; e = e.next {
			if e.state != asyncMark && !yield(e.value, e.ts) {
				return
			}
		}
	}
}
