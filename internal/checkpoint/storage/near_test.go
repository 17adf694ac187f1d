package storage

import (
	"bytes"
	"math/rand/v2"
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

// A copy that is damaged, cut short or grown is not read: the object in far is, whichever part is asked for, and what was read before from whole pieces stays right.
func TestDamagedCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 3*sumBytes+12345)
	for i := range content {
		content[i] = byte(rng.Uint32())
	}
	for round := range 60 {
		asked := 0
		far := NewFaulty(NewMemory(), func(op Op, name string) Fault {
			if op == OpOpen {
				asked++
			}
			return Fault{}
		})
		near := NewMemory()
		s := NewNear(far, near)
		w, err := s.Sub("chk-1").Create(background, "a")
		if err != nil {
			t.Fatal(err)
		}
		for rest := content; len(rest) > 0; {
			n := min(1+rng.IntN(900_000), len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(content)
		flipped := rng.IntN(len(bad))
		switch round % 4 {
		case 0: // none
			flipped = -1
		case 1:
			bad[flipped] ^= 1 << rng.IntN(8)
		case 2:
			bad = bad[:flipped]
		case 3:
			bad = append(bad, 0)
		}
		if err := WriteAll(background, near, "chk-1/a", bad); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(background, "chk-1/a")
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			from := rng.IntN(len(content))
			p := make([]byte, min(1+rng.IntN(1<<(1+rng.IntN(22))), len(content)-from))
			if n, err := r.ReadAt(p, int64(from)); n < len(p) || !bytes.Equal(p, content[from:from+n]) {
				t.Fatalf("round %d: bytes %d to %d, of which %d is damaged: %d, %v", round, from, from+len(p), flipped, n, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if b, err := ReadAll(background, s, "chk-1/a"); err != nil || !bytes.Equal(b, content) {
			t.Fatalf("round %d: %v", round, err)
		}
		if (asked > 0) != (round%4 > 0) {
			t.Errorf("round %d: far was opened %d times", round, asked)
		}
		asked = 0
		if b, err := ReadAll(background, s, "chk-1/a"); err != nil || !bytes.Equal(b, content) || (asked > 0) != (round%4 > 0) {
			t.Errorf("round %d: %v, far was opened %d times", round, err, asked)
		}
	}
}
