package physical

import (
	"slices"

	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// LocalAggregate is the first of two phases of an aggregation: it folds the rows of each batch before they are spread. The second one is a GroupAggregate or WindowAggregate that has it as Local, with an exchange between.
type LocalAggregate struct {
	Head
	Group []int
	Calls []*logical.AggCall
	// Windowed tells that windows are computed; Spec says how a row's time makes its slice, nil if rows carry their windows, which are keys then.
	Windowed bool
	Spec     *logical.WindowSpec
}

// Name implements [Node].
func (n *LocalAggregate) Name() string {
	if n.Windowed {
		return "LocalWindowAggregate"
	}
	return "LocalGroupAggregate"
}

// Attrs implements [Node].
func (n *LocalAggregate) Attrs() (a []Attr) {
	in := n.Inputs[0].Of().Fields
	if len(n.Group) > 0 {
		a = append(a, Attr{"groupBy", names(in, n.Group)})
	}
	if n.Spec != nil {
		a = append(a, Attr{"window", windowText(*n.Spec, in)})
	}
	a = append(a, Attr{"select", allNames(n.Fields)})
	if len(n.Calls) > 0 {
		a = append(a, Attr{"of", calls(in, n.Calls)})
	}
	return a
}

// TwoPhases says which aggregations are to be computed in two phases.
type TwoPhases struct {
	// Auto leaves out those that would gain nothing or might: where the input comes from one subtask, has a key of its own among those of the aggregation, may take rows back that have not been there, or where the result
	// depends on the order of additions.
	Auto bool
	// Partial returns the columns of the first phase, behind the keys; ok is false where there can be none. exact tells that the results are the same to the last bit.
	Partial func(calls []*logical.AggCall, in *Head, windowed bool) (fields []types.Field, exact, ok bool)
}

// Split divides aggregations into two phases. The second phase has the number of the whole, and its state: so a job may be restored with one phase or two, whichever it had before. It is called last, for a job
// that runs in more than one subtask.
func (p *Program) Split(how TwoPhases) {
	var nodes []Node
	for _, n := range p.Nodes {
		if local, x := how.split(n); local != nil {
			nodes = append(nodes, local, x)
			n.Of().Inputs = []Node{x}
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == len(p.Nodes) {
		return
	}
	p.Fired = append(p.Fired, "two-phase-aggregate")
	// Exchanges that nobody reads any more are left out.
	read := map[Node]bool{}
	for _, n := range nodes {
		for _, in := range n.Of().Inputs {
			read[in] = true
		}
	}
	p.Nodes = slices.DeleteFunc(nodes, func(n Node) bool {
		_, ok := n.(*Exchange)
		return ok && !read[n]
	})
}

// split returns the first phase of an aggregation and the exchange behind it, nil where there is none.
func (how TwoPhases) split(n Node) (*LocalAggregate, *Exchange) {
	h := n.Of()
	if len(h.Inputs) != 1 {
		return nil, nil
	}
	x, ok := h.Inputs[0].(*Exchange)
	if !ok || x.Inputs[0].Of().Single && h.Single {
		return nil, nil
	}
	from := x.Inputs[0]
	in := from.Of()
	retracts := in.Changelog.Updates()
	l := &LocalAggregate{Head: Head{ID: h.ID, Inputs: []Node{from}, Changelog: types.AppendOnly, Single: in.Single, Bounded: in.Bounded, At: h.At}}
	switch n := n.(type) {
	case *GroupAggregate:
		if n.PerRow || retracts && n.TTL > 0 {
			return nil, nil
		}
		l.Group, l.Calls = n.Group, n.Calls
	case *WindowAggregate:
		if n.Spec.Proctime || retracts || n.Spec.Kind == logical.Session && n.Attached == nil {
			return nil, nil
		}
		l.Group, l.Calls, l.Windowed = n.Group, n.Calls, true
		if n.Attached != nil {
			l.Group = append(slices.Clone(n.Group), n.Attached.Start, n.Attached.End)
		} else {
			spec := n.Spec
			l.Spec = &spec
		}
	default:
		return nil, nil
	}
	partial, exact, ok := how.Partial(l.Calls, in, l.Windowed)
	if !ok || how.Auto && (!exact || how.idle(from, l.Group, retracts)) {
		return nil, nil
	}
	for _, k := range l.Group {
		l.Fields = append(l.Fields, in.Fields[k])
	}
	if l.Spec != nil {
		l.Fields = append(l.Fields, types.Field{Name: "$slice", Type: types.New(types.BigInt).NotNull()})
	}
	l.Fields = append(l.Fields, partial...)
	var hash []int
	keys := len(l.Group)
	switch n := n.(type) {
	case *GroupAggregate:
		n.Local = l
	case *WindowAggregate:
		n.Local = l
		keys = len(n.Group)
	}
	for i := range keys {
		hash = append(hash, i)
	}
	return l, &Exchange{Head{ID: h.ID, Inputs: []Node{l}, Fields: l.Fields, Changelog: types.AppendOnly, Single: len(hash) == 0, Bounded: in.Bounded}, hash}
}

// idle reports whether the first phase would have nothing to do, or might do something else.
func (TwoPhases) idle(from Node, group []int, retracts bool) bool {
	h := from.Of()
	if h.Single {
		return true
	}
	for _, k := range h.Keys {
		if !slices.ContainsFunc(k, func(c int) bool { return !slices.Contains(group, c) }) {
			return true
		}
	}
	switch producer(from).(type) {
	case *Scan, *FromChangelog:
		return retracts
	}
	return false
}

// rows is the head of what an aggregation is computed of: the input of its first phase.
func rows(n Node, local *LocalAggregate) *Head {
	if local != nil {
		return local.Inputs[0].Of()
	}
	return n.Of().Inputs[0].Of()
}

// Rows is what the calls are over: the input, or that of the first phase.
func (n *GroupAggregate) Rows() *Head { return rows(n, n.Local) }

// Rows is what the calls and the window are over: the input, or that of the first phase.
func (n *WindowAggregate) Rows() *Head { return rows(n, n.Local) }

// Whole is the name that a node has without phases: that which its uid has.
func Whole(n Node) string {
	switch n := n.(type) {
	case *GroupAggregate:
		return "GroupAggregate"
	case *WindowAggregate:
		return "WindowAggregate"
	default:
		return n.Name()
	}
}
