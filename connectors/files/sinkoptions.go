package files

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/fault"
)

// Compression says how a sink compresses its files.
type Compression uint8

const (
	// NoCompression writes records as they are encoded.
	NoCompression Compression = iota
	// Gzip compresses files and adds ".gz" to their names.
	Gzip
	// Zstd compresses files and adds ".zst" to their names.
	Zstd
)

// suffix is what ends the names of files that are compressed so.
func (c Compression) suffix() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	}
	return ""
}

// SinkOptions says where files are written, and when one is complete and the next begins. All but Dir may be left zero.
//
// A file is also complete at each checkpoint, and at the end of the input.
type SinkOptions[T any] struct {
	// Dir is made if it does not exist.
	Dir string
	// Prefix begins the names of files; "part" if empty. A file is called prefix-<subtask>-<series>-<number>suffix. The series is random, and chosen by a writer that begins anew; a writer that is
	// restored goes on with the series of an earlier one, and so with the number of its subtask.
	Prefix string
	// Suffix ends them, as ".csv".
	Suffix string
	// RollBytes is the size from which on a file is complete; 128 MiB if zero.
	RollBytes int64
	// RollInterval is the age at which a file is complete; 60 s if zero.
	RollInterval time.Duration
	// Inactivity is the time without a record after which a file is complete; 60 s if zero.
	Inactivity time.Duration
	// Encode appends a record to dst; if nil, a line with the record as fmt's %v prints it. It is called by all writers, each in its own task.
	Encode func(dst []byte, v T) []byte
	// Compression compresses whole files.
	Compression Compression
}

func (o SinkOptions[T]) filled() SinkOptions[T] {
	if o.Prefix == "" {
		o.Prefix = "part"
	}
	if o.RollBytes == 0 {
		o.RollBytes = 128 << 20
	}
	if o.RollInterval == 0 {
		o.RollInterval = time.Minute
	}
	if o.Inactivity == 0 {
		o.Inactivity = time.Minute
	}
	if o.Encode == nil {
		text := connector.TextOf[T]()
		o.Encode = func(dst []byte, v T) []byte { return append(text(dst, v), '\n') }
	}
	return o
}

func (o SinkOptions[T]) validate() error {
	switch {
	case o.Dir == "":
		return fault.New(fault.OptionInvalid, "file sink: Dir is empty")
	case strings.ContainsAny(o.Prefix+o.Suffix, `/\`):
		return fault.New(fault.OptionInvalid, "file sink: Prefix %q or Suffix %q has a slash", o.Prefix, o.Suffix)
	case hidden(o.Prefix):
		return fault.New(fault.OptionInvalid, "file sink: Prefix %q would hide the files", o.Prefix)
	case o.RollBytes < 0:
		return fault.New(fault.OptionInvalid, "file sink: RollBytes is %d, less than zero", o.RollBytes)
	case o.RollInterval < 0:
		return fault.New(fault.OptionInvalid, "file sink: RollInterval is %v, less than zero", o.RollInterval)
	case o.Inactivity < 0:
		return fault.New(fault.OptionInvalid, "file sink: Inactivity is %v, less than zero", o.Inactivity)
	case o.Compression > Zstd:
		return fault.New(fault.OptionInvalid, "file sink: Compression is %d, which is none", o.Compression)
	}
	return nil
}

// Sink returns a sink that writes files. See the package for what it guarantees.
func Sink[T any](o SinkOptions[T]) connector.CommittingSink[T] {
	return sink[T]{o.filled(), &outstanding{}}
}

type sink[T any] struct {
	o           SinkOptions[T]
	outstanding *outstanding
}

var _ connector.Checker = sink[int]{}

// Check makes the directory and tries to write in it.
func (s sink[T]) Check(context.Context) error {
	if err := s.o.validate(); err != nil {
		return err
	}
	return checkWritable(s.o.Dir)
}

// checkWritable makes a directory and tries to write in it.
func checkWritable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return writeError(dir, err)
	}
	f, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		return writeError(dir, err)
	}
	err = f.Close()
	if err2 := os.Remove(f.Name()); err == nil {
		err = err2
	}
	if err != nil {
		return writeError(dir, err)
	}
	return nil
}

func (s sink[T]) NewWriter(ctx connector.WriterContext, restored [][]byte) (connector.Writer[T], error) {
	if err := s.o.validate(); err != nil {
		return nil, err
	}
	return newWriter(s, ctx, restored)
}

func (s sink[T]) NewCommitter(ctx connector.WriterContext) (connector.Committer, error) {
	dir, err := filepath.Abs(s.o.Dir)
	if err != nil {
		return nil, writeError(s.o.Dir, err)
	}
	return committer{ctx.Logger(), s.outstanding, dir}, nil
}

// writeError returns an error of writing at path with its code.
func writeError(path string, err error) error {
	return fault.New(fault.SinkFileWrite, "%w", reason(err)).WithPlace(filepath.Clean(path))
}
