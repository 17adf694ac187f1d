package catalog

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/manifest"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

func put(t *testing.T, s storage.Storage, name, content string) {
	t.Helper()
	if err := storage.WriteAll(context.Background(), s, name, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// complete writes a checkpoint that refers to files.
func complete(t *testing.T, s storage.Storage, id int64, files ...string) *manifest.Manifest {
	t.Helper()
	g := &manifest.Group{}
	for _, f := range files {
		g.Segments = append(g.Segments, &manifest.Segment{File: f})
	}
	m := &manifest.Manifest{Id: id, Operators: []*manifest.Operator{{Subtasks: []*manifest.Subtask{{Spaces: []*manifest.Space{{Groups: []*manifest.Group{g}}}}}}}}
	b, err := manifest.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, Folder(id)+"/_metadata", string(b))
	return m
}

func list(t *testing.T, s storage.Storage) Contents {
	t.Helper()
	c, err := List(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(t *testing.T, s storage.Storage) []string {
	t.Helper()
	objects, err := s.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range objects {
		all = append(all, o.Name)
	}
	return all
}

func TestList(t *testing.T) {
	s := storage.NewMemory()
	if c := list(t, s); len(c.Complete) != 0 || c.LastID != 0 {
		t.Errorf("an empty storage has %v", c)
	}
	for _, id := range []int64{10, 9, 2} { // by number, not by name
		complete(t, s, id)
	}
	put(t, s, "chk-11/task-0", "never completed")
	for _, other := range []string{"chk-99", "chk-x/_metadata", "chk--4/_metadata", "chk-0/_metadata", "savepoint-50/_metadata", "_metadata", "chk-99999999999999999999/_metadata"} {
		put(t, s, other, "not a checkpoint")
	}
	if c := list(t, s); !slices.Equal(c.Complete, []int64{2, 9, 10}) || c.LastID != 11 {
		t.Errorf("complete are %d, the last id is %d", c.Complete, c.LastID)
	}
}

func TestListReportsTheStorage(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := List(ctx, storage.NewMemory()); err == nil {
		t.Error("a failing storage has no checkpoints")
	}
}

func TestLoad(t *testing.T) {
	s := storage.NewMemory()
	complete(t, s, 3)
	if m, err := Load(context.Background(), s, Folder(3)); err != nil || m.Id != 3 {
		t.Errorf("%v, %v", m, err)
	}
	if m, err := Load(context.Background(), s.Sub("chk-3"), ""); err != nil || m.Id != 3 {
		t.Errorf("the folder itself: %v, %v", m, err)
	}
	_, err := Load(context.Background(), s, Folder(4))
	if fault.CodeOf(err) != fault.CheckpointNotFound || !strings.Contains(err.Error(), "chk-4/_metadata") {
		t.Errorf("one that is not there: %v", err)
	}
}

// TestLoadOfAnother puts the manifest of a checkpoint into the folder of another.
func TestLoadOfAnother(t *testing.T) {
	s := storage.NewMemory()
	complete(t, s, 3, "chk-3/a")
	b, err := storage.ReadAll(t.Context(), s, "chk-3/_metadata")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "chk-4/_metadata", string(b))
	put(t, s, "mine/_metadata", string(b))
	if _, err := Load(t.Context(), s, "chk-4"); fault.CodeOf(err) != fault.CheckpointDamaged || !strings.Contains(err.Error(), "chk-4/_metadata is the manifest of checkpoint 3") {
		t.Errorf("the manifest of another checkpoint: %v", err)
	}
	for _, folder := range []string{"chk-3", "mine"} {
		if m, err := Load(t.Context(), s, folder); err != nil || m.Id != 3 {
			t.Errorf("%s: %v, %v", folder, m, err)
		}
	}
}

func TestLatest(t *testing.T) {
	ctx := context.Background()
	s := storage.NewMemory()
	if m, err := Latest(ctx, s, list(t, s)); m != nil || err != nil {
		t.Errorf("an empty storage: %v, %v", m, err)
	}
	put(t, s, "chk-1/_metadata", "damaged")
	_, err := Latest(ctx, s, list(t, s))
	if fault.CodeOf(err) != fault.CheckpointDamaged || !strings.Contains(err.Error(), "chk-1/_metadata") || strings.Contains(err.Error(), "the one before it") {
		t.Errorf("the only one is damaged: %v", err)
	}
	complete(t, s, 9)
	complete(t, s, 10)
	put(t, s, "chk-12/task-0", "never completed")
	if m, err := Latest(ctx, s, list(t, s)); err != nil || m.Id != 10 {
		t.Errorf("the latest is %v, %v", m, err)
	}
	put(t, s, "chk-10/_metadata", "damaged")
	m, err := Latest(ctx, s, list(t, s))
	if m != nil || fault.CodeOf(err) != fault.CheckpointDamaged {
		t.Fatalf("the latest is damaged: %v, %v", m, err)
	}
	for _, want := range []string{"chk-10/_metadata", "the one before it is ", "/chk-9"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// What a kept checkpoint refers to stays, wherever it lies; so do manifests, and what is not of checkpoints at all.
func TestSweep(t *testing.T) {
	ctx := context.Background()
	s := storage.NewMemory()
	put(t, s, "chk-1/shared", "")
	put(t, s, "chk-1/alone", "")
	put(t, s, "chk-2/task-0", "")
	put(t, s, "chk-2/lost", "")
	put(t, s, "chk-3/task-0", "")
	put(t, s, "chk-4/task-0", "")
	put(t, s, "chk-4/deep/task-1", "")
	put(t, s, "notes/chk-4", "")
	put(t, s, "readme", "")
	kept := []*manifest.Manifest{complete(t, s, 2, "chk-1/shared", "chk-2/task-0"), complete(t, s, 3, "chk-3/task-0")}
	if err := Sweep(ctx, s, list(t, s), kept); err != nil {
		t.Fatal(err)
	}
	want := []string{"chk-1/shared", "chk-2/_metadata", "chk-2/task-0", "chk-3/_metadata", "chk-3/task-0", "notes/chk-4", "readme"}
	if got := names(t, s); !slices.Equal(got, want) {
		t.Errorf("left are %q\nwant %q", got, want)
	}
	if err := Sweep(ctx, s, list(t, s), kept); err != nil {
		t.Fatal(err)
	}
	if got := names(t, s); !slices.Equal(got, want) {
		t.Errorf("a second time leaves %q\nwant %q", got, want)
	}
}

// A checkpoint owns the files that no other refers to. Where one beside it cannot be read nobody knows.
func TestOwn(t *testing.T) {
	s := storage.NewMemory()
	complete(t, s, 1, "chk-1/a", "chk-1/b")
	m := complete(t, s, 2, "chk-1/a", "chk-1/c", "chk-2/d", "chk-2/d")
	complete(t, s, 3, "chk-2/e")
	got, err := Own(t.Context(), s, Folder(2), m)
	if want := []string{"chk-2/_metadata", "chk-1/c", "chk-2/d"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("it owns %q, want %q (%v)", got, want, err)
	}
	put(t, s, "chk-4/_metadata", "nothing of the kind")
	if _, err := Own(t.Context(), s, Folder(2), m); err == nil {
		t.Error("one that cannot be read is passed over")
	}
}

func TestLocate(t *testing.T) {
	for where, want := range map[string][2]string{
		"/a/chk-7":                           {"/a", "chk-7"},
		"/a/chk-7/_metadata":                 {"/a", "chk-7"},
		"chk-7":                              {".", "chk-7"},
		"/a/savepoint-1/":                    {"/a/savepoint-1", ""},
		"s3://b/chk-7?endpoint=h":            {"s3://b?endpoint=h", "chk-7"},
		"s3://b/a/chk-7/_metadata?endpoint=": {"s3://b/a?endpoint=", "chk-7"},
		"s3://b/a/_metadata?endpoint=h":      {"s3://b/a?endpoint=h", ""},
		"file:/a/chk-7?sync=false":           {"file:/a?sync=false", "chk-7"},
	} {
		if root, folder := Locate(where); root != want[0] || folder != want[1] {
			t.Errorf("%s: %s and %s, want %v", where, root, folder, want)
		}
	}
}
