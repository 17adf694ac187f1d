package agg

import (
	"math"
	"slices"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/types"
)

// percentile is what PERCENTILE knows beyond its values.
type percentile struct {
	// parts are the percentages; nil if they are in a column, of which the value that came first counts.
	parts []float64
	// column and frequency are columns of the bag, 0 if there is none.
	column, frequency int
	// scale and approx say how values are read.
	scale  int
	approx bool
	wide   bool
	points []point
}

// point is a value with how often it is there.
type point struct {
	value float64
	count int64
}

// addPercentile adds PERCENTILE: all values are kept, and sorted for each result.
func (s *Set) addPercentile(c *Call, at int, r *result) error {
	if len(c.Args) < 2 {
		return unsupported(c, "takes more arguments than %d", len(c.Args))
	}
	r.form = bagPercentile
	p := &percentile{}
	if t := s.args[s.argument(c.Args[0])].t; t.IsNumeric() {
		p.approx, p.wide = t.IsApprox(), column.FormOf(t) == column.Wide
		if t.Kind() == types.Decimal {
			p.scale = t.Scale()
		}
	}
	keep := []Arg{c.Args[0]}
	switch part := c.Args[1]; {
	case part.Col >= 0 && part.Type.Kind() == types.Array:
		return unsupported(c, "takes percentages that are constants: an array of a column is not supported")
	case part.Col >= 0:
		p.column = len(keep)
		keep = append(keep, part)
	case part.Type.Kind() == types.Array:
		p.parts = []float64{}
		for _, v := range part.Const.List {
			p.parts = append(p.parts, v.Float())
		}
	default:
		p.parts = []float64{part.Const.Float()}
	}
	if len(c.Args) > 2 {
		p.frequency = len(keep)
		keep = append(keep, c.Args[2])
	}
	r.percentile = p
	return s.bag(c, at, keep, r)
}

func (p *percentile) value(v *column.Vector, i int) float64 {
	switch {
	case p.approx:
		return v.Float(i)
	case p.wide:
		x, _ := column.Big(v.Wide[i]).Float64()
		return x / math.Pow10(p.scale)
	}
	return float64(v.Int(i)) / math.Pow10(p.scale)
}

// emitPercentile writes the percentiles of a group's values.
func (b *bag) emitPercentile(s *Set, r *result, from, to int, out *column.Vector, row, n int) {
	p := r.percentile
	p.points = p.points[:0]
	total := int64(0)
	parts := p.parts
	for i := from; i < to; i++ {
		if p.column > 0 && parts == nil {
			parts = []float64{b.read[p.column].Float(i)}
		}
		times := int64(1)
		if p.frequency > 0 {
			f := &b.read[p.frequency]
			if f.Null(i) || f.Int(i) <= 0 {
				continue
			}
			times = f.Int(i)
		}
		p.points = append(p.points, point{p.value(&b.read[0], i), times})
		total += times
	}
	for _, part := range parts {
		if !(part >= 0 && part <= 1) && s.err == nil {
			s.err = fault.New(fault.ExpressionValue, "the percentage of PERCENTILE must be between 0 and 1, but is %v", part)
		}
	}
	list := r.t.Kind() == types.Array
	if list {
		out.Offsets[row+1] = out.Offsets[row]
	}
	if total == 0 || len(parts) == 0 || s.err != nil {
		out.SetNull(row, n)
		return
	}
	slices.SortFunc(p.points, func(x, y point) int {
		a, b := sortFloat(x.value), sortFloat(y.value)
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	if !list {
		out.Words[row] = math.Float64bits(p.at(parts[0], total))
		return
	}
	results := column.Vector{Form: column.Word}
	b.order = b.order[:0]
	for i, part := range parts {
		results.Words = append(results.Words, math.Float64bits(p.at(part, total)))
		b.order = append(b.order, int32(i))
	}
	have := int(out.Offsets[row])
	child := out.Child(0)
	if have == 0 {
		child.Reset(column.Word, 0)
	}
	child.Append(&results, b.order, have)
	out.Offsets[row+1] = int32(have + len(parts))
}

// at is the value at a part of the sorted ones: that between its two neighbours, in proportion, where it is not exactly at one.
func (p *percentile) at(part float64, total int64) float64 {
	position := part * float64(total-1)
	below := int64(math.Floor(position))
	rest := position - float64(below)
	passed := int64(0)
	for i, x := range p.points {
		passed += x.count
		if passed <= below {
			continue
		}
		if rest == 0 || passed > below+1 || i+1 == len(p.points) {
			return x.value
		}
		return (1-rest)*x.value + rest*p.points[i+1].value
	}
	return p.points[len(p.points)-1].value
}

// owing keeps what was taken back before it came, of functions that count values: it makes up for what comes later.
type owing struct {
	rows *statebackend.Rows
	left []int32
}

// put appends rows but those that are owed.
func (o *owing) put(b *bag, refs []statebackend.Ref) {
	o.left = o.rows.Retract(refs, b.put, b.cols, o.left[:0])
	if len(o.left) > 0 {
		b.rows.Append(refs, o.left, b.cols, nil, nil)
	}
}

// take takes rows away, and notes those that are not there.
func (o *owing) take(b *bag, refs []statebackend.Ref) {
	b.gone = b.rows.Retract(refs, b.take, b.cols, b.gone[:0])
	if len(b.gone) > 0 {
		o.rows.Append(refs, b.gone, b.cols, nil, nil)
	}
}
