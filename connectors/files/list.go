package files

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
)

// found is a file that a listing found.
type found struct {
	path    string
	size    int64
	modTime time.Time
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// list returns the files of o.Path, sorted by path. Nothing found is an error, unless the path is a directory or the source watches.
func list(ctx context.Context, o Options) ([]found, error) {
	roots := []string{o.Path}
	if !exists(o.Path) {
		matches, err := filepath.Glob(o.Path)
		if err != nil {
			return nil, fault.New(fault.SourceGlob, "the pattern is malformed").WithPlace(o.Path)
		}
		roots = matches
		if base := filepath.Base(o.Path); !hidden(base) {
			roots = slices.DeleteFunc(roots, func(p string) bool { return hidden(filepath.Base(p)) })
		}
	}
	var all []found
	for _, root := range roots {
		var err error
		if all, err = appendFiles(ctx, all, root, o.enter); err != nil {
			return nil, err
		}
	}
	if len(roots) == 0 && !o.Watch {
		if hasMeta(o.Path) {
			return nil, fault.New(fault.SourceFileMissing, "no file matches the pattern").WithPlace(o.Path)
		}
		return nil, fault.New(fault.SourceFileMissing, "no such file or directory").WithPlace(o.Path)
	}
	if o.keep != nil {
		all = slices.DeleteFunc(all, func(f found) bool { return !o.keep(f.path) })
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.path, b.path) })
	// A glob can match a directory and, with another element, a file below it.
	return slices.CompactFunc(all, func(a, b found) bool { return a.path == b.path }), nil
}

// appendFiles appends root if it is a file, and the files below it if it is a directory. What vanishes meanwhile is left out.
func appendFiles(ctx context.Context, all []found, root string, enter func(string) bool) ([]found, error) {
	info, err := os.Stat(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return all, nil
	case err != nil:
		return nil, unreadable(root, err)
	case info.Mode().IsRegular():
		return append(all, found{root, info.Size(), info.ModTime()}), nil
	case !info.IsDir():
		return nil, fault.New(fault.SourceFileUnreadable, "it is neither a file nor a directory").WithPlace(root)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return unreadable(path, err)
		case path == root:
			return nil
		case hidden(d.Name()):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			if enter != nil && !enter(path) {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return unreadable(path, err)
		case info.Mode().IsRegular():
			all = append(all, found{path, info.Size(), info.ModTime()})
		}
		return nil
	})
	return all, err
}

func hidden(name string) bool {
	return len(name) > 1 && (name[0] == '.' || name[0] == '_') && name != ".."
}

func hasMeta(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// unreadable returns err of a file operation with its code. The path is the error's place, so only the reason is kept of a PathError.
func unreadable(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.SourceFileMissing, "%w", reason(err)).WithPlace(path)
	}
	return fault.New(fault.SourceFileUnreadable, "%w", reason(err)).WithPlace(path)
}

// reason returns the system's error within an error that repeats operation and path.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
