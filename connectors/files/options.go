package files

import (
	"path/filepath"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
)

// Options says which lines to read. All but Path may be left zero.
type Options struct {
	// Path is a file, a glob as in path/filepath.Match, or a directory, which is read with all below it. A path that exists is never taken as a glob.
	Path string
	// Watch makes the source unbounded: it reads files that appear later, too.
	Watch bool
	// WatchInterval is the time between two looks for new files; 1 s if zero.
	WatchInterval time.Duration
	// MaxLineBytes is the longest line allowed, without its end; 1 MiB if zero. A longer one fails the job.
	MaxLineBytes int
	// BlockBytes is how much is read at once; 64 KiB if zero. A reader holds about three blocks.
	BlockBytes int
	// SplitBytes is the size of the ranges that large plain files are cut into, so that several readers share one file; 16 MiB if zero.
	SplitBytes int64

	// keep, unless it is nil, says which files are read, and enter into which directories below Path it is worth to look. raw reads blocks that end anywhere; splits are then whole files, or begin where a record does.
	keep  func(path string) bool
	enter func(path string) bool
	raw   bool
	// lend says that whoever reads a chunk gives its memory back.
	lend bool
	// cutter, unless it is nil, finds where a file that is read raw can be cut into ranges of about SplitBytes.
	cutter func(step int64) format.Cutter
}

func (o Options) filled() Options {
	if o.WatchInterval == 0 {
		o.WatchInterval = time.Second
	}
	if o.MaxLineBytes == 0 {
		o.MaxLineBytes = 1 << 20
	}
	if o.BlockBytes == 0 {
		o.BlockBytes = 64 << 10
	}
	if o.SplitBytes == 0 {
		o.SplitBytes = 16 << 20
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Path == "":
		return fault.New(fault.OptionInvalid, "file source: Path is empty")
	case o.WatchInterval < 0:
		return fault.New(fault.OptionInvalid, "file source: WatchInterval is %v, less than zero", o.WatchInterval)
	case o.MaxLineBytes < 0:
		return fault.New(fault.OptionInvalid, "file source: MaxLineBytes is %d, less than zero", o.MaxLineBytes)
	case o.BlockBytes < 0:
		return fault.New(fault.OptionInvalid, "file source: BlockBytes is %d, less than zero", o.BlockBytes)
	case o.SplitBytes < 0:
		return fault.New(fault.OptionInvalid, "file source: SplitBytes is %d, less than zero", o.SplitBytes)
	}
	if _, err := filepath.Match(o.Path, ""); err != nil && !exists(o.Path) {
		return fault.New(fault.SourceGlob, "the pattern is malformed").WithPlace(o.Path)
	}
	return nil
}
