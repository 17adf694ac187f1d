package manifest

import (
	"math"
	"slices"

	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/defect"
	"github.com/weirstream/weir/internal/statebackend"
)

// Deal returns what the subtask of the given index gets of an operator's state when it runs in so many subtasks, and whether it has come to its end and need not run.
//
// Keyed state goes by key group. Operator lists go by their mode. At the same parallelism each subtask gets its own splits, writer states, committables, watermarks and channels; at another one
// those of former subtask k go to subtask k modulo the parallelism, and the watermark is the lowest of all. But channels of hash edges then go to all subtasks with key groups of the former one, and those of custom edges to
// all, who each leave out what is not theirs. A subtask has come to its end if its former self had, or, at another
// parallelism, if all former ones had.
func (o *Operator) Deal(index, parallelism int) (*Subtask, bool) {
	d := &Subtask{Index: int32(index)}
	same := int(o.Parallelism) == parallelism
	some := false
	for _, s := range o.Subtasks {
		own := int(s.Index)%parallelism == index
		if own {
			if int(s.Index) == index || !defect.Is("splits-dropped") {
				d.Splits = append(d.Splits, s.Splits...)
			}
			d.WriterStates = append(d.WriterStates, s.WriterStates...)
			d.Committables = append(d.Committables, s.Committables...)
		}
		if s.HasWatermark && (!same || own) && !s.Finished {
			if !some {
				d.Watermark, d.EmittedWatermark, d.HasWatermark, some = math.MaxInt64, math.MaxInt64, true, true
			}
			d.Watermark, d.EmittedWatermark = min(d.Watermark, s.Watermark), min(d.EmittedWatermark, s.EmittedWatermark)
		}
	}
	d.Finished = o.Finished(index, parallelism)
	o.dealSpaces(d, base.RangeOf(index, parallelism, int(o.MaxParallelism)), same)
	o.dealLists(d, index, parallelism)
	o.dealChannels(d, index, parallelism)
	return d, d.Finished
}

// Finished reports whether the operator has come to its end in the subtask of the given index, when it runs in so many: see Deal. Of an operator of which nothing is known it has not.
func (o *Operator) Finished(index, parallelism int) bool {
	if int(o.GetParallelism()) == parallelism {
		i := slices.IndexFunc(o.GetSubtasks(), func(s *Subtask) bool { return int(s.Index) == index })
		return i >= 0 && o.Subtasks[i].Finished
	}
	return len(o.GetSubtasks()) > 0 && !slices.ContainsFunc(o.GetSubtasks(), func(s *Subtask) bool { return !s.Finished })
}

func (o *Operator) dealSpaces(d *Subtask, groups base.KeyGroupRange, same bool) {
	for _, s := range o.Subtasks {
		for _, sp := range s.Spaces {
			var mine []*Group
			for _, g := range sp.Groups {
				if groups.Contains(int(g.Group)) {
					mine = append(mine, g)
				}
			}
			if len(mine) > 0 && !same && defect.Is("key-group-dropped") {
				mine = mine[1:]
			}
			tables := tablesOf(sp.Tables, groups)
			if len(mine)+len(tables) == 0 {
				continue
			}
			i := slices.IndexFunc(d.Spaces, func(have *Space) bool { return have.Name == sp.Name })
			if i < 0 {
				d.Spaces = append(d.Spaces, &Space{Name: sp.Name, Words: sp.Words, Bytes: sp.Bytes, KeySchema: sp.KeySchema, Namespace: sp.Namespace, Cells: sp.Cells})
				i = len(d.Spaces) - 1
			}
			d.Spaces[i].Groups = append(d.Spaces[i].Groups, mine...)
			d.Spaces[i].Tables = append(d.Spaces[i].Tables, tables...)
		}
	}
}

// tablesOf returns the tables that have rows of some key groups. Who reads them leaves out the others.
func tablesOf(all []*Table, groups base.KeyGroupRange) (some []*Table) {
	for _, t := range all {
		if slices.ContainsFunc(t.Groups, func(g int32) bool { return groups.Contains(int(g)) }) {
			some = append(some, t)
		}
	}
	return some
}

func (o *Operator) dealLists(d *Subtask, index, parallelism int) {
	var names []*OperatorList
	former := map[string][][][]byte{}
	for _, s := range o.Subtasks {
		for _, l := range s.Lists {
			if l.Mode == statebackend.Split.String() && int(o.Parallelism) == parallelism && int(s.Index) == index {
				d.Lists = append(d.Lists, l)
			}
			if _, known := former[l.Name]; !known {
				names = append(names, l)
			}
			former[l.Name] = append(former[l.Name], l.Elements)
		}
	}
	for _, l := range names {
		if l.Mode == statebackend.Split.String() && int(o.Parallelism) == parallelism {
			continue
		}
		mode, _ := statebackend.RedistributionOf(l.Mode)
		if mine := mode.Deal(former[l.Name], parallelism)[index]; len(mine) > 0 {
			d.Lists = append(d.Lists, &OperatorList{Name: l.Name, Mode: l.Mode, Schema: l.Schema, Elements: mine})
		}
	}
}

// dealChannels deals out what was on its way.
func (o *Operator) dealChannels(d *Subtask, index, parallelism int) {
	groups := base.RangeOf(index, parallelism, int(o.MaxParallelism))
	for _, s := range o.Subtasks {
		own := int(s.Index)%parallelism == index
		if int(o.Parallelism) == parallelism {
			if own {
				d.Channels = append(d.Channels, s.Channels...)
			}
			continue
		}
		former := base.RangeOf(int(s.Index), int(o.Parallelism), int(o.MaxParallelism))
		for _, c := range s.Channels {
			mine := own
			switch c.Partitioner {
			case "hash":
				mine = former.First < groups.First+groups.Len() && groups.First < former.First+former.Len()
			case "custom":
				mine = true
			}
			if mine && len(c.Segments) > 0 {
				d.Channels = append(d.Channels, c)
			}
		}
	}
}
