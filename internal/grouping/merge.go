package grouping

import (
	"io"
	"os"
	"runtime"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// extent is a run in the file.
type extent struct{ from, to int64 }

// diskHeader stands in front of each record in the file. size holds the input in its highest byte.
type diskHeader struct {
	hash uint64
	time int64
	size uint64
}

const diskHead = int(unsafe.Sizeof(diskHeader{}))

func (s *Sorter) failed(err error) error {
	return fault.New(fault.StateDisk, "sorting the input of a keyed operator on disk: %w", err)
}

func (s *Sorter) flush() error {
	if len(s.write) == 0 {
		return nil
	}
	if _, err := s.file.WriteAt(s.write, s.end); err != nil {
		return s.failed(err)
	}
	s.end += int64(len(s.write))
	s.written += int64(len(s.write))
	s.write = s.write[:0]
	return nil
}

// cursor walks through one run. Its record is the one to be handed out next.
type cursor struct {
	Record
	order int // of runs
	// entries are those that are left of a part in memory, behind which come the parts from next on.
	memory  bool
	part    *part
	next    int
	entries []entry
	// from and to are what is left of a run on disk behind the buffer.
	from, to int64
	buffer   []byte
}

// Finish is called when all records have been put.
func (s *Sorter) Finish() error {
	s.write, s.spare = nil, nil
	if n := int64(len(s.runs)); n > 0 {
		s.read = min(max(s.cfg.Memory/n, 4<<10), writeBytes) &^ 7
	}
	for i, r := range s.runs {
		c := cursor{order: i, from: r.from, to: r.to}
		if _, err := s.advance(&c); err != nil {
			return err
		}
		s.merge = append(s.merge, c)
	}
	c := cursor{order: len(s.runs), memory: true}
	if ok, _ := s.advance(&c); ok {
		s.merge = append(s.merge, c)
	}
	for i := len(s.merge)/2 - 1; i >= 0; i-- {
		s.sift(i)
	}
	return nil
}

// advance moves a cursor to its next record, and reports whether there is one.
func (s *Sorter) advance(c *cursor) (ok bool, err error) {
	if c.memory {
		for len(c.entries) == 0 {
			if c.part != nil {
				*c.part = part{} // all handed out
			}
			if c.next == partCount {
				return false, nil
			}
			c.part = &s.parts[c.next]
			c.next++
			s.sort(c.part)
			s.seen += c.part.touch()
			c.entries = c.part.entries
		}
		e := &c.entries[0]
		c.Hash, c.Time, c.Input, c.Data = e.hash, e.time, int(e.ref>>inputShift), c.part.data(e.ref)
		c.entries = c.entries[1:]
		return true, nil
	}
	if len(c.buffer) < diskHead {
		if c.from+int64(len(c.buffer)) == c.to && len(c.buffer) == 0 {
			return false, nil
		}
		if err := s.fill(c, diskHead); err != nil {
			return false, err
		}
	}
	h := *(*diskHeader)(unsafe.Pointer(unsafe.SliceData(c.buffer)))
	n := int(h.size & (1<<inputShift - 1))
	padded := diskHead + (n+7)&^7
	if len(c.buffer) < padded {
		if err := s.fill(c, padded); err != nil {
			return false, err
		}
	}
	c.Hash, c.Time, c.Input, c.Data = h.hash, h.time, int(h.size>>inputShift), c.buffer[diskHead:diskHead+n:diskHead+n]
	c.buffer = c.buffer[padded:]
	return true, nil
}

// touch reads through a part, so that it is in the cache when its records are handed out in another order than they lie in memory.
func (p *part) touch() (sum uint64) {
	for _, page := range p.pages {
		for i := 0; i < len(page); i += 8 {
			sum += page[i]
		}
	}
	return sum
}

// fill makes a new buffer with what is left of the old one and what follows, at least need bytes: what was handed out of the old one may still be in use.
func (s *Sorter) fill(c *cursor, need int) error {
	left := len(c.buffer)
	n := min(max(s.read, int64(need+7)&^7), int64(left)+c.to-c.from)
	words := make([]uint64, n/8)
	buffer := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
	copy(buffer, c.buffer)
	if _, err := s.file.ReadAt(buffer[left:], c.from); err != nil && err != io.EOF {
		return s.failed(err)
	}
	c.from += n - int64(left)
	c.buffer = buffer
	if int(n) < need {
		return fault.New(fault.StateDamaged, "the file for sorting the input of a keyed operator ends within a record")
	}
	return nil
}

// before orders by hash, then time if the sorter does, then input, then as records came.
func (s *Sorter) before(a, b *cursor) bool {
	switch {
	case a.Hash != b.Hash:
		return a.Hash < b.Hash
	case s.cfg.ByTime && a.Time != b.Time:
		return a.Time < b.Time
	case a.Input != b.Input:
		return a.Input < b.Input
	}
	return a.order < b.order
}

func (s *Sorter) sift(i int) {
	for {
		least := 2*i + 1
		if least >= len(s.merge) {
			return
		}
		if right := least + 1; right < len(s.merge) && s.before(&s.merge[right], &s.merge[least]) {
			least = right
		}
		if !s.before(&s.merge[least], &s.merge[i]) {
			return
		}
		s.merge[i], s.merge[least] = s.merge[least], s.merge[i]
		i = least
	}
}

// Peek returns the next record, nil behind the last one. It is good until Skip.
func (s *Sorter) Peek() *Record {
	if len(s.merge) == 0 {
		return nil
	}
	return &s.merge[0].Record
}

// Skip moves on to the record behind that of Peek.
func (s *Sorter) Skip() error {
	ok, err := s.advance(&s.merge[0])
	if err != nil {
		return err
	}
	if !ok {
		last := len(s.merge) - 1
		s.merge[0] = s.merge[last]
		s.merge[last] = cursor{}
		s.merge = s.merge[:last]
	}
	if len(s.merge) > 1 {
		s.sift(0)
	}
	return nil
}

// Close gives back memory and removes the file.
func (s *Sorter) Close() error {
	s.parts, s.spare, s.scratch, s.merge, s.runs = [partCount]part{}, nil, nil, nil, nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	err := f.Close()
	if runtime.GOOS == "windows" {
		if removed := os.Remove(f.Name()); err == nil {
			err = removed
		}
	}
	return err
}
