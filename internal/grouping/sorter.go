package grouping

import (
	"os"
	"unsafe"

	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
)

// Config says how a sorter works.
type Config struct {
	// Memory is about how many bytes it may take before it writes to disk. It takes half a megabyte in any case.
	Memory int64
	// Dir is where its file lies; "" for the system's directory of temporary files.
	Dir string
	// ByTime orders the records of a hash by their times; records of one time, or all without it, by their input and as they came.
	ByTime bool
	// Fixed tells that all records are of input 0, that they have Fixed bytes each, and that nothing points to the data of one after Skip. They take less memory then, and memory is used again.
	Fixed int
}

// Record is one record as it is handed out. Data is aligned to 8 bytes. It may be changed, and stays what it is for as long as anything points to it, but with Config.Fixed until Skip only.
type Record struct {
	Hash  uint64
	Time  int64
	Input int
	Data  []byte
}

// Sorter takes records with Put and, after Finish, gives them back with Peek and Skip.
type Sorter struct {
	cfg   Config
	tails [partCount]tail
	parts [partCount]part
	head  int  // bytes in front of a record's data
	timed bool // a record with a timestamp has come: from here on they have a place
	page  int  // bytes of a page
	spare [][]uint64
	bytes int64 // of the pages of all parts
	count int64
	kept  int // parts from here on are on disk
	err   error

	file    *os.File
	end     int64 // of the file
	written int64

	output
}

const (
	partBits  = 9
	partCount = 1 << partBits

	inputShift = 56
	pageShift  = 15
	largePage  = 1 << pageShift
	smallPage  = 1 << 12
	firstPage  = 512
	// stretch is how many pages of a part lie together in the file.
	stretch = 8
)

// part is some of the records: those whose hashes end in the same bits. In the file and in memory they lie in pages, of which each has a header of one word; those in the file came first.
type part struct {
	pages  [][]uint64
	onDisk bool
	stored []extent
	// room is what is left of the stretch of the file that the part writes to.
	room extent
	size int64 // bytes of all pages, here and there
}

// tail is what Put needs to know of a part: the address in the last page where the next record goes, and that where the page ends. The page itself is held by the part.
type tail struct{ at, limit uintptr }

// The header of a page has the bytes that are used of it, this word included, and whether its records have a timestamp.
const (
	pageHead  = 8
	pageTimed = 1 << 62
)

// extent is a stretch of the file.
type extent struct{ from, to int64 }

// New returns an empty sorter.
func New(cfg Config) *Sorter {
	s := &Sorter{cfg: cfg, page: largePage, kept: partCount}
	for s.page > smallPage && int64(s.page)*2*partCount > cfg.Memory {
		s.page /= 2
	}
	s.layOut()
	return s
}

func (s *Sorter) layOut() { s.head = headBytes(s.timed, s.cfg.Fixed > 0) }

// headBytes is what stands in front of the data of a record: its hash, its time if it may have one, and its input and size if these differ.
func headBytes(timed, fixed bool) int {
	n := 8
	if timed {
		n += 8
	}
	if !fixed {
		n += 8
	}
	return n
}

// Len is the number of records put.
func (s *Sorter) Len() int64 { return s.count }

// Spilled is how many bytes were written to disk.
func (s *Sorter) Spilled() int64 { return s.written }

// partOf is the part that a hash belongs to. The first bits of the hashes are much the same in one subtask, the last ones are not.
func partOf(hash uint64) uint64 { return hash & (partCount - 1) }

// Put makes room for a record of n bytes of one of up to 256 inputs. The caller fills it before the next call.
func (s *Sorter) Put(input int, hash uint64, time int64, n int) unsafe.Pointer {
	t := &s.tails[partOf(hash)]
	need := uintptr(s.head + (n+7)&^7)
	if t.at+need > t.limit || time != eventtime.NoTimestamp && !s.timed {
		need = s.turn(partOf(hash), time, n)
	}
	to := *(*unsafe.Pointer)(unsafe.Pointer(&t.at))
	t.at += need
	s.count++
	*(*uint64)(to) = hash
	to = unsafe.Add(to, 8)
	if s.timed {
		*(*int64)(to) = time
		to = unsafe.Add(to, 8)
	}
	if s.cfg.Fixed == 0 {
		*(*uint64)(to) = uint64(input)<<inputShift | uint64(n)
		to = unsafe.Add(to, 8)
	}
	return to
}

// Ahead is told the hashes of some records that are about to be put, so that the processor gets the memory where they go at once and not one after the other. It changes nothing.
func (s *Sorter) Ahead(hashes []uint64) {
	sum, need := uint64(0), uintptr(s.head+s.cfg.Fixed)
	for _, hash := range hashes {
		t := s.tails[partOf(hash)]
		if at := (t.at + need) &^ 7; at < t.limit {
			sum += *(*uint64)(*(*unsafe.Pointer)(unsafe.Pointer(&at)))
		}
	}
	s.seen += sum
}

// turn makes room in a part for a record of n bytes, and returns how much it takes with what stands in front.
func (s *Sorter) turn(i uint64, time int64, n int) (need uintptr) {
	if time != eventtime.NoTimestamp && !s.timed {
		for i := range s.parts {
			s.seal(i)
		}
		s.timed = true
		s.layOut()
	}
	p, t := &s.parts[i], &s.tails[i]
	need = uintptr(s.head + (n+7)&^7)
	if t.at+need <= t.limit {
		return need
	}
	s.seal(int(i))
	if p.onDisk {
		s.store(p)
	}
	size := s.page
	if k := len(p.pages); k < 6 && !p.onDisk {
		size = min(size, firstPage<<k)
	}
	s.append(int(i), max(size, int(need)+pageHead))
	return need
}

// append makes a page of at least size bytes the last one of a part.
func (s *Sorter) append(i, size int) {
	var page []uint64
	if k := len(s.spare); k > 0 && size <= s.page {
		page, s.spare = s.spare[k-1], s.spare[:k-1]
	} else {
		page = make([]uint64, size/8)
	}
	p, n := &s.parts[i], 8*len(page)
	p.pages = append(p.pages, page)
	p.size += int64(n)
	s.bytes += int64(n)
	base := uintptr(unsafe.Pointer(unsafe.SliceData(page)))
	s.tails[i] = tail{base + pageHead, base + uintptr(n)}
}

// seal writes the header of the last page, to which nothing is put any more.
func (s *Sorter) seal(i int) {
	p, t := &s.parts[i], &s.tails[i]
	if t.limit == 0 {
		return
	}
	page := p.pages[len(p.pages)-1]
	page[0] = uint64(t.at - uintptr(unsafe.Pointer(unsafe.SliceData(page))))
	if s.timed {
		page[0] |= pageTimed
	}
	*t = tail{}
}

// Full reports whether the sorter has come to its memory: Spill is to be called. It also reports an error of writing, which Spill returns.
func (s *Sorter) Full() bool {
	return s.bytes > s.cfg.Memory && s.kept > 0 || s.err != nil
}

// Spill makes room: some parts go to disk, with all that will be put to them.
func (s *Sorter) Spill() error {
	for s.err == nil && s.kept > 0 && s.bytes > s.cfg.Memory-s.cfg.Memory/16 {
		s.kept--
		p := &s.parts[s.kept]
		p.onDisk = true
		s.seal(s.kept)
		s.store(p)
	}
	return s.err
}

// store writes the pages of a part. An error is kept for Spill.
func (s *Sorter) store(p *part) {
	if s.err != nil {
		return // the pages stay
	}
	if s.file == nil {
		if s.err = s.create(); s.err != nil {
			return
		}
	}
	for _, page := range p.pages {
		n := int64(8 * len(page))
		if p.room.to-p.room.from < n {
			p.room = extent{s.end, s.end + max(n, int64(stretch*s.page))}
			s.end = p.room.to
		}
		at := p.room.from
		p.room.from += n
		if _, err := s.file.WriteAt(bytesOf(page), at); err != nil {
			s.err = s.failed(err)
			return
		}
		s.written += n
		p.stored = append(p.stored, extent{at, at + n})
	}
	for i, page := range p.pages {
		s.free(page, true)
		p.pages[i] = nil
	}
	p.pages = p.pages[:0]
}

// free takes a page back. unseen tells that nothing of it has been handed out.
func (s *Sorter) free(page []uint64, unseen bool) {
	s.bytes -= int64(8 * len(page))
	if (unseen || s.cfg.Fixed > 0) && 8*len(page) == s.page {
		s.spare = append(s.spare, page)
	}
}

func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
}

func (s *Sorter) create() error {
	f, err := CreateScratch(s.cfg.Dir, "weir-sort-*")
	s.file = f
	if err != nil {
		return s.failed(err)
	}
	return nil
}

func (s *Sorter) failed(err error) error {
	return fault.New(fault.StateDisk, "sorting the input of a keyed operator on disk: %w", err)
}

// Close gives back memory and removes the file.
func (s *Sorter) Close() error {
	s.parts, s.tails, s.spare, s.output = [partCount]part{}, [partCount]tail{}, nil, output{}
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return CloseScratch(f)
}
