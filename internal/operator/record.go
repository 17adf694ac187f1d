package operator

import (
	"encoding/binary"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
)

// Recorder writes down chunks that are on their way over an edge, for a checkpoint whose barrier overtakes them, and reads them again. It belongs to one task.
type Recorder interface {
	// Schema is that of the records.
	Schema() string
	// Append writes what is left of a chunk: the rows from row on, and the marks from mark on, none of which stands before row. If it fails, dst is returned as it was.
	Append(dst []byte, c Chunk, row, mark int) ([]byte, error)
	// Read reads what one Append has written from the start of data, and returns what is behind it. keep tells which rows stay.
	Read(data []byte, keep Keep) (c Chunk, rest []byte, err error)
}

// Keep says what is wanted of recorded chunks where they are dealt out to other subtasks. The zero value wants all but the marks.
type Keep struct {
	// Marks wants the marks. It goes without what follows, which leaves rows out.
	Marks bool
	// Hash, unless nil, is asked for the hash of each row's key, on hash edges.
	Hash func(hash uint64) bool
	// Channel, unless nil, is asked for the channel of so many that the edge's partitioner chooses, on custom edges.
	Channel  func(channel int) bool
	Channels int
}

// Recordable is an optional capability of edges. Where an edge does not have it, barriers do not overtake.
type Recordable interface {
	// Recorder returns what writes down chunks on their way. Like the other ends of the edge, it can run the key selector or the partitioner of the user.
	Recorder() (Recorder, error)
}

// Recorder implements [Recordable].
func (e *Edge[T]) Recorder() (Recorder, error) {
	c, err := codec.For[T]()
	if err != nil {
		return nil, err
	}
	return &edgeRecorder[T]{edge: e, codec: c}, nil
}

// edgeRecorder writes a chunk as the number of its rows, each as its timestamp and its value, and the number of its marks, each as its row and its watermark. Hashes are computed anew.
type edgeRecorder[T any] struct {
	edge  *Edge[T]
	codec *codec.Codec[T]
}

func (r *edgeRecorder[T]) Schema() string { return r.codec.Schema() }

func (r *edgeRecorder[T]) Append(dst []byte, c Chunk, row, mark int) ([]byte, error) {
	rows := c.(*Rows[T])
	b := binary.AppendUvarint(dst, uint64(rows.n-row))
	for i := row; i < rows.n; i++ {
		var err error
		if b, err = r.codec.Encode(binary.AppendVarint(b, rows.Times[i]), &rows.Values[i]); err != nil {
			return dst, err
		}
	}
	marks := rows.marks[mark:]
	b = binary.AppendUvarint(b, uint64(len(marks)))
	for _, m := range marks {
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(m.Row-row)), m.Watermark)
	}
	return b, nil
}

// reading takes numbers from bytes that may be damaged.
type reading struct {
	data []byte
	bad  bool
}

func (r *reading) varint() int64 {
	v, n := binary.Varint(r.data)
	return take(r, v, n)
}

func (r *reading) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	return take(r, v, n)
}

func take[V int64 | uint64](r *reading, v V, n int) V {
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *edgeRecorder[T]) Read(data []byte, keep Keep) (Chunk, []byte, error) {
	damaged := func() (Chunk, []byte, error) {
		return nil, nil, fault.New(fault.StateDamaged, "a recorded chunk of %T is cut short or not well formed", *new(T))
	}
	in := &reading{data: data}
	total := in.uvarint()
	if in.bad || total > uint64(len(in.data)) { // each row has a timestamp
		return damaged()
	}
	rows := &Rows[T]{scrub: r.edge.Size != nil}
	for range total {
		at := in.varint()
		if in.bad {
			return damaged()
		}
		var v T
		rest, err := r.codec.Decode(in.data, &v)
		if err != nil {
			return nil, nil, err
		}
		in.data = rest
		var hash uint64
		if r.edge.KeyHash != nil {
			hash = r.edge.KeyHash(v)
		}
		if keep.Hash != nil && !keep.Hash(hash) || keep.Channel != nil && !keep.Channel(r.edge.Custom(v, keep.Channels)) {
			continue
		}
		rows.Values, rows.Times = append(rows.Values, v), append(rows.Times, at)
		if r.edge.KeyHash != nil {
			rows.Hashes = append(rows.Hashes, hash)
		}
		rows.n++
	}
	marks, before := in.uvarint(), uint64(0)
	if in.bad || marks > uint64(len(in.data)) {
		return damaged()
	}
	for range marks {
		row, w := in.uvarint(), in.varint()
		if in.bad || row < before || row > total {
			return damaged()
		}
		before = row
		if keep.Marks {
			rows.marks = append(rows.marks, eventtime.Mark{Row: int(row), Watermark: w})
		}
	}
	return rows, in.data, nil
}
