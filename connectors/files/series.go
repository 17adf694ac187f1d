package files

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
)

// series is a sequence of files whose names differ in a number. It is what a writer keeps in a checkpoint: the files numbered below Next are in the committables of this checkpoint or of
// earlier ones, and what has a number from Next on came later.
type series struct {
	Version int    `json:"version"`
	Dir     string `json:"dir"`
	// Prefix begins the names; a random part of it tells the series from all others.
	Prefix string `json:"prefix"`
	Next   int64  `json:"next"`
}

const seriesVersion = 1

// newSeries returns a series whose names nobody has used.
func newSeries(dir, prefix string, subtask int) series {
	id := strings.ToLower(rand.Text()[:12])
	return series{Version: seriesVersion, Dir: dir, Prefix: prefix + "-" + strconv.Itoa(subtask) + "-" + id + "-"}
}

func decodeSeries(b []byte) (s series, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fault.New(fault.TypeDecode, "the state of a file sink's writer is damaged: %w", err)
	}
	switch {
	case s.Version != seriesVersion:
		return s, fault.New(fault.TypeDecode, "the state of a file sink's writer has the unknown version %d", s.Version)
	case s.Dir == "" || s.Prefix == "" || s.Next < 0 || strings.ContainsAny(s.Prefix, `/\`):
		return s, fault.New(fault.TypeDecode, "the state of a file sink's writer is damaged")
	}
	return s, nil
}

// lockPath is the file that the writer of a series holds locked.
func (s series) lockPath() string {
	return filepath.Join(s.Dir, "."+strings.TrimSuffix(s.Prefix, "-")+".lock")
}

// lock makes the caller the only writer of the series, until the file is closed. It returns nil if the series has a writer that lives, or if that cannot be known.
//
// Who removes the lock file holds the lock. So a lock on a file that is not at its path any more is worth nothing: another may have made the file anew.
func (s series) lock() (*os.File, error) {
	if !canLock {
		return nil, nil
	}
	for {
		f, err := os.OpenFile(s.lockPath(), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, writeError(s.lockPath(), err)
		}
		if !tryLock(f) {
			return nil, f.Close()
		}
		mine, err := f.Stat()
		if err == nil {
			var there fs.FileInfo
			there, err = os.Lstat(s.lockPath())
			if err == nil && os.SameFile(mine, there) {
				return f, nil
			}
		}
		if err2 := f.Close(); err == nil || errors.Is(err, fs.ErrNotExist) {
			err = err2
		}
		if err != nil {
			return nil, writeError(s.lockPath(), err)
		}
	}
}

// unlock ends what lock began.
func (s series) unlock(f *os.File) error {
	err := os.Remove(s.lockPath())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return writeError(s.lockPath(), err)
	}
	return nil
}

// removeLeftovers removes the hidden files from Next on, and sets Next above all files that are complete. The caller holds the lock.
func (s *series) removeLeftovers() error {
	d, err := os.Open(s.Dir)
	if err != nil {
		return writeError(s.Dir, err)
	}
	defer d.Close()
	next := s.Next
	var left []string
	for {
		names, err := d.Readdirnames(1024)
		if err == io.EOF {
			break
		}
		if err != nil {
			return writeError(s.Dir, err)
		}
		for _, name := range names {
			visible, hidden := strings.CutPrefix(name, ".")
			n, ok := s.number(visible)
			switch {
			case !ok || n < s.Next:
			case !hidden:
				next = max(next, n+1)
			case strings.HasSuffix(name, inProgress):
				left = append(left, name)
			}
		}
	}
	for _, name := range left {
		if err := (pending{Dir: s.Dir, Pending: name}).remove(); err != nil {
			return err
		}
	}
	s.Next = next
	return nil
}

// number returns the number within the name of a file of the series.
func (s *series) number(name string) (int64, bool) {
	rest, ok := strings.CutPrefix(name, s.Prefix)
	if !ok {
		return 0, false
	}
	digits := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}
