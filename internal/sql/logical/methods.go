package logical

import "github.com/weirstream/weir/types"

func (r *Scan) Fields() []types.Field          { return r.Out }
func (r *Values) Fields() []types.Field        { return r.Out }
func (r *Project) Fields() []types.Field       { return r.Out }
func (r *Filter) Fields() []types.Field        { return r.Input.Fields() }
func (r *Watermark) Fields() []types.Field     { return r.Out }
func (r *WindowTable) Fields() []types.Field   { return r.Out }
func (r *Aggregate) Fields() []types.Field     { return r.Out }
func (r *Join) Fields() []types.Field          { return r.Out }
func (r *TemporalJoin) Fields() []types.Field  { return r.Out }
func (r *Correlate) Fields() []types.Field     { return r.Out }
func (r *SetOp) Fields() []types.Field         { return r.Out }
func (r *Sort) Fields() []types.Field          { return r.Input.Fields() }
func (r *Over) Fields() []types.Field          { return r.Out }
func (r *ToChangelog) Fields() []types.Field   { return r.Out }
func (r *FromChangelog) Fields() []types.Field { return r.Out }
func (r *SnapshotJoin) Fields() []types.Field  { return r.Out }
func (r *Match) Fields() []types.Field         { return r.Out }
func (r *Sink) Fields() []types.Field          { return nil }

func (r *Scan) Inputs() []Rel          { return nil }
func (r *Values) Inputs() []Rel        { return nil }
func (r *Project) Inputs() []Rel       { return []Rel{r.Input} }
func (r *Filter) Inputs() []Rel        { return []Rel{r.Input} }
func (r *Watermark) Inputs() []Rel     { return []Rel{r.Input} }
func (r *WindowTable) Inputs() []Rel   { return []Rel{r.Input} }
func (r *Aggregate) Inputs() []Rel     { return []Rel{r.Input} }
func (r *Join) Inputs() []Rel          { return []Rel{r.Left, r.Right} }
func (r *TemporalJoin) Inputs() []Rel  { return []Rel{r.Left, r.Right} }
func (r *Correlate) Inputs() []Rel     { return []Rel{r.Input} }
func (r *SetOp) Inputs() []Rel         { return r.Of }
func (r *Sort) Inputs() []Rel          { return []Rel{r.Input} }
func (r *Over) Inputs() []Rel          { return []Rel{r.Input} }
func (r *ToChangelog) Inputs() []Rel   { return []Rel{r.Input} }
func (r *FromChangelog) Inputs() []Rel { return []Rel{r.Input} }
func (r *SnapshotJoin) Inputs() []Rel  { return []Rel{r.Left, r.Right} }
func (r *Match) Inputs() []Rel         { return []Rel{r.Input} }
func (r *Sink) Inputs() []Rel          { return []Rel{r.Input} }

func (r *Scan) With([]Rel) Rel   { return r }
func (r *Values) With([]Rel) Rel { return r }

func (r *Project) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Filter) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Watermark) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *WindowTable) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Aggregate) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Join) With(in []Rel) Rel {
	c := *r
	c.Left, c.Right = in[0], in[1]
	return &c
}

func (r *TemporalJoin) With(in []Rel) Rel {
	c := *r
	c.Left, c.Right = in[0], in[1]
	return &c
}

func (r *Correlate) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *SetOp) With(in []Rel) Rel {
	c := *r
	c.Of = in
	return &c
}

func (r *Sort) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Over) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *Sink) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *ToChangelog) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *FromChangelog) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

func (r *SnapshotJoin) With(in []Rel) Rel {
	c := *r
	c.Left, c.Right = in[0], in[1]
	return &c
}

func (r *Match) With(in []Rel) Rel {
	c := *r
	c.Input = in[0]
	return &c
}

// Rewrite returns r with every operator, from the leaves up, replaced by what f returns. What does not change is shared, and an operator that several read is visited once.
func Rewrite(r Rel, f func(Rel) Rel) Rel { return rewrite(r, f, map[Rel]Rel{}) }

func rewrite(r Rel, f func(Rel) Rel, done map[Rel]Rel) Rel {
	if to, ok := done[r]; ok {
		return to
	}
	from := r
	inputs := r.Inputs()
	changed := make([]Rel, len(inputs))
	differ := false
	for i, in := range inputs {
		changed[i] = rewrite(in, f, done)
		differ = differ || changed[i] != in
	}
	if differ {
		r = r.With(changed)
	}
	r = f(r)
	done[from] = r
	return r
}
