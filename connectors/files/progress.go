package files

import (
	"math"
	"path/filepath"
	"strings"
	"sync"
)

// mark is what a writer says of its partitions at a checkpoint.
type mark struct {
	// Subtask of so many writers has seen all rows up to Watermark.
	Subtask    int         `json:"subtask"`
	Of         int         `json:"of"`
	Watermark  int64       `json:"watermark"`
	Partitions []partition `json:"partitions,omitempty"`
}

// partition is one that rows were written to, and that is not known to be complete.
type partition struct {
	// Path is below the directory of the table.
	Path string `json:"path"`
	// Created is when the first row came, in milliseconds since the epoch.
	Created int64 `json:"created"`
	// Complete is the watermark above which the partition is complete; math.MaxInt64 where time decides.
	Complete int64 `json:"complete"`
	// Due is set when time has decided.
	Due bool `json:"due,omitempty"`
}

// progress knows which partitions are complete: it brings together what the writers of one sink say. It is shared by all of them in this process, and made again from what they say behind a restore.
type progress struct {
	mu         sync.Mutex
	of         int
	watermarks map[int]int64
	waiting    map[string]partition
	// done are partitions that were announced; a writer with new rows takes them out.
	done map[string]bool
}

// apply takes a mark.
func (p *progress) apply(m mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of != m.Of {
		p.of, p.watermarks = m.Of, map[int]int64{}
	}
	p.watermarks[m.Subtask] = m.Watermark
	if p.waiting == nil {
		p.waiting = map[string]partition{}
	}
	for _, x := range m.Partitions {
		if old, ok := p.waiting[x.Path]; ok {
			x.Due = x.Due || old.Due
		}
		p.waiting[x.Path] = x
	}
}

// forget drops what a subtask said before it was restored: its watermark may have gone back.
func (p *progress) forget(subtask int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.watermarks, subtask)
}

// take returns the partitions that are complete, so that they can be announced. busy reports whether files of a directory wait to be committed: then it is for who commits them to ask again.
func (p *progress) take(base string, busy func(dir string) bool) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lowest := int64(math.MaxInt64)
	if len(p.watermarks) < p.of {
		lowest = math.MinInt64
	}
	for _, w := range p.watermarks {
		lowest = min(lowest, w)
	}
	var complete []string
	for path, x := range p.waiting {
		if (x.Due || lowest == math.MaxInt64 || lowest > x.Complete) && !busy(filepath.Join(base, path)) {
			complete = append(complete, path)
		}
	}
	return complete
}

// announced notes that partitions were.
func (p *progress) announced(paths []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = map[string]bool{}
	}
	for _, path := range paths {
		delete(p.waiting, path)
		p.done[path] = true
	}
}

// isDone reports whether a partition was announced since a writer had rows for it last.
func (p *progress) isDone(path string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done[path]
}

func (p *progress) reopen(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.done, path)
}

// hasIn reports whether files of a directory wait to be committed.
func (o *outstanding) hasIn(dir string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for path := range o.paths {
		if rest, ok := strings.CutPrefix(path, dir); ok && strings.LastIndexByte(rest, filepath.Separator) == 0 {
			return true
		}
	}
	return false
}
