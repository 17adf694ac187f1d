package files

import "github.com/weirstream/weir/connector"

// intake is the splits that a reader was given and nobody reads yet.
type intake struct {
	ctx   connector.ReaderContext
	queue []*split
	// requested is set while a split was asked for; noMore, when there are no more.
	requested, noMore bool
}

// request asks for a split if there is none to go on with.
func (q *intake) request() {
	if len(q.queue) == 0 && !q.requested && !q.noMore {
		q.requested = true
		q.ctx.RequestSplit()
	}
}

// add queues splits, and has the reader polled.
func (q *intake) add(splits []connector.Split) error {
	q.requested = false
	for _, c := range splits {
		s, err := decodeSplit(c)
		if err != nil {
			return err
		}
		q.queue = append(q.queue, s)
	}
	q.ctx.Wake()
	return nil
}

// take returns the next split, nil if there is none yet: then one is asked for.
func (q *intake) take() *split {
	if len(q.queue) == 0 {
		q.request()
		return nil
	}
	s := q.queue[0]
	q.queue = q.queue[1:]
	return s
}

// NoMoreSplits implements [connector.Reader].
func (q *intake) NoMoreSplits() error {
	q.noMore = true
	q.ctx.Wake()
	return nil
}
