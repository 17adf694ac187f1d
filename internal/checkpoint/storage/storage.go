package storage

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
)

// Storage keeps named objects: in a directory of a disk, under a prefix of a bucket, or in memory. The package comment lists what it promises.
//
// Names are relative paths with slashes, such as "chk-7/_metadata". An object must not have the name of a folder in which others lie. A folder is there as long as an object is in it.
//
// A context that is given covers the call; that of Create, CreateNew and Open also what is later done with the Writer or Reader. When it ends, the calls fail with its cause, without a code.
// Other errors have a code of room "storage" (see package fault) and name the object.
//
// All methods may be called by several goroutines at once.
type Storage interface {
	// Create begins an object. Nothing is visible under the name until Close of the Writer has returned nil; an object of that name is replaced then.
	Create(ctx context.Context, name string) (Writer, error)
	// CreateNew is Create, but Close fails with [fault.StorageExists] if the name exists by then, and leaves the object of that name as it is.
	CreateNew(ctx context.Context, name string) (Writer, error)
	// Open opens an object for reading; it fails with [fault.StorageNotFound] if there is none.
	Open(ctx context.Context, name string) (Reader, error)
	// List returns the objects in a folder and in all folders below it, sorted by name as bytes. The names are relative to the storage, not to the folder; "" is the whole storage.
	// A folder that does not exist has no objects. Objects that come or go meanwhile may or may not be listed.
	List(ctx context.Context, dir string) ([]Object, error)
	// Remove removes objects, and the folders that become empty. A name that does not exist is no error. When one fails the others are still tried.
	Remove(ctx context.Context, names ...string) error
	// Sub returns the storage of a folder, which need not exist: its names are relative to the folder. An invalid dir is reported by each call of the result.
	Sub(dir string) Storage
	// String returns the URL for people to read; it holds no credentials.
	String() string
}

// Writer writes one object, in the order of the calls. It belongs to one goroutine at a time. Each Write of a local storage is a call of the operating system, so small pieces want a buffer.
// On Linux it goes past the page cache, which saves most of its processor time, if it is of 1 MiB or more and begins at a multiple of 64 KiB, in the object as in memory, and if the file system can; what is left behind the last such multiple does not.
//
// After a failed Write the object cannot be completed: Close returns the same error. Exactly one of Close and Abort takes effect, the first; Abort after Close does nothing, so that
// "defer w.Abort()" is the way to clean up on all paths.
type Writer interface {
	// Write appends p, which it does not keep.
	io.Writer
	// Close makes the object complete, durable and visible. A second Close returns what the first did; after Abort it is an error.
	Close() error
	// Abort gives the object up and leaves nothing of it. It works after the context has ended, too.
	Abort()
}

// Reader reads one object as it was when it was opened. If the object is replaced or removed meanwhile, a read returns the old bytes or an error, never those of another object.
// ReadAt may be called by several goroutines at once; Close waits for none of them, and a second Close does nothing. Each ReadAt of a storage in a bucket is a request: read large pieces.
type Reader interface {
	// ReadAt is that of [io.ReaderAt]: fewer bytes than asked for come with an error, which at the end of the object is io.EOF.
	io.ReaderAt
	// Size is the length of the object in bytes.
	Size() int64
	// Close releases what the reader holds.
	Close() error
}

// IsLocal reports whether a reader reads small pieces as well as large ones, and goes on to do so when its object was removed: it is that of an open file.
func IsLocal(r any) bool {
	l, ok := r.(interface{ Local() bool })
	return ok && l.Local()
}

// Object is what List tells of an object.
type Object struct {
	Name string
	Size int64 // in bytes
	// Modified is when the object became visible, by the clock of the storage. In memory it only tells the order.
	Modified time.Time
}

// Cleaner is a storage in which writers that died leave something behind.
type Cleaner interface {
	// Clean removes what writers left that were begun, or last written to, before the given time and have not been closed. It reaches all folders of the storage. It ends writers that are still
	// at work if they are as old, so before lies further back than any write takes. It returns how many leftovers it removed.
	Clean(ctx context.Context, before time.Time) (int, error)
}

// Clean removes what dead writers left in s before a time: see [Cleaner]. For a storage in which they leave nothing it does nothing.
func Clean(ctx context.Context, s Storage, before time.Time) (int, error) {
	if c, ok := s.(Cleaner); ok {
		return c.Clean(ctx, before)
	}
	return 0, nil
}

// ReadAll returns all of an object.
func ReadAll(ctx context.Context, s Storage, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, r.Size())
	if len(b) == 0 {
		return b, nil
	}
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// WriteAll creates an object with the given bytes, replacing one of that name.
func WriteAll(ctx context.Context, s Storage, name string, b []byte) error {
	w, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	return fill(w, b)
}

// WriteNew creates an object with the given bytes, unless the name exists: then it fails with [fault.StorageExists].
func WriteNew(ctx context.Context, s Storage, name string, b []byte) error {
	w, err := s.CreateNew(ctx, name)
	if err != nil {
		return err
	}
	return fill(w, b)
}

func fill(w Writer, b []byte) error {
	defer w.Abort()
	if _, err := w.Write(b); err != nil {
		return err
	}
	return w.Close()
}

// Check writes a small object and removes it, and returns the error of that: a storage that is read-only, full or out of reach is found before it is needed. name is that of the object.
func Check(ctx context.Context, s Storage, name string) error {
	if err := WriteAll(ctx, s, name, []byte("written to see whether it can be\n")); err != nil {
		return err
	}
	return s.Remove(ctx, name)
}

// TempPrefix begins the names of temporary files. No object may have a name, or lie in a folder, that begins so.
const TempPrefix = ".weir-tmp-"

// CheckName returns an error with code [fault.StorageName] unless name may be that of an object. Every storage asks it, so that what works in one works in all.
func CheckName(name string) error {
	switch {
	case name == "" || name == ".":
		return fault.New(fault.StorageName, "an object has no name")
	case !fs.ValidPath(name):
		return fault.New(fault.StorageName, "the name %q leaves the storage, or is not a relative path in its shortest form", name)
	case len(name) > 800:
		return fault.New(fault.StorageName, "the name %q... is longer than 800 bytes", name[:60])
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }); i >= 0 {
		return fault.New(fault.StorageName, "the name %q has a character that is not allowed", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, TempPrefix) {
			return fault.New(fault.StorageName, "the name %q is one of a temporary file", name)
		}
	}
	return nil
}

// CheckDir is CheckName for a folder: "" is allowed.
func CheckDir(dir string) error {
	if dir == "" {
		return nil
	}
	return CheckName(dir)
}

// Under returns the name of an object of the folder dir, which may be "" and comes from Sub; the result is checked by CheckName.
func Under(dir, name string) (string, error) {
	full := Join(dir, name)
	if name == "" {
		full = ""
	}
	return full, CheckName(full)
}

// UnderDir is Under for a folder: both may be "".
func UnderDir(dir, sub string) (string, error) {
	full := Join(dir, sub)
	return full, CheckDir(full)
}

// Join is the folder sub of dir without a check: path.Join would resolve "..", and so hide it from the check that comes later.
func Join(dir, sub string) string {
	if dir == "" || sub == "" {
		return dir + sub
	}
	return dir + "/" + sub
}

// Ended returns the error of a call whose context has ended, else nil.
func Ended(ctx context.Context, verb, name string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", verb, name, context.Cause(ctx))
}
