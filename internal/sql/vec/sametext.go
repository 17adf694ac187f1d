package vec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
)

// sameText selects the rows where a string is equal to a short literal, or is not: two words are compared.
type sameText struct {
	of    node
	is    column.View
	equal bool
	out   []int32
}

// sameText compiles a comparison with a literal that fits in a view; nil if e is none.
func (c *compiler) sameText(e *expr.Call, s *scope) (selector, error) {
	if e.Fn.Name != "=" && e.Fn.Name != "<>" || len(e.Args) != 2 {
		return nil, nil
	}
	of, literal := e.Args[0], e.Args[1]
	k, ok := literal.(*expr.Const)
	if !ok {
		k, ok = of.(*expr.Const)
		of = literal
	}
	if !ok || k.Value.Null || !k.T.IsChar() || !of.Type().IsChar() || len(k.Value.Text) > column.InlineBytes {
		return nil, nil
	}
	n, err := c.compile(of, s)
	return &sameText{of: n, is: column.MakeView([]byte(k.Value.Text), 0, 0), equal: e.Fn.Name == "="}, err
}

func (t *sameText) rows(r *run, sel []int32) ([]int32, error) {
	v, err := t.of.eval(r, sel)
	if err != nil {
		return nil, err
	}
	out := room(t.out, r.n)[:r.n]
	k := 0
	is, want := t.is, bit(t.equal)
	if v.Index == nil && !v.Const && v.Valid == nil {
		if sel == nil {
			for i, w := range v.Views[:r.n] {
				out[k] = int32(i)
				k += 1 ^ want ^ bit(w == is)
			}
		} else {
			for _, i := range sel {
				out[k] = i
				k += 1 ^ want ^ bit(v.Views[i] == is)
			}
		}
	} else {
		each(sel, r.n, func(row int32) {
			f, i := v.At(int(row))
			if f.Valid != nil && f.Valid[i>>6]>>(i&63)&1 == 0 {
				return
			}
			out[k] = row
			k += 1 ^ want ^ bit(f.Views[i] == is)
		})
	}
	t.out = out[:k]
	return t.out, nil
}
