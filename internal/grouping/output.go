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

	// pages are those of the part that is handed out, entries what is left of it.
	pages   [][]uint64
	entries []entry
	all     []entry
	scratch []entry
	times   []timeOf
	seen    uint64 // so that touching has a purpose

	// merge is a heap of the runs of a part that is larger than memory.
	merge []cursor
	write []byte
	read  int64 // bytes of a run that are read at a time
}

// entry is a record in memory. Its ref orders records by input, then as they came.
type entry struct {
	order uint64
	ref   uint64
}

// Finish is called when all records have been put.
func (s *Sorter) Finish() error {
	if s.err != nil {
		return s.err
	}
	for i := range s.parts {
		s.seal(&s.parts[i])
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
	if len(s.entries) > 0 {
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
	for _, e := range s.entries[:min(ahead, len(s.entries))] {
		page := s.pages[e.ref<<8>>8>>pageShift]
		at := e.ref & (largePage - 1) / 8
		sum += page[at] + page[min(at+6, uint64(len(page)-1))]
	}
	s.seen += sum
}

// show makes the next entry the record. It has been checked that there is one.
func (s *Sorter) show() {
	if len(s.entries)%ahead == 0 {
		s.touch()
	}
	e := s.entries[0]
	s.entries = s.entries[1:]
	page := s.pages[e.ref<<8>>8>>pageShift]
	data := unsafe.Add(unsafe.Pointer(unsafe.SliceData(page)), e.ref&(largePage-1))
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

// step goes to the next record where that is not simply the next entry: of the runs that are merged, or of the next part.
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
	s.pages, s.entries = s.pages[:0], nil
}

// load brings a part into memory and sorts it.
func (s *Sorter) load(p *part) error {
	for _, e := range p.stored {
		page, err := s.fetch(e)
		if err != nil {
			return err
		}
		s.pages = append(s.pages, page)
	}
	s.pages = append(s.pages, p.pages...)
	s.sortPages()
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
	if n, err := s.file.ReadAt(bytesOf(page), e.from); err != nil {
		if err == io.EOF {
			return nil, fault.New(fault.StateDamaged, "the file for sorting the input of a keyed operator ends after %d of %d bytes of a page", n, e.to-e.from)
		}
		return nil, s.failed(err)
	}
	if used := page[0] &^ pageTimed; used < pageHead || used > uint64(8*len(page)) {
		return nil, fault.New(fault.StateDamaged, "the file for sorting the input of a keyed operator has a page of %d bytes that claims to have %d", 8*len(page), used)
	}
	return page, nil
}

// sortPages makes sorted entries of the records of all pages.
func (s *Sorter) sortPages() {
	entries := s.all[:0]
	for i, page := range s.pages {
		timed, used := page[0]&pageTimed != 0, int(page[0]&^pageTimed)
		head := headBytes(timed, s.cfg.Fixed > 0)
		base := unsafe.Pointer(unsafe.SliceData(page))
		width := head + (s.cfg.Fixed+7)&^7
		for at := pageHead; at < used; {
			ref := uint64(i)<<pageShift | uint64(at)
			hash := *(*uint64)(unsafe.Add(base, at))
			if s.cfg.Fixed == 0 {
				word := *(*uint64)(unsafe.Add(base, at+head-8))
				ref |= word >> inputShift << inputShift
				width = head + int(word&(1<<inputShift-1)+7)&^7
			}
			entries = append(entries, entry{order(hash), ref})
			at += width
		}
	}
	s.all = entries
	if n := len(entries); cap(s.scratch) < n {
		s.scratch = make([]entry, n, cap(entries))
	}
	s.radix(entries, s.scratch[:len(entries)], 64-partBits)
	s.entries = entries
	s.touch()
}
