package connector

import (
	"encoding/binary"
	"slices"

	"github.com/weirstream/weir/fault"
)

// AppendSplits appends the encoding of splits to dst.
func AppendSplits(dst []byte, splits []Split) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(splits)))
	for _, s := range splits {
		dst = binary.AppendUvarint(dst, uint64(len(s.ID)))
		dst = append(dst, s.ID...)
		dst = binary.AppendUvarint(dst, uint64(len(s.State)))
		dst = append(dst, s.State...)
	}
	return dst
}

// DecodeSplits reads what [AppendSplits] wrote at the start of b, and returns the bytes behind it. The splits do not share memory with b.
func DecodeSplits(b []byte) (splits []Split, rest []byte, err error) {
	n, b, err := uvarint(b)
	if err != nil {
		return nil, nil, err
	}
	// A split takes two bytes at least, so a damaged count cannot make this large.
	splits = make([]Split, 0, min(n, uint64(len(b)/2)))
	for range n {
		var id, state []byte
		if id, b, err = lengthPrefixed(b); err != nil {
			return nil, nil, err
		}
		if state, b, err = lengthPrefixed(b); err != nil {
			return nil, nil, err
		}
		splits = append(splits, Split{ID: string(id), State: slices.Clone(state)})
	}
	return splits, b, nil
}

func uvarint(b []byte) (uint64, []byte, error) {
	n, w := binary.Uvarint(b)
	if w <= 0 {
		return 0, nil, fault.New(fault.TypeDecode, "encoded splits are cut short")
	}
	return n, b[w:], nil
}

func lengthPrefixed(b []byte) (value, rest []byte, err error) {
	n, b, err := uvarint(b)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(b)) {
		return nil, nil, fault.New(fault.TypeDecode, "encoded splits are cut short")
	}
	return b[:n], b[n:], nil
}

// FixedSplits returns the enumerator of a source whose splits are all known when it starts: divide makes at most one split for each of
// parallelism readers at a fresh start. Each reader is given its splits, and then NoMoreSplits, when it is added; readers ask for nothing. After a
// restore, splits that had not been assigned by then go to the readers in turn, at whatever parallelism.
func FixedSplits(ctx EnumeratorContext, restored []byte, divide func(parallelism int) []Split) (Enumerator, error) {
	e := &fixedSplits{ctx: ctx, pending: make([][]Split, ctx.Parallelism())}
	var splits []Split
	if restored == nil {
		splits = divide(ctx.Parallelism())
	} else {
		var err error
		if splits, _, err = DecodeSplits(restored); err != nil {
			return nil, err
		}
	}
	for i, s := range splits {
		k := i % len(e.pending)
		e.pending[k] = append(e.pending[k], s)
	}
	return e, nil
}

// fixedSplits keeps the splits that no reader holds, by the subtask that is to have them.
type fixedSplits struct {
	ctx     EnumeratorContext
	pending [][]Split
}

func (e *fixedSplits) Start() error { return nil }

func (e *fixedSplits) AddReader(subtask int) error {
	if splits := e.pending[subtask]; len(splits) > 0 {
		e.pending[subtask] = nil
		e.ctx.Assign(subtask, splits...)
	}
	e.ctx.NoMoreSplits(subtask)
	return nil
}

func (e *fixedSplits) HandleSplitRequest(int) error { return nil }

func (e *fixedSplits) HandleSourceEvent(int, []byte) error { return nil }

// AddSplitsBack keeps the splits for the reader that takes the failed one's place: AddReader is called for it.
func (e *fixedSplits) AddSplitsBack(splits []Split, subtask int) error {
	e.pending[subtask] = append(e.pending[subtask], splits...)
	return nil
}

func (e *fixedSplits) Snapshot(int64) ([]byte, error) {
	return AppendSplits(nil, slices.Concat(e.pending...)), nil
}

func (e *fixedSplits) Close() error { return nil }
