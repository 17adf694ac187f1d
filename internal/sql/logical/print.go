package logical

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/types"
)

// Format prints a plan: a line for each operator, its inputs below it, further to the right. An operator that is the input of several is printed once for each.
// With types, the columns of the plan's top are printed first, with their types.
func Format(r Rel, withTypes bool) string {
	var b strings.Builder
	if withTypes {
		fields := r.Fields()
		if s, ok := r.(*Sink); ok {
			fields = s.Input.Fields()
		}
		for _, f := range fields {
			fmt.Fprintf(&b, "-- %s %s\n", f.Name, f.Type)
		}
	}
	format(&b, r, 0)
	return b.String()
}

func format(b *strings.Builder, r Rel, depth int) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString(Line(r))
	b.WriteByte('\n')
	for _, in := range r.Inputs() {
		format(b, in, depth+1)
	}
}

// names are those of an operator's columns, by index.
func names(fields []types.Field) func(i int) string {
	return func(i int) string {
		if i < 0 || i >= len(fields) {
			return "$" + strconv.Itoa(i)
		}
		return fields[i].Name
	}
}

func list[T any](of []T, text func(T) string) string {
	parts := make([]string, len(of))
	for i, x := range of {
		parts[i] = text(x)
	}
	return strings.Join(parts, ", ")
}

// String is the kind in SQL.
func (k JoinKind) String() string {
	return [...]string{"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"}[k]
}

// String is the kind in SQL.
func (k SetKind) String() string { return [...]string{"UNION", "INTERSECT", "EXCEPT"}[k] }

// String is the kind in SQL.
func (k WindowKind) String() string { return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}[k] }

// String is what the property is called in plans.
func (p WindowProperty) String() string {
	return [...]string{"window_start", "window_end", "window_rowtime", "window_proctime"}[p]
}

// Line prints one operator.
func Line(r Rel) string {
	switch r := r.(type) {
	case *Scan:
		return "Scan " + r.Table.Path.String() + " (" + list(r.Out, func(f types.Field) string { return f.Name }) + ")" + optionsOf(r.Options, r.Table.Options)
	case *Values:
		return "Values " + list(r.Rows, func(row []expr.Expr) string {
			return "(" + list(row, expr.Expr.String) + ")"
		})
	case *Project:
		i := -1
		return "Project " + list(r.Exprs, func(e expr.Expr) string {
			i++
			if s := e.String(); s != r.Out[i].Name {
				return s + " AS " + r.Out[i].Name
			}
			return r.Out[i].Name
		})
	case *Filter:
		return "Filter " + r.Cond.String()
	case *Watermark:
		return "Watermark " + r.Out[r.Column].Name + " AS " + r.Expr.String()
	case *WindowTable:
		return "WindowTable " + r.Window.format(names(r.Input.Fields()))
	case *Aggregate:
		return r.line()
	case *Join:
		s := "Join " + r.Kind.String()
		if r.NullAware {
			s += " null aware"
		}
		return s + on(r.Cond) + hints(r.Hints)
	case *TemporalJoin:
		return "TemporalJoin " + r.Kind.String() + " AS OF " + names(r.Left.Fields())(r.Time) + on(r.Cond) + hints(r.Hints)
	case *Correlate:
		s := "Correlate " + r.Kind.String() + " "
		if r.Fn == nil {
			s += "UNNEST"
		} else {
			s += r.Fn.Name
		}
		s += "(" + list(r.Args, expr.Expr.String) + ")"
		if r.Ordinality {
			s += " WITH ORDINALITY"
		}
		return s + on(r.Cond)
	case *SetOp:
		if r.All {
			return r.Kind.String() + " ALL"
		}
		return r.Kind.String()
	case *Sort:
		s := "Sort " + keys(r.Keys, names(r.Fields()))
		if r.Offset > 0 {
			s += " OFFSET " + strconv.FormatInt(r.Offset, 10)
		}
		if r.Limit >= 0 {
			s += " LIMIT " + strconv.FormatInt(r.Limit, 10)
		}
		return s
	case *Over:
		return r.line()
	case *ToChangelog:
		s := "ToChangelog"
		if r.Partition != nil {
			s += " by (" + list(r.Partition, names(r.Input.Fields())) + ")"
		}
		for k, n := range r.Names {
			if n != "" {
				s += " " + types.RowKind(k).String() + " '" + n + "'"
			}
		}
		if !r.FullDeletes {
			s += " partial deletes"
		}
		return s
	case *FromChangelog:
		name := names(r.Input.Fields())
		s := "FromChangelog " + name(r.Op)
		if r.Partition != nil {
			s += " by (" + list(r.Partition, name) + ")"
		}
		for _, n := range slices.Sorted(maps.Keys(r.Kinds)) {
			s += " '" + n + "' " + r.Kinds[n].String()
		}
		return s + " else " + r.Invalid
	case *SnapshotJoin:
		s := "SnapshotJoin " + r.Kind.String() + on(r.Cond)
		if r.Condition != "" {
			s += " loaded " + r.Condition
		}
		if r.Time != nil {
			s += " " + r.Time.String()
		}
		return s + optionsOf(r.Options, nil)
	case *Match:
		return r.line()
	case *Sink:
		s := "Sink "
		if r.Overwrite {
			s += "OVERWRITE "
		}
		s += r.Table.Path.String() + " (" + list(r.Columns, func(i int) string { return r.Table.Columns[i].Name }) + ")" + optionsOf(r.Options, r.Table.Options)
		if r.OnConflict != "" {
			s += " ON CONFLICT " + r.OnConflict
		}
		return s
	}
	return fmt.Sprintf("%T", r)
}

func on(cond expr.Expr) string {
	if cond == nil {
		return ""
	}
	return " ON " + cond.String()
}

// optionsOf prints the options that differ from those of the table.
func optionsOf(have, table map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if v, ok := table[k]; !ok || v != have[k] {
			parts = append(parts, "'"+k+"'='"+have[k]+"'")
		}
	}
	if parts == nil {
		return ""
	}
	return " OPTIONS(" + strings.Join(parts, ", ") + ")"
}

func hints(all []Hint) string {
	s := ""
	for _, h := range all {
		s += " /*+ " + h.Name + "(" + list(h.Args, func(a string) string { return a }) + optionsOf(h.Options, nil) + ") */"
	}
	return s
}

func keys(all []SortKey, name func(int) string) string {
	return list(all, func(k SortKey) string {
		s := name(k.Column)
		if k.Descending {
			s += " DESC"
		}
		if k.NullsLast != k.Descending {
			s += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[k.NullsLast]
		}
		return s
	})
}

func (w *WindowSpec) format(name func(int) string) string {
	s := w.Kind.String() + "(" + name(w.Time)
	if w.Proctime {
		s += " proctime"
	}
	if w.Kind == Hop || w.Kind == Cumulate {
		s += ", " + strconv.FormatInt(w.Slide, 10) + " ms"
	}
	s += ", " + strconv.FormatInt(w.Size, 10) + " ms"
	if w.Offset != 0 {
		s += ", offset " + strconv.FormatInt(w.Offset, 10) + " ms"
	}
	if w.Keys != nil {
		s += ", by " + list(w.Keys, name)
	}
	return s + ")"
}

func (c *AggCall) format(name func(int) string) string {
	s := c.Fn.Name + "("
	if c.Distinct {
		s += "DISTINCT "
	}
	if len(c.Args) == 0 && c.Fn.Star {
		s += "*"
	}
	s += list(c.Args, expr.Expr.String) + ")"
	if c.IgnoreNulls {
		s += " IGNORE NULLS"
	}
	if c.Order != nil {
		s += " WITHIN GROUP (" + keys(c.Order, name) + ")"
	}
	if c.Filter >= 0 {
		s += " FILTER " + name(c.Filter)
	}
	return s
}

func (r *Aggregate) line() string {
	name := names(r.Input.Fields())
	s := "Aggregate by (" + list(r.Keys, name) + ")"
	if r.Sets != nil {
		s += " sets (" + list(r.Sets, func(set []int) string {
			return "(" + list(set, func(k int) string { return name(r.Keys[k]) }) + ")"
		}) + ")"
	}
	if r.Window != nil {
		s += " window " + r.Window.format(name)
	}
	for _, c := range r.Calls {
		s += ", " + c.format(name)
		if c.Name != "" {
			s += " AS " + c.Name
		}
	}
	for _, p := range r.Properties {
		s += ", " + p.String()
	}
	for _, g := range r.Groupings {
		s += ", GROUPING(" + list(g, func(k int) string { return name(r.Keys[k]) }) + ")"
	}
	return s + hints(r.Hints)
}

func (b Bound) format() string {
	switch {
	case b.Unbounded:
		return "UNBOUNDED"
	case b.Offset < 0:
		return strconv.FormatInt(-b.Offset, 10) + " PRECEDING"
	case b.Offset > 0:
		return strconv.FormatInt(b.Offset, 10) + " FOLLOWING"
	}
	return "CURRENT"
}

func (r *Over) line() string {
	name := names(r.Input.Fields())
	s := "Over by (" + list(r.Partition, name) + ") order (" + keys(r.Order, name) + ")"
	if r.Rows {
		s += " ROWS"
	} else {
		s += " RANGE"
	}
	s += " " + r.From.format() + " TO " + r.To.format()
	for _, c := range r.Calls {
		s += ", " + c.format(name) + " AS " + c.Name
	}
	return s
}

func (p *MatchPattern) format(vars []string) string {
	s := ""
	if p.Var >= 0 {
		s = vars[p.Var]
	} else {
		parts := make([]string, len(p.Parts))
		for i, q := range p.Parts {
			parts[i] = q.format(vars)
		}
		separator := " "
		if p.Any {
			separator = " | "
		}
		s = "(" + strings.Join(parts, separator) + ")"
	}
	if p.Min != 1 || p.Max != 1 {
		s += "{" + strconv.Itoa(p.Min) + ","
		if p.Max >= 0 {
			s += strconv.Itoa(p.Max)
		}
		s += "}"
	}
	if p.Reluctant {
		s += "?"
	}
	return s
}

func (m *MatchExpr) format(vars []string, input []types.Field) string {
	if m.Expr == nil {
		return "true"
	}
	s := m.Expr.String()
	if len(m.Navs) == 0 {
		return s
	}
	return s + " [" + list(m.Navs, func(n MatchNav) string {
		of := list(n.Vars, func(v int) string { return vars[v] })
		if n.Vars == nil {
			of = "*"
		}
		if n.Call != nil {
			return n.Call.format(names(input)) + " of " + of
		}
		name := "LAST"
		if n.First {
			name = "FIRST"
		}
		return name + "(" + n.Arg.String() + ", " + strconv.Itoa(n.Offset) + ") of " + of
	}) + "]"
}

func (r *Match) line() string {
	input := r.Input.Fields()
	s := "Match by (" + list(r.Partition, names(input)) + ") order (" + keys(r.Order, names(input)) + ") pattern " + r.Pattern.format(r.Vars)
	for i := range r.Define {
		s += ", " + r.Vars[i] + " := " + r.Define[i].format(r.Vars, input)
	}
	for i := range r.Measures {
		s += ", " + r.Out[len(r.Partition)+i].Name + " = " + r.Measures[i].format(r.Vars, input)
	}
	s += " skip " + [...]string{"to next row", "past last row", "to first", "to last"}[r.Skip]
	if r.SkipTo != nil {
		s += " " + list(r.SkipTo, func(v int) string { return r.Vars[v] })
	}
	if r.Within >= 0 {
		s += " within " + strconv.FormatInt(r.Within, 10) + " ms"
	}
	return s
}
