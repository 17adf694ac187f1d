package rowpattern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/fault"
)

// slow finds matches by trying all sequences of elements for each start, by length and then with earlier elements first.
func slow(p *Pattern, times []int64, holds func(row, element int, before []int) bool) (list []Run, err error) {
	for from := 0; from < len(times); from++ {
		var found []int
		for length := 1; found == nil && from+length <= len(times); length++ {
			if p.Within >= 0 && times[from+length-1]-times[from] >= p.Within {
				break
			}
			found = firstSequence(p, from, length, nil, holds)
		}
		if found == nil {
			continue
		}
		r := Run{Start: int64(from), Time: times[from], Counts: make([]int32, len(p.Elements)), At: found[len(found)-1]}
		for _, e := range found {
			r.Counts[e]++
		}
		list = append(list, r)
		switch p.Skip {
		case PastLastRow:
			from += len(found) - 1
		case ToFirst, ToLast:
			at := -1
			for i, e := range found {
				if slices.Contains(p.SkipTo, e) && (at < 0 || p.Skip == ToLast) {
					at = i
				}
			}
			if at <= 0 {
				return list[:len(list)-1], fmt.Errorf("nowhere to skip to")
			}
			from += at - 1
		}
	}
	return list, nil
}

// firstSequence is the first valid way, in alphabetic order, to give length rows to elements.
func firstSequence(p *Pattern, from, length int, seq []int, holds func(int, int, []int) bool) []int {
	if len(seq) == length {
		if complete(p, from, seq, holds) {
			return seq
		}
		return nil
	}
	for e := range p.Elements {
		next := append(slices.Clone(seq), e)
		if valid(p, from, next, holds) {
			if s := firstSequence(p, from, length, next, holds); s != nil {
				return s
			}
		}
	}
	return nil
}

// valid tells whether the last row of a sequence, the others being so already, may go where it goes.
func valid(p *Pattern, from int, seq []int, holds func(int, int, []int) bool) bool {
	before, e := seq[:len(seq)-1], seq[len(seq)-1]
	row := from + len(before)
	count := func(e int) (n int) {
		for _, x := range before {
			if x == e {
				n++
			}
		}
		return n
	}
	if !holds(row, e, before) {
		return false
	}
	last := -1
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	if e < last {
		return false
	}
	if e == last {
		return p.Elements[e].Max < 0 || count(e) < p.Elements[e].Max
	}
	for k := max(last, 0); k < e; k++ {
		if count(k) < p.Elements[k].Min || p.Elements[k].greedy() && holds(row, k, before) {
			return false
		}
	}
	return true
}

func complete(p *Pattern, from int, seq []int, holds func(int, int, []int) bool) bool {
	counts := make([]int, len(p.Elements))
	for _, e := range seq {
		counts[e]++
	}
	last := seq[len(seq)-1]
	for e := range p.Elements {
		if counts[e] < p.Elements[e].Min {
			return false
		}
		if e >= last && e < len(p.Elements)-1 && p.Elements[e].greedy() && holds(from+len(seq)-1, e, seq[:len(seq)-1]) {
			return false
		}
	}
	return true
}

// sequenceOf are the elements of a run's rows.
func sequenceOf(r *Run) (seq []int) {
	for e, n := range r.Counts {
		for range n {
			seq = append(seq, e)
		}
	}
	return seq
}

func TestRandomPatterns(t *testing.T) {
	matches, waited, errors := 0, 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		p := &Pattern{Within: -1, Skip: Skip(r.IntN(4))}
		for range 1 + r.IntN(4) {
			e := Element{Min: r.IntN(3), Max: -1, Reluctant: r.IntN(3) == 0}
			if r.IntN(2) == 0 {
				e.Max = max(1, e.Min+r.IntN(3))
			}
			p.Elements = append(p.Elements, e)
		}
		if p.Check() != nil {
			continue
		}
		p.SkipTo = []int{r.IntN(len(p.Elements))}
		if r.IntN(3) == 0 {
			p.SkipTo = append(p.SkipTo, r.IntN(len(p.Elements)))
		}
		if r.IntN(2) == 0 {
			p.Within = int64(1 + r.IntN(8))
		}
		// A row is a number; conditions look at it, and at how many rows there were.
		rows, times := make([]int, 14), make([]int64, 14)
		for i := range rows {
			rows[i] = r.IntN(6)
			if i > 0 {
				times[i] = times[i-1] + int64(r.IntN(3))
			}
		}
		kind, bound := make([]int, len(p.Elements)), make([]int, len(p.Elements))
		for e := range kind {
			kind[e], bound[e] = r.IntN(4), r.IntN(6)
		}
		holds := func(row, element int, before []int) bool {
			switch kind[element] {
			case 0:
				return rows[row] >= bound[element]
			case 1:
				return rows[row] <= bound[element]
			case 2:
				return len(before) == 0 || rows[row] >= rows[row-1]
			}
			return (rows[row]+len(before))%3 != bound[element]%3
		}
		want, wantErr := slow(p, times, holds)
		var s State
		m := NewMatcher(p, func(element int, runs []*Run, out []bool) error {
			for i, r := range runs {
				if int64(len(sequenceOf(r))) != s.Next-r.Start {
					t.Fatalf("seed %d: a run from %d has %d rows at %d", seed, r.Start, len(sequenceOf(r)), s.Next)
				}
				out[i] = holds(int(s.Next), element, sequenceOf(r))
			}
			return nil
		})
		var got []Run
		var err error
		emit := func(r *Run) error {
			got = append(got, *r)
			if r.Start+r.Rows() < s.Next {
				waited++
			}
			return nil
		}
		for i := 0; i < len(rows) && err == nil; i++ {
			// Each row finds the state as it is restored.
			b := s.Append(nil)
			if err := s.Read(b, len(p.Elements)); err != nil {
				t.Fatal(err)
			}
			if i > 0 && r.IntN(2) == 0 {
				err = m.Expire(&s, times[i], emit)
			}
			if err == nil {
				err = m.Row(&s, times[i], emit)
			}
			if o := s.Oldest(); o > s.Next || o < 0 {
				t.Fatalf("seed %d: the oldest row is %d of %d", seed, o, s.Next)
			}
		}
		if err == nil { // what waits for a beginning that nothing ends any more
			s.partial = nil
			err = m.settle(&s, emit)
		}
		text := func(list []Run) (out string) {
			for _, r := range list {
				out += fmt.Sprint(r.Start, r.Counts, " ")
			}
			return out
		}
		if (err != nil) != (wantErr != nil) || text(got) != text(want) {
			t.Fatalf("seed %d: %+v\nrows %v times %v\n%s%v\nwant\n%s%v", seed, p, rows, times, text(got), err, text(want), wantErr)
		}
		matches += len(got)
		if err != nil {
			errors++
		}
	}
	if matches < 2000 || waited < 20 || errors < 20 {
		t.Errorf("there were only %d matches, %d that waited, %d errors", matches, waited, errors)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		elements []Element
		ok       bool
	}{
		{[]Element{{Min: 1, Max: 1}}, true},
		{[]Element{{Min: 1, Max: -1}, {Min: 1, Max: 1}}, true},
		{[]Element{{Min: 1, Max: -1}}, false},
		{[]Element{{Min: 1, Max: -1, Reluctant: true}}, true},
		{[]Element{{Min: 0, Max: -1}, {Min: 0, Max: 1}}, false},
		{[]Element{{Min: 1, Max: 1}, {Min: 0, Max: 1, Reluctant: true}}, false},
		{[]Element{{Min: 1, Max: 1}, {Min: 0, Max: 1}}, true},
		{[]Element{{Min: 1, Max: 1}, {Min: 2, Max: 3}}, false},
		{[]Element{{Min: 3, Max: 3}}, true},
		{nil, false},
	} {
		err := (&Pattern{Elements: c.elements, Within: -1}).Check()
		if (err == nil) != c.ok || err != nil && fault.CodeOf(err) != fault.SQLUnsupported {
			t.Errorf("%+v: %v", c.elements, err)
		}
	}
}

// TestDamagedState reads parts of encodings, and the encoding of another pattern.
func TestDamagedState(t *testing.T) {
	s := State{Next: 300, partial: []Run{{Start: 2, Time: -5, Counts: []int32{200, 98}, At: 1}}, complete: []Run{{Start: 3, Time: 1 << 40, Counts: []int32{1, 0}, At: 0}}}
	b := s.Append(nil)
	var back State
	if err := back.Read(b, 2); err != nil || fmt.Sprint(back) != fmt.Sprint(s) {
		t.Fatal(back, err)
	}
	for n := 1; n < len(b); n++ {
		if back.Read(b[:n], 2) == nil {
			t.Errorf("%d bytes of %d are taken", n, len(b))
		}
	}
	if back.Read(b, 1) == nil {
		t.Error("a state of another pattern is taken")
	}
}
