package lsm

import (
	"errors"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/xsync"
)

// tree is an open tree. It belongs to the goroutine of its store, but for snapshots of it and for what Pebble's own goroutines tell.
type tree struct {
	backend  *backend
	operator string
	dir      string
	db       *pebble.DB
	batch    *pebble.Batch // writes that readers do not see yet
	reader   *pebble.Iterator
	size     int64           // of a memtable
	written  int64           // bytes since the last flush began
	flushed  <-chan struct{} // closed when that flush is done; nil before the first

	closing chan struct{}
	// broken is closed at the first failure, which is then in cause.
	broken    chan struct{}
	breakOnce sync.Once
	cause     error
	compacted chan struct{} // told that a compaction has ended

	mu   xsync.Mutex
	uses int // the store and the views
}

// prefixLen is the length of space, key group and hash, over which filters are made.
const prefixLen = 12

var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "weir.state.1"
	c.Split = func(key []byte) int { return min(len(key), prefixLen) }
	return &c
}()

const (
	blockSize = 8 << 10
	// patience is how many sublevels may lie in level 0 before writes wait for compactions.
	patience = 24
	// never is a number of tables at which Pebble would stall writes, but that is not reached.
	never = 1 << 20
)

// openTree opens a tree in a directory of its own.
func openTree(b *backend, operator string) (*tree, error) {
	t := &tree{backend: b, operator: operator, dir: b.options.Dir, uses: 1}
	if err := b.acquire(); err != nil {
		return nil, t.failure("make a directory", err)
	}
	b.mu.Lock()
	t.dir = b.home.tree(operator)
	cache, files := b.cache, b.files
	b.mu.Unlock()
	t.size = b.tableSize()
	t.closing, t.broken, t.compacted = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	o := &pebble.Options{
		Cache: cache, FileCache: files, Comparer: comparer, Logger: logger{t},
		FS:         &filesystem{FS: b.options.fs, mem: vfs.NewMem(), broken: t.broken, closing: t.closing},
		DisableWAL: true, FormatMajorVersion: pebble.FormatNewest, MaxManifestFileSize: 1 << 20, NoSyncOnClose: true,
		MemTableSize: uint64(t.size), MemTableStopWritesThreshold: never, L0StopWritesThreshold: never, L0CompactionThreshold: 4,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		EventListener: &pebble.EventListener{
			BackgroundError: t.fail,
			DataCorruption:  func(info pebble.DataCorruptionInfo) { t.fail(info.Details) },
			CompactionEnd:   func(pebble.CompactionInfo) { t.wake() },
		},
	}
	o.LBaseMaxBytes = max(4*t.size, 8<<20)
	for i := range o.Levels {
		o.Levels[i] = pebble.LevelOptions{BlockSize: blockSize, IndexBlockSize: 4 * blockSize, FilterPolicy: bloom.FilterPolicy(10)}
		o.TargetFileSizes[i] = max(t.size, 2<<20)
	}
	o.Levels[len(o.Levels)-1].FilterPolicy = pebble.NoFilterPolicy // the store's own filter has told that the key is there
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	db, err := pebble.Open(t.dir, o)
	if err != nil {
		b.release()
		return nil, t.failure("open the files of", err)
	}
	t.db = db
	t.batch = db.NewBatch()
	return t, nil
}

func (t *tree) wake() {
	select {
	case t.compacted <- struct{}{}:
	default:
	}
}

// fail is called with the first trouble of a background write, and perhaps more.
func (t *tree) fail(err error) {
	if closed(t.closing) {
		return
	}
	t.breakOnce.Do(func() {
		t.cause = err
		close(t.broken)
	})
}

// trouble returns what has failed in the background, if anything has.
func (t *tree) trouble() error {
	if !closed(t.broken) {
		return nil
	}
	return t.failure("write", t.cause)
}

func (t *tree) failure(what string, err error) error {
	if pebble.IsCorruptionError(err) {
		return fault.New(fault.StateDamaged, "the stored state of operator %q in %s: %w", t.operator, t.dir, err)
	}
	return fault.New(fault.StateDisk, "cannot %s the state of operator %q in %s: %w", what, t.operator, t.dir, err)
}

// overhead is what an entry takes in a memtable besides its key and value, about.
const overhead = 64

// batchSize is how many bytes of writes are gathered.
const batchSize = 512 << 10

// set writes.
func (t *tree) set(key []byte, tag []byte, value []byte) error {
	op := t.batch.SetDeferred(len(key), len(tag)+len(value))
	copy(op.Key, key)
	copy(op.Value[copy(op.Value, tag):], value)
	if err := op.Finish(); err != nil {
		return t.failure("write", err)
	}
	return t.full()
}

// remove deletes.
func (t *tree) remove(key []byte) error {
	if err := t.batch.Delete(key, nil); err != nil {
		return t.failure("write", err)
	}
	return t.full()
}

func (t *tree) full() error {
	if t.batch.Len() < int(min(batchSize, t.size/4)) {
		return nil
	}
	return t.apply()
}

// apply makes what was written visible.
func (t *tree) apply() error {
	if t.batch.Empty() {
		return nil
	}
	t.forget()
	n := int64(t.batch.Len()) + overhead*int64(t.batch.Count())
	if t.written+n > t.size {
		if err := t.rotate(); err != nil {
			return err
		}
	}
	t.written += n
	if err := t.trouble(); err != nil {
		return err
	}
	if err := t.db.Apply(t.batch, pebble.NoSync); err != nil {
		return t.failure("write", err)
	}
	t.batch.Reset()
	return nil
}

// rotate begins a flush after the last one is done, so that there are never more than two memtables, and waits while compactions are far behind.
func (t *tree) rotate() error {
	if t.flushed != nil {
		select {
		case <-t.flushed:
		case <-t.broken:
			return t.trouble()
		}
		for t.db.Metrics().Levels[0].Sublevels > patience {
			select {
			case <-t.compacted:
			case <-t.broken:
				return t.trouble()
			}
		}
	}
	flushed, err := t.db.AsyncFlush()
	if err != nil {
		return t.failure("write", err)
	}
	t.flushed, t.written = flushed, 0
	return nil
}

// seek returns an iterator at a key of the given prefix that is not before key, nil if there is none. It sees what was applied.
func (t *tree) seek(key []byte) (*pebble.Iterator, error) {
	if t.reader == nil {
		r, err := t.db.NewIter(nil)
		if err != nil {
			return nil, t.failure("read", err)
		}
		t.reader = r
	}
	if t.reader.SeekPrefixGE(key) {
		return t.reader, nil
	}
	if err := t.reader.Error(); err != nil {
		return nil, t.failure("read", err)
	}
	return nil, nil
}

// forget drops the iterator, which sees nothing that is written later.
func (t *tree) forget() {
	if t.reader != nil {
		t.reader.Close()
		t.reader = nil
	}
}

// hold is told that a view needs the tree.
func (t *tree) hold() {
	t.mu.Lock()
	t.uses++
	t.mu.Unlock()
}

// release is told that the store or a view needs the tree no longer. With the last one it is removed.
func (t *tree) release() error {
	t.mu.Lock()
	t.uses--
	last := t.uses == 0
	t.mu.Unlock()
	if !last {
		return nil
	}
	close(t.closing)
	err := t.db.Close()
	if closed(t.broken) {
		err = nil // it is known, and nothing of the tree is needed
	}
	err = errors.Join(err, os.RemoveAll(t.dir), t.backend.release())
	if err != nil {
		return t.failure("remove", err)
	}
	return nil
}

// logger keeps Pebble quiet. What it takes to be fatal is a failure of the tree.
type logger struct{ t *tree }

func (logger) Infof(string, ...any)  {}
func (logger) Errorf(string, ...any) {}
func (l logger) Fatalf(format string, args ...any) {
	err := fault.New(fault.StateDisk, format, args...)
	l.t.fail(err)
	panic(err)
}
