package manifest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/weirstream/weir/internal/base"
)

// randomOperator is an operator in which everything has a name of its own.
func randomOperator(rng *rand.Rand, parallelism, maxParallelism int) *Operator {
	o := &Operator{Uid: "op", Parallelism: int32(parallelism), MaxParallelism: int32(maxParallelism)}
	for i := range parallelism {
		s := &Subtask{Index: int32(i), HasWatermark: true, Watermark: int64(rng.IntN(1000)) - 500, EmittedWatermark: int64(rng.IntN(1000)) - 500}
		names := func(kind string) (all [][]byte) {
			for n := range rng.IntN(4) {
				all = append(all, fmt.Appendf(nil, "%s-%d-%d", kind, i, n))
			}
			return all
		}
		for _, space := range []string{"keyed", "timers"} {
			sp := &Space{Name: space, Words: 1, Cells: []*Cell{{Name: "v", Kind: "value"}}}
			groups := base.RangeOf(i, parallelism, maxParallelism)
			for g := groups.First; g <= groups.Last; g++ {
				if rng.IntN(4) > 0 {
					sp.Groups = append(sp.Groups, &Group{Group: int32(g), Segments: []*Segment{{File: fmt.Sprintf("%s-%d", space, g)}}})
				}
			}
			s.Spaces = append(s.Spaces, sp)
		}
		for _, id := range names("split") {
			s.Splits = append(s.Splits, &Split{Id: string(id)})
		}
		s.WriterStates, s.Committables = names("writer"), names("committable")
		s.Lists = []*OperatorList{
			{Name: "dealt", Mode: "split", Schema: "s", Elements: names("dealt")},
			{Name: "all", Mode: "union", Schema: "s", Elements: names("all")},
			{Name: "same", Mode: "broadcast", Schema: "s", Elements: [][]byte{[]byte("x"), []byte("y")}},
		}
		for n := range rng.IntN(3) {
			s.Channels = append(s.Channels, &Channel{Input: int32(n), From: int32(i), Partitioner: "rebalance", Segments: []*Segment{{}}})
		}
		o.Subtasks = append(o.Subtasks, s)
	}
	return o
}

func elements(s *Subtask, list string) (all []string) {
	for _, l := range s.Lists {
		if l.Name == list {
			for _, e := range l.Elements {
				all = append(all, string(e))
			}
		}
	}
	return all
}

// parts are the names of all that goes to exactly one subtask.
func parts(s *Subtask) (all []string) {
	for _, sp := range s.Spaces {
		for _, g := range sp.Groups {
			all = append(all, fmt.Sprintf("%s group %d %s", sp.Name, g.Group, g.Segments[0].File))
		}
	}
	for _, split := range s.Splits {
		all = append(all, split.Id)
	}
	for _, b := range slices.Concat(s.WriterStates, s.Committables) {
		all = append(all, string(b))
	}
	for _, c := range s.Channels {
		all = append(all, fmt.Sprintf("channel %d %d", c.From, c.Input))
	}
	return append(all, elements(s, "dealt")...)
}

func TestDeal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for from := 1; from <= 8; from++ {
		for to := 1; to <= 8; to++ {
			for _, most := range []int{8, 13, 128} {
				o := randomOperator(rng, from, most)
				before := proto.Clone(o)
				checkDeal(t, o, to)
				if !proto.Equal(o, before) {
					t.Fatalf("%d to %d: dealing has changed the operator", from, to)
				}
				if t.Failed() {
					t.FailNow()
				}
			}
		}
	}
}

func checkDeal(t *testing.T, o *Operator, to int) {
	t.Helper()
	from, most := int(o.Parallelism), int(o.MaxParallelism)
	what := fmt.Sprintf("from %d to %d of %d", from, to, most)
	var want, got, union []string
	lowest, lowestEmitted := o.Subtasks[0].Watermark, o.Subtasks[0].EmittedWatermark
	for _, s := range o.Subtasks {
		want = append(want, parts(s)...)
		union = append(union, elements(s, "all")...)
		lowest, lowestEmitted = min(lowest, s.Watermark), min(lowestEmitted, s.EmittedWatermark)
	}
	for i := range to {
		d, finished := o.Deal(i, to)
		if finished || d.Finished || int(d.Index) != i {
			t.Errorf("%s: subtask %d is told finished=%v %v and index %d", what, i, finished, d.Finished, d.Index)
		}
		got = append(got, parts(d)...)
		groups := base.RangeOf(i, to, most)
		seen := map[string]bool{}
		for _, sp := range d.Spaces {
			if seen[sp.Name] || sp.Words != 1 || len(sp.Cells) != 1 {
				t.Errorf("%s: subtask %d has space %q twice, or without its form: %v", what, i, sp.Name, sp)
			}
			seen[sp.Name] = true
			for _, g := range sp.Groups {
				if !groups.Contains(int(g.Group)) {
					t.Errorf("%s: subtask %d of groups %v has group %d", what, i, groups, g.Group)
				}
			}
		}
		if all := elements(d, "all"); !slices.Equal(all, union) {
			t.Errorf("%s: subtask %d has %q of the union list, want %q", what, i, all, union)
		}
		if same := elements(d, "same"); !slices.Equal(same, []string{"x", "y"}) {
			t.Errorf("%s: subtask %d has %q of the broadcast list", what, i, same)
		}
		for _, l := range d.Lists {
			if l.Schema != "s" || l.Mode != map[string]string{"dealt": "split", "all": "union", "same": "broadcast"}[l.Name] {
				t.Errorf("%s: list %v", what, l)
			}
		}
		w, e := lowest, lowestEmitted
		if from == to {
			w, e = o.Subtasks[i].Watermark, o.Subtasks[i].EmittedWatermark
			if a, b := parts(d), parts(o.Subtasks[i]); !slices.Equal(a, b) {
				t.Errorf("%s: subtask %d has %q, and had %q", what, i, a, b)
			}
		}
		if !d.HasWatermark || d.Watermark != w || d.EmittedWatermark != e {
			t.Errorf("%s: subtask %d has the watermarks %d %d (%v), want %d %d", what, i, d.Watermark, d.EmittedWatermark, d.HasWatermark, w, e)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: dealt was\n%s\nthere is\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Elements of a split list are dealt evenly: no two subtasks differ by more than one.
func TestDealIsEven(t *testing.T) {
	o := &Operator{Parallelism: 1, MaxParallelism: 8, Subtasks: []*Subtask{{Lists: []*OperatorList{{Name: "l", Mode: "split"}}}}}
	for i := range 11 {
		o.Subtasks[0].Lists[0].Elements = append(o.Subtasks[0].Lists[0].Elements, []byte{byte(i)})
	}
	for to := 2; to <= 8; to++ {
		for i := range to {
			d, _ := o.Deal(i, to)
			if n := len(elements(d, "l")); n < 11/to || n > 11/to+1 {
				t.Errorf("subtask %d of %d has %d of 11 elements", i, to, n)
			}
		}
	}
}

// At the same parallelism a subtask has finished if its former self had; at another one only if all had. Watermarks of finished subtasks hold nobody back.
func TestDealOfFinishedSubtasks(t *testing.T) {
	o := &Operator{Parallelism: 3, MaxParallelism: 128, Subtasks: []*Subtask{
		{Index: 0, Finished: true, HasWatermark: true, Watermark: -9, EmittedWatermark: -9, Committables: [][]byte{[]byte("c")}},
		{Index: 1, HasWatermark: true, Watermark: 20, EmittedWatermark: 19},
		{Index: 2, HasWatermark: true, Watermark: 30, EmittedWatermark: 10},
	}}
	for i, want := range []bool{true, false, false} {
		d, finished := o.Deal(i, 3)
		if finished != want || d.Finished != want {
			t.Errorf("subtask %d of 3: finished is %v %v", i, finished, d.Finished)
		}
	}
	if d, _ := o.Deal(0, 3); len(d.Committables) != 1 || d.HasWatermark {
		t.Errorf("the finished subtask has %v", d)
	}
	for i := range 2 {
		d, finished := o.Deal(i, 2)
		if finished || d.Finished || d.Watermark != 20 || d.EmittedWatermark != 10 {
			t.Errorf("subtask %d of 2: finished is %v, %v", i, finished, d)
		}
	}
	for _, s := range o.Subtasks {
		s.Finished = true
	}
	for _, n := range []int{1, 2, 3, 4} {
		for i := range n {
			if d, finished := o.Deal(i, n); !finished || !d.Finished || d.HasWatermark {
				t.Errorf("subtask %d of %d: finished is %v, %v", i, n, finished, d)
			}
		}
	}
	if d, finished := (&Operator{Parallelism: 1, MaxParallelism: 8}).Deal(0, 2); finished || d.Finished {
		t.Errorf("an operator of which nothing is known has finished")
	}
}

// What was on its way over a hash edge goes to all subtasks that have a key group of the former one, over a custom edge to all, over others to one. At the same parallelism each subtask keeps its own, also a channel that has but a watermark.
func TestDealOfChannels(t *testing.T) {
	const most = 12
	for from := 1; from <= 5; from++ {
		o := &Operator{Parallelism: int32(from), MaxParallelism: most}
		for i := range from {
			s := &Subtask{Index: int32(i), Channels: []*Channel{{Partitioner: "hash", HasWatermark: true}}}
			for _, partitioner := range []string{"hash", "custom", "shuffle"} {
				s.Channels = append(s.Channels, &Channel{From: int32(i), Partitioner: partitioner, Segments: []*Segment{{}}})
			}
			o.Subtasks = append(o.Subtasks, s)
		}
		for to := 1; to <= 5; to++ {
			for i := range to {
				var want []*Channel
				for k, s := range o.Subtasks {
					if from == to {
						if i == k {
							want = s.Channels
						}
						continue
					}
					for g := range most {
						if base.SubtaskOf(g, from, most) == k && base.SubtaskOf(g, to, most) == i {
							want = append(want, s.Channels[1])
							break
						}
					}
					want = append(want, s.Channels[2])
					if k%to == i {
						want = append(want, s.Channels[3])
					}
				}
				if d, _ := o.Deal(i, to); !slices.Equal(d.Channels, want) {
					t.Errorf("subtask %d of %d, which were %d, has %v, want %v", i, to, from, d.Channels, want)
				}
			}
		}
	}
}
