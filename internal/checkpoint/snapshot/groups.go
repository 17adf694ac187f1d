package snapshot

import (
	"runtime"
	"sync"

	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/statebackend"
)

// Where key groups can be restored apart from each other, they are restored in waves: the segments of some are read, and then filled in by several goroutines while those of the next wave are read. Between two
// waves the store can make room.
const (
	// waveBytes is how much a wave reads, or as much more as it takes to have groupsEach groups for each goroutine, up to mostWaves times as much; leastApart is how much there must be to restore for goroutines to be worth it.
	waveBytes  = 16 << 20
	groupsEach = 2
	mostWaves  = 16
	leastApart = 1 << 20
	// roomShare is which part of the memory that is left a wave may read: in memory entries take more than in a file.
	roomShare = 16
	// mostWorkers bounds the goroutines of one task.
	mostWorkers = 8
)

// waves says how key groups are restored.
type waves struct {
	workers      int
	bytes, least int64
}

func defaultWaves() waves {
	return waves{workers: min(runtime.GOMAXPROCS(0), mostWorkers), bytes: waveBytes, least: leastApart}
}

// loaded is a key group whose segments were read.
type loaded struct {
	group *manifest.Group
	data  [][]byte // as they were written, by segment
	err   error
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
		for i, seg := range g.GetSegments() {
			data, err := r.Segment(seg)
			if err != nil {
				return err
			}
			if err := fill(to, first, g, i, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill puts the entries of a segment into the store.
func fill(to *statebackend.Restorer, first int, g *manifest.Group, i int, data []byte) error {
	seg := g.GetSegments()[i]
	if (i == 0) == seg.GetChanges() {
		return damaged(seg, "a base and changes are out of order")
	}
	keys := 0
	if i == 0 {
		keys = int(min(seg.GetEntries(), int64(len(data)/2)))
	}
	if err := to.In(int(g.GetGroup())-first, keys); err != nil {
		return err
	}
	return EachEntry(seg, data, func(key, payload []byte, deleted bool) error {
		if deleted {
			return to.Delete(key)
		}
		return to.Put(key, payload, i == 0)
	})
}

// apart restores key groups by several goroutines, until memory runs short. It returns how many it has restored.
func (r *Reader) apart(to *statebackend.Restorer, first int, groups []*manifest.Group) (done int, err error) {
	workers := r.waves.workers
	forks := to.Fork(workers)
	defer to.Joined()
	unpackers := make([]unpacker, workers)
	defer func() {
		for i := range unpackers {
			unpackers[i].close()
		}
	}()
	var filling []loaded // by the goroutines
	var spare [][]byte
	var wg sync.WaitGroup
	join := func() error {
		wg.Wait()
		for _, l := range filling {
			if l.panicked != nil {
				panic(l.panicked)
			}
			if l.err != nil {
				return l.err
			}
			for i, s := range l.group.GetSegments() {
				if s.GetFile() != "" {
					spare = append(spare, l.data[i])
				}
			}
		}
		to.Join(forks)
		return nil
	}
	for done < len(groups) {
		next, err := r.wave(groups[done:], min(mostWaves*r.waves.bytes, to.Room()/roomShare), &spare)
		if len(filling) > 0 {
			if err := join(); err != nil {
				return done, err
			}
		}
		if filling = nil; err != nil || len(next) == 0 {
			return done, err
		}
		filling, done = next, done+len(next)
		work := make(chan *loaded, len(next))
		for i := range next {
			work <- &next[i]
		}
		close(work)
		for i := range workers {
			wg.Go(func() {
				for l := range work {
					l.fill(forks[i], first, &unpackers[i])
				}
			})
		}
	}
	return done, join()
}

// wave reads the first of some key groups, which have no more than so many bytes.
func (r *Reader) wave(groups []*manifest.Group, most int64, spare *[][]byte) (wave []loaded, err error) {
	bytes := int64(0)
	for _, g := range groups {
		l := loaded{group: g}
		if bytes += bytesOf(g); bytes > most || bytes > r.waves.bytes && len(wave) >= groupsEach*r.waves.workers {
			break
		}
		for _, seg := range g.GetSegments() {
			var buf []byte
			if n := len(*spare); n > 0 && seg.GetFile() != "" {
				buf, *spare = (*spare)[n-1], (*spare)[:n-1]
			}
			if buf, err = r.read(seg, buf); err != nil {
				return nil, err
			}
			l.data = append(l.data, buf)
		}
		wave = append(wave, l)
	}
	return wave, nil
}

func (l *loaded) fill(to *statebackend.Restorer, first int, u *unpacker) {
	defer func() { l.panicked = recover() }()
	for i, seg := range l.group.GetSegments() {
		var data []byte
		if data, l.err = u.unpack(seg, l.data[i]); l.err != nil {
			return
		}
		if l.err = fill(to, first, l.group, i, data); l.err != nil {
			return
		}
	}
}
