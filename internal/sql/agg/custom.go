package agg

import (
	"cmp"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
)

// custom is a function of a program, whose accumulators are strings.
type custom struct {
	folder   fn.Folder
	args     []int
	retracts bool
	merges   bool
	vectors  []*column.Vector
	order    []int32
	state    []byte
}

// addCustom adds a function of a program.
func (s *Set) addCustom(c *Call, r *result) (err error) {
	if s.retract && !s.clears && !c.Custom.Retracts {
		return fault.New(fault.SQLChangelog, "%s is asked to take rows back, which it cannot: give it a Retract function", c.Function)
	}
	var strict []Arg
	n := custom{folder: c.Custom.New(), retracts: c.Custom.Retracts, merges: c.Custom.Merges}
	for i, a := range c.Args {
		n.args = append(n.args, s.argument(a))
		if len(c.Custom.Strict) > 0 && c.Custom.Strict[min(i, len(c.Custom.Strict)-1)] {
			strict = append(strict, a)
		}
	}
	at := s.rows(c, strict)
	if c.Distinct {
		if len(strict) < len(c.Args) {
			return unsupported(c, "with DISTINCT and arguments that may be null is not supported")
		}
		if at, err = s.distinct(c, at); err != nil {
			return err
		}
	}
	n.vectors = make([]*column.Vector, len(n.args))
	s.customs = append(s.customs, n)
	r.form = customValue
	r.prim = s.prim(prim{op: ofCustom, pick: at, arg: -1, custom: len(s.customs) - 1})
	return nil
}

// load makes the accumulator of a group the one at hand.
func (s *Set) load(c *custom, p *prim, base unsafe.Pointer, off uintptr) {
	c.state = c.state[:0]
	if *wordAt(base, off) != 0 {
		c.state = append(c.state, s.cell.AccumulatorString(base, p.text)...)
	}
	s.failed(c.folder.Load(c.state))
}

// store writes the accumulator at hand to a group.
func (s *Set) store(c *custom, p *prim, base unsafe.Pointer, off uintptr) {
	b, err := c.folder.Store(c.state[:0])
	s.failed(err)
	c.state = b
	*wordAt(base, off) = 1
	s.cell.SetAccumulatorString(base, p.text, b)
}

func (s *Set) failed(err error) {
	if err != nil && s.err == nil {
		s.err = fault.New(fault.StateSchema, "an accumulator of an aggregate function: %w", err)
	}
}

// fold takes rows into a function of a program, group by group.
func (s *Set) fold(p *prim, off uintptr, rows []int32, bases []unsafe.Pointer, one unsafe.Pointer) {
	c := &s.customs[p.custom]
	for i, a := range c.args {
		c.vectors[i] = s.args[a].v
	}
	c.folder.Bind(c.vectors)
	if one == nil && len(rows) > 1 {
		c.order = append(c.order[:0], rows...)
		slices.SortStableFunc(c.order, func(a, b int32) int { return cmp.Compare(uintptr(bases[a]), uintptr(bases[b])) })
		rows = c.order
	}
	for i, r := range rows {
		if i == 0 || bases[r] != bases[rows[i-1]] {
			s.load(c, p, bases[r], off)
		}
		switch {
		case s.sign(r) > 0:
			c.folder.Add(int(r))
		case c.retracts:
			c.folder.Retract(int(r))
		}
		if i == len(rows)-1 || bases[rows[i+1]] != bases[r] {
			s.store(c, p, bases[r], off)
		}
	}
}

func (s *Set) mergeCustom(p *prim, from *Set, off, was uintptr, dst, src []unsafe.Pointer) {
	c := &s.customs[p.custom]
	for i, d := range dst {
		if *wordAt(src[i], was) == 0 {
			continue
		}
		s.load(c, p, d, off)
		s.failed(c.folder.Merge(from.cell.AccumulatorString(src[i], p.text)))
		s.store(c, p, d, off)
	}
}

func (s *Set) emitCustom(r *result, bases []unsafe.Pointer, out *column.Vector, at, n int) {
	p := &s.prims[r.prim]
	c, off := &s.customs[p.custom], s.off+8*uintptr(p.word)
	for i, b := range bases {
		if i == 0 || b != bases[i-1] {
			s.load(c, p, b, off)
		}
		c.folder.Result(out, at+i, n)
	}
}
