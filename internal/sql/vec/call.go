package vec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
)

func (c *compiler) call(e *expr.Call, s *scope) (node, error) {
	switch e.Fn.Name {
	case "AND", "OR":
		return c.junction(e, s)
	case "CASE", "IF":
		return c.choice(e, s)
	case "COALESCE", "IFNULL":
		return c.coalesce(e, s)
	case "NULLIF":
		return c.nullif(e, s)
	case "IN", "NOT IN":
		return c.in(e, s)
	case "SPLIT_INDEX":
		if n, err := c.split(e, s); n != nil || err != nil {
			return n, err
		}
	}
	if e.Fn.Bind == nil {
		return nil, fault.New(fault.InternalInvariant, "the function %s has no kernel", e.Fn.Name)
	}
	k, err := e.Fn.Bind(c.session, expr.Args(e.Args), e.T)
	if err != nil {
		return nil, err
	}
	n := &kernel{call: k, form: column.FormOf(e.T), strict: e.Fn.Nulls == fn.NullStrict, fails: e.Fn.Fails, constants: e.Fn.Constants,
		fold: e.Fn.Volatility == fn.Immutable && column.FormOf(e.T) <= column.Text}
	n.args, n.values, n.flat = make([]node, len(e.Args)), make([]*column.Vector, len(e.Args)), make([]column.Vector, len(e.Args))
	n.spread = make([]*column.Vector, len(e.Args))
	for i, a := range e.Args {
		if n.args[i], err = c.compile(a, s); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// kernel calls a function's kernel.
type kernel struct {
	call                           fn.Kernel
	args                           []node
	values                         []*column.Vector
	flat                           []column.Vector
	spread                         []*column.Vector // the constant of which flat is a copy, if it is one of the program's own
	form                           column.Form
	strict, fails, constants, fold bool
	out                            column.Vector
	valid                          []uint64
	sel                            []int32
}

func (k *kernel) eval(r *run, sel []int32) (*column.Vector, error) {
	constant := k.fold && len(k.args) > 0 && (sel == nil || len(sel) > 0) && r.n > 0
	for i, a := range k.args {
		v, err := a.eval(r, sel)
		if err != nil {
			return nil, err
		}
		constant = constant && v.Const
		k.values[i] = v
	}
	n := r.n
	if constant {
		sel, n = nil, 1
	}
	nulls := false
	for i, v := range k.values {
		if v.Index == nil && (!v.Const || k.constants) {
			nulls = nulls || v.Valid != nil
			continue
		}
		flat := &k.flat[i]
		if k.spread[i] != v || flat.Form > column.Text || length(flat) < n {
			v.Flatten(n, flat)
			k.spread[i] = nil
			if _, own := bare(k.args[i]).(*constantNode); own {
				k.spread[i] = v
			}
		}
		k.values[i] = flat
		nulls = nulls || flat.Valid != nil
	}
	k.out.Reset(k.form, n)
	if k.strict && nulls {
		words := (n + 63) / 64
		if cap(k.valid) < words {
			k.valid = make([]uint64, max(words, 16))
		}
		k.valid = k.valid[:words]
		for i := range k.valid {
			k.valid[i] = ^uint64(0)
		}
		for _, v := range k.values {
			switch {
			case v.Valid == nil:
			case v.Const:
				if v.Valid[0]&1 == 0 {
					clear(k.valid)
				}
			default:
				intersect(k.valid, v.Valid[:words])
			}
		}
		if k.fails || k.form > column.Text {
			sel = k.present(sel, n)
		}
	}
	if sel == nil || len(sel) > 0 || k.form > column.Text {
		if err := k.call(r.call, k.values, sel, n, &k.out); err != nil {
			return nil, err
		}
	}
	if k.strict && nulls {
		if k.out.Valid == nil {
			copy(k.out.AllValid(n), k.valid)
		} else {
			intersect(k.out.Valid, k.valid)
		}
	}
	k.out.Const = constant
	return &k.out, nil
}

// present returns the rows of sel where no argument is null.
func (k *kernel) present(sel []int32, n int) []int32 {
	k.sel = room(k.sel, n)
	if sel == nil {
		for i := range n {
			if k.valid[i>>6]>>(i&63)&1 != 0 {
				k.sel = append(k.sel, int32(i))
			}
		}
		return k.sel
	}
	for _, i := range sel {
		if k.valid[i>>6]>>(i&63)&1 != 0 {
			k.sel = append(k.sel, i)
		}
	}
	return k.sel
}

// constantNode is another name of constant, where a variable has that one.
type constantNode = constant

func bare(n node) node {
	if s, ok := n.(*shared); ok {
		return s.node
	}
	return n
}

func length(v *column.Vector) int {
	switch v.Form {
	case column.Word:
		return len(v.Words)
	case column.Wide:
		return len(v.Wide)
	case column.Text:
		return len(v.Views)
	}
	return 0
}

// room returns s empty with room for n rows; it is never nil.
func room(s []int32, n int) []int32 {
	if s == nil || cap(s) < n {
		return make([]int32, 0, max(n, 16))
	}
	return s[:0]
}
