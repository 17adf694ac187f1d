package statebackend

import (
	"unsafe"

	"github.com/weirstream/weir/internal/pages"
)

// toucher is a [hanging] that lies in several places for each row.
type toucher interface {
	// touch reads something of all that hangs on the cells of some rows, at most aheadRows.
	touch(from heapReader, rows []unsafe.Pointer) uint64
}

// ahead brings what hangs on the next rows of a snapshot into the processor's caches before it is read: of many rows at once, so that it is waited for once and not for each. It belongs to one goroutine.
type ahead struct {
	from  heapReader
	cells []toucher
	rows  [aheadRows]unsafe.Pointer
	n     int
	seen  uint64 // so that what was read counts for something
}

// aheadRows is how many rows are touched at once.
const aheadRows = 16

// newAhead is for the rows of a space; nil where nothing hangs on them that is worth it.
func newAhead(sp *Space, from heapReader) *ahead {
	var cells []toucher
	for _, c := range sp.cells {
		if t, ok := c.hang.(toucher); ok {
			cells = append(cells, t)
		}
	}
	if cells == nil {
		return nil
	}
	return &ahead{from: from, cells: cells}
}

// add notes a row, and reports whether there are as many as can be touched.
func (a *ahead) add(row unsafe.Pointer) (full bool) {
	a.rows[a.n] = row
	a.n++
	return a.n == len(a.rows)
}

// touch touches what hangs on the noted rows.
func (a *ahead) touch() {
	for _, t := range a.cells {
		a.seen ^= t.touch(a.from, a.rows[:a.n])
	}
	a.n = 0
}

// changed touches what hangs on the changed rows from i on, but not behind end. It returns the first row that it has not come to.
func (a *ahead) changed(rows *pages.VecSnapshot, i, end uint32, epoch, epochs uint64) uint32 {
	for i < end {
		row := rows.At(i)
		i++
		if flags := *flagsOf(row); flags&flagLive != 0 && changedIn(flags, epoch, epochs) && a.add(row) {
			break
		}
	}
	a.touch()
	return i
}

// touchedBlocks is how many blocks of a key are touched, and touchedBytes how much of each: what follows is read ahead by the processor itself.
const (
	touchedBlocks = 4
	touchedBytes  = 512
)

func (r *Rows) touch(from heapReader, rows []unsafe.Pointer) (seen uint64) {
	var next [aheadRows]pages.Off
	n := 0
	for _, row := range rows {
		if *flagsOf(row)&r.cell.bit != 0 {
			next[n] = r.cellOf(row).head
			n++
		}
	}
	for range touchedBlocks {
		for _, at := range next[:n] {
			if at != 0 {
				seen ^= *(*uint64)(from.At(at))
			}
		}
		left := 0
		for _, at := range next[:n] {
			if at == 0 {
				continue
			}
			p := from.At(at)
			b := *(*rowBlock)(p)
			for o := uintptr(64); o < min(rowBlockHeader+uintptr(b.cap), touchedBytes); o += 64 {
				seen ^= *(*uint64)(unsafe.Add(p, o))
			}
			next[left] = b.next
			left++
		}
		n = left
	}
	return seen
}
