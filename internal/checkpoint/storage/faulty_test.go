package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/weirstream/weir/fault"
)

// scripted returns an empty faulty storage, what is beneath, the operations it was asked about, and the fault that the next operation of a kind meets.
func scripted() (s, base Storage, log *[]string, next map[Op]Fault) {
	base, log, next = NewMemory(), &[]string{}, map[Op]Fault{}
	s = NewFaulty(base, func(op Op, name string) Fault {
		*log = append(*log, fmt.Sprintf("%s %s", op, name))
		f := next[op]
		delete(next, op)
		return f
	})
	return s, base, log, next
}

func TestFaultyAsks(t *testing.T) {
	s, _, log, _ := scripted()
	sub := s.Sub("job").Sub("chk-1")
	if err := WriteAll(background, sub, "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAll(background, sub, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.List(background, ""); err != nil {
		t.Fatal(err)
	}
	if err := sub.Remove(background, "a", "b"); err != nil {
		t.Fatal(err)
	}
	want := []string{"create job/chk-1/a", "commit job/chk-1/a", "open job/chk-1/a", "read job/chk-1/a", "list job/chk-1", "remove job/chk-1/a", "remove job/chk-1/b"}
	if !slices.Equal(*log, want) {
		t.Errorf("asked %q, want %q", *log, want)
	}
}

func TestFaultyFails(t *testing.T) {
	for _, kind := range []FaultKind{Fail, FailAfter} {
		s, base, _, next := scripted()
		if err := WriteAll(background, base, "there", []byte("x")); err != nil {
			t.Fatal(err)
		}
		mine := errors.New("mine")
		next[OpCreate] = Fault{Kind: kind, Err: mine}
		if err := WriteAll(background, s, "a", nil); !errors.Is(err, mine) {
			t.Errorf("create: %v", err)
		}
		next[OpCommit] = Fault{Kind: kind}
		code(t, WriteAll(background, s, "b", nil), fault.StorageFailed)
		next[OpOpen] = Fault{Kind: kind}
		_, err := s.Open(background, "there")
		code(t, err, fault.StorageFailed)
		next[OpRead] = Fault{Kind: kind}
		_, err = ReadAll(background, s, "there")
		code(t, err, fault.StorageFailed)
		next[OpList] = Fault{Kind: kind}
		_, err = s.List(background, "")
		code(t, err, fault.StorageFailed)
		next[OpRemove] = Fault{Kind: kind}
		code(t, s.Remove(background, "there"), fault.StorageFailed)
		want := []string{"there"}
		if kind == FailAfter {
			want = []string{"b"}
		}
		if got := names(t, base); !slices.Equal(got, want) {
			t.Errorf("kind %d: %q is there, want %q", kind, got, want)
		}
	}
}

func TestFaultyDamages(t *testing.T) {
	for _, c := range []struct {
		f    Fault
		want string
	}{
		{Fault{Kind: Torn, Bytes: 2}, "ab"}, {Fault{Kind: Torn, Bytes: 99}, "abcd"}, {Fault{Kind: Torn, Bytes: -1}, ""}, {Fault{Kind: Flip, Bytes: 1}, "accd"}, {Fault{Kind: Flip, Bytes: 5}, "accd"},
	} {
		s, base, _, next := scripted()
		next[OpCommit] = c.f
		b := []byte("abcd")
		if err := WriteAll(background, s, "a", b); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadAll(background, base, "a"); string(got) != c.want || err != nil {
			t.Errorf("%+v on commit: %q, %v", c.f, got, err)
		}
		if err := WriteAll(background, base, "a", b); err != nil {
			t.Fatal(err)
		}
		next[OpOpen] = c.f
		if got, err := ReadAll(background, s, "a"); string(got) != c.want || err != nil {
			t.Errorf("%+v on open: %q, %v", c.f, got, err)
		}
		if got, err := ReadAll(background, base, "a"); string(got) != "abcd" || string(b) != "abcd" || err != nil {
			t.Errorf("the damage got beyond the reader: %q, %v", got, err)
		}
	}
	s, _, _, next := scripted()
	next[OpCommit] = Fault{Kind: Flip, Bytes: 3}
	if err := WriteAll(background, s, "empty", nil); err != nil {
		t.Fatal(err)
	}
}

func TestFaultyWaits(t *testing.T) {
	s, base, _, next := scripted()
	waited := 0
	next[OpCommit] = Fault{Wait: func(context.Context) error {
		waited++
		if got := names(t, base); len(got) != 0 {
			t.Errorf("%q is there before the wait", got)
		}
		return nil
	}}
	if err := WriteAll(background, s, "a", nil); err != nil || waited != 1 {
		t.Fatalf("%v after %d waits", err, waited)
	}
	gaveUp := errors.New("gave up")
	next[OpRemove] = Fault{Wait: func(context.Context) error { return gaveUp }}
	if err := s.Remove(background, "a"); !errors.Is(err, gaveUp) {
		t.Error(err)
	}
	if got := names(t, base); len(got) != 1 {
		t.Errorf("%q is there", got)
	}
}
