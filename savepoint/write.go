package savepoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/snapshot"
	"github.com/weirstream/weir/internal/checkpoint/storage"
	"github.com/weirstream/weir/state"
)

// Builder says what a new savepoint has. It belongs to one goroutine.
type Builder struct {
	base    *Savepoint
	most    int
	created int64
	removed map[string]bool
	order   []string
	puts    map[string]func(ctx context.Context, to storage.Storage, o *manifest.Operator, part *manifest.Subtask) ([]string, error)
	errs    []error
}

// New begins a savepoint that has nothing yet. maxParallelism is that of the operators of the job that will begin with it.
func New(maxParallelism int) *Builder {
	b := &Builder{most: maxParallelism, created: time.Now().UnixMilli(), removed: map[string]bool{}}
	b.puts = map[string]func(context.Context, storage.Storage, *manifest.Operator, *manifest.Subtask) ([]string, error){}
	if maxParallelism < 1 || maxParallelism > 1<<15 {
		b.errs = append(b.errs, fault.New(fault.OptionInvalid, "the maximum parallelism of a savepoint is %d, it must be from 1 to 32768", maxParallelism))
	}
	return b
}

// From begins a savepoint that has all that another has. That one stays as it is, and is not needed by the new one.
func From(s *Savepoint) *Builder {
	b := New(1)
	for _, o := range s.m.Operators {
		b.most = max(b.most, int(o.MaxParallelism))
	}
	b.base = s
	return b
}

// Remove leaves out all state of an operator.
func (b *Builder) Remove(uid string) {
	if b.base == nil {
		b.errs = append(b.errs, fault.New(fault.OptionInvalid, "operator %q cannot be removed: the savepoint has nothing yet", uid))
		return
	}
	if _, err := b.base.operator(uid); err != nil {
		b.errs = append(b.errs, err)
	}
	b.removed[uid] = true
}

// KeyedWriter makes the state of an operator of values, each with its key. It belongs to one goroutine.
type KeyedWriter[K comparable, T any] interface {
	// States are those of the operator's function, declared as there.
	States() []state.State
	// Write is called for each value, while the states are at its key.
	Write(key K, v T) error
}

// PutKeyed makes the keyed state of an operator anew, of values with the keys that key tells. If the builder began with a savepoint that has the operator, its keyed state there is dropped, and its timers and other state are kept. The values
// are read by Write; an error among them is that of Write. The state is in memory meanwhile.
func PutKeyed[K comparable, T any](b *Builder, uid string, values iter.Seq2[T, error], key func(T) K, create func() KeyedWriter[K, T]) {
	if uid == "" || values == nil || key == nil || create == nil {
		b.errs = append(b.errs, fault.New(fault.GraphNilFunction, "PutKeyed is given no uid, values, key or function for operator %q", uid))
		return
	}
	if b.puts[uid] == nil {
		b.order = append(b.order, uid)
	}
	b.puts[uid] = func(ctx context.Context, to storage.Storage, o *manifest.Operator, part *manifest.Subtask) (files []string, err error) {
		defer recovered(&err)
		w := create()
		store, keys, err := opened[K](o, base.KeyGroupRange{First: 0, Last: int(o.MaxParallelism) - 1}, w.States(), b.created)
		if err != nil {
			return nil, err
		}
		defer store.Close()
		for v, err := range values {
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return nil, err
			}
			k := key(v)
			keys.Set(k, keys.HashOf(k))
			if err := w.Write(k, v); err != nil {
				return nil, fault.Wrap(fault.FunctionError, err)
			}
		}
		keys.Unset()
		snap, err := store.Snapshot()
		if err != nil {
			return nil, err
		}
		defer snap.Release()
		files, _, err = snapshot.Savepoint(ctx, func(ctx context.Context, name string) (snapshot.File, error) { return to.Create(ctx, name) }, uid, snap, part)
		return files, err
	}
}

// Write writes the savepoint to a new folder below dir, a directory or URL as in Checkpoints.Dir, and returns its path, for Checkpoints.Restore. If it fails, what was written is removed.
func (b *Builder) Write(ctx context.Context, dir string) (path string, err error) {
	if dir == "" {
		b.errs = append(b.errs, fault.New(fault.OptionInvalid, "a savepoint is given no directory"))
	}
	if err := errors.Join(b.errs...); err != nil {
		return "", err
	}
	if !strings.Contains(dir, ":") {
		if dir, err = filepath.Abs(dir); err != nil {
			return "", fault.New(fault.OptionInvalid, "the directory of a savepoint: %w", err)
		}
	}
	var unique [6]byte
	rand.Read(unique[:]) // never fails
	path = storage.Below(dir, "savepoint-"+hex.EncodeToString(unique[:]))
	to, err := storage.Open(path)
	if err != nil {
		return "", err
	}
	m, files, err := b.write(ctx, to)
	if err == nil {
		var encoded []byte
		if encoded, err = manifest.Encode(m); err == nil {
			err = storage.WriteNew(ctx, to, manifest.FileName, encoded)
		}
	}
	if err != nil {
		return "", errors.Join(err, to.Remove(context.WithoutCancel(ctx), files...))
	}
	return path, nil
}

func (b *Builder) write(ctx context.Context, to storage.Storage) (m *manifest.Manifest, files []string, err error) {
	m = &manifest.Manifest{Id: 1, Kind: "savepoint", JobName: "made", Created: b.created}
	if b.base != nil {
		m = proto.CloneOf(b.base.m)
		m.Kind, m.Created, m.Root = "savepoint", b.created, ""
		m.Operators = slices.DeleteFunc(m.Operators, func(o *manifest.Operator) bool { return b.removed[o.Uid] && b.puts[o.Uid] == nil })
	}
	for i, o := range m.Operators {
		if b.removed[o.Uid] {
			m.Operators[i] = &manifest.Operator{Uid: o.Uid, Name: o.Name, MaxParallelism: o.MaxParallelism}
			continue
		}
		if b.puts[o.Uid] != nil {
			for _, sub := range o.Subtasks {
				sub.Spaces = slices.DeleteFunc(sub.Spaces, func(sp *manifest.Space) bool { return sp.Name == keyedSpace })
			}
		}
	}
	copied := map[string]bool{}
	m.EachFile(func(file string) {
		if err == nil && !copied[file] {
			copied[file] = true
			files = append(files, file)
			err = copyFile(ctx, b.base.storage, to, file)
		}
	})
	if err != nil {
		return nil, files, err
	}
	for _, uid := range b.order {
		i := slices.IndexFunc(m.Operators, func(o *manifest.Operator) bool { return o.Uid == uid })
		if i < 0 {
			m.Operators = append(m.Operators, &manifest.Operator{Uid: uid, Name: uid, MaxParallelism: int32(b.most)})
			i = len(m.Operators) - 1
		}
		o := m.Operators[i]
		if len(o.Subtasks) == 0 {
			o.Parallelism, o.Subtasks = 1, []*manifest.Subtask{{}}
		}
		part := &manifest.Subtask{Index: o.Subtasks[0].Index}
		made, err := b.puts[uid](ctx, to, o, part)
		files = append(files, made...)
		if err != nil {
			return nil, files, err
		}
		o.Subtasks[0].Spaces = append(o.Subtasks[0].Spaces, part.Spaces...)
	}
	return m, files, nil
}

func copyFile(ctx context.Context, from, to storage.Storage, name string) error {
	r, err := from.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := to.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.Copy(w, io.NewSectionReader(r, 0, r.Size())); err != nil {
		return err
	}
	return w.Close()
}
