package statebackend

import "unsafe"

// ReadKeyWords writes the values of a key column of words of groups: out[i] is that of refs[i], 0 for null.
func (t *GroupTable) ReadKeyWords(col int, refs []Ref, out []uint64) {
	if at := t.wordOf(col); at < t.words {
		off := rowKey + 8*uintptr(at)
		for i, r := range refs {
			out[i] = *(*uint64)(unsafe.Add(t.space.Row(r), off))
		}
		return
	}
	t.readKeys(col, refs, func(i int, _ bool, w []uint64, _ []byte) { out[i] = w[0] })
}

// ReadKeyWide is ReadKeyWords for a column of wide words.
func (t *GroupTable) ReadKeyWide(col int, refs []Ref, out [][2]uint64) {
	t.readKeys(col, refs, func(i int, _ bool, w []uint64, _ []byte) { out[i] = [2]uint64{w[0], w[1]} })
}

// ReadKeyStrings writes views of a key column of strings, as [Rows.ReadStrings].
func (t *GroupTable) ReadKeyStrings(col int, refs []Ref, out []View, buffer []byte, number int) []byte {
	t.readKeys(col, refs, func(i int, _ bool, _ []uint64, s []byte) {
		at := len(buffer)
		if len(s) > viewInline {
			buffer = append(buffer, s...)
		}
		out[i] = MakeView(s, number, at)
	})
	return buffer
}

// ReadKeyValid sets the bits of out where a key column has a value, clears the others, and reports whether there is a null.
func (t *GroupTable) ReadKeyValid(col int, refs []Ref, out []uint64) (nulls bool) {
	clear(out[:(len(refs)+63)/64])
	t.readKeys(col, refs, func(i int, null bool, _ []uint64, _ []byte) {
		if null {
			nulls = true
			return
		}
		out[i>>6] |= 1 << (i & 63)
	})
	return nulls
}

// wordOf is the number of a column's first word among those of the key.
func (t *GroupTable) wordOf(col int) (at int) {
	for _, c := range t.columns[:col] {
		switch c.Type {
		case WordColumn:
			at++
		case WideColumn:
			at += 2
		}
	}
	return at
}

func (t *GroupTable) readKeys(col int, refs []Ref, yield func(i int, null bool, w []uint64, s []byte)) {
	sp := t.space
	for i, r := range refs {
		var b []byte
		if sp.layout.Bytes {
			b = viewBytes(sp.heap, unsafe.Add(sp.Row(r), rowKey+8*uintptr(t.words)))
		}
		t.cut(sp.Words(r), b, func(c int, null bool, w []uint64, s []byte) {
			if c == col {
				yield(i, null, w, s)
			}
		})
	}
}
