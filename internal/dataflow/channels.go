package dataflow

// Targets returns the consumer subtasks to which a producer subtask of e has a channel, ascending. It is the mirror of
// [Plan.Sources]: q is in Targets(e, p) exactly if p is in Sources(e, q).
//
//   - hash, rebalance, broadcast, shuffle, custom: all of them;
//   - global: subtask 0;
//   - forward: the subtask of the same index;
//   - rescale: a contiguous range, as even as can be. With as many or more consumers, consumers are split among producers; with
//     fewer, producers among consumers, so several producers share one consumer. The ranges are Flink's.
//
// A subtask that does not exist has none. The slice is the caller's.
func (p *Plan) Targets(e *PlanEdge, fromSubtask int) []int {
	from, to := p.Vertices[e.From].Parallelism, p.Vertices[e.To].Parallelism
	return targets(e.Partitioner, from, to, fromSubtask)
}

// Sources returns the producer subtasks from which a consumer subtask of e has a channel, ascending: see [Plan.Targets].
// Behind a global edge, only subtask 0 has any.
func (p *Plan) Sources(e *PlanEdge, toSubtask int) []int {
	from, to := p.Vertices[e.From].Parallelism, p.Vertices[e.To].Parallelism
	return sources(e.Partitioner, from, to, toSubtask)
}

func targets(part Partitioner, from, to, subtask int) []int {
	if subtask < 0 || subtask >= from {
		return nil
	}
	switch part {
	case Global:
		return []int{0}
	case Forward, Rescale:
		switch {
		case from == to:
			return []int{subtask}
		case from > to:
			// The consumer whose range, as in sources, holds subtask.
			return []int{ceilDiv((subtask+1)*to, from) - 1}
		default:
			return interval(ceilDiv(subtask*to, from), ceilDiv((subtask+1)*to, from))
		}
	default:
		return interval(0, to)
	}
}

func sources(part Partitioner, from, to, subtask int) []int {
	if subtask < 0 || subtask >= to {
		return nil
	}
	switch part {
	case Global:
		if subtask != 0 {
			return nil
		}
		return interval(0, from)
	case Forward, Rescale:
		switch {
		case from == to:
			return []int{subtask}
		case from > to:
			return interval(subtask*from/to, (subtask+1)*from/to)
		default:
			// The producer whose range, as in targets, holds subtask.
			return []int{subtask * from / to}
		}
	default:
		return interval(0, from)
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// interval returns start, start+1, ..., end-1.
func interval(start, end int) []int {
	s := make([]int, 0, max(end-start, 0))
	for i := start; i < end; i++ {
		s = append(s, i)
	}
	return s
}
