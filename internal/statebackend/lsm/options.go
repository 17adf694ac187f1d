package lsm

import (
	"hash/maphash"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirstream/weir/internal/pages"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/xsync"
)

// Options says where and within which bounds state is kept. The zero value is usable.
type Options struct {
	// Dir is the directory in which a directory for the process is made; that of the system for temporary files if it is empty. It should be on a local disk.
	Dir string
	// Memory is the account of which three eighths are set aside for caches and write buffers. It should be an ancestor of the stores' accounts, so that what is set aside is not used for pages. With no limit, or nil,
	// 64 MiB are taken.
	Memory *pages.Account
	// Stores is how many stores are expected to overflow at the same time; 4 if it is 0. Write buffers are cut by it.
	Stores int

	// For tests: fs is nil for that of the system, stale and refill are 0 for staleKeys and refillKeys.
	fs     vfs.FS
	stale  int
	refill int
}

// New returns a function that makes the spill of a store, as statebackend.Config wants it. All stores it is called for share one block cache and one directory, which exist as long
// as any of their trees does. The function may be called from any goroutine.
func New(o Options) func(*statebackend.Store) (statebackend.Spill, error) {
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	if o.Stores <= 0 {
		o.Stores = 4
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.stale == 0 {
		o.stale = staleKeys
	}
	if o.refill == 0 {
		o.refill = refillKeys
	}
	b := &backend{options: o}
	return func(s *statebackend.Store) (statebackend.Spill, error) {
		b.attach()
		return &spill{backend: b, store: s, seed: maphash.Comparable(maphash.MakeSeed(), 0)}, nil
	}
}

// backend is what the stores of a process share.
type backend struct {
	options Options
	mu      xsync.Mutex
	stores  int   // guarded by mu, as all that follows
	open    int   // trees
	home    *home // nil while no tree is open
	cache   *pebble.Cache
	files   *pebble.FileCache
	taken   int64 // bytes set aside in the account
}

const (
	defaultMemory = 64 << 20
	leastCache    = 1 << 20
	leastTable    = 256 << 10
	mostTable     = 64 << 20
	openFiles     = 1000
)

// attach is told that a store is made. What the trees may take is set aside at once and not when the first of them opens, since pages that were in use stay with the process.
func (b *backend) attach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stores++; b.stores == 1 {
		b.taken = b.share()
		b.options.Memory.Add(b.taken)
	}
}

// detach is told that a store has closed.
func (b *backend) detach() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stores--; b.stores == 0 {
		b.options.Memory.Add(-b.taken)
	}
}

// acquire is told that a tree opens.
func (b *backend) acquire() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == 0 {
		if b.home, err = newHome(b.options.Dir, b.options.fs); err != nil {
			return err
		}
		b.cache = pebble.NewCache(max(b.share()/3, leastCache))
		b.files = pebble.NewFileCache(2, openFiles)
	}
	b.open++
	return nil
}

// release is told that a tree is closed. It gives up what they shared with the last one.
func (b *backend) release() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open--; b.open > 0 {
		return nil
	}
	b.cache.Unref()
	b.files.Unref()
	home := b.home
	b.home, b.cache, b.files = nil, nil, nil
	return home.close()
}

// share is how much memory the trees take together, what the collector needs included.
func (b *backend) share() int64 {
	if limit := b.limit(); limit > 0 {
		return limit / 8 * 3
	}
	return defaultMemory
}

func (b *backend) limit() int64 { return b.options.Memory.Limit() }

// tableSize is the size of a memtable. A tree has two of them when writes are behind, and may keep another one for the next.
func (b *backend) tableSize() int64 {
	return min(max(b.share()/int64(24*b.options.Stores), leastTable), mostTable)
}
