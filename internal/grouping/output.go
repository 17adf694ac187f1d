package grouping

import (
	"io"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// output is how far handing out is.
type output struct {
	record Record
	more   bool // there is a record
	next   int  // part

	// pages are those of the part that is handed out, left what is left of it, as refs.
	pages  [][]uint64
	left   []uint64
	groups groups
	seen   uint64 // so that touching has a purpose

	// merge is a heap of the runs of a part that is larger than memory.
	merge []cursor
	write []byte
	read  int64 // bytes of a run that are read at a time
}

// Finish is called when all records have been put.
func (s *Sorter) Finish() error {
	if s.err != nil {
		return s.err
	}
	for i := range s.parts {
		s.seal(i)
	}
	return s.step()
}

// Peek returns the next record, nil behind the last one. It is good until Skip.
func (s *Sorter) Peek() *Record {
	if !s.more {
		return nil
	}
	return &s.record
}

// Skip moves on to the record behind that of Peek.
func (s *Sorter) Skip() error {
	if len(s.left) > 0 {
		s.show()
		return nil
	}
	return s.step()
}

// ahead is how many records are fetched into the cache together, so that the misses overlap.
const ahead = 32

// touch reads the next records.
func (s *Sorter) touch() {
	sum := uint64(0)
	for _, ref := range s.left[:min(ahead, len(s.left))] {
		page := s.pages[ref<<8>>8>>pageShift]
		at := ref & (largePage - 1) / 8
		sum += page[at] + page[min(at+6, uint64(len(page)-1))]
	}
	s.seen += sum
}

// show makes the next one the record. It has been checked that there is one.
func (s *Sorter) show() {
	if len(s.left)%ahead == 0 {
		s.touch()
	}
	ref := s.left[0]
	s.left = s.left[1:]
	page := s.pages[ref<<8>>8>>pageShift]
	data := unsafe.Add(unsafe.Pointer(unsafe.SliceData(page)), ref&(largePage-1))
	s.record.Hash = *(*uint64)(data)
	s.record.Time = eventtime.NoTimestamp
	data = unsafe.Add(data, 8)
	if page[0]&pageTimed != 0 {
		s.record.Time = *(*int64)(data)
		data = unsafe.Add(data, 8)
	}
	if n := s.cfg.Fixed; n > 0 {
		s.record.Data = unsafe.Slice((*byte)(data), n)
		return
	}
	word := *(*uint64)(data)
	n := word & (1<<inputShift - 1)
	s.record.Input = int(word >> inputShift)
	s.record.Data = unsafe.Slice((*byte)(unsafe.Add(data, 8)), n)
}

// timeAt is the time of a record.
func (s *Sorter) timeAt(ref uint64) int64 {
	if page := s.pages[ref<<8>>8>>pageShift]; page[0]&pageTimed != 0 {
		return *(*int64)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(page)), ref&(largePage-1)+8))
	}
	return eventtime.NoTimestamp
}

// step goes to the next record where that is not simply the next of the list: of the runs that are merged, or of the next part.
func (s *Sorter) step() error {
	s.more = false
	if len(s.merge) > 0 {
		if err := s.advanceRun(); err != nil {
			return err
		}
		if len(s.merge) > 0 {
			s.more, s.record = true, s.merge[0].Record
			return nil
		}
	}
	s.drop(false)
	for ; s.next < partCount; s.next++ {
		p := &s.parts[s.next]
		if p.size == 0 {
			continue
		}
		var err error
		if p.size > max(s.cfg.Memory, int64(s.page)) && p.onDisk {
			err = s.runs(p)
		} else {
			err = s.load(p)
		}
		if err != nil {
			return err
		}
		*p = part{}
		s.next++
		if s.more = true; len(s.merge) > 0 {
			s.record = s.merge[0].Record
		} else {
			s.show()
		}
		return nil
	}
	return nil
}

// drop gives back the pages at hand. unseen tells that nothing of them has been handed out.
func (s *Sorter) drop(unseen bool) {
	for i, page := range s.pages {
		s.free(page, unseen)
		s.pages[i] = nil
	}
	s.pages, s.left = s.pages[:0], nil
}

// load brings a part into memory and groups it.
func (s *Sorter) load(p *part) error {
	for _, e := range p.stored {
		page, err := s.fetch(e)
		if err != nil {
			return err
		}
		s.pages = append(s.pages, page)
	}
	s.pages, p.pages = append(s.pages, p.pages...), nil
	s.group(false)
	return nil
}

// fetch reads a page.
func (s *Sorter) fetch(e extent) (page []uint64, err error) {
	if k := len(s.spare); k > 0 && e.to-e.from == int64(s.page) {
		page, s.spare = s.spare[k-1], s.spare[:k-1]
	} else {
		page = make([]uint64, (e.to-e.from)/8)
	}
	s.bytes += e.to - e.from
	n, err := s.file.ReadAt(bytesOf(page), e.from)
	used := page[0] &^ pageTimed
	switch {
	case err == io.EOF:
		err = fault.New(fault.StateDamaged, "the file for sorting the input of a keyed operator ends after %d of %d bytes of a page", n, e.to-e.from)
	case err != nil:
		err = s.failed(err)
	case used < pageHead || used > uint64(8*len(page)):
		err = fault.New(fault.StateDamaged, "the file for sorting the input of a keyed operator has a page of %d bytes that claims to have %d", 8*len(page), used)
	}
	if err != nil {
		s.free(page, true)
		return nil, err
	}
	return page, nil
}
