// Package pages is the memory of the state backends: rows of fixed width ([Vec]) and objects of any size ([Heap]) in pages outside
// Go's heap, so that the garbage collector neither scans nor counts state, with copy-on-write snapshots.
//
// # Use
//
// A [Vec] or [Heap] belongs to one goroutine, the task that owns the state. Freeze gives a snapshot, which another goroutine reads
// at its own pace and releases; meanwhile the owner goes on. Pointers into pages are plain memory: they may hold no Go pointers, and each
// method says how long what it returns is good. A row or object that is read through At must not be written, since
// a snapshot may share its page: Edit gives the address for writing.
//
// All pages are counted by an [Account], those that only snapshots hold too. Close gives pages back; a Vec or Heap that is
// dropped without Close loses its pages for the life of the process, and so does a snapshot without Release.
//
// # How it works
//
// The pool ([Alloc], [Free]) maps regions of the operating system's memory, in huge pages where there are any, and cuts them into
// slabs of pages of one size. What is free is noted in bitmaps beside the pages. A slab whose pages are all free
// serves any size again; regions are kept for the life of the process. Systems without mmap, and the race detector,
// which sees accesses to Go's heap only, get their regions from Go's heap as words without pointers.
//
// A page table holds addresses as integers, so that it is not scanned either. Each page has the generation in which its owner made it
// or last took it over; Freeze copies the table and raises the generation. To write to a page of an older generation the owner
// looks whether a live snapshot is at least as young as the page. If so it writes to a copy, and the original is retired
// to the youngest live snapshot; if not it takes the page over as it is, and while there is no live snapshot it need not even look. A snapshot that is released hands each
// retired page on to the next older one if that holds the page as well, and frees it otherwise, so that a page moves at most once for each
// snapshot.
//
// # Non-obvious
//
//   - The pool's locks are of package sync, not of internal/xsync: the pool is shared by all tests of a process, in and out of bubbles
//     of virtual time, and nobody waits for anything while holding one.
//   - Append does not copy the page that it extends, but the Edit of the appended row does if a snapshot holds older rows of that page:
//     an address from Edit stays good while other rows of the page are edited, which would move them otherwise.
//   - The first slab of each page size is not put into a huge page, all others are: a small job uses few pages of many sizes, and would
//     pay 2 MiB for each.
//   - While there are snapshots, memory that was never used is not asked for in huge pages: finding one can take the system 10 ms, and it is a copy that waits. [Warm] makes huge pages ready beforehand.
//   - A freed page keeps its memory in the process: InUse of [Stats] falls, Mapped does not, and accounts know nothing of the difference.
//   - Page sizes are not powers of two alone, since rows per page are: 1024 rows of 24 bytes would leave a quarter of 32 KiB empty.
package pages
