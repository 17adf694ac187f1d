package snapshot

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/statebackend"
)

// Where key groups can be restored apart from each other, several goroutines do it, each of which reads the segments of one key group after the other and fills them in. They do so in waves: between two, the store can make room. The task's own goroutine opens the files of a wave,
// as only that may wait where time is simulated.
const (
	// waveBytes is how much a wave reads, or as much more as it takes to have groupsEach groups for each goroutine, up to mostWaves times as much; leastApart is how much there must be to restore for goroutines to be worth it.
	waveBytes  = 64 << 20
	groupsEach = 8
	mostWaves  = 16
	leastApart = 1 << 20
	// roomShare is which part of the memory that is left a wave may read: in memory entries take more than in a file.
	roomShare = 16
	// mostWorkers bounds the goroutines of one task.
	mostWorkers = 8
	// waveFiles is how many files are open at a time, but for those of a single key group.
	waveFiles = 4 * openFiles
)

// waves says how key groups are restored.
type waves struct {
	workers      int
	bytes, least int64
}

func defaultWaves() waves {
	return waves{workers: min(runtime.GOMAXPROCS(0), mostWorkers), bytes: waveBytes, least: leastApart}
}

// outcome is what has come of a key group.
type outcome struct {
	err error
	// panicked is what a goroutine has panicked with: the caller does, in its place.
	panicked any
}

func bytesOf(g *manifest.Group) (n int64) {
	for _, s := range g.GetSegments() {
		n += max(s.GetRawLength(), s.GetLength())
	}
	return n
}

// groups restores the key groups of a space. first is the number of the store's first key group.
func (r *Reader) groups(to *statebackend.Restorer, first int, groups []*manifest.Group) error {
	total := int64(0)
	for _, g := range groups {
		total += bytesOf(g)
	}
	if r.waves.workers > 1 && total >= r.waves.least && to.Apart() {
		done, err := r.apart(to, first, groups)
		if err != nil {
			return err
		}
		groups = groups[done:]
	}
	for _, g := range groups {
		if err := r.group(to, first, g); err != nil {
			return err
		}
	}
	return nil
}

// group restores a key group.
func (r *Reader) group(to *statebackend.Restorer, first int, g *manifest.Group) error {
	for i, seg := range g.GetSegments() {
		data, err := r.Segment(seg)
		if err != nil {
			return err
		}
		if err := fill(to, first, g, i, data); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the entries of segment i of a key group into the store.
func fill(to *statebackend.Restorer, first int, g *manifest.Group, i int, data []byte) error {
	seg := g.GetSegments()[i]
	if i > 0 {
		return change(to, first, g, seg, data, func(key, payload []byte) error { return to.Put(key, payload, false) })
	}
	if seg.GetChanges() {
		return outOfOrder(seg)
	}
	if err := to.In(int(g.GetGroup())-first, int(min(seg.GetEntries(), int64(len(data)/2)))); err != nil {
		return err
	}
	to.Bulk()
	defer to.Placed()
	return EachEntry(seg, data, func(key, payload []byte, _ bool) error { return to.Put(key, payload, true) })
}

func outOfOrder(seg *manifest.Segment) error {
	return damaged(seg, "a base and changes are out of order")
}

// change deletes the keys of a segment of changes, or puts them. They are all over the key group, so some are looked up together.
func change(to *statebackend.Restorer, first int, g *manifest.Group, seg *manifest.Segment, data []byte, put func(key, payload []byte) error) error {
	if !seg.GetChanges() {
		return outOfOrder(seg)
	}
	if err := to.In(int(g.GetGroup())-first, 0); err != nil {
		return err
	}
	var keys, payloads [statebackend.TouchMost][]byte // no payload: deleted
	n := 0
	flush := func() (err error) {
		to.Touch(keys[:n])
		for i := 0; i < n && err == nil; i++ {
			if payloads[i] == nil {
				err = to.Delete(keys[i])
			} else {
				err = put(keys[i], payloads[i])
			}
		}
		n = 0
		return err
	}
	err := EachEntry(seg, data, func(key, payload []byte, _ bool) (err error) {
		if n == len(keys) {
			err = flush()
		}
		keys[n], payloads[n] = key, payload
		n++
		return err
	})
	if err != nil {
		return err
	}
	return flush()
}

// apart restores key groups by several goroutines, until memory runs short. It returns how many it has restored.
func (r *Reader) apart(to *statebackend.Restorer, first int, groups []*manifest.Group) (done int, err error) {
	workers := min(r.waves.workers, len(groups))
	forks := to.Fork(workers)
	defer to.Joined()
	readers := make([]*Reader, workers) // of the files that r opens
	for i := range readers {
		readers[i] = &Reader{ctx: r.ctx, files: r.files}
	}
	defer func() {
		for _, r := range readers {
			r.unpacker.close()
		}
	}()
	for done < len(groups) {
		n, err := r.wave(groups[done:], min(mostWaves*r.waves.bytes, to.Room()/roomShare))
		if err != nil || n == 0 {
			return done, err
		}
		wave := groups[done:][:n]
		outcomes := make([]outcome, len(wave))
		var next atomic.Int64
		var failed atomic.Bool
		var wg sync.WaitGroup
		for i := range workers {
			wg.Go(func() {
				for n := next.Add(1) - 1; n < int64(len(wave)) && !failed.Load(); n = next.Add(1) - 1 {
					if o := &outcomes[n]; !o.fill(readers[i], forks[i], first, wave[n]) {
						failed.Store(true)
					}
				}
			})
		}
		wg.Wait()
		for _, o := range outcomes {
			if o.panicked != nil {
				panic(o.panicked)
			}
			if o.err != nil {
				return done, o.err
			}
		}
		to.Join(forks)
		done += len(wave)
	}
	return done, nil
}

// wave is how many of the first key groups are restored before the store can make room: no more than have so many bytes. It opens their files.
func (r *Reader) wave(groups []*manifest.Group, most int64) (n int, err error) {
	if len(r.files) > openFiles {
		if err := r.closeFiles(); err != nil {
			return 0, err
		}
	}
	bytes := int64(0)
	for i, g := range groups {
		if bytes += bytesOf(g); bytes > most || bytes > r.waves.bytes && i >= groupsEach*r.waves.workers || i > 0 && len(r.files) > waveFiles {
			return i, nil
		}
		for _, seg := range g.GetSegments() {
			if name := seg.GetFile(); name != "" && r.files[name] == nil {
				if err := r.openOne(name); err != nil {
					return 0, err
				}
			}
		}
	}
	return len(groups), nil
}

// fill restores a key group. It reports whether that went well.
func (o *outcome) fill(r *Reader, to *statebackend.Restorer, first int, g *manifest.Group) bool {
	defer func() { o.panicked = recover() }()
	o.err = r.group(to, first, g)
	return o.err == nil
}
