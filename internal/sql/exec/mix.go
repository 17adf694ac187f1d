package exec

import (
	"github.com/weirstream/weir/column"
)

// mixer makes columns whose rows are partly those of a batch at hand and partly read from state.
type mixer struct {
	whole column.Vector
}

// mix makes v the flat vector with row from[i] of chunk where that is not negative, and row ^from[i] of kept, which is flat, elsewhere. Long strings stay where they are, so v is good as
// long as both are. n is the number of rows of kept.
func (m *mixer) mix(v, chunk, kept *column.Vector, n int, from []int32) {
	if kept.Form > column.Text {
		m.whole.Reset(kept.Form, 0)
		m.whole.Append(kept, AllRows(n), 0)
		at := make([]int32, len(from)) // nested values are rare
		var rows []int32
		for i, f := range from {
			if f < 0 {
				at[i] = ^f
				continue
			}
			at[i] = int32(n + len(rows))
			rows = append(rows, f)
		}
		m.whole.Append(chunk, rows, n)
		v.Gather(&m.whole, at)
		return
	}
	base := chunk
	if chunk.Index != nil {
		base = chunk.Base
	}
	v.Reset(kept.Form, len(from))
	switch kept.Form {
	case column.Word:
		for i, f := range from {
			if f < 0 {
				v.Words[i] = kept.Words[^f]
			} else {
				v.Words[i] = chunk.Word(int(f))
			}
		}
	case column.Wide:
		for i, f := range from {
			if f < 0 {
				v.Wide[i] = kept.Wide[^f]
			} else {
				v.Wide[i] = chunk.WideAt(int(f))
			}
		}
	default:
		v.Buffers = append(append(v.Buffers[:0], kept.Buffers...), base.Buffers...)
		shift := uint64(len(kept.Buffers))
		for i, f := range from {
			if f < 0 {
				v.Views[i] = kept.Views[^f]
				continue
			}
			flat, row := chunk.At(int(f))
			w := flat.Views[row]
			if w.Len() > column.InlineBytes {
				w.Tail += shift
			}
			v.Views[i] = w
		}
	}
	if !kept.Nulls() && !chunk.Nulls() {
		return
	}
	valid := v.NoneValid(len(from))
	for i, f := range from {
		null := false
		if f < 0 {
			null = kept.Null(int(^f))
		} else {
			null = chunk.Null(int(f))
		}
		if !null {
			valid[i>>6] |= 1 << (i & 63)
		}
	}
}
