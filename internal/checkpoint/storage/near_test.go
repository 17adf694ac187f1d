package storage

import (
	"testing"

	"github.com/weirstream/weir/fault"
)

// What Create wrote is read from the copy, which goes with the object; where there is none, it is read from far.
func TestCopies(t *testing.T) {
	var asked []string
	broken := false
	far := NewFaulty(NewMemory(), func(op Op, name string) (f Fault) {
		asked = append(asked, op.String()+" "+name)
		if broken && op == OpCommit {
			f.Kind = Fail
		}
		return f
	})
	near := NewMemory()
	s := NewNear(far, near)
	read := func(name, want string, farToo bool) {
		t.Helper()
		asked = nil
		b, err := ReadAll(background, s, name)
		if err != nil || string(b) != want || farToo != (len(asked) > 0) {
			t.Errorf("%s is %q, %v, far was asked: %q", name, b, err, asked)
		}
	}
	write := func(name, text string) error { return WriteAll(background, s.Sub("chk-1"), name, []byte(text)) }
	for name, text := range map[string]string{"a": "one", "b": "two"} {
		if err := write(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteNew(background, s, "chk-1/new", []byte("manifest")); err != nil {
		t.Fatal(err)
	}
	read("chk-1/a", "one", false)
	read("chk-1/new", "manifest", true)
	if err := write("a", "other"); err != nil {
		t.Fatal(err)
	}
	read("chk-1/a", "other", false)
	if err := near.Remove(background, "chk-1/b"); err != nil {
		t.Fatal(err)
	}
	read("chk-1/b", "two", true)

	broken = true
	code(t, write("a", "third"), fault.StorageFailed)
	code(t, write("c", "never"), fault.StorageFailed)
	broken = false
	read("chk-1/a", "other", true)
	_, err := s.Open(background, "chk-1/c")
	code(t, err, fault.StorageNotFound)
	w, err := s.Create(background, "chk-1/d")
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if err := s.Remove(background, "chk-1/a", "chk-1/b", "chk-1/new"); err != nil {
		t.Fatal(err)
	}
	for what, kept := range map[string]Storage{"far": far, "near": near} {
		if all := names(t, kept); len(all) > 0 {
			t.Errorf("%s has %q", what, all)
		}
	}
}
