package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/xsync"
)

// NewMemory returns a storage in memory, empty, for tests and simulation. It has no goroutine and no clock, and holds its lock only for moments. What readers see is never changed.
func NewMemory() Storage {
	return &memory{objects: &objects{byName: map[string]memoryObject{}, folders: map[string]int{}}}
}

type memory struct {
	*objects
	dir string
}

type objects struct {
	mu     xsync.Mutex
	byName map[string]memoryObject
	// folders counts the objects in each folder and below it, for those that have any.
	folders map[string]int
	writes  int64
}

type memoryObject struct {
	bytes    []byte // never changed
	modified time.Time
}

func (m *memory) String() string {
	if m.dir == "" {
		return "memory:"
	}
	return "memory:/" + m.dir
}

func (m *memory) Sub(dir string) Storage { return &memory{objects: m.objects, dir: Join(m.dir, dir)} }

func (m *memory) Create(ctx context.Context, name string) (Writer, error) {
	return m.begin(ctx, name, false)
}

func (m *memory) CreateNew(ctx context.Context, name string) (Writer, error) {
	return m.begin(ctx, name, true)
}

func (m *memory) begin(ctx context.Context, name string, fresh bool) (Writer, error) {
	full, err := Under(m.dir, name)
	if err != nil {
		return nil, err
	}
	if err := Ended(ctx, "create", full); err != nil {
		return nil, err
	}
	return &memoryWriter{ctx: ctx, objects: m.objects, name: full, fresh: fresh}, nil
}

func (m *memory) Open(ctx context.Context, name string) (Reader, error) {
	full, err := Under(m.dir, name)
	if err != nil {
		return nil, err
	}
	if err := Ended(ctx, "open", full); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.byName[full]
	if !ok {
		return nil, fault.New(fault.StorageNotFound, "open %s: there is no such object", full)
	}
	return &memoryReader{ctx: ctx, name: full, bytes: o.bytes}, nil
}

func (m *memory) List(ctx context.Context, dir string) ([]Object, error) {
	full, err := UnderDir(m.dir, dir)
	if err != nil {
		return nil, err
	}
	if err := Ended(ctx, "list", full); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Object
	for name, o := range m.byName {
		if full != "" && !strings.HasPrefix(name, full+"/") {
			continue
		}
		if m.dir != "" {
			name = name[len(m.dir)+1:]
		}
		list = append(list, Object{Name: name, Size: int64(len(o.bytes)), Modified: o.modified})
	}
	sortObjects(list)
	return list, nil
}

func sortObjects(list []Object) {
	slices.SortFunc(list, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
}

func (m *memory) Remove(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		full, err := Under(m.dir, name)
		if err == nil {
			err = Ended(ctx, "remove", full)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		m.remove(full)
	}
	return errors.Join(errs...)
}

func (o *objects) remove(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.byName[name]; !ok {
		return
	}
	delete(o.byName, name)
	for d := folder(name); d != ""; d = folder(d) {
		if o.folders[d]--; o.folders[d] == 0 {
			delete(o.folders, d)
		}
	}
}

// put makes an object visible.
func (o *objects) put(name string, b []byte, fresh bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, old := o.byName[name]
	if fresh && (old || o.folders[name] > 0) {
		return Exists(name)
	}
	if o.folders[name] > 0 {
		return fault.New(fault.StorageName, "%s is a folder, so no object can have this name", name)
	}
	for d := folder(name); d != ""; d = folder(d) {
		if _, ok := o.byName[d]; ok {
			return fault.New(fault.StorageNotDirectory, "create %s: %s is an object, not a folder", name, d)
		}
	}
	o.writes++
	o.byName[name] = memoryObject{bytes: b, modified: time.UnixMilli(o.writes).UTC()}
	if old {
		return nil
	}
	for d := folder(name); d != ""; d = folder(d) {
		o.folders[d]++
	}
	return nil
}

type memoryWriter struct {
	ctx     context.Context
	objects *objects
	name    string
	fresh   bool
	bytes   []byte
	done    bool
	err     error
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	switch {
	case w.done:
		return 0, Closed(w.name)
	case w.err != nil:
		return 0, w.err
	}
	if w.err = Ended(w.ctx, "write", w.name); w.err != nil {
		return 0, w.err
	}
	w.bytes = append(w.bytes, p...)
	return len(p), nil
}

func (w *memoryWriter) Close() error {
	if w.done {
		return w.err
	}
	if w.err == nil {
		w.err = Ended(w.ctx, "write", w.name)
	}
	if w.err == nil {
		w.err = w.objects.put(w.name, w.bytes, w.fresh)
	}
	w.done, w.bytes = true, nil
	return w.err
}

func (w *memoryWriter) Abort() {
	if !w.done {
		w.done, w.err, w.bytes = true, Closed(w.name), nil
	}
}

type memoryReader struct {
	ctx   context.Context
	name  string
	bytes []byte
}

func (r *memoryReader) Size() int64 { return int64(len(r.bytes)) }

func (r *memoryReader) ReadAt(p []byte, off int64) (int, error) {
	if err := Ended(r.ctx, "read", r.name); err != nil {
		return 0, err
	}
	q, end, err := Clip(r.name, p, off, r.Size())
	if err != nil {
		return 0, err
	}
	if len(q) > 0 {
		copy(q, r.bytes[off:])
	}
	return len(q), end
}

// Local tells that small pieces are read as well as large ones.
func (r *memoryReader) Local() bool { return true }

func (r *memoryReader) Close() error { return nil }
