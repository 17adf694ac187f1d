package agg

import (
	"math"
	"unsafe"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// addValue adds FIRST_VALUE and LAST_VALUE, of what is not null.
func (s *Set) addValue(c *Call, at int, r *result) error {
	if s.retract {
		r.form = bagFirst
		if c.Function == "LAST_VALUE" {
			r.form = bagLast
		}
		return s.bag(c, at, c.Args, r)
	}
	p := prim{pick: at, arg: s.argument(c.Args[0])}
	switch s.form(p.arg) {
	case column.Word:
		p.op, r.form = first, valueWord
	case column.Wide:
		p.op, r.form = firstWide, wideWord
	default:
		p.op, r.form = firstText, textWord
	}
	r.shape = s.args[p.arg].shape
	if c.Function == "LAST_VALUE" {
		p.op += last - first
	}
	r.prim = s.prim(p)
	return nil
}

// value takes rows into a first or last value.
func (s *Set) value(p *prim, off uintptr, v *column.Vector, rows []int32, bases []unsafe.Pointer) {
	for _, r := range rows {
		has := wordAt(bases[r], off)
		if p.op < last && *has != 0 {
			continue
		}
		*has = 1
		switch p.op {
		case first, last:
			*wordAt(bases[r], off+8) = v.Words[r]
		case firstWide, lastWide:
			*(*[2]uint64)(unsafe.Add(bases[r], off+8)) = v.Wide[r]
		default:
			s.setText(bases[r], p.text, v.Views[r].Content(v.Buffers))
		}
	}
}

func (s *Set) mergeValues(p *prim, from *Set, off, was uintptr, dst, src []unsafe.Pointer) {
	for i, d := range dst {
		has := wordAt(d, off)
		if *wordAt(src[i], was) == 0 || p.op < last && *has != 0 {
			continue
		}
		*has = 1
		switch p.op {
		case first, last:
			*wordAt(d, off+8) = *wordAt(src[i], was+8)
		case firstWide, lastWide:
			*(*[2]uint64)(unsafe.Add(d, off+8)) = *(*[2]uint64)(unsafe.Add(src[i], was+8))
		default:
			s.cell.SetAccumulatorString(d, p.text, from.cell.AccumulatorString(src[i], p.text))
		}
	}
}

// addSpread adds variances and standard deviations.
func (s *Set) addSpread(c *Call, at int, r *result) error {
	arg := s.argument(c.Args[0])
	if t := s.args[arg].t; !t.IsNumeric() || !c.Result.IsNumeric() {
		return unsupported(c, "of %s is not supported", t)
	}
	r.form, r.prim = spread, s.prim(prim{op: moments, pick: at, arg: arg})
	r.sample = c.Function == "STDDEV_SAMP" || c.Function == "VAR_SAMP"
	r.root = c.Function == "STDDEV_SAMP" || c.Function == "STDDEV_POP"
	return nil
}

// moments takes rows into sums of values and of their squares.
func (s *Set) moments(p *prim, off uintptr, v *column.Vector, rows []int32, bases []unsafe.Pointer) {
	t := s.args[p.arg].t
	unit := math.Pow10(t.Scale())
	for _, r := range rows {
		var x float64
		switch {
		case t.IsApprox():
			x = v.Floats()[r]
		case v.Form == column.Wide:
			x, _ = column.Big(v.Wide[r]).Float64()
			x /= unit
		case t.Kind() == types.Decimal:
			x = float64(v.Ints()[r]) / unit
		default:
			x = float64(v.Ints()[r])
		}
		q := (*spreadOf)(unsafe.Add(bases[r], off))
		if q.has == 0 {
			q.has, q.shift = 1, x
		}
		sign := s.sign(r)
		x -= q.shift
		q.n += sign
		q.sum += float64(sign) * x
		q.squares += float64(sign) * x * x
	}
}

// spreadOf is the moments of some values, each less one of them: so there is little to cancel out, and what is taken back that was not there, too, is made up for when it comes.
type spreadOf struct {
	n            int64
	has          uint64 // that there is a shift
	shift        float64
	sum, squares float64
}

func (q *spreadOf) merge(o *spreadOf) {
	if q.has == 0 {
		*q = *o
		return
	}
	d := o.shift - q.shift
	q.n += o.n
	q.sum += o.sum + float64(o.n)*d
	q.squares += o.squares + 2*d*o.sum + float64(o.n)*d*d
}

// emitSpread writes a variance or deviation.
func emitSpread(r *result, from *spreadOf, out *column.Vector, row, n int) {
	all := float64(from.n)
	rows := all
	if r.sample {
		rows--
	}
	if rows <= 0 {
		out.SetNull(row, n)
		return
	}
	x := max(from.squares-from.sum*from.sum/all, 0) / rows
	if r.root {
		x = math.Sqrt(x)
	}
	switch {
	case r.t.IsApprox():
		if r.t.Kind() == types.Float {
			x = float64(float32(x))
		}
		out.Words[row] = math.Float64bits(x)
	case r.t.Kind() == types.Decimal:
		w, ok := decimalOf(x, r.t)
		switch {
		case !ok:
			out.SetNull(row, n)
		case out.Form == column.Wide:
			out.Wide[row] = w
		default:
			out.Words[row] = w[0]
		}
	default:
		out.Words[row] = uint64(int64(x))
		cutWords(out.Words[row:row+1], r.t)
	}
}
