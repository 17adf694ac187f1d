package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/xsync"
)

// LocalOptions are the options of a storage in a directory.
type LocalOptions struct {
	// NoSync leaves out fsync: what was written survives a crash of the process, not one of the machine.
	NoSync bool
	// NoDirect has all bytes written through the page cache. Without it, large pieces go past it on Linux, if there is an fsync at the end: see [Writer].
	NoDirect bool
}

// OpenLocal returns the storage in a directory. The directory is made when something is first written. Once it has been there it must not vanish: a directory that was removed is not
// silently made again, with what was in it lost, but is an error with code [fault.StorageGone]. A disk that was unmounted and left its empty mount point is not noticed.
//
// It works on file systems that have hard links, atomic renames and fsync of directories, also from several processes, and several machines where the file system is shared.
func OpenLocal(dir string) (Storage, error) { return OpenLocalWith(dir, LocalOptions{}) }

// OpenLocalWith is OpenLocal with options.
func OpenLocalWith(dir string, o LocalOptions) (Storage, error) {
	return openLocal(dir, o, osDisk{direct: !o.NoSync && !o.NoDirect})
}

func openLocal(dir string, o LocalOptions, d disk) (*local, error) {
	if dir == "" || strings.ContainsRune(dir, 0) {
		return nil, fault.New(fault.StorageURL, "%q is no path of a directory", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, diskError("open", dir, err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	t := &tree{path: abs, disk: d, sync: !o.NoSync, known: map[string]bool{}}
	switch info, err := os.Stat(abs); {
	case err == nil && !info.IsDir():
		return nil, diskError("open", abs, syscall.ENOTDIR)
	case err == nil:
		t.seen = true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, diskError("open", abs, err)
	}
	return &local{tree: t}, nil
}

// local is a folder of a tree.
type local struct {
	*tree
	dir string
}

// tree is a directory with all its folders, shared by the storages that Sub made.
type tree struct {
	path string
	disk disk
	sync bool

	mu xsync.Mutex
	// seen: the directory has been there.
	seen bool
	// known are the folders, by their names from the root, which have been there with their parents made durable. "" is the root.
	known map[string]bool
}

var (
	_ Storage = (*local)(nil)
	_ Cleaner = (*local)(nil)
)

func (l *local) String() string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(l.at(l.dir))}
	return u.String()
}

func (l *local) Sub(dir string) Storage { return &local{tree: l.tree, dir: Join(l.dir, dir)} }

// at is the path of a name that counts from the root.
func (t *tree) at(name string) string { return filepath.Join(t.path, filepath.FromSlash(name)) }

// gone returns the error of a directory that was there and is not any more, else nil.
func (t *tree) gone() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := os.Stat(t.path); t.seen && errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.StorageGone, "the directory %s was there and is not any more", t.path)
	} else if err == nil {
		t.seen = true
	}
	return nil
}

// failed is diskError, but tells a directory that is gone from a file that is not there. The caller does not hold t.mu.
func (t *tree) failed(verb, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if err := t.gone(); err != nil {
			return err
		}
	}
	return diskError(verb, path, err)
}

func (l *local) Create(ctx context.Context, name string) (Writer, error) {
	return l.begin(ctx, name, false)
}

func (l *local) CreateNew(ctx context.Context, name string) (Writer, error) {
	return l.begin(ctx, name, true)
}

func (l *local) begin(ctx context.Context, name string, fresh bool) (Writer, error) {
	full, err := Under(l.dir, name)
	if err != nil {
		return nil, err
	}
	final := l.at(full)
	if err := Ended(ctx, "create", final); err != nil {
		return nil, err
	}
	f, temp, err := l.temp(folder(full))
	if err != nil {
		return nil, err
	}
	return &localWriter{ctx: ctx, tree: l.tree, file: f, temp: temp, final: final, fresh: fresh}, nil
}

// folder is the folder of a name, "" for the root.
func folder(name string) string {
	if d := path.Dir(name); d != "." {
		return d
	}
	return ""
}

// temp makes a temporary file in a folder, and the folder. Another process may remove a folder that it finds empty between the two, so this is tried again.
func (t *tree) temp(dir string) (file, string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range 10 {
		f, temp, err := t.tryTemp(dir)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, temp, err
		}
		clear(t.known)
	}
	return nil, "", fault.New(fault.StorageGone, "the folder %s is made and is not there: something removes it again and again, or it is a link that leads nowhere", t.at(dir))
}

func (t *tree) tryTemp(dir string) (file, string, error) {
	if err := t.ensure(dir); err != nil {
		return nil, "", err
	}
	temp := filepath.Join(t.at(dir), TempPrefix+rand.Text())
	f, err := t.disk.create(temp)
	if err != nil {
		return nil, "", diskError("create a file in", t.at(dir), err)
	}
	return f, temp, nil
}

// ensure makes a folder and those above it, and makes their names durable, in that order, so that no object is durable in a folder that is not. The caller holds t.mu.
func (t *tree) ensure(dir string) error {
	if t.known[dir] {
		return nil
	}
	if !t.known[""] {
		if err := t.ensureRoot(); err != nil {
			return err
		}
	}
	for at := 0; at < len(dir); {
		end := at + 1 + strings.IndexByte(dir[at+1:]+"/", '/')
		if part := dir[:end]; !t.known[part] {
			if err := t.mkdir(t.at(part)); err != nil {
				return err
			}
			t.known[part] = true
		}
		at = end
	}
	return nil
}

func (t *tree) ensureRoot() error {
	_, err := os.Stat(t.path)
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrNotExist):
		return diskError("look at", t.path, err)
	case t.seen:
		return fault.New(fault.StorageGone, "the directory %s was there and is not any more", t.path)
	default:
		if err := t.mkdirAll(t.path); err != nil {
			return err
		}
	}
	t.seen, t.known[""] = true, true
	return nil
}

// mkdirAll makes a directory and those above it.
func (t *tree) mkdirAll(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := t.mkdirAll(parent); err != nil {
			return err
		}
	}
	return t.mkdir(path)
}

// mkdir makes a directory, unless it is there, and makes its name durable in either case: who made it may not have come so far. The caller holds t.mu.
func (t *tree) mkdir(path string) error {
	if err := t.disk.mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return diskError("make the directory", path, err)
	}
	if err := t.syncDir(filepath.Dir(path)); err != nil {
		return diskError("make durable the directory", path, err)
	}
	return nil
}

func (t *tree) syncDir(path string) error {
	if !t.sync {
		return nil
	}
	return t.disk.syncDir(path)
}

func (l *local) Open(ctx context.Context, name string) (Reader, error) {
	full, err := Under(l.dir, name)
	if err != nil {
		return nil, err
	}
	path := l.at(full)
	if err := Ended(ctx, "open", path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, syscall.ENOTDIR) {
		err = fs.ErrNotExist // a part of the name is an object, so there is none of this name
	}
	if err != nil {
		return nil, l.failed("open", path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, diskError("open", path, err)
	}
	return &localReader{ctx: ctx, file: f, path: path, size: info.Size()}, nil
}

func (l *local) List(ctx context.Context, dir string) ([]Object, error) {
	full, err := UnderDir(l.dir, dir)
	if err != nil {
		return nil, err
	}
	var list []Object
	err = l.walk(ctx, full, false, func(name string, info fs.FileInfo) error {
		if l.dir != "" {
			name = name[len(l.dir)+1:]
		}
		list = append(list, Object{Name: name, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortObjects(list)
	return list, nil
}

// walk visits the regular files of a folder and of those below it, with names from the root: the temporary ones, or the others.
func (l *local) walk(ctx context.Context, dir string, temporary bool, visit func(name string, info fs.FileInfo) error) error {
	if err := l.gone(); err != nil {
		return err
	}
	top := l.at(dir)
	return filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err := Ended(ctx, "list", top); err != nil {
			return err
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil // it went meanwhile, or was never there
		}
		if err != nil {
			return diskError("list", path, err)
		}
		if path == top || !d.Type().IsRegular() || d.Name() == lockName || strings.HasPrefix(d.Name(), TempPrefix) != temporary {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return diskError("look at", path, err)
		}
		name, err := filepath.Rel(l.path, path)
		if err != nil {
			return diskError("list", path, err)
		}
		return visit(filepath.ToSlash(name), info)
	})
}

func (l *local) Remove(ctx context.Context, names ...string) error {
	var errs []error
	dirs := map[string]bool{}
	for _, name := range names {
		full, err := Under(l.dir, name)
		if err == nil {
			err = Ended(ctx, "remove", l.at(full))
		}
		if err == nil {
			dirs[folder(full)] = true
			err = l.removeFile(l.at(full))
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	for dir := range dirs {
		l.prune(dir)
	}
	return errors.Join(errs...)
}

func (l *local) removeFile(path string) error {
	err := l.disk.remove(path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return l.gone()
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST):
		return nil // a folder, or below an object: no object has this name
	}
	return diskError("remove", path, err)
}

// prune removes a folder and those above it as far as they are empty, but not the root. A folder with anything in it refuses. A folder that cannot be removed does no harm.
func (t *tree) prune(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; dir != ""; dir = folder(dir) {
		delete(t.known, dir)
		if err := t.disk.rmdir(t.at(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
}

// Clean removes temporary files that were last written to before a time.
func (l *local) Clean(ctx context.Context, before time.Time) (int, error) {
	if err := CheckDir(l.dir); err != nil {
		return 0, err
	}
	n, dirs := 0, map[string]bool{}
	err := l.walk(ctx, l.dir, true, func(name string, info fs.FileInfo) error {
		if !info.ModTime().Before(before) {
			return nil
		}
		if err := l.removeFile(l.at(name)); err != nil {
			return err
		}
		n++
		dirs[folder(name)] = true
		return nil
	})
	for dir := range dirs {
		l.prune(dir)
	}
	return n, err
}
