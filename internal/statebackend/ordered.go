package statebackend

import (
	"fmt"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/pages"
)

// Ordered is an ordered row store: rows of columns for each key of a space, in the order of one or more sort words and then of arrival. Like [Rows] it is a cell of the
// space, and is called once for a chunk.
//
// Sort words are compared as unsigned numbers, the first one first: see [SortInt]. The rows of a key are leaves of a B+tree, whose single leaf is as small as its rows are few.
type Ordered struct {
	*rowLayout
	cell    *Cell
	words   int
	sort    uintptr // where the sort words of a row begin: they are its last counters
	entry   uintptr // bytes of an entry of a node
	largest int     // entries of a full node
	due     *dueKeys
	freed   []Ref
}

// OrderedSchema describes the rows of an ordered row store.
type OrderedSchema struct {
	RowSchema
	// Sort is the number of sort words, from 1 to MaxSortWords.
	Sort int
	// Due makes the store remember for each key when its first row becomes due, by the first sort word; see Due and Expire.
	Due bool
}

// MaxSortWords is the largest number of sort words.
const MaxSortWords = 4

// String is the schema as it is stored.
func (s OrderedSchema) String() string { return s.stored(s.RowSchema.String()) }

func (s OrderedSchema) stored(rows string) string {
	due := ""
	if s.Due {
		due = ";due"
	}
	return fmt.Sprintf("ordered(%d%s;%s)", s.Sort, due, rows)
}

// SortInt returns the sort word of a signed number, such as a time, and SortedInt the number of a sort word. For descending order a sort word is complemented.
func SortInt(v int64) uint64 { return uint64(v) ^ 1<<63 }

// SortedInt returns the number of a sort word.
func SortedInt(w uint64) int64 { return int64(w ^ 1<<63) }

// orderedCell is the tree of a key: its root, how many levels it has and how many rows. armed tells that the key is to be due at a time; see dueKeys.
type orderedCell struct {
	root   pages.Off
	count  uint32
	levels uint16
	armed  uint16
	due    uint64
}

// NewOrdered declares an ordered row store on the space of a table.
func NewOrdered(sp *Space, name string, schema OrderedSchema) *Ordered {
	if schema.Sort < 1 || schema.Sort > MaxSortWords {
		sp.store.cfg.Fail(fault.New(fault.InternalInvariant, "state %q is ordered by %d words", name, schema.Sort))
	}
	rows := schema.RowSchema
	rows.Counters += schema.Sort
	o := &Ordered{rowLayout: newRowLayout(sp, rows), words: schema.Sort}
	o.sort = o.content - 8*uintptr(schema.Sort)
	o.entry = 8 * uintptr(schema.Sort+1)
	o.largest = (nodeBytes - int(nodeHeader)) / int(o.entry)
	o.cell = &Cell{name: name, kind: OrderedKind, schema: schema.String(), hang: o, migrate: rows.fromFormer(schema.String(), schema.stored(schema.RowSchema.former()))}
	sp.reserve(o.cell, unsafe.Sizeof(orderedCell{}))
	if schema.Due {
		o.due = newDueKeys(sp, o.cell)
	}
	return o
}

// Cell is the place of the store in the rows of its space.
func (o *Ordered) Cell() *Cell { return o.cell }

func (o *Ordered) cellOf(row unsafe.Pointer) *orderedCell {
	return (*orderedCell)(unsafe.Add(row, o.cell.off))
}

// present returns the cell of a key for reading, nil if it has no rows.
func (o *Ordered) present(ref Ref) *orderedCell {
	if ref == NoRef {
		return nil
	}
	if p := o.space.Row(ref); *flagsOf(p)&o.cell.bit != 0 {
		return o.cellOf(p)
	}
	return nil
}

// edit returns the cell of a key for writing.
func (o *Ordered) edit(ref Ref) *orderedCell {
	p := o.space.Edit(ref)
	o.space.change(p, o.cell.bit)
	return o.cellOf(p)
}

// Insert adds a row for each row of the chunk: to the key refs[row], with the sort words sort[i][row], behind those with the same. times, out and sel are as in [Rows.Append].
func (o *Ordered) Insert(refs []Ref, sel []int32, sort [][]uint64, cols []Column, times []int64, out []RowRef) {
	n := len(refs)
	if sel != nil {
		n = len(sel)
	}
	for lo := 0; lo < n; lo += blockRows {
		hi := min(lo+blockRows, n)
		part, first := sel, lo
		if sel != nil {
			part, first = sel[lo:hi], 0
		}
		o.insertBatch(refs, part, sort, cols, times, out, first, hi-lo)
	}
}

func (o *Ordered) insertBatch(refs []Ref, sel []int32, sort [][]uint64, cols []Column, times []int64, out []RowRef, first, n int) {
	o.allocate(cols, sel, first, n)
	o.write(cols, sel, first, n, times)
	b := &o.block
	for j, words := range sort {
		off := o.sort + 8*uintptr(j)
		for i := range n {
			*(*uint64)(unsafe.Add(b.row(i), off)) = words[rowNumber(sel, first, i)]
		}
	}
	o.editKeys(o.cell, refs, sel, first, n)
	o.touchRoots(n)
	var key [MaxSortWords]uint64
	for i, at := range b.refs[:n] {
		row := rowNumber(sel, first, i)
		for j, words := range sort {
			key[j] = words[row]
		}
		c := (*orderedCell)(b.cell(i))
		o.insert(c, key[:o.words], at)
		if o.due != nil && (c.armed == 0 || key[0] < c.due) {
			o.due.arm(refs[row], c, key[0])
		}
		if out != nil {
			out[row] = at
		}
	}
}

// allocate makes room for rows and writes where they are to the batch.
func (o *Ordered) allocate(cols []Column, sel []int32, first, n int) {
	o.measure(cols, sel, first, n)
	b, h := &o.block, o.space.heap
	for i, size := range b.size[:n] {
		b.refs[i] = h.AllocRaw(int(size))
	}
	for i, ref := range b.refs[:n] { // only now, since allocating moves pages
		b.at[i] = uintptr(h.Edit(ref, int(b.size[i])))
	}
}

// touchRoots touches the roots of the keys' trees, and then their last entries.
func (o *Ordered) touchRoots(n int) {
	b, h, seen := &o.block, o.space.heap, uint64(0)
	for i := range n {
		if c := (*orderedCell)(b.cell(i)); c.root != 0 {
			seen ^= *(*uint64)(h.At(c.root))
		}
	}
	for i := range n {
		if c := (*orderedCell)(b.cell(i)); c.root != 0 {
			node := o.node(c.root)
			seen ^= *(*uint64)(o.entryOf(node, int(node.n)-1))
		}
	}
	o.touched = seen
}

// Count writes out[row], how many rows the key refs[row] has; 0 for NoRef.
func (o *Ordered) Count(refs []Ref, sel []int32, out []uint32) {
	forRows(sel, len(refs), func(row int32) {
		out[row] = 0
		if c := o.present(refs[row]); c != nil {
			out[row] = c.count
		}
	})
}

// ReadSort writes a sort word of rows.
func (o *Ordered) ReadSort(word int, rows []RowRef, out []uint64) {
	o.readWords(o.sort+8*uintptr(word), rows, out)
}

// SetCounters sets a counter of rows: that of rows[i], of the key refs[i], to values[i].
func (o *Ordered) SetCounters(refs []Ref, rows []RowRef, counter int, values []uint64) {
	for _, ref := range refs {
		o.edit(ref)
	}
	o.writeCounters(counter, rows, values)
}

// Delete takes rows away: rows[i] of the key refs[i], each named once. A key that is left without any state stays until it is released.
func (o *Ordered) Delete(refs []Ref, rows []RowRef) {
	var path treePath
	for i, ref := range refs {
		c := o.edit(ref)
		if o.locate(c, rows[i], &path) {
			o.removeAt(c, &path)
			o.freeRow(rows[i])
		}
		o.settle(ref, c)
	}
}

// Replace puts a row of the chunk into the place of another one, with the same sort words: row rows[i] of the chunk into that of old[i], of the key refs[i]. It writes the new rows to
// out, which may be old itself. Counters begin at zero.
func (o *Ordered) Replace(refs []Ref, old []RowRef, rows []int32, cols []Column, times []int64, out []RowRef) {
	var path treePath
	for lo := 0; lo < len(rows); lo += blockRows {
		part := rows[lo:min(lo+blockRows, len(rows))]
		o.allocate(cols, part, 0, len(part))
		o.write(cols, part, 0, len(part), times)
		b, h := &o.block, o.space.heap
		for i := range part {
			was := old[lo+i]
			from := unsafe.Add(h.At(was), o.sort)
			copy(unsafe.Slice((*uint64)(unsafe.Add(b.row(i), o.sort)), o.words), unsafe.Slice((*uint64)(from), o.words))
			if o.locate(o.edit(refs[lo+i]), was, &path) {
				o.setRow(&path, b.refs[i])
			}
			o.freeRow(was)
			out[lo+i] = b.refs[i]
		}
	}
}

// Retract takes away one row equal to each row of the chunk: of the key refs[row], with the sort words sort[i][row] and equal columns. It appends the chunk's rows to which no row
// is equal to missing and returns it. What it costs grows with the number of rows that have the same sort words.
func (o *Ordered) Retract(refs []Ref, sel []int32, sort [][]uint64, cols []Column, missing []int32) []int32 {
	var path treePath
	var key [MaxSortWords]uint64
	forRows(sel, len(refs), func(row int32) {
		ref := refs[row]
		c := o.present(ref)
		if c == nil {
			missing = append(missing, row)
			return
		}
		for j, words := range sort {
			key[j] = words[row]
		}
		if !o.findEqual(c, key[:o.words], o.build(cols, row), &path) {
			missing = append(missing, row)
			return
		}
		c = o.edit(ref)
		at := o.rowAt(&path)
		o.removeAt(c, &path)
		o.freeRow(at)
		o.settle(ref, c)
	})
	return missing
}

func (o *Ordered) freeRow(row RowRef) {
	h := o.space.heap
	h.Free(row, int(sizeOf(header(h.At(row)))))
}

// settle empties the cell of a key without rows.
func (o *Ordered) settle(ref Ref, c *orderedCell) {
	if c.count == 0 {
		*c = orderedCell{}
		*flagsOf(o.space.Edit(ref)) &^= o.cell.bit
	}
}
