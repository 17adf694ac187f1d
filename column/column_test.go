package column

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/types"
)

// value renders a row of a vector, by the slow way: At, Null, Bytes and Range.
func value(v *Vector, row int) string {
	if v.Null(row) {
		return "null"
	}
	switch v.Form {
	case Word:
		return fmt.Sprint(v.Word(row))
	case Wide:
		return fmt.Sprint(v.WideAt(row))
	case Text:
		return fmt.Sprintf("%q", v.Bytes(row))
	case List, Pairs:
		f, _ := v.At(row)
		from, to := v.Range(row)
		s := "["
		for i := from; i < to; i++ {
			for _, c := range f.Children {
				s += value(c, i) + ","
			}
		}
		return s + "]"
	}
	f, i := v.At(row)
	s := "("
	for _, c := range f.Children {
		s += value(c, i) + ","
	}
	return s + ")"
}

func random(r *rand.Rand, v *Vector, form Form, n, depth int) {
	v.Reset(form, n)
	switch form {
	case Word:
		for i := range v.Words {
			v.Words[i] = r.Uint64()
		}
	case Wide:
		for i := range v.Wide {
			v.Wide[i] = [2]uint64{r.Uint64(), r.Uint64()}
		}
	case Text:
		for i := range v.Views {
			b := make([]byte, r.IntN(30))
			for k := range b {
				b[k] = byte('a' + r.IntN(3))
			}
			v.SetBytes(i, b)
		}
	case List, Pairs:
		at := int32(0)
		for i := range n {
			at += int32(r.IntN(4))
			v.Offsets[i+1] = at
		}
		for c := range int(form-List) + 1 {
			random(r, v.Child(c), Form(r.IntN(3+min(depth, 3))), int(at), depth-1)
		}
	case Tuple:
		for c := range 2 {
			random(r, v.Child(c), Form(r.IntN(3+min(depth, 3))), n, depth-1)
		}
	}
	if r.IntN(2) == 0 {
		for i := range n {
			if r.IntN(4) == 0 {
				v.SetNull(i, n)
			}
		}
	}
}

// TestAppend appends rows of flat, constant and dictionary vectors of every form, and compares with what was said row by row.
func TestAppend(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		form := Form(seed % 6)
		var out Vector
		out.Reset(form, 0)
		var want []string
		var inputs [3]*Vector
		shape := new(Vector)
		random(r, shape, form, 20, 2)
		for k := range inputs {
			inputs[k] = shape
		}
		constant := *shape
		constant.Const = true
		inputs[1] = &constant
		dict := &Vector{Form: form, Base: shape, Index: make([]int32, 30)}
		for i := range dict.Index {
			dict.Index[i] = int32(r.IntN(20))
		}
		inputs[2] = dict
		for range 4 {
			in := inputs[r.IntN(3)]
			rows := make([]int32, r.IntN(20))
			for i := range rows {
				rows[i] = int32(r.IntN(20))
				want = append(want, value(in, int(rows[i])))
			}
			out.Append(in, rows, len(want)-len(rows))
			var picked Vector
			picked.Pick(in, rows)
			for i, row := range rows {
				if a, b := value(&picked, i), value(in, int(row)); a != b {
					t.Fatalf("seed %d, form %d: picked %s, want %s", seed, form, a, b)
				}
			}
		}
		for i := range want {
			if got := value(&out, i); got != want[i] {
				t.Fatalf("seed %d, form %d, row %d: %s, want %s", seed, form, i, got, want[i])
			}
		}
	}
}

func TestViews(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var v Vector
	v.Reset(Text, 200)
	var all [][]byte
	for i := range v.Views {
		b := make([]byte, r.IntN(20))
		for k := range b {
			b[k] = byte(r.IntN(3))
		}
		if i%5 == 0 {
			b = bytes.Repeat([]byte{0xff}, i%16)
		}
		v.SetBytes(i, b)
		all = append(all, b)
	}
	for i, a := range all {
		if !bytes.Equal(v.Bytes(i), a) {
			t.Fatalf("row %d: %q, want %q", i, v.Bytes(i), a)
		}
		for j, b := range all {
			if got, want := CompareViews(&v.Views[i], v.Buffers, &v.Views[j], v.Buffers), bytes.Compare(a, b); got != want {
				t.Fatalf("compare %q and %q: %d, want %d", a, b, got, want)
			}
			if got, want := EqualViews(&v.Views[i], v.Buffers, &v.Views[j], v.Buffers), bytes.Equal(a, b); got != want {
				t.Fatalf("equal %q and %q: %v", a, b, got)
			}
		}
	}
}

func TestBatchAppendKinds(t *testing.T) {
	var a, b Batch
	a.Reset([]Form{Word})
	b.Reset([]Form{Word})
	a.Cols[0].Reset(Word, 3)
	a.N = 3
	b.Append(&a, []int32{0, 1})
	copy(a.OwnKinds(3), []types.RowKind{types.Insert, types.UpdateBefore, types.Delete})
	b.Append(&a, []int32{2, 1})
	a.Kinds = nil
	b.Append(&a, []int32{0})
	if got := fmt.Sprint(b.Kinds); got != "[+I +I -D -U +I]" || b.N != 5 {
		t.Fatal(got, b.N)
	}
}

// TestValues reads the rows of vectors of every form as values, builds vectors of them, and compares.
func TestValues(t *testing.T) {
	var shape func(v *Vector) Shape
	shape = func(v *Vector) Shape {
		s := Shape{Form: v.Form}
		if v.Form >= List {
			for _, c := range v.Children {
				s.Children = append(s.Children, shape(c))
			}
		}
		return s
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := new(Vector)
		random(r, in, Form(seed%6), 70, 2)
		s := shape(in)
		var out Vector
		for i := range 70 {
			out.AppendValue(in.Value(i), &s, i)
		}
		for i := range 70 {
			if got, want := value(&out, i), value(in, i); got != want {
				t.Fatalf("seed %d, row %d: %s, want %s", seed, i, got, want)
			}
			if !out.Value(i).Equal(in.Value(i)) {
				t.Fatalf("seed %d, row %d: values differ", seed, i)
			}
		}
	}
}
