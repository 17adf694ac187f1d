package oracle

import (
	"math/big"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// aggregate groups rows. Of windows, what comes behind their end is dropped; a group that has no rows is none.
func (e *evaluator) aggregate(r *logical.Aggregate) *relation {
	in := e.rel(r.Input)
	width := len(r.Input.Fields())
	out := &relation{updates: true}
	ordered := in.ordered
	switch {
	case r.Window != nil:
		in = e.windows(in, r.Window, width, r.Keys)
		in = e.timely(in)
		out.updates, ordered = false, ordered && in.window.apart
	case in.window != nil && in.window.start >= 0 && in.window.end >= 0 && slices.Contains(r.Keys, in.window.start) && slices.Contains(r.Keys, in.window.end):
		in = e.timely(in)
		out.updates, ordered = false, ordered && in.window.apart
	}
	sets := r.Sets
	if sets == nil {
		all := make([]int, len(r.Keys))
		for i := range all {
			all[i] = i
		}
		sets = [][]int{all}
	}
	for _, set := range sets {
		var groups []string
		rows := map[string][]Row{}
		keys := map[string]Row{}
		for _, ev := range in.rows {
			key := make(Row, len(r.Keys))
			for _, k := range set {
				key[k] = ev.row[r.Keys[k]]
			}
			id := key
			if r.Window != nil {
				id = append(slices.Clone(key), ev.row[width], ev.row[width+1])
			}
			text := keyOf(id)
			if keys[text] == nil {
				groups, keys[text] = append(groups, text), key
			}
			rows[text] = append(rows[text], ev.row)
		}
		if e.o.Batch && len(r.Keys) == 0 && r.Sets == nil && r.Window == nil && len(groups) == 0 {
			groups, keys[""] = []string{""}, Row{}
		}
		for _, g := range groups {
			row := slices.Clone(keys[g])
			for _, c := range r.Calls {
				row = append(row, aggregated(c, rows[g], ordered))
			}
			for _, p := range r.Properties {
				switch p {
				case logical.WindowStart:
					row = append(row, rows[g][0][width])
				case logical.WindowEnd:
					row = append(row, rows[g][0][width+1])
				case logical.WindowRowtime:
					row = append(row, rows[g][0][width+2])
				default:
					unsupported("processing time")
				}
			}
			for _, keys := range r.Groupings {
				bits := int64(0)
				for _, k := range keys {
					bits <<= 1
					if !slices.Contains(set, k) {
						bits |= 1
					}
				}
				row = append(row, bits)
			}
			out.rows = append(out.rows, event{row, 0, noMark})
		}
	}
	if !out.updates && r.Sets == nil {
		at := make([]int, len(in.rows0()))
		for i := range at {
			at[i] = slices.Index(r.Keys, i)
		}
		if r.Window == nil {
			out.window = in.window.moved(at)
		} else {
			base := len(r.Keys) + len(r.Calls)
			place := func(p logical.WindowProperty) int {
				if i := slices.Index(r.Properties, p); i >= 0 {
					return base + i
				}
				return -1
			}
			out.window = &window{place(logical.WindowStart), place(logical.WindowEnd), place(logical.WindowRowtime), r.Window.Kind == logical.Tumble}
		}
	}
	return out
}

// rows0 is a row of the relation, of which only the number of columns counts.
func (in *relation) rows0() Row {
	if len(in.rows) == 0 {
		return make(Row, 256)
	}
	return in.rows[0].row
}

// aggregated is the result of a call over the rows of a group.
func aggregated(c *logical.AggCall, rows []Row, ordered bool) any {
	var list []Row // of arguments
	seen := map[string]bool{}
	for _, row := range rows {
		if c.Filter >= 0 && row[c.Filter] != true {
			continue
		}
		args := evalAll(c.Args, row)
		if c.Distinct {
			k := keyOf(args)
			if seen[k] {
				continue
			}
			seen[k] = true
		}
		if !slices.Contains(args, nil) {
			list = append(list, args)
		}
	}
	first := func() any {
		if len(list) == 0 {
			return nil
		}
		if !ordered && slices.ContainsFunc(list, func(r Row) bool { return keyOf(r) != keyOf(list[0]) }) {
			undetermined("%s depends on the order of rows", c.Fn.Name)
		}
		return list[0][0]
	}
	switch c.Fn.Name {
	case "COUNT":
		return int64(len(list))
	case "SUM", "$SUM0", "AVG":
		if len(list) == 0 {
			if c.Fn.Name == "$SUM0" {
				return fits(int64(0), c.T)
			}
			return nil
		}
		if c.T.IsApprox() {
			sum := 0.0
			for _, a := range list {
				sum += floatOf(a[0])
			}
			if c.Fn.Name == "AVG" {
				sum /= float64(len(list))
			}
			return fits(sum, c.T)
		}
		sum := new(big.Rat)
		for _, a := range list {
			sum.Add(sum, ratOf(a[0]))
		}
		if c.Fn.Name == "AVG" {
			sum.Quo(sum, big.NewRat(int64(len(list)), 1))
		}
		return fits(sum, c.T)
	case "MIN", "MAX":
		if len(list) == 0 {
			return nil
		}
		best := list[0][0]
		for _, a := range list[1:] {
			if d := compare(a[0], best); d < 0 && c.Fn.Name == "MIN" || d > 0 && c.Fn.Name == "MAX" {
				best = a[0]
			}
		}
		return best
	case "SINGLE_VALUE":
		if len(rows) > 1 {
			unsupported("several rows as a value")
		}
		return first()
	case "FIRST_VALUE":
		return first()
	case "LAST_VALUE":
		if first() == nil {
			return nil
		}
		return list[len(list)-1][0]
	case "LISTAGG":
		if first() == nil {
			return nil
		}
		if len(c.Order) > 0 {
			unsupported("WITHIN GROUP")
		}
		var parts []string
		sep := ","
		for _, a := range list {
			parts = append(parts, a[0].(string))
			if len(a) > 1 {
				sep = a[1].(string)
			}
		}
		return strings.Join(parts, sep)
	}
	unsupported("the aggregate %s", c.Fn.Name)
	return nil
}

// isTime reports whether a column is a time attribute of event time.
func isTime(t types.Type) bool { return t.Attribute() == types.Rowtime }
