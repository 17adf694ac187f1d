package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/checkpoint/storage"
)

// Run holds a storage to what the contract of package storage promises. open returns a new, empty one; it is called once for each test, with the t of that.
func Run(t *testing.T, open func(t *testing.T) storage.Storage) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s storage.Storage)
	}{
		{"objects come back", testRoundTrip},
		{"a large object", testLarge},
		{"pieces of all sizes", testPieces},
		{"nothing is visible before Close", testInvisible},
		{"an aborted object leaves nothing", testAbort},
		{"Close and Abort twice", testTwice},
		{"an object is replaced at once", testReplace},
		{"CreateNew respects what exists", testCreateNew},
		{"CreateNew of a large object", testCreateNewLarge},
		{"one of many new writers wins", testRace},
		{"two writers of one name", testTwoWriters},
		{"List", testList},
		{"Remove", testRemove},
		{"Remove of many objects", testRemoveMany},
		{"Sub", testSub},
		{"names that are refused", testNames},
		{"odd names that are allowed", testOddNames},
		{"an object that does not exist", testNotFound},
		{"ReadAt", testReadAt},
		{"a context that has ended", testCanceled},
		{"random operations", testRandom},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

var ctx = context.Background()

// content returns n bytes that a seed decides.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	r.Read(b)
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("got error %v, want one with code %s", err, code)
	}
}

func put(t *testing.T, s storage.Storage, name string, b []byte) {
	t.Helper()
	must(t, storage.WriteAll(ctx, s, name, b))
}

func want(t *testing.T, s storage.Storage, name string, b []byte) {
	t.Helper()
	got, err := storage.ReadAll(ctx, s, name)
	must(t, err)
	if !bytes.Equal(got, b) {
		t.Fatalf("%s has %d bytes that differ from the %d written", name, len(got), len(b))
	}
}

func wantNames(t *testing.T, s storage.Storage, dir string, names ...string) {
	t.Helper()
	list, err := s.List(ctx, dir)
	must(t, err)
	var got []string
	for _, o := range list {
		got = append(got, o.Name)
	}
	if !slices.Equal(got, names) {
		t.Fatalf("List(%q) = %q, want %q", dir, got, names)
	}
}

func testRoundTrip(t *testing.T, s storage.Storage) {
	for _, n := range []int{0, 1, 4096, 100_000} {
		name := fmt.Sprintf("chk-1/data-%d", n)
		put(t, s, name, content(1, n))
		want(t, s, name, content(1, n))
	}
}

func testLarge(t *testing.T, s storage.Storage) {
	b := content(2, 17<<20+5)
	w, err := s.Create(ctx, "large")
	must(t, err)
	for piece := range slices.Chunk(b, 1<<20-3) {
		n, err := w.Write(piece)
		must(t, err)
		if n != len(piece) {
			t.Fatalf("Write returned %d of %d", n, len(piece))
		}
	}
	wantNames(t, s, "")
	must(t, w.Close())
	list, err := s.List(ctx, "")
	must(t, err)
	if len(list) != 1 || list[0].Size != int64(len(b)) || list[0].Modified.IsZero() {
		t.Fatalf("List = %+v", list)
	}
	want(t, s, "large", b)
}

// testPieces writes pieces of all sizes from all places in memory, many of them such as a disk takes as they are, and scribbles over each when it has been written.
func testPieces(t *testing.T, s storage.Storage) {
	const unit = 64 << 10
	memory := make([]byte, 6<<20+unit)
	memory = memory[unit-uintptr(unsafe.Pointer(unsafe.SliceData(memory)))%unit:]
	noise := content(3, 1<<20)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 8 {
		name := fmt.Sprintf("pieces-%d", i)
		w, err := s.Create(ctx, name)
		must(t, err)
		var all []byte
		for n := r.IntN(12); n >= 0; n-- {
			size := 1<<20*r.IntN(4) + unit*r.IntN(2)*r.IntN(20)
			if r.IntN(3) == 0 {
				size += r.IntN(2*unit) >> r.IntN(16)
			}
			if missing := (unit - len(all)%unit) % unit; missing > 0 && r.IntN(2) == 0 {
				size = missing
			}
			piece := memory[r.IntN(2)*unit:]
			if r.IntN(4) == 0 {
				piece = piece[r.IntN(unit):]
			}
			piece = piece[:size]
			for at := 0; at < size; {
				at += copy(piece[at:], noise[r.IntN(len(noise)):])
			}
			all = append(all, piece...)
			k, err := w.Write(piece)
			must(t, err)
			if k != size {
				t.Fatalf("Write returned %d of %d", k, size)
			}
			clear(piece)
		}
		if i%4 == 3 {
			w.Abort()
			wantNames(t, s, "")
			continue
		}
		must(t, w.Close())
		want(t, s, name, all)
		must(t, s.Remove(ctx, name))
	}
}

func testInvisible(t *testing.T, s storage.Storage) {
	w, err := s.Create(ctx, "a/b")
	must(t, err)
	defer w.Abort()
	_, err = w.Write([]byte("half"))
	must(t, err)
	wantNames(t, s, "")
	_, err = s.Open(ctx, "a/b")
	wantCode(t, err, fault.StorageNotFound)
	must(t, w.Close())
	wantNames(t, s, "", "a/b")
}

func testAbort(t *testing.T, s storage.Storage) {
	for _, n := range []int{0, 10, 9 << 20} {
		c, cancel := context.WithCancel(ctx)
		w, err := s.Create(c, "a/b")
		must(t, err)
		_, err = w.Write(content(3, n))
		must(t, err)
		if n == 10 {
			cancel() // Abort must work all the same
		}
		w.Abort()
		cancel()
		wantNames(t, s, "")
	}
}

func testTwice(t *testing.T, s storage.Storage) {
	w, err := s.Create(ctx, "closed")
	must(t, err)
	must(t, w.Close())
	must(t, w.Close())
	w.Abort()
	wantNames(t, s, "", "closed")
	_, err = w.Write([]byte("late"))
	wantCode(t, err, fault.StorageFailed)

	w, err = s.Create(ctx, "aborted")
	must(t, err)
	w.Abort()
	w.Abort()
	wantCode(t, w.Close(), fault.StorageFailed)
	_, err = w.Write([]byte("late"))
	wantCode(t, err, fault.StorageFailed)

	w, err = s.CreateNew(ctx, "closed")
	must(t, err)
	wantCode(t, w.Close(), fault.StorageExists)
	wantCode(t, w.Close(), fault.StorageExists)
	wantNames(t, s, "", "closed")
}

func testReplace(t *testing.T, s storage.Storage) {
	before, after := content(4, 50_000), content(5, 60_000)
	put(t, s, "a", before)
	r, err := s.Open(ctx, "a")
	must(t, err)
	defer r.Close()
	put(t, s, "a", after)
	want(t, s, "a", after)
	b := make([]byte, len(before))
	if n, err := r.ReadAt(b, 0); err == nil && !bytes.Equal(b, before) || !bytes.Equal(b[:n], before[:n]) {
		t.Error("a reader opened before the object was replaced sees the new one")
	}
	put(t, s, "a", nil)
	want(t, s, "a", nil)
}

func testCreateNew(t *testing.T, s storage.Storage) {
	must(t, storage.WriteNew(ctx, s, "a", []byte("first")))
	wantCode(t, storage.WriteNew(ctx, s, "a", []byte("second")), fault.StorageExists)
	want(t, s, "a", []byte("first"))
	must(t, s.Remove(ctx, "a"))
	must(t, storage.WriteNew(ctx, s, "a", []byte("third")))
	want(t, s, "a", []byte("third"))
}

func testCreateNewLarge(t *testing.T, s storage.Storage) {
	first := content(6, 9<<20)
	must(t, storage.WriteNew(ctx, s, "a", first))
	wantCode(t, storage.WriteNew(ctx, s, "a", content(7, 9<<20)), fault.StorageExists)
	want(t, s, "a", first)
	wantNames(t, s, "", "a")
}

func testRace(t *testing.T, s storage.Storage) {
	for round := range 10 {
		name := fmt.Sprintf("leader-%d", round)
		errs := make([]error, 8)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = storage.WriteNew(ctx, s, name, []byte{byte(i)}) })
		}
		all.Wait()
		winner := -1
		for i, err := range errs {
			if err == nil {
				if winner >= 0 {
					t.Fatalf("writers %d and %d both created %s", winner, i, name)
				}
				winner = i
				continue
			}
			wantCode(t, err, fault.StorageExists)
		}
		if winner < 0 {
			t.Fatalf("no writer created %s", name)
		}
		want(t, s, name, []byte{byte(winner)})
	}
}

func testTwoWriters(t *testing.T, s storage.Storage) {
	a, b := content(8, 30_000), content(9, 20_000)
	v, err := s.Create(ctx, "x/y")
	must(t, err)
	w, err := s.Create(ctx, "x/y")
	must(t, err)
	for i := range 10 {
		_, err = v.Write(a[i*3000 : (i+1)*3000])
		must(t, err)
		_, err = w.Write(b[i*2000 : (i+1)*2000])
		must(t, err)
	}
	must(t, w.Close())
	want(t, s, "x/y", b)
	must(t, v.Close())
	want(t, s, "x/y", a)
	wantNames(t, s, "", "x/y")
}

func testList(t *testing.T, s storage.Storage) {
	wantNames(t, s, "")
	wantNames(t, s, "nowhere/at/all")
	for _, name := range []string{"b/2", "b/1", "b-c", "bb/1", "a", "b/d/e/f", "ä", "Z"} {
		put(t, s, name, []byte(name))
	}
	wantNames(t, s, "", "Z", "a", "b-c", "b/1", "b/2", "b/d/e/f", "bb/1", "ä")
	wantNames(t, s, "b", "b/1", "b/2", "b/d/e/f")
	wantNames(t, s, "b/d/e", "b/d/e/f")
	wantNames(t, s, "a")
	wantNames(t, s, "b/1/below")
	list, err := s.List(ctx, "b/d")
	must(t, err)
	if list[0].Size != int64(len("b/d/e/f")) || list[0].Modified.IsZero() {
		t.Fatalf("List = %+v", list)
	}
}

func testRemove(t *testing.T, s storage.Storage) {
	for _, name := range []string{"a/b/1", "a/b/2", "a/3", "c"} {
		put(t, s, name, nil)
	}
	must(t, s.Remove(ctx))
	must(t, s.Remove(ctx, "none", "a/none", "none/none", "c/below", "a", "a/b"))
	wantNames(t, s, "", "a/3", "a/b/1", "a/b/2", "c")
	must(t, s.Remove(ctx, "a/b/1", "c", "a/b/2", "a/b/2"))
	wantNames(t, s, "", "a/3")
	wantCode(t, s.Remove(ctx, "../x", "a/3"), fault.StorageName)
	wantNames(t, s, "")
	put(t, s, "a/b", []byte("what was a folder"))
	want(t, s, "a/b", []byte("what was a folder"))
}

func testRemoveMany(t *testing.T, s storage.Storage) {
	var names []string
	for i := range 1100 {
		names = append(names, fmt.Sprintf("chk/%04d", i))
		put(t, s, names[i], nil)
	}
	wantNames(t, s, "", names...)
	must(t, s.Remove(ctx, names[1:]...))
	wantNames(t, s, "", names[0])
}

func testSub(t *testing.T, s storage.Storage) {
	sub := s.Sub("job").Sub("chk-1")
	put(t, sub, "x/data", []byte("1"))
	put(t, s, "job/other", nil)
	wantNames(t, s, "", "job/chk-1/x/data", "job/other")
	wantNames(t, sub, "", "x/data")
	wantNames(t, sub, "x", "x/data")
	want(t, s.Sub(""), "job/chk-1/x/data", []byte("1"))
	if !strings.HasSuffix(sub.String(), "job/chk-1") {
		t.Errorf("the URL of job/chk-1 is %s", sub)
	}
	for _, bad := range []string{"..", "../job", "/etc", ".", "job/"} {
		out := s.Sub("job").Sub(bad)
		_, err := out.Create(ctx, "x")
		wantCode(t, err, fault.StorageName)
		_, err = out.List(ctx, "")
		wantCode(t, err, fault.StorageName)
	}
	must(t, sub.Remove(ctx, "x/data"))
	wantNames(t, s, "", "job/other")
}

func testNames(t *testing.T, s storage.Storage) {
	for _, name := range []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/../../x", "a//b", "a/", "./a", "a\x00b", "a\\b", "line\nbreak", "\xff", strings.Repeat("n", 1000),
		storage.TempPrefix + "1", "a/" + storage.TempPrefix + "1", storage.TempPrefix + "1/a",
	} {
		_, err := s.Create(ctx, name)
		wantCode(t, err, fault.StorageName)
		_, err = s.CreateNew(ctx, name)
		wantCode(t, err, fault.StorageName)
		_, err = s.Open(ctx, name)
		wantCode(t, err, fault.StorageName)
		wantCode(t, s.Remove(ctx, name), fault.StorageName)
		if name != "" {
			_, err = s.List(ctx, name)
			wantCode(t, err, fault.StorageName)
		}
	}
	wantNames(t, s, "")
}

func testOddNames(t *testing.T, s storage.Storage) {
	names := []string{" ", "%2e%2e", "...", ".hidden", "a b+c&d=e", "q?x#y", "uid:1~2*(3)'!@$,;", "~", "日本"}
	slices.Sort(names)
	for i, name := range names {
		put(t, s, name, content(uint64(i), 100))
	}
	wantNames(t, s, "", names...)
	for i, name := range names {
		want(t, s, name, content(uint64(i), 100))
	}
	must(t, s.Remove(ctx, names...))
	wantNames(t, s, "")
}

func testNotFound(t *testing.T, s storage.Storage) {
	put(t, s, "a/b", nil)
	for _, name := range []string{"none", "a", "a/c", "a/b/c", "none/c"} {
		_, err := s.Open(ctx, name)
		wantCode(t, err, fault.StorageNotFound)
	}
}

func testReadAt(t *testing.T, s storage.Storage) {
	b := content(10, 10_000)
	put(t, s, "a", b)
	r, err := s.Open(ctx, "a")
	must(t, err)
	if r.Size() != int64(len(b)) {
		t.Fatalf("Size = %d, want %d", r.Size(), len(b))
	}
	for _, c := range []struct {
		off, length, n int
		err            error
	}{
		{0, 10_000, 10_000, nil}, {0, 10_001, 10_000, io.EOF}, {0, 0, 0, nil}, {9_999, 1, 1, nil}, {9_999, 2, 1, io.EOF}, {5000, 10, 10, nil},
		{10_000, 1, 0, io.EOF}, {20_000, 1, 0, io.EOF}, {10_000, 0, 0, nil},
	} {
		p := make([]byte, c.length)
		n, err := r.ReadAt(p, int64(c.off))
		if n != c.n || err != c.err {
			t.Errorf("ReadAt of %d bytes at %d = %d, %v; want %d, %v", c.length, c.off, n, err, c.n, c.err)
		}
		if n > 0 && !bytes.Equal(p[:n], b[c.off:c.off+n]) {
			t.Errorf("ReadAt of %d bytes at %d: wrong bytes", c.length, c.off)
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("no error at a negative offset")
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p := make([]byte, 1000)
			if _, err := r.ReadAt(p, int64(i*1000)); err != nil || !bytes.Equal(p, b[i*1000:(i+1)*1000]) {
				t.Errorf("ReadAt beside others: %v", err)
			}
		})
	}
	all.Wait()
	must(t, r.Close())
	must(t, r.Close())
}

func testCanceled(t *testing.T, s storage.Storage) {
	why := errors.New("the job was canceled")
	put(t, s, "a", []byte("1"))
	c, cancel := context.WithCancelCause(ctx)
	w, err := s.Create(c, "b")
	must(t, err)
	r, err := s.Open(c, "a")
	must(t, err)
	defer r.Close()
	cancel(why)
	_, errWrite := w.Write([]byte("x"))
	_, errRead := r.ReadAt(make([]byte, 1), 0)
	_, errCreate := s.Create(c, "c")
	_, errOpen := s.Open(c, "a")
	_, errList := s.List(c, "")
	for i, err := range []error{errWrite, w.Close(), errRead, errCreate, errOpen, errList, s.Remove(c, "a")} {
		if !errors.Is(err, why) || fault.CodeOf(err) != "" {
			t.Errorf("call %d returned %v, want the cause of the context's end", i, err)
		}
	}
	wantNames(t, s, "", "a")
}

// testRandom compares random operations with a map.
func testRandom(t *testing.T, s storage.Storage) {
	r := rand.New(rand.NewPCG(1, 2))
	model := map[string][]byte{}
	names := []string{"a", "b/1", "b/2", "c/d/1", "c/d/2", "c/2"}
	for i := range 300 {
		name := names[r.IntN(len(names))]
		b := content(uint64(i), r.IntN(2000))
		_, exists := model[name]
		switch r.IntN(5) {
		case 0:
			put(t, s, name, b)
			model[name] = b
		case 1:
			err := storage.WriteNew(ctx, s, name, b)
			if exists {
				wantCode(t, err, fault.StorageExists)
				break
			}
			must(t, err)
			model[name] = b
		case 2:
			must(t, s.Remove(ctx, name))
			delete(model, name)
		case 3:
			if exists {
				want(t, s, name, model[name])
				break
			}
			_, err := s.Open(ctx, name)
			wantCode(t, err, fault.StorageNotFound)
		case 4:
			var all []string
			for _, n := range names {
				if _, ok := model[n]; ok {
					all = append(all, n)
				}
			}
			slices.Sort(all)
			wantNames(t, s, "", all...)
		}
	}
}
