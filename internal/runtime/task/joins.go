package task

import (
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/temporal"
)

// child is where an output of a node leads within the chain.
type child struct {
	at    int // position in the chain
	input int // which of the edges to that node, if it has several
}

// joins is what a node keeps that several edges of its chain lead to: as a task for its channels, it combines their watermarks, and comes to its end when all have.
type joins struct {
	valve *temporal.Valve
	ports []int // of the edges
	ended []bool
}

func newJoins(edges int) *joins {
	return &joins{valve: temporal.NewValve(edges), ended: make([]bool, edges)}
}

// edgesTo counts the edges of a chain that lead to an operator.
func edgesTo(v *dataflow.Vertex, op int) int {
	n := 0
	for _, e := range v.Chained {
		if e.To == op {
			n++
		}
	}
	return n
}

// link makes the end of an edge that leads to a port of a node of the chain.
func (t *Task) link(at, port int) child {
	j := t.nodes[at].joins
	if j == nil {
		return child{at: at}
	}
	j.ports = append(j.ports, port)
	return child{at, len(j.ports) - 1}
}

// hear notes the watermark that comes to a node along an edge of the chain, and returns the one that it stands for. news is false if that is not a new one.
func (t *Task) hear(to child, w int64) (combined int64, news bool) {
	j := t.nodes[to.at].joins
	if j == nil {
		return w, true
	}
	news = j.valve.Watermark(to.input, w)
	return j.valve.Combined(), news
}

// complete tells a node that nothing more comes along an edge of the chain, and reports whether that was the last.
func (t *Task) complete(to child) (last bool) {
	n := t.nodes[to.at]
	j := n.joins
	if j == nil {
		n.instance.EndInput(0)
		return true
	}
	again := j.ended[to.input]
	j.ended[to.input] = true
	j.valve.End(to.input) // event time is complete already: the last watermark came before
	open := false         // the port
	last = true
	for i, ended := range j.ended {
		if !ended {
			last = false
			open = open || j.ports[i] == j.ports[to.input]
		}
	}
	if !open && !again {
		n.instance.EndInput(j.ports[to.input])
	}
	return last
}
