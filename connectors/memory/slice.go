package memory

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// Values returns a bounded source of vs.
func Values[T any](vs ...T) connector.Source[T] { return sliceSource[T]{vs} }

// Slice returns a bounded source of the elements of s. Each reader takes a contiguous part.
func Slice[T any](s []T) connector.Source[T] { return sliceSource[T]{s} }

type sliceSource[T any] struct{ values []T }

func (s sliceSource[T]) Boundedness() connector.Boundedness { return connector.Bounded }

func (s sliceSource[T]) NewEnumerator(ctx connector.EnumeratorContext, restored []byte) (connector.Enumerator, error) {
	return connector.FixedSplits(ctx, restored, func(n int) []connector.Split {
		var splits []connector.Split
		for k := range n {
			part := part{"part-" + strconv.Itoa(k), int(int64(len(s.values)) * int64(k) / int64(n)), int(int64(len(s.values)) * int64(k+1) / int64(n))}
			if part.next < part.end {
				splits = append(splits, part.encode())
			}
		}
		return splits
	})
}

func (s sliceSource[T]) NewReader(ctx connector.ReaderContext) (connector.Reader[T], error) {
	return &sliceReader[T]{ctx: ctx, values: s.values}, nil
}

// part is a range of the slice: the elements from next on are not emitted yet.
type part struct {
	id        string
	next, end int
}

func (p part) encode() connector.Split {
	b := binary.AppendUvarint(nil, uint64(p.next))
	return connector.Split{ID: p.id, State: binary.AppendUvarint(b, uint64(p.end))}
}

func decodePart(c connector.Split, size int) (part, error) {
	next, n := binary.Uvarint(c.State)
	if n > 0 {
		end, m := binary.Uvarint(c.State[n:])
		if m > 0 && n+m == len(c.State) && next <= end && end <= uint64(size) {
			return part{c.ID, int(next), int(end)}, nil
		}
	}
	return part{}, fault.New(fault.TypeDecode, "split %q does not fit the slice of %d values: the program must build the same slice again", c.ID, size)
}

// maxRecords bounds the records that one Poll emits.
const maxRecords = 4096

type sliceReader[T any] struct {
	ctx    connector.ReaderContext
	values []T
	parts  []part // read one after another, but for those that are paused
	paused map[string]bool
	noMore bool
}

var (
	_ connector.SplitPauser = (*sliceReader[int])(nil)
	_ connector.Positioned  = (*sliceReader[int])(nil)
)

func (r *sliceReader[T]) Start() error { return nil }

// Position names the element emitted last, counted from 0.
func (r *sliceReader[T]) Position() string {
	for _, p := range r.parts {
		if !r.paused[p.id] && p.next > 0 {
			return fmt.Sprintf("element %d of the slice", p.next-1)
		}
	}
	return ""
}

func (r *sliceReader[T]) Poll(out *connector.Output[T]) (connector.Status, error) {
	r.parts = slices.DeleteFunc(r.parts, func(p part) bool {
		if p.next == p.end {
			out.EndSplit(p.id)
		}
		return p.next == p.end
	})
	i := slices.IndexFunc(r.parts, func(p part) bool { return !r.paused[p.id] })
	if i < 0 {
		if len(r.parts) == 0 && r.noMore {
			return connector.EndOfInput, nil
		}
		return connector.NothingAvailable, nil
	}
	p := &r.parts[i]
	split := out.Split(p.id)
	// The position is moved before a record is emitted: a snapshot taken while the record is on its way counts it.
	for _, v := range r.values[p.next:min(p.end, p.next+maxRecords)] {
		if out.Stop() {
			break
		}
		p.next++
		split.Collect(v)
	}
	return connector.MoreAvailable, nil
}

func (r *sliceReader[T]) AddSplits(splits []connector.Split) error {
	for _, c := range splits {
		p, err := decodePart(c, len(r.values))
		if err != nil {
			return err
		}
		r.parts = append(r.parts, p)
	}
	r.ctx.Wake()
	return nil
}

// PauseOrResumeSplits implements [connector.SplitPauser].
func (r *sliceReader[T]) PauseOrResumeSplits(pause, resume []string) error {
	if r.paused == nil {
		r.paused = map[string]bool{}
	}
	for _, id := range pause {
		r.paused[id] = true
	}
	for _, id := range resume {
		delete(r.paused, id)
	}
	return nil
}

func (r *sliceReader[T]) NoMoreSplits() error {
	r.noMore = true
	r.ctx.Wake()
	return nil
}

func (r *sliceReader[T]) HandleSourceEvent([]byte) error { return nil }

func (r *sliceReader[T]) Snapshot(int64) ([]connector.Split, error) {
	var splits []connector.Split
	for _, p := range r.parts {
		if p.next < p.end {
			splits = append(splits, p.encode())
		}
	}
	return splits, nil
}

func (r *sliceReader[T]) Close() error { return nil }
