package statebackend

import (
	"encoding/binary"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/base"
)

// ColumnType is the form of the values of a column in chunk-wise state.
type ColumnType uint8

const (
	// WordColumn is values of 64 bits: integers, floating-point numbers, times, booleans, short decimals.
	WordColumn ColumnType = iota
	// WideColumn is values of 128 bits: long decimals. The low word is the first.
	WideColumn
	// BytesColumn is strings of bytes of any length.
	BytesColumn
)

// ColumnSpec describes a column of chunk-wise state.
type ColumnSpec struct {
	Type     ColumnType
	Nullable bool
}

// View is the view of a string of bytes in a chunk.
type View = column.View

// MakeView returns the view of b, which lies at the offset in the buffer of the number unless it is short.
func MakeView(b []byte, buffer, offset int) View { return column.MakeView(b, buffer, offset) }

// Column is a column of a chunk, lent for the time of a call: one of Words, Wide and Views is set, by the column's type. Rows are counted from 0 in all slices.
type Column struct {
	Words []uint64
	Wide  [][2]uint64
	Views []View
	// Buffers are what views of long strings point into.
	Buffers [][]byte
	// Valid has a bit for each row, set where there is a value; nil means that there is one everywhere. What stands in the place of a null does not matter.
	Valid []uint64
}

func (c *Column) null(row int32) bool {
	return c.Valid != nil && c.Valid[uint32(row)>>6]>>(uint32(row)&63)&1 == 0
}

// Bytes returns the string of a row: short ones in the memory of scratch, which is overwritten.
func (c *Column) Bytes(row int, scratch *[16]byte) []byte { return c.bytes(int32(row), scratch) }

func (c *Column) bytes(row int32, scratch *[16]byte) []byte {
	v := c.Views[row]
	n := v.Len()
	if n <= viewInline {
		binary.LittleEndian.PutUint64(scratch[:], v.Head)
		binary.LittleEndian.PutUint64(scratch[8:], v.Tail)
		return scratch[4 : 4+n]
	}
	at := v.Tail >> 32
	return c.Buffers[uint32(v.Tail)][at : at+uint64(n)]
}

// HashColumns computes the hash of some columns for the rows of a selection, nil for all: package base's, where a word is its own lane, a wide value has two, the low word
// first, and a string has the lane of its bytes. It writes hashes[row].
func HashColumns(columns []Column, sel []int32, hashes []uint64) {
	if len(columns) == 0 {
		forRows(sel, len(hashes), func(row int32) { hashes[row] = base.HashSeed })
	}
	for i := range columns {
		if c := &columns[i]; c.Words != nil && c.Valid == nil {
			hashWords(c.Words, sel, hashes, i == 0)
		} else {
			c.hash(sel, hashes, i == 0)
		}
	}
}

// hashWords takes a column of words into the hashes; the first column begins them.
func hashWords(words []uint64, sel []int32, hashes []uint64, first bool) {
	switch {
	case sel != nil && first:
		for _, row := range sel {
			hashes[row] = base.HashCombine(base.HashSeed, words[row])
		}
	case sel != nil:
		for _, row := range sel {
			hashes[row] = base.HashCombine(hashes[row], words[row])
		}
	case first:
		for row, w := range words[:len(hashes)] {
			hashes[row] = base.HashCombine(base.HashSeed, w)
		}
	default:
		for row, w := range words[:len(hashes)] {
			hashes[row] = base.HashCombine(hashes[row], w)
		}
	}
}

// hash takes a column of any type, with nulls or without, into the hashes.
func (c *Column) hash(sel []int32, hashes []uint64, first bool) {
	var scratch [16]byte
	var last View // of a string that comes several times in a row
	lane := base.LaneBytes(nil)
	forRows(sel, len(hashes), func(row int32) {
		h := hashes[row]
		if first {
			h = base.HashSeed
		}
		switch {
		case c.null(row):
			h = base.HashCombine(h, base.LaneNull)
		case c.Words != nil:
			h = base.HashCombine(h, c.Words[row])
		case c.Wide != nil:
			h = base.HashCombine(base.HashCombine(h, c.Wide[row][0]), c.Wide[row][1])
		default:
			if v := c.Views[row]; v != last {
				last, lane = v, base.LaneBytes(c.bytes(row, &scratch))
			}
			h = base.HashCombine(h, lane)
		}
		hashes[row] = h
	})
}

// forRows calls f for the rows of a selection, or for the first n rows.
func forRows(sel []int32, n int, f func(row int32)) {
	if sel != nil {
		for _, row := range sel {
			f(row)
		}
		return
	}
	for row := range int32(n) {
		f(row)
	}
}
