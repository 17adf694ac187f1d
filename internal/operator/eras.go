package operator

import (
	"cmp"
	"encoding/binary"
	"os"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/grouping"
	"github.com/weirstream/weir/internal/statebackend"
)

// eras keep the slices of a batch job, where none is over before all records have come. An era is a stretch of time whose rows are in a table of their own, so that records look into one no larger than that of a streaming job. Eras
// follow each other without gaps: a slice has all its rows in one. A new one begins with a slice that is later than all before it when the last one has rows enough.
//
// When memory is used up, the rows of the eras that have had no record for the longest time go to disk, each time in a run of the era: by key group, so that the runs of an era can be put together again a key group at a
// time.
type eras struct {
	sp     *statebackend.Space
	all    []*era // by time, without those that have been evaluated
	cur    *era   // the one whose rows are in the space
	newest int64  // the latest slice that has come
	clock  uint64
	enough int // rows after which an era may end
	// pending, unless nil, are the windows of the rows in the space.
	pending *[]*pendingWindow
	dir     string
	file    *os.File
	end     int64 // of the file
	buf     []byte
	reader  runReader
	// What follows is for evaluating: whether it has begun, the key group at hand, and whether its rows have been read.
	ending, loaded bool
	group          int
}

type era struct {
	last     int64                  // the latest slice that can be in it
	contents *statebackend.Contents // nil while they are in the space, and if there are none
	pending  []*pendingWindow       // of contents
	runs     []eraRun
	used     uint64 // when it was last left
}

// eraRun is where rows are in the file: those of a key group begin where those of the group before it end.
type eraRun struct {
	from int64
	ends []int64
}

func (r *eraRun) group(g int) (from, end int64) {
	if g == 0 {
		return r.from, r.ends[0]
	}
	return r.ends[g-1], r.ends[g]
}

const (
	maxTime = 1<<63 - 1
	// eraRows is how many rows of a key group are enough for an era.
	eraRows = 64
	// maxRow is how many bytes a row on disk may have.
	maxRow = 1 << 31
	// runBuffer is how many bytes of a run are written or read at a time.
	runBuffer = 128 << 10
)

func newEras(sp *statebackend.Space, ctx *Context) *eras {
	first := &era{last: maxTime}
	return &eras{sp: sp, all: []*era{first}, cur: first, newest: never, enough: eraRows * ctx.KeyGroups.Len(), dir: ctx.State.Batch.Dir}
}

// enter puts the rows of an era into the space.
func (x *eras) enter(e *era) {
	if e == x.cur {
		return
	}
	old := x.cur
	x.clock++
	old.used = x.clock
	old.contents = x.sp.Swap(e.contents)
	if x.pending != nil {
		old.pending, *x.pending = *x.pending, e.pending
	}
	e.contents, e.pending = nil, nil
	x.cur = e
}

// seek enters the era of a slice.
func (x *eras) seek(slice int64) {
	last := x.all[len(x.all)-1]
	if slice > x.newest {
		x.newest = slice
		if x.rows(last) >= x.enough {
			last.last = slice - 1
			last = &era{last: maxTime}
			x.all = append(x.all, last)
		}
	}
	if n := len(x.all); n == 1 || slice > x.all[n-2].last {
		x.enter(last)
		return
	}
	i, _ := slices.BinarySearchFunc(x.all, slice, func(e *era, slice int64) int { return cmp.Compare(e.last, slice) })
	x.enter(x.all[i])
}

// rows is how many rows of an era are in memory.
func (x *eras) rows(e *era) int {
	switch {
	case e == x.cur:
		return x.sp.Len()
	case e.contents != nil:
		return e.contents.Len()
	}
	return 0
}

// drop forgets the rows in the space.
func (x *eras) drop() { x.sp.Swap(nil).Close() }

// close gives back what is not in the space, and the file.
func (x *eras) close() error {
	for _, e := range x.all {
		if e.contents != nil {
			e.contents.Close()
			e.contents = nil
		}
	}
	x.all = nil
	if x.file == nil {
		return nil
	}
	f := x.file
	x.file = nil
	return x.failed(grouping.CloseScratch(f))
}

func (x *eras) failed(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.StateDisk, "keeping the windows of operator %q on disk: %w", x.sp.Store().Config().Operator, err)
}

// write appends what is in the buffer to the file.
func (x *eras) write() error {
	if x.file == nil {
		f, err := grouping.CreateScratch(x.dir, "weir-windows-*")
		x.file = f
		if err != nil {
			return x.failed(err)
		}
	}
	n, err := x.file.WriteAt(x.buf, x.end)
	x.end, x.buf = x.end+int64(n), x.buf[:0]
	return x.failed(err)
}

// runReader reads a part of a run.
type runReader struct {
	file    *os.File
	at, end int64
	buf     []byte // what has been read, from next on
	next    int
}

func (r *runReader) open(f *os.File, from, end int64) {
	r.file, r.at, r.end, r.next, r.buf = f, from, end, 0, r.buf[:0]
}

// row returns the next row, which is good until the one after it, and nil behind the last.
func (r *runReader) row() ([]byte, error) {
	for need := 4; ; {
		if have := r.buf[r.next:]; len(have) >= need {
			if need = 4 + int(binary.LittleEndian.Uint32(have)); len(have) >= need {
				r.next += need
				return have[4:need], nil
			}
		} else if len(have) == 0 && r.at == r.end {
			return nil, nil
		}
		if err := r.fill(need); err != nil {
			return nil, err
		}
	}
}

// fill reads on until there are so many bytes, and more if there is room.
func (r *runReader) fill(need int) error {
	left := copy(r.buf, r.buf[r.next:])
	if size := max(need, runBuffer); cap(r.buf) < size {
		r.buf = append(make([]byte, 0, size), r.buf[:left]...)
	}
	n := min(int64(cap(r.buf)-left), r.end-r.at)
	r.buf, r.next = r.buf[:left+int(n)], 0
	_, err := r.file.ReadAt(r.buf[left:], r.at)
	r.at += n
	return err
}

// appendRow appends a row to the buffer: its length, the words and bytes of its key, and the accumulator.
func (m *sliceBase[K, T, A, U]) appendRow(r statebackend.Ref) error {
	sp := m.scope.Space()
	dst := append(m.eras.buf, 0, 0, 0, 0)
	at := len(dst)
	for _, w := range sp.Words(r) {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	if sp.Layout().Bytes {
		b := sp.Bytes(r)
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	}
	m.scope.Visit(r)
	dst, err := m.accumulators.Encode(dst, m.acc.Peek())
	m.scope.Unset()
	if err == nil && len(dst)-at > maxRow {
		err = fault.New(fault.StateDisk, "an accumulator of operator %q takes %d bytes", m.ctx.Name, len(dst)-at)
	}
	binary.LittleEndian.PutUint32(dst[at-4:], uint32(len(dst)-at))
	m.eras.buf = dst
	return err
}

// readRow sets key and read to what a row has that appendRow wrote, and the scope's words; it returns the bytes of the key as the scope wants them.
func (m *sliceBase[K, T, A, U]) readRow(row []byte) (b []byte, err error) {
	words := m.scope.Words()
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(row[8*i:])
	}
	row = row[8*len(words):]
	if m.scope.Space().Layout().Bytes {
		n, size := binary.Uvarint(row)
		b, row = row[size:size+int(n)], row[size+int(n):]
	}
	m.words.Get(words[1:], b, &m.key)
	_, err = m.accumulators.Decode(row, &m.read)
	return b, err
}

// take merges a row that appendRow wrote into the one that its key has here, and reports whether that is new. The scope points at it then.
func (m *sliceBase[K, T, A, U]) take(row []byte) (fresh bool, err error) {
	b, err := m.readRow(row)
	if err != nil {
		return false, err
	}
	m.hash = m.rt.Keys.HashOf(m.key)
	m.scope.SetIn(m.hash, combineOne(m.hash, int64(m.scope.Words()[0])), b)
	acc, fresh := m.acc.Edit()
	if fresh {
		*acc = m.read
	} else {
		*acc = m.f.Merge(*acc, m.read)
	}
	m.acc.Done()
	return fresh, nil
}

// evict moves eras to disk until memory is half of what it may be, those first that have been left for the longest time. each calls f for the rows of a key group that are in the space.
func (m *sliceBase[K, T, A, U]) evict(memory int64, each func(group int, f func(statebackend.Ref) error) error) error {
	x, cur := m.eras, m.eras.cur
	account := m.scope.Space().Store().Account()
	others := slices.DeleteFunc(slices.Clone(x.all), func(e *era) bool { return e == cur || e.contents == nil })
	slices.SortFunc(others, func(a, b *era) int { return cmp.Compare(a.used, b.used) })
	for _, e := range append(others, cur) {
		if account.Used() <= memory/2 {
			break
		}
		x.enter(e)
		if err := m.writeRun(each); err != nil {
			return err
		}
	}
	x.enter(cur)
	return nil
}

// writeRun moves the rows in the space to disk.
func (m *sliceBase[K, T, A, U]) writeRun(each func(group int, f func(statebackend.Ref) error) error) error {
	x := m.eras
	if x.sp.Len() == 0 {
		return nil
	}
	m.scope.Unset()
	run := eraRun{from: x.end, ends: make([]int64, m.ctx.KeyGroups.Len())}
	for g := range run.ends {
		err := each(g, func(r statebackend.Ref) error {
			if len(x.buf) >= runBuffer {
				if err := x.write(); err != nil {
					return err
				}
			}
			return m.appendRow(r)
		})
		if err != nil {
			return err
		}
		run.ends[g] = x.end + int64(len(x.buf))
	}
	if err := x.write(); err != nil {
		return err
	}
	x.cur.runs = append(x.cur.runs, run)
	x.drop()
	return nil
}

// load takes the rows of a part of the file, and calls fresh for each whose key had none.
func (m *sliceBase[K, T, A, U]) load(from, end int64, fresh func()) error {
	r := &m.eras.reader
	r.open(m.eras.file, from, end)
	for !m.ctx.Failed {
		row, err := r.row()
		if err != nil {
			return m.eras.failed(err)
		}
		if row == nil {
			break
		}
		isFresh, err := m.take(row)
		if err != nil {
			return err
		}
		if isFresh {
			fresh()
		}
	}
	return nil
}
