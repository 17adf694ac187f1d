package files

import (
	"context"
	"encoding/binary"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// enumerator lists files, and hands out a split to each reader that asks.
type enumerator struct {
	o   Options
	ctx connector.EnumeratorContext
	// listed is set when the first listing is in unassigned.
	listed     bool
	unassigned []connector.Split
	// seen holds the files found so far, if the source watches.
	seen map[string]seenFile
	// waiting are readers that asked when there was nothing, in order; told those that know that nothing will come.
	waiting []int
	told    []bool
}

// seenFile is what was known of a file when it was found.
type seenFile struct {
	size     int64
	modTime  int64 // nanoseconds since the epoch
	reported bool
}

const enumeratorVersion = 1

func newEnumerator(o Options, ctx connector.EnumeratorContext, restored []byte) (*enumerator, error) {
	e := &enumerator{o: o, ctx: ctx, seen: map[string]seenFile{}, told: make([]bool, ctx.Parallelism())}
	if restored == nil {
		return e, nil
	}
	d := decoder{b: restored}
	if v := d.byte(); v != enumeratorVersion && !d.bad {
		return nil, fault.New(fault.TypeDecode, "the file source's state has the unknown version %d", v)
	}
	e.listed = d.byte() != 0
	for range d.varint() {
		path, size, modTime := d.string(), d.varint(), d.varint()
		if d.bad {
			break
		}
		e.seen[path] = seenFile{size: size, modTime: modTime}
	}
	if d.bad {
		return nil, fault.New(fault.TypeDecode, "the file source's state is damaged")
	}
	var err error
	e.unassigned, _, err = connector.DecodeSplits(d.b)
	return e, err
}

func (e *enumerator) Snapshot(int64) ([]byte, error) {
	b := []byte{enumeratorVersion, 0}
	if e.listed {
		b[1] = 1
	}
	b = binary.AppendVarint(b, int64(len(e.seen)))
	for _, path := range slices.Sorted(maps.Keys(e.seen)) {
		f := e.seen[path]
		b = binary.AppendVarint(b, int64(len(path)))
		b = append(b, path...)
		b = binary.AppendVarint(b, f.size)
		b = binary.AppendVarint(b, f.modTime)
	}
	return connector.AppendSplits(b, e.unassigned), nil
}

func (e *enumerator) Start() error {
	if !e.listed || e.o.Watch {
		e.look(0)
	}
	return nil
}

// look lists the files after delay.
func (e *enumerator) look(delay time.Duration) {
	o := e.o
	e.ctx.CallAsync(delay, func(ctx context.Context) (any, error) {
		return list(ctx, o)
	}, func(result any, err error) error {
		if err != nil {
			return err
		}
		return e.handleListing(result.([]found))
	})
}

// handleListing takes the files that are new. Cutting them into splits reads the first bytes of large ones, so it is done away from here, too.
func (e *enumerator) handleListing(all []found) error {
	if e.o.Watch {
		all = slices.DeleteFunc(all, e.known)
	}
	if len(all) == 0 {
		return e.handleSplits(nil, nil)
	}
	o, many := e.o, e.ctx.Parallelism() > 1
	e.ctx.CallAsync(0, func(ctx context.Context) (any, error) {
		var splits []connector.Split
		for _, f := range all {
			if o.raw {
				splits = appendCuts(ctx, splits, f, o, many)
			} else {
				splits = appendSplits(splits, f, o.SplitBytes)
			}
		}
		return splits, ctx.Err()
	}, func(result any, err error) error {
		if err != nil {
			return err
		}
		return e.handleSplits(all, result.([]connector.Split))
	})
	return nil
}

// known reports whether a file was seen before, and tells once if it has changed since.
func (e *enumerator) known(f found) bool {
	was, ok := e.seen[f.path]
	if ok && !was.reported && (was.size != f.size || was.modTime != f.modTime.UnixNano()) {
		e.ctx.Logger().Warn("a file changed after it was found; the change may not be read", "file", f.path,
			"size_before", was.size, "size_now", f.size)
		was.reported = true
		e.seen[f.path] = was
	}
	return ok
}

// appendSplits appends the splits of a file. A file that cannot be read is left whole: its reader tells why.
func appendSplits(splits []connector.Split, f found, size int64) []connector.Split {
	if f.size <= size || compressed(f.path) {
		s := split{path: f.path, end: toEnd, pos: fresh}
		return append(splits, s.encode())
	}
	for start := int64(0); start < f.size; start += size {
		s := split{path: f.path, start: start, end: start + size, pos: fresh}
		if s.end >= f.size {
			s.end = toEnd
		}
		splits = append(splits, s.encode())
	}
	return splits
}

// appendCuts appends the splits of a file whose records only a cutter tells apart. It reads the file, so that only several readers are worth it. A file that cannot be read is left whole: its reader tells why.
func appendCuts(ctx context.Context, splits []connector.Split, f found, o Options, many bool) []connector.Split {
	whole := split{path: f.path, end: toEnd, pos: fresh}
	if o.cutter == nil || !many || f.size <= o.SplitBytes || compressed(f.path) {
		return append(splits, whole.encode())
	}
	c := o.cutter(o.SplitBytes)
	if c == nil {
		return append(splits, whole.encode())
	}
	file, err := os.Open(f.path)
	if err != nil {
		return append(splits, whole.encode())
	}
	defer file.Close()
	var cuts []int64
	// What is appended meanwhile belongs to the last split.
	r := io.LimitReader(file, f.size)
	for buf := make([]byte, 1<<20); err == nil && ctx.Err() == nil; {
		var n int
		n, err = r.Read(buf)
		cuts = c.Feed(cuts, buf[:n])
	}
	if err != io.EOF {
		return append(splits, whole.encode())
	}
	start := int64(0)
	for _, at := range cuts {
		if at < f.size {
			splits = append(splits, (&split{path: f.path, start: start, end: at, pos: fresh}).encode())
			start = at
		}
	}
	return append(splits, (&split{path: f.path, start: start, end: toEnd, pos: fresh}).encode())
}

func compressed(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	kind, err := sniff(f, path)
	return kind != plain || err != nil
}

// handleSplits takes new files and their splits: both at once, so that a snapshot holds both or neither.
func (e *enumerator) handleSplits(all []found, splits []connector.Split) error {
	if !e.listed && len(splits) == 0 && !e.o.Watch {
		e.ctx.Logger().Warn("the directory has no files to read", "path", e.o.Path)
	}
	e.listed = true
	if e.o.Watch {
		for _, f := range all {
			e.seen[f.path] = seenFile{size: f.size, modTime: f.modTime.UnixNano()}
		}
	}
	e.unassigned = append(e.unassigned, splits...)
	e.assign()
	if e.o.Watch {
		e.look(e.o.WatchInterval)
	}
	return nil
}

// assign serves the readers that wait.
func (e *enumerator) assign() {
	for len(e.waiting) > 0 && len(e.unassigned) > 0 {
		e.ctx.Assign(e.waiting[0], e.unassigned[0])
		e.waiting, e.unassigned = e.waiting[1:], e.unassigned[1:]
	}
	if !e.listed || e.o.Watch {
		return
	}
	for _, subtask := range e.waiting {
		if !e.told[subtask] {
			e.told[subtask] = true
			e.ctx.NoMoreSplits(subtask)
		}
	}
	e.waiting = nil
}

// AddReader forgets what an earlier reader of the subtask was told. The new one asks for itself.
func (e *enumerator) AddReader(subtask int) error {
	e.told[subtask] = false
	return nil
}

func (e *enumerator) HandleSplitRequest(subtask int) error {
	if !e.told[subtask] && !slices.Contains(e.waiting, subtask) {
		e.waiting = append(e.waiting, subtask)
		e.assign()
	}
	return nil
}

func (e *enumerator) HandleSourceEvent(int, []byte) error { return nil }

func (e *enumerator) AddSplitsBack(splits []connector.Split, subtask int) error {
	e.told[subtask] = false
	e.waiting = slices.DeleteFunc(e.waiting, func(s int) bool { return s == subtask })
	e.unassigned = slices.Concat(splits, e.unassigned)
	e.assign()
	return nil
}

func (e *enumerator) Close() error { return nil }
