package vec

import (
	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/types"
)

// junction is AND or OR: the rows that an argument leaves open are given to the next.
type junction struct {
	args    []node
	decides uint64 // the value of an argument that settles the result: 0 for AND, 1 for OR
	out     column.Vector
	open    [2][]int32
}

func (c *compiler) junction(e *expr.Call, s *scope) (node, error) {
	j := &junction{args: make([]node, len(e.Args))}
	if e.Fn.Name == "OR" {
		j.decides = 1
	}
	for i, a := range expr.CheapFirst(e.Args) {
		if i > 0 {
			s = &scope{outer: s} // those of the rows that are open
		}
		n, err := c.compile(a, s)
		if err != nil {
			return nil, err
		}
		j.args[i] = n
	}
	return j, nil
}

func (j *junction) eval(r *run, sel []int32) (*column.Vector, error) {
	out := &j.out
	out.Reset(column.Word, r.n)
	fill(out.Words, 1-j.decides)
	for i, a := range j.args {
		if i > 0 && len(sel) == 0 {
			break
		}
		v, err := a.eval(r, sel)
		if err != nil {
			return nil, err
		}
		into := &j.open[i&1]
		*into = room(*into, r.n)
		open := *into
		step := func(row int32) {
			switch {
			case v.Null(int(row)):
				if out.Valid == nil {
					out.AllValid(r.n)
				}
				out.Valid[row>>6] &^= 1 << (row & 63)
				open = append(open, row)
			case v.Word(int(row)) == j.decides:
				out.Words[row] = j.decides
				if out.Valid != nil {
					out.Valid[row>>6] |= 1 << (row & 63)
				}
			default:
				open = append(open, row)
			}
		}
		if sel == nil {
			for row := range int32(r.n) {
				step(row)
			}
		} else {
			for _, row := range sel {
				step(row)
			}
		}
		*into, sel = open, open
	}
	return out, nil
}

func fill(words []uint64, x uint64) {
	for i := range words {
		words[i] = x
	}
}

// choice is CASE or IF: conditions and values in turn, and the value for the rest.
type choice struct {
	conds  []selector
	values []node // one more than conds
	out    merged
	rest   [2][]int32
}

func (c *compiler) choice(e *expr.Call, s *scope) (node, error) {
	n := &choice{out: newMerged(e.T)}
	args := e.Args
	if len(args)%2 == 0 {
		args = append(args[:len(args):len(args)], &expr.Const{Value: column.NullValue(), T: e.T.Null()})
	}
	for i := 0; i+1 < len(args); i += 2 {
		if i > 0 {
			s = &scope{outer: s} // rows for which no condition was true
		}
		cond, last, err := c.selector(args[i], s)
		if err != nil {
			return nil, err
		}
		value, err := c.compile(args[i+1], &scope{outer: last})
		if err != nil {
			return nil, err
		}
		n.conds, n.values = append(n.conds, cond), append(n.values, value)
	}
	value, err := c.compile(args[len(args)-1], &scope{outer: s})
	n.values = append(n.values, value)
	return n, err
}

func (c *choice) eval(r *run, sel []int32) (*column.Vector, error) {
	c.out.begin(r.n)
	for i, cond := range c.conds {
		if sel != nil && len(sel) == 0 {
			break
		}
		hit, err := cond.rows(r, sel)
		if err != nil {
			return nil, err
		}
		if len(hit) == 0 {
			continue
		}
		into := &c.rest[i&1]
		*into = without(room(*into, r.n), sel, hit, r.n)
		sel = *into
		v, err := c.values[i].eval(r, hit)
		if err != nil {
			return nil, err
		}
		c.out.put(v, hit, r.n)
	}
	if sel == nil || len(sel) > 0 {
		v, err := c.values[len(c.conds)].eval(r, sel)
		if err != nil {
			return nil, err
		}
		c.out.put(v, sel, r.n)
	}
	return c.out.done(r.n), nil
}

// without appends to out the rows of sel that are not in hit.
func without(out, sel, hit []int32, n int) []int32 {
	k := 0
	keep := func(row int32) {
		if k < len(hit) && hit[k] == row {
			k++
			return
		}
		out = append(out, row)
	}
	if sel == nil {
		for row := range int32(n) {
			keep(row)
		}
	} else {
		for _, row := range sel {
			keep(row)
		}
	}
	return out
}

// coalesce is the first argument that is not null.
type coalesce struct {
	args []node
	out  merged
	open [2][]int32
	hit  []int32
}

func (c *compiler) coalesce(e *expr.Call, s *scope) (node, error) {
	n := &coalesce{out: newMerged(e.T)}
	for i, a := range e.Args {
		if i > 0 {
			s = &scope{outer: s}
		}
		arg, err := c.compile(a, s)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
	}
	return n, nil
}

func (c *coalesce) eval(r *run, sel []int32) (*column.Vector, error) {
	for i, a := range c.args {
		if i > 0 && len(sel) == 0 {
			break
		}
		v, err := a.eval(r, sel)
		if err != nil {
			return nil, err
		}
		if i == 0 && (!v.Nulls() || len(c.args) == 1) {
			return v, nil
		}
		if i == 0 {
			c.out.begin(r.n)
		}
		if i == len(c.args)-1 {
			c.out.put(v, sel, r.n)
			break
		}
		c.hit = room(c.hit, r.n)
		into := &c.open[i&1]
		*into = room(*into, r.n)
		open, hit := *into, c.hit
		step := func(row int32) {
			if v.Null(int(row)) {
				open = append(open, row)
			} else {
				hit = append(hit, row)
			}
		}
		if sel == nil {
			for row := range int32(r.n) {
				step(row)
			}
		} else {
			for _, row := range sel {
				step(row)
			}
		}
		c.out.put(v, hit, r.n)
		c.hit, *into, sel = hit, open, open
	}
	return c.out.done(r.n), nil
}

// merged is a vector put together of the rows of several.
type merged struct {
	vector column.Vector
	shape  column.Shape
	from   []*column.Vector // for forms that are not written in place: where each row comes from
}

func newMerged(t types.Type) merged { return merged{shape: column.ShapeOf(t)} }

func (m *merged) begin(n int) {
	m.vector.Reset(m.shape.Form, n)
	if m.shape.Form > column.Text {
		m.from = append(m.from[:0], make([]*column.Vector, n)...)
	}
}

func (m *merged) put(v *column.Vector, sel []int32, n int) {
	if sel == nil {
		for row := range n {
			m.row(v, row, n)
		}
		return
	}
	for _, row := range sel {
		m.row(v, int(row), n)
	}
}

func (m *merged) row(v *column.Vector, row, n int) {
	if m.from != nil {
		m.from[row] = v
		return
	}
	f, i := v.At(row)
	if f.Valid != nil && f.Valid[i>>6]>>(i&63)&1 == 0 {
		m.vector.SetNull(row, n)
		return
	}
	switch m.shape.Form {
	case column.Word:
		m.vector.Words[row] = f.Words[i]
	case column.Wide:
		m.vector.Wide[row] = f.Wide[i]
	case column.Text:
		w := &f.Views[i]
		if w.Inline() {
			m.vector.Views[row] = *w
		} else {
			m.vector.SetBytes(row, w.Content(f.Buffers))
		}
	}
}

func (m *merged) done(n int) *column.Vector {
	if m.from != nil {
		m.vector.Reset(m.shape.Form, 0)
		for row, v := range m.from {
			x := column.NullValue()
			if v != nil {
				x = v.Value(row)
			}
			m.vector.AppendValue(x, &m.shape, row)
		}
	}
	return &m.vector
}

// of makes a call of a built-in function, with the casts that its signature asks for.
func (c *compiler) of(f *fn.Function, args ...expr.Expr) (expr.Expr, error) {
	sig, err := f.Infer(c.session, expr.Args(args))
	if err != nil {
		return nil, err
	}
	for i, t := range sig.Args {
		if have := args[i].Type(); t.Valid() && !t.WithNullable(have.Nullable()).Same(have) {
			args[i] = &expr.Call{Fn: fn.Cast, Args: []expr.Expr{args[i]}, T: t.WithNullable(have.Nullable())}
		}
	}
	return &expr.Call{Fn: f, Args: args, T: sig.Result}, nil
}

func (c *compiler) nullif(e *expr.Call, s *scope) (node, error) {
	same, err := c.of(fn.Equals, e.Args[0], e.Args[1])
	if err != nil {
		return nil, err
	}
	return c.choice(&expr.Call{Fn: e.Fn, Args: []expr.Expr{same, &expr.Const{Value: column.NullValue(), T: e.T.Null()}, e.Args[0]}, T: e.T}, s)
}

func (c *compiler) in(e *expr.Call, s *scope) (node, error) {
	if n, err := c.member(e, s); n != nil || err != nil {
		return n, err
	}
	tests := make([]expr.Expr, 0, len(e.Args)-1)
	for _, item := range e.Args[1:] {
		same, err := c.of(fn.Equals, e.Args[0], item)
		if err != nil {
			return nil, err
		}
		tests = append(tests, same)
	}
	any := expr.Expr(&expr.Call{Fn: fn.Or, Args: tests, T: e.T})
	if e.Fn.Name == "NOT IN" {
		any = &expr.Call{Fn: fn.Not, Args: []expr.Expr{any}, T: e.T}
	}
	return c.compile(any, s)
}

// member is IN over a list of literals of the argument's own type.
type member struct {
	of      node
	words   map[uint64]bool
	texts   map[string]bool
	null    bool // NULL is in the list: what is not found is unknown
	present uint64
	out     column.Vector
}

func (c *compiler) member(e *expr.Call, s *scope) (node, error) {
	t := e.Args[0].Type()
	m := &member{present: 1}
	if e.Fn.Name == "NOT IN" {
		m.present = 0
	}
	switch {
	case t.Kind() == types.Varchar:
		m.texts = map[string]bool{}
	case column.FormOf(t) == column.Word && !t.IsApprox():
		m.words = map[uint64]bool{}
	default:
		return nil, nil
	}
	for _, item := range e.Args[1:] {
		k, ok := item.(*expr.Const)
		switch {
		case !ok:
			return nil, nil
		case k.Value.Null:
			m.null = true
		case m.texts != nil && k.T.IsChar():
			m.texts[k.Value.Text] = true
		case m.words != nil && (k.T.WithNullable(t.Nullable()).Same(t) || t.IsInteger() && k.T.IsInteger()):
			m.words[k.Value.Word] = true
		default:
			return nil, nil
		}
	}
	var err error
	m.of, err = c.compile(e.Args[0], s)
	return m, err
}

func (m *member) eval(r *run, sel []int32) (*column.Vector, error) {
	v, err := m.of.eval(r, sel)
	if err != nil {
		return nil, err
	}
	m.out.Reset(column.Word, r.n)
	if sel == nil {
		for row := range r.n {
			m.row(v, row, r.n)
		}
	} else {
		for _, row := range sel {
			m.row(v, int(row), r.n)
		}
	}
	return &m.out, nil
}

func (m *member) row(v *column.Vector, row, n int) {
	if v.Null(row) {
		m.out.SetNull(row, n)
		return
	}
	found := false
	if m.words != nil {
		found = m.words[v.Word(row)]
	} else {
		found = m.texts[string(v.Bytes(row))]
	}
	switch {
	case found:
		m.out.Words[row] = m.present
	case m.null:
		m.out.SetNull(row, n)
	default:
		m.out.Words[row] = 1 - m.present
	}
}
