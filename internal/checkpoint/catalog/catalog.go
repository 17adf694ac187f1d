// Package catalog finds the checkpoints that a storage has, and reads their manifests.
package catalog

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

// Folder is where a checkpoint lies in the storage of its job.
func Folder(id int64) string { return fmt.Sprintf("chk-%d", id) }

// number returns the id of the checkpoint in whose folder an object lies.
func number(name string) (int64, bool) {
	folder, _, ok := strings.Cut(name, "/")
	digits, is := strings.CutPrefix(folder, "chk-")
	if !ok || !is {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && id > 0
}

// Contents is what a storage has.
type Contents struct {
	// Complete are the ids of checkpoints that have a manifest, in their order; LastID is the highest id of which anything is there.
	Complete []int64
	LastID   int64
	objects  []storage.Object
}

// List looks at a storage.
func List(ctx context.Context, s storage.Storage) (Contents, error) {
	var c Contents
	objects, err := s.List(ctx, "")
	if err != nil {
		return c, err
	}
	c.objects = objects
	for _, o := range objects {
		id, ok := number(o.Name)
		if !ok {
			continue
		}
		c.LastID = max(c.LastID, id)
		if o.Name == path.Join(Folder(id), manifest.FileName) {
			c.Complete = append(c.Complete, id)
		}
	}
	slices.Sort(c.Complete)
	return c, nil
}

// Load reads the manifest in a folder of the storage, "" for the storage itself. That of another checkpoint than the folder's name says is refused: what has happened since would be lost without a word.
func Load(ctx context.Context, s storage.Storage, folder string) (*manifest.Manifest, error) {
	name := path.Join(folder, manifest.FileName)
	called := strings.TrimSuffix(s.String(), "/") + "/" + name
	b, err := storage.ReadAll(ctx, s, name)
	if fault.CodeOf(err) == fault.StorageNotFound {
		return nil, fault.New(fault.CheckpointNotFound, "there is no %s", called)
	}
	if err != nil {
		return nil, err
	}
	m, err := manifest.Decode(called, b)
	if err != nil {
		return nil, err
	}
	if id, ok := number(name); ok && m.Id != id {
		return nil, fault.New(fault.CheckpointDamaged, "%s is the manifest of checkpoint %d: it was put there from elsewhere, or its folder was renamed", called, m.Id)
	}
	return m, nil
}

// Latest reads the latest checkpoint of a storage, nil if it has none. If that is damaged the error tells so, and which one is before it.
func Latest(ctx context.Context, s storage.Storage, c Contents) (*manifest.Manifest, error) {
	if len(c.Complete) == 0 {
		return nil, nil
	}
	id := c.Complete[len(c.Complete)-1]
	m, err := Load(ctx, s, Folder(id))
	if err != nil && len(c.Complete) > 1 {
		before := c.Complete[len(c.Complete)-2]
		return nil, fault.New(fault.CodeOf(err), "%w\nthe one before it is %s/%s", err, strings.TrimSuffix(s.String(), "/"), Folder(before))
	}
	return m, err
}

// Sweep removes what no kept checkpoint refers to: what checkpoints that never completed have left. The storage belongs to one job, which does not run.
func Sweep(ctx context.Context, s storage.Storage, c Contents, kept []*manifest.Manifest) error {
	used := map[string]bool{}
	for _, m := range kept {
		used[path.Join(Folder(m.Id), manifest.FileName)] = true
		m.EachFile(func(file string) { used[file] = true })
	}
	var gone []string
	for _, o := range c.objects {
		if _, ok := number(o.Name); ok && !used[o.Name] && path.Base(o.Name) != manifest.FileName {
			gone = append(gone, o.Name)
		}
	}
	return s.Remove(ctx, gone...)
}

// Own returns the files of a checkpoint or savepoint in a folder of the storage that no other complete checkpoint there refers to, its manifest first. One there that cannot be read is an error: nobody knows what it refers to.
func Own(ctx context.Context, s storage.Storage, folder string, m *manifest.Manifest) ([]string, error) {
	c, err := List(ctx, s)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, id := range c.Complete {
		if Folder(id) == folder {
			continue
		}
		other, err := Load(ctx, s, Folder(id))
		if err != nil {
			return nil, err
		}
		other.EachFile(func(file string) { used[file] = true })
	}
	files := []string{path.Join(folder, manifest.FileName)}
	m.EachFile(func(file string) {
		if !used[file] {
			used[file] = true
			files = append(files, file)
		}
	})
	return files, nil
}

// Locate finds what a path or URL of a checkpoint, savepoint or their _metadata means: the storage that its files are named from, and the folder of the manifest there, "" for the storage itself.
func Locate(where string) (root, folder string) {
	where, parameters := storage.Parameters(where)
	where = strings.TrimSuffix(strings.TrimSuffix(where, "/"+manifest.FileName), "/")
	base := path.Base(where)
	if !strings.HasPrefix(base, "chk-") {
		return where + parameters, ""
	}
	root = path.Dir(where) // its files are named from the folder above
	if scheme, rest, ok := strings.Cut(where, "://"); ok {
		root = scheme + "://" + path.Dir(rest)
	}
	return root + parameters, base
}
