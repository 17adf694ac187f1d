package grouping

import (
	"os"
	"runtime"
	"unsafe"
)

// Config says how a sorter works.
type Config struct {
	// Memory is about how many bytes it may take before it writes to disk.
	Memory int64
	// Dir is where its file lies; "" for the system's directory of temporary files.
	Dir string
	// ByTime orders the records of a hash by their times; records of one time, or all without it, by their input and as they came.
	ByTime bool
}

// Record is one record as it is handed out. Data is aligned to 8 bytes. It may be changed, and stays what it is for as long as anything points to it.
type Record struct {
	Hash  uint64
	Time  int64
	Input int
	Data  []byte
}

// Sorter takes records with Put and, after Finish, gives them back with Next.
//
// Records are dealt to parts by the first bits of their hashes as they come, so that what sorting and handing out touch at a time lies in the processor's cache.
type Sorter struct {
	cfg     Config
	parts   [partCount]part
	spare   [][]uint64 // pages
	scratch []entry
	bytes   int64
	count   int64
	file    *os.File
	end     int64 // of the file
	runs    []extent
	merge   []cursor // a heap
	write   []byte
	read    int64 // bytes of a run that are read at a time
	written int64
	seen    uint64 // so that reading has a purpose
}

const (
	partBits  = 7
	partCount = 1 << partBits
)

// entry is a record in memory. Its ref orders records by input, then as they came.
type entry struct {
	hash uint64
	time int64
	ref  uint64
}

const (
	inputShift = 56
	pageShift  = 15
	pageBytes  = 1 << pageShift
	firstPage  = 512
	writeBytes = 1 << 20
	headBytes  = 8
	entryBytes = int64(unsafe.Sizeof(entry{}))
)

// part has records in memory. Each has its length in front. Pages are larger where a record is.
type part struct {
	pages   [][]uint64
	used    int // bytes of the last page
	entries []entry
}

// grow makes a page with room for need bytes the last one.
func (s *Sorter) grow(p *part, need int) {
	size := pageBytes
	if n := len(p.pages); n < 6 {
		size = firstPage << n
	}
	size = max(size, need)
	if n := len(s.spare); n > 0 && size <= pageBytes {
		p.pages, s.spare = append(p.pages, s.spare[n-1]), s.spare[:n-1]
		size = pageBytes
	} else {
		p.pages = append(p.pages, make([]uint64, size/8))
	}
	s.bytes += int64(size)
	p.used = 0
}

func (p *part) data(ref uint64) []byte {
	ref &= 1<<inputShift - 1
	head := unsafe.Add(unsafe.Pointer(unsafe.SliceData(p.pages[ref>>pageShift])), ref&(pageBytes-1))
	return unsafe.Slice((*byte)(unsafe.Add(head, headBytes)), *(*uint64)(head))
}

// New returns an empty sorter.
func New(cfg Config) *Sorter { return &Sorter{cfg: cfg} }

// Len is the number of records put.
func (s *Sorter) Len() int64 { return s.count }

// Spilled is how many bytes were written to disk.
func (s *Sorter) Spilled() int64 { return s.written }

// Put makes room for a record of n bytes of one of up to 256 inputs. The caller fills it before the next call.
func (s *Sorter) Put(input int, hash uint64, time int64, n int) unsafe.Pointer {
	p := &s.parts[hash>>(64-partBits)]
	need := headBytes + (n+7)&^7
	last := len(p.pages) - 1
	if last < 0 || p.used+need > 8*len(p.pages[last]) {
		s.grow(p, need)
		last++
	}
	at := p.used
	p.used += need
	if len(p.entries) == cap(p.entries) {
		s.growEntries(p)
	}
	p.entries = append(p.entries, entry{hash, time, uint64(input)<<inputShift | uint64(last)<<pageShift | uint64(at)})
	s.count++
	head := unsafe.Add(unsafe.Pointer(unsafe.SliceData(p.pages[last])), at)
	*(*uint64)(head) = uint64(n)
	return unsafe.Add(head, headBytes)
}

func (s *Sorter) growEntries(p *part) {
	n := max(2*cap(p.entries), 16)
	s.bytes += int64(n-cap(p.entries)) * entryBytes
	grown := make([]entry, len(p.entries), n)
	copy(grown, p.entries)
	p.entries = grown
}

// Full reports whether the sorter has come to its memory: Spill is to be called.
func (s *Sorter) Full() bool { return s.bytes > s.cfg.Memory && s.count > 0 }

// Spill writes what is in memory to disk, sorted.
func (s *Sorter) Spill() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.cfg.Dir, "weir-sort-*")
		if err != nil {
			return s.failed(err)
		}
		s.file = f
		if runtime.GOOS != "windows" { // it goes with the process, however that ends
			if err := os.Remove(f.Name()); err != nil {
				return s.failed(err)
			}
		}
	}
	begin := s.end
	for i := range s.parts {
		p := &s.parts[i]
		s.sort(p)
		for i := range p.entries {
			e := &p.entries[i]
			data := p.data(e.ref)
			head := diskHeader{e.hash, e.time, e.ref>>inputShift<<inputShift | uint64(len(data))}
			s.write = append(s.write, unsafe.Slice((*byte)(unsafe.Pointer(&head)), diskHead)...)
			s.write = append(s.write, data...)
			s.write = append(s.write, zeros[:-len(data)&7]...)
			if len(s.write) >= writeBytes {
				if err := s.flush(); err != nil {
					return err
				}
			}
		}
		for _, page := range p.pages {
			s.bytes -= int64(8 * len(page))
			if 8*len(page) == pageBytes { // nothing has been handed out of it yet
				s.spare = append(s.spare, page)
			}
		}
		clear(p.pages)
		p.pages, p.used, p.entries = p.pages[:0], 0, p.entries[:0]
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.end > begin {
		s.runs = append(s.runs, extent{begin, s.end})
	}
	return nil
}

var zeros [8]byte
