package statebackend

import "encoding/binary"

// blockRows is how many rows of a chunk go through a pass of a lookup together: enough for their cache misses to overlap, few enough that what is gathered of them stays in the
// first cache.
const blockRows = 128

// groupBlock is some rows of a chunk on their way through a lookup.
//
// words are their key words, the first of all rows, then the second and so on. hashes and the rest are indexed like them: by position in the block.
type groupBlock struct {
	n       int
	columns []Column
	first   int32   // the number of the first row, where there is no selection
	sel     []int32 // the numbers of the rows
	hashes  []uint64
	groups  []uint64
	// key are the columns of words: the chunk's own where they can be used as they are, or parts of words.
	key    [][]uint64
	words  []uint64
	at     [blockRows]uintptr // of slots, then of rows
	ahead  [blockRows]uintptr // of slots behind these
	refs   [blockRows]Ref
	missed [blockRows]int32
	misses int

	keyWords              [MaxKeyWords]uint64
	hashSpace, groupSpace [blockRows]uint64
}

func (b *groupBlock) row(i int) int32 {
	if b.sel != nil {
		return b.sel[i]
	}
	return b.first + int32(i)
}

// fill takes rows lo to hi of the chunk, counted within the selection, into the block.
func (t *GroupTable) fill(c *GroupChunk, lo, hi int) *groupBlock {
	b := &t.block
	b.n, b.first, b.misses = hi-lo, int32(lo), 0
	b.sel, b.columns = nil, c.Keys
	if c.Sel != nil {
		b.sel = c.Sel[lo:hi]
	}
	b.hashes = gather(c.Hashes, b, b.hashSpace[:])
	b.groups = b.hashes
	if c.GroupHashes != nil {
		b.groups = gather(c.GroupHashes, b, b.groupSpace[:])
	}
	b.key = b.key[:0]
	at := 0
	space := func() []uint64 {
		at += blockRows
		return b.words[at-blockRows : at : at]
	}
	for i := range t.columns {
		col := &c.Keys[i]
		switch t.columns[i].Type {
		case WordColumn:
			w := space()
			if col.Valid != nil {
				b.key = append(b.key, gatherValid(col, b, w))
			} else {
				b.key = append(b.key, gather(col.Words, b, w))
			}
		case WideColumn:
			low, high := space(), space()
			gatherWide(col, b, low, high)
			b.key = append(b.key, low[:b.n], high[:b.n])
		}
	}
	for n := range t.nulls {
		w := space()[:b.n]
		t.gatherNulls(c, b, n, w)
		b.key = append(b.key, w)
	}
	return b
}

// gather returns the words of the block's rows: the column's own if they follow each other.
func gather(col []uint64, b *groupBlock, to []uint64) []uint64 {
	if b.sel == nil {
		return col[b.first : int(b.first)+b.n]
	}
	to = to[:len(b.sel)]
	for i, row := range b.sel {
		to[i] = col[row]
	}
	return to
}

func gatherValid(col *Column, b *groupBlock, to []uint64) []uint64 {
	to = to[:b.n]
	for i := range to {
		row := b.row(i)
		valid := col.Valid[uint32(row)>>6] >> (uint32(row) & 63) & 1
		to[i] = col.Words[row] & -valid
	}
	return to
}

func gatherWide(col *Column, b *groupBlock, low, high []uint64) {
	for i := range b.n {
		row := b.row(i)
		if col.null(row) {
			low[i], high[i] = 0, 0
			continue
		}
		low[i], high[i] = col.Wide[row][0], col.Wide[row][1]
	}
}

// gatherNulls makes word n of the null bits: a bit for each of 64 columns.
func (t *GroupTable) gatherNulls(c *GroupChunk, b *groupBlock, n int, to []uint64) {
	clear(to)
	for j := 64 * n; j < min(64*n+64, len(t.columns)); j++ {
		valid := c.Keys[j].Valid
		if valid == nil {
			continue
		}
		for i := range to {
			row := uint32(b.row(i))
			to[i] |= (valid[row>>6]>>(row&63)&1 ^ 1) << (j & 63)
		}
	}
}

// keyOf returns the key of a row as the space has it.
func (t *GroupTable) keyOf(b *groupBlock, i int) (words []uint64, key []byte) {
	words = b.keyWords[:0]
	for _, w := range b.key[:t.words] {
		words = append(words, w[i])
	}
	if t.space.layout.Bytes {
		key = t.bytesOf(b, i)
	}
	return words, key
}

// bytesOf returns the bytes of a row's key as the space has them: the string, if the key has one and no more than MaxKeyWords words; else the words that are too many, 8 bytes
// each, and the length as uvarint and content of each string.
func (t *GroupTable) bytesOf(b *groupBlock, i int) []byte {
	row := b.row(i)
	if !t.packed {
		col := &b.columns[t.strings[0]]
		if col.null(row) {
			return nil
		}
		return col.bytes(row, &t.scratch)
	}
	key := t.key[:0]
	for _, w := range b.key[t.words:] {
		key = binary.LittleEndian.AppendUint64(key, w[i])
	}
	for _, j := range t.strings {
		col := &b.columns[j]
		if col.null(row) {
			key = append(key, 0)
			continue
		}
		s := col.bytes(row, &t.scratch)
		key = binary.AppendUvarint(key, uint64(len(s)))
		key = append(key, s...)
	}
	t.key = key
	return key
}

// cut calls yield with each column of a key as the space has it: whether it is null, its words or its string.
func (t *GroupTable) cut(words []uint64, b []byte, yield func(i int, null bool, w []uint64, s []byte)) {
	if t.words < t.values+t.nulls {
		all := append([]uint64(nil), words...)
		for len(all) < t.values+t.nulls && len(b) >= 8 {
			all = append(all, binary.LittleEndian.Uint64(b))
			b = b[8:]
		}
		words = all
	}
	at := 0
	for i, c := range t.columns {
		null := t.nulls > 0 && words[t.values+i/64]>>(i&63)&1 != 0
		switch c.Type {
		case WordColumn:
			yield(i, null, words[at:at+1], nil)
			at++
		case WideColumn:
			yield(i, null, words[at:at+2], nil)
			at += 2
		default:
			s := b
			if t.packed {
				s, b, _ = cutBytes(b)
			}
			yield(i, null, nil, s)
		}
	}
}
