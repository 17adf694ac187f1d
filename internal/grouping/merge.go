package grouping

import (
	"io"
	"unsafe"

	"github.com/weirstream/weir/fault"
)

// diskHeader stands in front of each record of a run. size holds the input in its highest byte.
type diskHeader struct {
	hash uint64
	time int64
	size uint64
}

const (
	diskHead   = int(unsafe.Sizeof(diskHeader{}))
	writeBytes = 1 << 20
)

// cursor walks through one run. Its record is the one to be handed out next.
type cursor struct {
	Record
	number int // of the run
	// from and to are what is left of it behind the buffer.
	from, to int64
	buffer   []byte
}

// runs sorts a part that is larger than memory: as much of it as fits at a time, which is written as a run, and then merged.
func (s *Sorter) runs(p *part) error {
	var runs []extent
	held := int64(0)
	run := func() error {
		s.group(true)
		begin := s.end
		err := s.writeRun()
		s.drop(true)
		held = 0
		if s.end > begin {
			runs = append(runs, extent{begin, s.end})
		}
		return err
	}
	for _, e := range p.stored {
		page, err := s.fetch(e)
		if err != nil {
			return err
		}
		s.pages = append(s.pages, page)
		if held += e.to - e.from; held >= s.cfg.Memory {
			if err := run(); err != nil {
				return err
			}
		}
	}
	s.pages, p.pages = append(s.pages, p.pages...), nil
	if err := run(); err != nil {
		return err
	}
	s.write, s.groups = nil, groups{}
	s.read = min(max(s.cfg.Memory/int64(len(runs)), 4<<10), writeBytes) &^ 7
	for i, r := range runs {
		c := cursor{number: i, from: r.from, to: r.to}
		if _, err := s.advance(&c); err != nil {
			return err
		}
		s.merge = append(s.merge, c)
	}
	for i := len(s.merge)/2 - 1; i >= 0; i-- {
		s.sift(i)
	}
	return nil
}

// writeRun writes what is at hand.
func (s *Sorter) writeRun() error {
	for len(s.left) > 0 {
		s.show()
		r := &s.record
		head := diskHeader{r.Hash, r.Time, uint64(r.Input)<<inputShift | uint64(len(r.Data))}
		s.write = append(s.write, unsafe.Slice((*byte)(unsafe.Pointer(&head)), diskHead)...)
		s.write = append(s.write, r.Data...)
		s.write = append(s.write, zeros[:-len(r.Data)&7]...)
		if len(s.write) >= writeBytes {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return s.flush()
}

var zeros [8]byte

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

// advance moves a cursor to its next record, and reports whether there is one.
func (s *Sorter) advance(c *cursor) (ok bool, err error) {
	if len(c.buffer) < diskHead {
		if c.from == c.to && len(c.buffer) == 0 {
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

// fill makes a new buffer with what is left of the old one and what follows, at least need bytes: what was handed out of the old one may still be in use.
func (s *Sorter) fill(c *cursor, need int) error {
	left := len(c.buffer)
	n := min(max(s.read, int64(need+7)&^7), int64(left)+c.to-c.from)
	buffer := bytesOf(make([]uint64, n/8))
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
	return a.number < b.number
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

// advanceRun moves on in the run whose record was handed out.
func (s *Sorter) advanceRun() error {
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
