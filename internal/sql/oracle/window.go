package oracle

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/internal/sql/logical"
)

func (e *evaluator) windowTable(r *logical.WindowTable) *relation {
	return e.windows(e.rel(r.Input), &r.Window, len(r.Input.Fields()), r.Window.Keys)
}

// windows gives each row once for each of its windows, with the window's start, end and time behind the width columns.
func (e *evaluator) windows(in *relation, w *logical.WindowSpec, width int, keys []int) *relation {
	if w.Proctime {
		unsupported("processing time")
	}
	out := &relation{updates: in.updates, ordered: in.ordered, window: &window{width, width + 1, width + 2, w.Kind == logical.Tumble}}
	if w.Kind == logical.Session {
		out.rows = e.sessions(in, w, keys)
		return out
	}
	for _, ev := range in.rows {
		t := timeOf(ev.row[w.Time])
		for _, b := range boundsOf(w, t) {
			out.rows = append(out.rows, event{inWindow(ev.row, b[0], b[1]), ev.batch, ev.mark})
		}
	}
	return out
}

func inWindow(row Row, start, end int64) Row {
	return append(slices.Clone(row), millis(start), millis(end), millis(end-1))
}

// timeOf is the time of a row in milliseconds.
func timeOf(v any) int64 {
	t, ok := v.(Time)
	if !ok {
		unsupported("a row without a time")
	}
	return t.millis()
}

// boundsOf are the windows of a time.
func boundsOf(w *logical.WindowSpec, t int64) (list [][2]int64) {
	step := w.Slide
	switch w.Kind {
	case logical.Tumble:
		step = w.Size
	case logical.Cumulate:
		start := floorDiv(t-w.Offset, w.Size)*w.Size + w.Offset
		for end := start + w.Slide; end <= start+w.Size; end += w.Slide {
			if t < end {
				list = append(list, [2]int64{start, end})
			}
		}
		return list
	}
	for start := floorDiv(t-w.Offset, step)*step + w.Offset; start > t-w.Size; start -= step {
		list = append(list, [2]int64{start, start + w.Size})
	}
	return list
}

// timely drops the rows whose window has ended before they come.
func (e *evaluator) timely(in *relation) *relation {
	out := &relation{updates: in.updates, ordered: in.ordered, window: in.window}
	for _, ev := range in.rows {
		if !in.late(ev, timeOf(ev.row[in.window.end])-1) {
			out.rows = append(out.rows, ev)
		}
	}
	return out
}

// session is one that may still grow.
type session struct {
	start, end int64
	rows       []event
}

// sessions puts rows into sessions, which are closed when the watermark has passed their end. A row that is behind the watermark counts if it belongs to a session that is not closed.
func (e *evaluator) sessions(in *relation, w *logical.WindowSpec, keys []int) (out []event) {
	open := map[string][]*session{}
	var all []*session
	for _, ev := range in.rows {
		t := timeOf(ev.row[w.Time])
		if !in.ordered && t <= ev.mark {
			undetermined("a row may be late for its session")
		}
		var key Row
		for _, k := range keys {
			key = append(key, ev.row[k])
		}
		id := keyOf(key)
		s := &session{start: t, end: t + w.Size, rows: []event{ev}}
		var others []*session
		merged := []*session{}
		for _, o := range open[id] {
			switch {
			case in.ordered && o.end-1 <= ev.mark: // closed
			case o.start <= s.end && s.start <= o.end:
				merged = append(merged, o)
			default:
				others = append(others, o)
			}
		}
		// What it touches may touch more, once they are one.
		for _, o := range merged {
			s.start, s.end = min(s.start, o.start), max(s.end, o.end)
			s.rows = append(s.rows, o.rows...)
		}
		if s.end-1 <= ev.mark {
			continue
		}
		all = slices.DeleteFunc(all, func(o *session) bool { return slices.Contains(merged, o) })
		open[id] = append(others, s)
		all = append(all, s)
	}
	for _, s := range all {
		slices.SortStableFunc(s.rows, func(a, b event) int { return cmp.Compare(a.batch, b.batch) })
		for _, ev := range s.rows {
			out = append(out, event{inWindow(ev.row, s.start, s.end), ev.batch, noMark})
		}
	}
	return out
}
