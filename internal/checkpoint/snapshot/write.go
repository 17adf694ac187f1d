package snapshot

import (
	"context"
	"encoding/binary"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/table"
	"github.com/weirstream/weir/internal/statebackend"
)

// header begins a data file.
const header = "WEIRDATA\x01\x00\x00\x00\x00\x00\x00\x00"

// compressBytes is how much is compressed at a time: the processor is not given away meanwhile.
const compressBytes = 256 << 10

// Options says how state is written.
type Options struct {
	// Name is that of the data file, relative to the storage. It is made at the first byte.
	Name string
	// Create makes the file.
	Create func(ctx context.Context, name string) (File, error)
	// Inline is how many bytes may go into the manifest instead of a file.
	Inline int
	// Compress compresses segments.
	Compress bool
	// Checkpoint is the number of the checkpoint.
	Checkpoint int64
	// Now is the time, for giving way to others in turns; nil for no turns but the shortest. It is called from the goroutine of the writer.
	Now func() time.Time
}

// Of a key group, changes are written behind a base. What that comes to is bounded: a base is written anew when the changes would come to more than half of it, unless that is since the state has grown, and most entries are
// the last ones of their keys; and, so that not all are written by the same checkpoint, each key group has its turn at every rebaseEvery-th checkpoint, if more than a tenth of what there is has been overtaken, or there are more
// segments than are worth their place in the manifest.
const (
	rebaseEvery   = 20
	leastSegments = 8
	mostSegments  = 200
	segmentShare  = 10 << 10 // bytes of a key group for each segment of changes
)

// grown are the bytes of a base and of the changes behind it.
func grown(g *manifest.Group) (base, changes int64) {
	for i, s := range g.GetSegments() {
		if i == 0 {
			base = s.GetRawLength()
		} else {
			changes += s.GetRawLength()
		}
	}
	return base, changes
}

// writtenEntries are those of a key group, with the ones that others have overtaken.
func writtenEntries(g *manifest.Group) (n int64) {
	for _, s := range g.GetSegments() {
		n += s.GetEntries()
	}
	return n
}

// due is whether the base of a key group, which has so many keys now, is to be written anew.
func (w *Writer) due(g *manifest.Group, keys int64) bool {
	base, changes := grown(g)
	if (w.opts.Checkpoint+int64(g.GetGroup()))%rebaseEvery != 0 || changes == 0 {
		return false
	}
	most := min(max((base+changes)/segmentShare, leastSegments), mostSegments)
	return changes*10 > base && (writtenEntries(g)-keys)*10 > keys || int64(len(g.GetSegments())) > most
}

// File is a file that is being written: it is there once Close has returned nil.
type File interface {
	io.Writer
	Close() error
	Abort()
}

// Writer writes what the operators of one task have, in turn. It belongs to one goroutine.
type Writer struct {
	ctx     context.Context
	opts    Options
	file    File
	carried int   // bytes of earlier checkpoints that go with the manifest
	at      int64 // where pending begins in the file
	// pending is what is not in the file yet: the header, segments, and behind them the entries of the one that is being written. Only whole blocks leave it before Close, so that they go to a disk as they are, from where they lie to a place that is as even: the first segment may have begun
	// in the file.
	pending  blocks
	ended    int                 // bytes of pending that are header and segments
	segments []*manifest.Segment // that have ended since whole blocks were last written, with offsets from the beginning of pending
	yielded  int                 // bytes of pending by which the processor was last given away
	until    time.Time           // when it is given away again at the earliest
	encoder  *zstd.Encoder
	packed   blocks
	block    []byte // one of packed
}

// NewWriter returns a writer that has written nothing.
func NewWriter(ctx context.Context, o Options) *Writer { return &Writer{ctx: ctx, opts: o} }

// Store writes the state of a store: into part go its spaces and operator lists. base is what the checkpoint has since which the snapshot tells changes: only these are written then, and part refers to the
// files of base for the rest; nil writes everything.
func (w *Writer) Store(snap *statebackend.Snapshot, part, base *manifest.Subtask) error {
	snap.Warm()
	snap.GiveWay(w.giveWay)
	before := map[string]*manifest.Space{}
	for _, m := range base.GetSpaces() {
		before[m.GetName()] = m
	}
	for _, sp := range snap.Spaces() {
		m, err := w.space(snap, sp, before[sp.Name()])
		if err != nil {
			return err
		}
		part.Spaces = append(part.Spaces, m)
	}
	return appendLists(snap, part)
}

func appendLists(snap *statebackend.Snapshot, part *manifest.Subtask) error {
	for _, l := range snap.Lists() {
		if l.Err != nil {
			return l.Err
		}
		part.Lists = append(part.Lists, &manifest.OperatorList{Name: l.Name, Mode: l.Mode.String(), Schema: l.Schema, Elements: l.Elements})
	}
	return nil
}

// Savepoint writes the state of an operator as Parquet, a file for each state: into part go its spaces and operator lists. It returns the names of the files and their bytes.
func Savepoint(ctx context.Context, create func(ctx context.Context, name string) (File, error), uid string, snap *statebackend.Snapshot, part *manifest.Subtask) (files []string, written int64, err error) {
	w := &table.Writer{Operator: uid, Subtask: int(part.Index), Create: func(ctx context.Context, name string) (table.File, error) { return create(ctx, name) }}
	for _, sp := range snap.Spaces() {
		m := Describe(sp)
		if err := w.Space(ctx, snap, sp, m); err != nil {
			return w.Files, w.Written, err
		}
		part.Spaces = append(part.Spaces, m)
	}
	return w.Files, w.Written, appendLists(snap, part)
}

func (w *Writer) space(snap *statebackend.Snapshot, sp *statebackend.Space, base *manifest.Space) (*manifest.Space, error) {
	m := Describe(sp)
	groups := snap.Groups()
	before := base.GetGroups() // in the order of their numbers
	for g := range groups.Len() {
		for len(before) > 0 && int(before[0].GetGroup()) < groups.First+g {
			before = before[1:]
		}
		if len(before) > 0 && int(before[0].GetGroup()) == groups.First+g {
			next, err := w.changes(snap, sp, g, before[0])
			if err != nil {
				return nil, err
			}
			if next != nil {
				m.Groups = append(m.Groups, next)
				continue
			}
		}
		seg := &manifest.Segment{Checkpoint: w.opts.Checkpoint}
		w.begin()
		err := snap.Entries(sp, g, func(key, payload []byte) bool {
			w.pending.took(AppendEntry(w.pending.tail(entryBytes(key, payload)), key, payload))
			w.yield(snap)
			seg.Entries++
			return true
		})
		if err != nil {
			return nil, err
		}
		if seg.Entries == 0 {
			continue
		}
		if err := w.segment(seg); err != nil {
			return nil, err
		}
		m.Groups = append(m.Groups, &manifest.Group{Group: int32(groups.First + g), Segments: []*manifest.Segment{seg}})
	}
	return m, nil
}

// changes writes what has changed in a key group since base, if anything has. It returns nil if the key group is to be written as a whole.
func (w *Writer) changes(snap *statebackend.Snapshot, sp *statebackend.Space, g int, base *manifest.Group) (*manifest.Group, error) {
	keys := int64(snap.Keys(sp, g))
	if w.due(base, keys) {
		return nil, nil
	}
	whole, since := grown(base)
	written := writtenEntries(base)
	seg := &manifest.Segment{Checkpoint: w.opts.Checkpoint, Changes: true}
	from, outgrown := w.begin(), false
	told, err := snap.Changes(sp, g, func(key, payload []byte, deleted bool) bool {
		w.pending.took(AppendChange(w.pending.tail(entryBytes(key, payload)), key, payload, deleted))
		w.yield(snap)
		seg.Entries++
		outgrown = 2*(since+int64(w.pending.len()-from)) > whole && 2*(written+seg.Entries) > 3*keys
		return !outgrown
	})
	if err != nil || !told || outgrown {
		return nil, err
	}
	segments := base.GetSegments()
	for _, s := range segments {
		w.carried += len(s.GetData())
	}
	if seg.Entries > 0 {
		if err := w.segment(seg); err != nil {
			return nil, err
		}
		segments = append(segments[:len(segments):len(segments)], seg)
	}
	return &manifest.Group{Group: base.GetGroup(), Segments: segments}, nil
}

// yieldBytes is how much is encoded between two times that the processor is given away.
const yieldBytes = 16 << 10

// yield lets others run: a goroutine that computes without end is taken off its processor after 10 ms only, and a task whose record has come would wait for that.
func (w *Writer) yield(snap *statebackend.Snapshot) {
	n := w.pending.len()
	if n < w.yielded {
		w.yielded = 0
	}
	if n-w.yielded >= yieldBytes {
		w.yielded = n
		snap.Warm()
		w.giveWay()
	}
}

// mostTurn is how long the writer keeps a processor that others want.
const mostTurn = 4 * time.Millisecond

// giveWay gives the processor away, unless it is the writer's turn: to other goroutines, and to other threads. Where others have so much to do that they do not give it back, it takes turns with them: without, each time would cost it the 10 ms after which they are
// taken off, and a state of a GB some ten thousand of these.
func (w *Writer) giveWay() {
	if w.opts.Now == nil {
		runtime.Gosched()
		return
	}
	now := w.opts.Now()
	if now.Before(w.until) {
		return
	}
	runtime.Gosched()
	yieldThread()
	back := w.opts.Now()
	w.until = back.Add(min(back.Sub(now), mostTurn))
}

// begin begins the entries of a segment, in place of those of one that was given up. It returns where they begin in pending.
func (w *Writer) begin() (from int) {
	if w.at == 0 && w.ended == 0 {
		w.pending.write([]byte(header))
		w.ended = len(header)
	}
	w.pending.cut(w.ended)
	return w.ended
}

// entryBytes is what an entry takes at most: two lengths, and whether it is deleted, stand before key and payload.
func entryBytes(key, payload []byte) int {
	return 2*binary.MaxVarintLen64 + 1 + len(key) + len(payload)
}

// AppendChange appends an entry of changes: a key that is put, or deleted.
func AppendChange(dst, key, payload []byte, deleted bool) []byte {
	if !deleted {
		return AppendEntry(append(dst, 0), key, payload)
	}
	dst = binary.AppendUvarint(append(dst, 1), uint64(len(key)))
	return append(dst, key...)
}

// AppendEntry appends an entry of a base.
func AppendEntry(dst, key, payload []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	dst = binary.AppendUvarint(dst, uint64(len(payload)))
	return append(dst, payload...)
}

// Describe is what a manifest says of a space, without its content.
func Describe(sp *statebackend.Space) *manifest.Space {
	m := &manifest.Space{Name: sp.Name(), Words: int32(sp.Layout().Words), Bytes: sp.Layout().Bytes, KeySchema: sp.KeySchema(), Namespace: sp.Namespace()}
	for _, c := range sp.Cells() {
		s := c.Stored()
		m.Cells = append(m.Cells, &manifest.Cell{
			Name: s.Name, Kind: s.Kind.String(), Schema: s.Schema, KeySchema: s.KeySchema, Ttl: c.TTL() != nil, KeyWords: int32(s.KeyWords), KeyBytes: s.KeyBytes,
		})
	}
	return m
}

// segment writes the entries that were put since begin as a segment.
func (w *Writer) segment(seg *manifest.Segment) error {
	from := w.ended
	seg.RawLength = int64(w.pending.len() - from)
	if w.opts.Compress && seg.RawLength >= 512 {
		if err := w.compress(seg, from); err != nil {
			return err
		}
	}
	sum := xxh3.New()
	_ = w.pending.each(from, func(part []byte) error {
		_, err := sum.Write(part)
		return err
	}) // a hash takes everything
	seg.Offset, seg.Length, seg.Checksum = int64(from), int64(w.pending.len()-from), sum.Sum64()
	w.segments, w.ended = append(w.segments, seg), w.pending.len()
	if w.ended >= max(blockBytes, len(header)+w.opts.Inline+1) {
		return w.flush(false)
	}
	return nil
}

// compress compresses the entries, which begin at from in pending, piece by piece, if they come to less then.
func (w *Writer) compress(seg *manifest.Segment, from int) (err error) {
	if w.encoder == nil {
		if w.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
			return err
		}
	}
	w.packed.reset()
	_ = w.pending.each(from, func(part []byte) error {
		for piece := range slices.Chunk(part, compressBytes) {
			w.block = w.encoder.EncodeAll(piece, w.block[:0])
			w.packed.write(w.block)
			w.giveWay()
		}
		return nil
	}) // f returns none
	if w.packed.len() < w.pending.len()-from {
		seg.Compression = "zstd"
		w.pending.cut(from)
		return w.packed.each(0, func(part []byte) error {
			w.pending.write(part)
			return nil
		})
	}
	return nil
}

// Chunks writes recorded chunks, so many, as a segment.
func (w *Writer) Chunks(data []byte, chunks int64) (*manifest.Segment, error) {
	seg := &manifest.Segment{Checkpoint: w.opts.Checkpoint, Entries: chunks}
	w.begin()
	w.pending.write(data)
	return seg, w.segment(seg)
}

// flush writes the full blocks of what is pending to the file, which is made if there is none, and then the rest, if all of it is asked for.
func (w *Writer) flush(all bool) error {
	if w.file == nil {
		f, err := w.opts.Create(w.ctx, w.opts.Name)
		if err != nil {
			return err
		}
		w.file = f
	}
	w.begin()
	for _, s := range w.segments {
		s.File, s.Offset = w.opts.Name, s.Offset+w.at
	}
	w.segments = w.segments[:0]
	write := func(part []byte) error {
		w.at, w.ended = w.at+int64(len(part)), w.ended-len(part)
		_, err := w.file.Write(part)
		w.giveWay()
		return err
	}
	err := w.pending.drain(write)
	if err == nil && all {
		err = w.pending.each(0, write)
		w.pending.reset()
	}
	if err == nil {
		err = context.Cause(w.ctx)
	}
	return err
}

// Close completes what was written: the file is durable then, or what there is goes into the segments themselves. It returns how many bytes were written and whether there is a file.
func (w *Writer) Close() (written int64, file bool, err error) {
	defer w.release()
	if n := max(w.ended-len(header), 0); w.file == nil && n <= w.opts.Inline-w.carried {
		for _, s := range w.segments {
			s.Data, s.Offset = w.pending.appendTo(nil, int(s.Offset), int(s.Offset+s.Length)), 0
		}
		return int64(n), false, nil
	}
	if err := w.flush(true); err != nil {
		w.Abort()
		return 0, false, err
	}
	f := w.file
	w.file = nil
	return w.at, true, f.Close()
}

// Abort gives up what was written. It does nothing after Close.
func (w *Writer) Abort() {
	if w.file != nil {
		w.file.Abort()
		w.file = nil
	}
	w.release()
}

func (w *Writer) release() {
	w.pending.release()
	w.packed.release()
}

// Name is that of the file.
func (w *Writer) Name() string { return w.opts.Name }
