package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// inProgress ends the hidden name under which a file is written, and waits to be committed.
const inProgress = ".inprogress"

// pending is a complete file that waits to be committed. It is what a committable holds.
type pending struct {
	Dir     string `json:"dir"`
	Pending string `json:"pending"`
	Final   string `json:"final"`
	Size    int64  `json:"size"`
}

// part is a file being written.
type part struct {
	pending
	file *os.File
	// enc compresses into file; nil if nothing does.
	enc io.WriteCloser
}

// createPart makes the file with the first free number from n on, and returns the number behind it.
//
// The hidden name is made from the final one, and made exclusively, so that it reserves the final name among all writers of all jobs. A writer that finds the hidden name free looks at
// the final one afterwards: another may have committed it in between, which makes the final name before it removes the hidden one.
func createPart(dir, prefix, suffix string, n int64, c Compression) (*part, int64, error) {
	for ; ; n++ {
		final := prefix + strconv.FormatInt(n, 10) + suffix
		p := &part{pending: pending{Dir: dir, Pending: "." + final + inProgress, Final: final}}
		var err error
		p.file, err = os.OpenFile(p.path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, n, writeError(p.path(), err)
		}
		if exists(filepath.Join(dir, final)) {
			if err := p.remove(); err != nil {
				return nil, n, err
			}
			continue
		}
		switch c {
		case Gzip:
			p.enc = gzip.NewWriter(counter{p})
		case Zstd:
			p.enc, err = zstd.NewWriter(counter{p}, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, n, errors.Join(writeError(p.path(), err), p.remove())
			}
		}
		return p, n + 1, nil
	}
}

func (p pending) path() string { return filepath.Join(p.Dir, p.Pending) }

// write writes b; Size then says how large the file is, but for what a compressor holds.
func (p *part) write(b []byte) error {
	var err error
	if p.enc != nil {
		_, err = p.enc.Write(b)
	} else {
		_, err = counter{p}.Write(b)
	}
	if err != nil {
		return writeError(p.path(), err)
	}
	return nil
}

// counter writes to the file of a part and counts.
type counter struct{ p *part }

func (c counter) Write(b []byte) (int, error) {
	n, err := c.p.file.Write(b)
	c.p.Size += int64(n)
	return n, err
}

// finish completes the file and makes it durable.
func (p *part) finish() error {
	var err error
	if p.enc != nil {
		err = p.enc.Close()
		p.enc = nil
	}
	if err == nil {
		err = p.file.Sync()
	}
	if err2 := p.file.Close(); err == nil {
		err = err2
	}
	p.file = nil
	if err != nil {
		return writeError(p.path(), err)
	}
	return nil
}

// remove throws the file away.
func (p *part) remove() error {
	if p.file != nil {
		// What it was to hold is not wanted any more.
		_ = p.file.Close()
		p.file = nil
	}
	return p.pending.remove()
}

func (p pending) remove() error {
	if err := os.Remove(p.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError(p.path(), err)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
