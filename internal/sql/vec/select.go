package vec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
)

// selector finds the rows where a condition is true. What it returns is its own memory.
type selector interface {
	rows(r *run, sel []int32) ([]int32, error)
}

// selector compiles a condition. It returns the scope of what is computed for the last of its parts, for no fewer rows than it leaves.
func (c *compiler) selector(e expr.Expr, s *scope) (selector, *scope, error) {
	if call, ok := e.(*expr.Call); ok {
		if call.Fn.Name == "AND" {
			all := &allOf{}
			for i, a := range expr.CheapFirst(expr.And(e)) {
				if i > 0 {
					s = &scope{outer: s}
				}
				part, last, err := c.selector(a, s)
				if err != nil {
					return nil, nil, err
				}
				all.parts, s = append(all.parts, part), last
			}
			return all, s, nil
		}
		if part, err := c.comparison(call, s); part != nil || err != nil {
			return part, s, err
		}
		if part, err := c.sameText(call, s); part != nil || err != nil {
			return part, s, err
		}
	}
	n, err := c.compile(e, s)
	return &isTrue{of: n}, s, err
}

// allOf narrows the selection condition by condition.
type allOf struct{ parts []selector }

func (a *allOf) rows(r *run, sel []int32) ([]int32, error) {
	var err error
	for _, p := range a.parts {
		if sel, err = p.rows(r, sel); err != nil || len(sel) == 0 {
			return sel, err
		}
	}
	return sel, nil
}

type isTrue struct {
	of  node
	out []int32
}

func (t *isTrue) rows(r *run, sel []int32) ([]int32, error) {
	v, err := t.of.eval(r, sel)
	if err != nil {
		return nil, err
	}
	out := room(t.out, r.n)[:r.n]
	k := 0
	if v.Const || v.Index != nil || v.Valid != nil {
		each(sel, r.n, func(row int32) {
			if !v.Null(int(row)) && v.Word(int(row)) != 0 {
				out[k] = row
				k++
			}
		})
	} else if sel == nil {
		for i, w := range v.Words[:r.n] {
			out[k] = int32(i)
			k += int(w & 1)
		}
	} else {
		for _, i := range sel {
			out[k] = i
			k += int(v.Words[i] & 1)
		}
	}
	t.out = out[:k]
	return t.out, nil
}

func each(sel []int32, n int, f func(row int32)) {
	if sel == nil {
		for row := range int32(n) {
			f(row)
		}
		return
	}
	for _, row := range sel {
		f(row)
	}
}

// less, equal and greater are bits of what a comparison accepts.
const (
	less = 1 << iota
	equal
	greater
)

var accepts = map[string]int{"=": equal, "<>": less | greater, "<": less, "<=": less | equal, ">": greater, ">=": greater | equal}

// comparison compares two columns of words without making a vector of its own.
type comparison struct {
	a, b   node
	accept int
	float  bool
	out    []int32
}

func (c *compiler) comparison(e *expr.Call, s *scope) (selector, error) {
	accept, ok := accepts[e.Fn.Name]
	if !ok || len(e.Args) != 2 {
		return nil, nil
	}
	a, b := e.Args[0].Type(), e.Args[1].Type()
	if column.FormOf(a) != column.Word || !(a.WithNullable(b.Nullable()).Same(b) || a.IsInteger() && b.IsInteger()) {
		return nil, nil
	}
	left, err := c.compile(e.Args[0], s)
	if err != nil {
		return nil, err
	}
	right, err := c.compile(e.Args[1], s)
	return &comparison{a: left, b: right, accept: accept, float: a.IsApprox()}, err
}

func (c *comparison) rows(r *run, sel []int32) ([]int32, error) {
	a, err := c.a.eval(r, sel)
	if err != nil {
		return nil, err
	}
	b, err := c.b.eval(r, sel)
	if err != nil {
		return nil, err
	}
	out := room(c.out, r.n)[:r.n]
	k := 0
	switch {
	case a.Index == nil && !a.Const && a.Valid == nil && b.Const && b.Valid == nil && !c.float:
		k = against(c.accept, a.Ints(), b.Int(0), sel, r.n, out)
	case a.Index == nil && !a.Const && a.Valid == nil && b.Index == nil && !b.Const && b.Valid == nil && !c.float:
		k = pairwise(c.accept, a.Ints(), b.Ints(), sel, r.n, out)
	default:
		each(sel, r.n, func(row int32) {
			i := int(row)
			if a.Null(i) || b.Null(i) {
				return
			}
			var got int
			if c.float {
				got = order(a.Float(i), b.Float(i))
			} else {
				got = order(a.Int(i), b.Int(i))
			}
			// Two numbers without an order (NaN) are only unequal.
			if got&c.accept != 0 || got == 0 && c.accept == less|greater {
				out[k] = row
				k++
			}
		})
	}
	c.out = out[:k]
	return c.out, nil
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return less
	case a == b:
		return equal
	case a > b:
		return greater
	}
	return 0
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func against(accept int, a []int64, x int64, sel []int32, n int, out []int32) int {
	k := 0
	if sel == nil {
		a = a[:n]
		switch accept {
		case equal:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v == x)
			}
		case less | greater:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v != x)
			}
		case less:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v < x)
			}
		case less | equal:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v <= x)
			}
		case greater:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v > x)
			}
		case greater | equal:
			for i, v := range a {
				out[k] = int32(i)
				k += bit(v >= x)
			}
		}
		return k
	}
	for _, i := range sel {
		out[k] = i
		k += bit(order(a[i], x)&accept != 0)
	}
	return k
}

func pairwise(accept int, a, b []int64, sel []int32, n int, out []int32) int {
	k := 0
	if sel == nil {
		for i := range n {
			out[k] = int32(i)
			k += bit(order(a[i], b[i])&accept != 0)
		}
		return k
	}
	for _, i := range sel {
		out[k] = i
		k += bit(order(a[i], b[i])&accept != 0)
	}
	return k
}
