package physical

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/types"
)

// Describe prints a node on one line, without its inputs.
func Describe(n Node) string {
	var parts []string
	for _, a := range n.Attrs() {
		if a.Key == "" {
			parts = append(parts, a.Value)
			continue
		}
		parts = append(parts, a.Key+"=["+a.Value+"]")
	}
	return n.Name() + "(" + strings.Join(parts, ", ") + ")"
}

// Text prints the program for people: each end with its inputs beneath it, indented. What is read more than once is printed once, with a number.
func (p *Program) Text() string {
	readers := map[Node]int{}
	for _, n := range p.Nodes {
		for _, in := range n.Of().Inputs {
			readers[in]++
		}
	}
	numbers := map[Node]int{}
	var b strings.Builder
	var print func(n Node, depth int, prefix string)
	print = func(n Node, depth int, prefix string) {
		h := n.Of()
		line := Describe(n)
		if readers[n] > 1 {
			if id, seen := numbers[n]; seen {
				fmt.Fprintf(&b, "%sReused(reference_id=[%d])\n", prefix, id)
				return
			}
			numbers[n] = len(numbers) + 1
			line += fmt.Sprintf("(reuse_id=[%d])", numbers[n])
		}
		var notes []string
		if _, end := n.(*Sink); !end {
			notes = append(notes, "changelogMode=["+h.Changelog.String()+"]")
		}
		if len(h.Keys) > 0 {
			var sets []string
			for _, k := range h.Keys {
				sets = append(sets, "{"+names(h.Fields, k)+"}")
			}
			notes = append(notes, "upsertKey=["+strings.Join(sets, ", ")+"]")
		}
		if s, ok := n.(interface{ State() string }); ok && s.State() != "" {
			notes = append(notes, "state=["+s.State()+"]")
		}
		if len(notes) > 0 {
			line = strings.TrimSuffix(line, ")") + ", " + strings.Join(notes, ", ") + ")"
		}
		b.WriteString(prefix + line + "\n")
		indent := strings.Repeat("   ", depth)
		for i, in := range h.Inputs {
			if i < len(h.Inputs)-1 {
				print(in, depth+1, indent+":- ")
			} else {
				print(in, depth+1, indent+"+- ")
			}
		}
	}
	for i, n := range p.Ends {
		if i > 0 {
			b.WriteByte('\n')
		}
		print(n, 0, "")
	}
	return b.String()
}

func names(fields []types.Field, cols []int) string {
	var list []string
	for _, c := range cols {
		if c < 0 || c >= len(fields) {
			list = append(list, "?")
			continue
		}
		list = append(list, fields[c].Name)
	}
	return strings.Join(list, ", ")
}

func allNames(fields []types.Field) string {
	var list []string
	for _, f := range fields {
		list = append(list, f.Name)
	}
	return strings.Join(list, ", ")
}

func selection(exprs []expr.Expr, out []types.Field) string {
	var list []string
	for i, e := range exprs {
		s := e.String()
		if s != out[i].Name {
			s += " AS " + out[i].Name
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

func order(fields []types.Field, keys []logical.SortKey) string {
	var list []string
	for _, k := range keys {
		dir := " ASC"
		if k.Descending {
			dir = " DESC"
		}
		list = append(list, fields[k.Column].Name+dir)
	}
	return strings.Join(list, ", ")
}

func calls(in []types.Field, list []*logical.AggCall) string {
	var out []string
	for _, c := range list {
		var args []string
		for _, a := range c.Args {
			args = append(args, a.String())
		}
		inner := strings.Join(args, ", ")
		if len(args) == 0 && c.Fn.Star {
			inner = "*"
		}
		if c.Distinct {
			inner = "DISTINCT " + inner
		}
		s := c.Fn.Name + "(" + inner + ")"
		if c.Filter >= 0 {
			s += " FILTER " + in[c.Filter].Name
		}
		out = append(out, s+" AS "+c.Name)
	}
	return strings.Join(out, ", ")
}

func span(ms int64) string {
	switch {
	case ms%86400000 == 0 && ms != 0:
		return fmt.Sprintf("%d d", ms/86400000)
	case ms%3600000 == 0 && ms != 0:
		return fmt.Sprintf("%d h", ms/3600000)
	case ms%60000 == 0 && ms != 0:
		return fmt.Sprintf("%d min", ms/60000)
	case ms%1000 == 0:
		return fmt.Sprintf("%d s", ms/1000)
	}
	return fmt.Sprintf("%d ms", ms)
}

// attachedText is windowText for rows that have their windows in columns.
func attachedText(s logical.WindowSpec, w *Window, in []types.Field) string {
	s.Time = -1
	return strings.Replace(windowText(s, nil), "(", "(win_start=["+in[w.Start].Name+"], win_end=["+in[w.End].Name+"], ", 1)
}

func windowText(s logical.WindowSpec, in []types.Field) string {
	parts := []string{}
	if s.Time >= 0 && s.Time < len(in) {
		parts = append(parts, "time_col=["+in[s.Time].Name+"]")
	}
	switch s.Kind {
	case logical.Tumble:
		parts = append(parts, "size=["+span(s.Size)+"]")
	case logical.Hop:
		parts = append(parts, "size=["+span(s.Size)+"]", "slide=["+span(s.Slide)+"]")
	case logical.Cumulate:
		parts = append(parts, "max_size=["+span(s.Size)+"]", "step=["+span(s.Slide)+"]")
	case logical.Session:
		parts = append(parts, "gap=["+span(s.Size)+"]")
		if len(s.Keys) > 0 {
			parts = append(parts, "partition_keys=["+names(in, s.Keys)+"]")
		}
	}
	if s.Offset != 0 {
		parts = append(parts, "offset=["+span(s.Offset)+"]")
	}
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}[s.Kind] + "(" + strings.Join(parts, ", ") + ")"
}

func joinType(k logical.JoinKind) string {
	return [...]string{"InnerJoin", "LeftOuterJoin", "RightOuterJoin", "FullOuterJoin", "LeftSemiJoin", "LeftAntiJoin"}[k]
}

func (n *Scan) Name() string { return "TableSourceScan" }
func (n *Scan) Attrs() []Attr {
	a := []Attr{{"table", "[" + n.Table.Path.Plain() + "]"}, {"fields", allNames(n.Fields)}}
	if n.Where != nil {
		var list []string
		for _, p := range n.Where {
			list = append(list, p.Describe(n.Fields[p.Column].Name, n.Fields[p.Column].Type))
		}
		a = append(a, Attr{"filter", strings.Join(list, " AND ")})
	}
	return a
}

func (n *Values) Name() string { return "Values" }
func (n *Values) Attrs() []Attr {
	var rows []string
	for i, r := range n.Rows {
		if i == 10 {
			rows = append(rows, fmt.Sprintf("... %d more", len(n.Rows)-i))
			break
		}
		var cells []string
		for _, e := range r {
			cells = append(cells, e.String())
		}
		rows = append(rows, "{ "+strings.Join(cells, ", ")+" }")
	}
	return []Attr{{"tuples", strings.Join(rows, ", ")}}
}

func (n *Calc) Name() string { return "Calc" }
func (n *Calc) Attrs() (a []Attr) {
	if n.Exprs != nil {
		a = append(a, Attr{"select", selection(n.Exprs, n.Fields)})
	} else {
		a = append(a, Attr{"select", allNames(n.Fields)})
	}
	if n.Where != nil {
		a = append(a, Attr{"where", n.Where.String()})
	}
	return a
}

func (n *WatermarkAssigner) Name() string { return "WatermarkAssigner" }
func (n *WatermarkAssigner) Attrs() []Attr {
	return []Attr{{"rowtime", n.Fields[n.Column].Name}, {"watermark", n.Expr.String()}}
}

func (n *Exchange) Name() string { return "Exchange" }
func (n *Exchange) Attrs() []Attr {
	if n.Hash == nil {
		return []Attr{{"distribution", "single"}}
	}
	return []Attr{{"distribution", "hash[" + names(n.Fields, n.Hash) + "]"}}
}

func (n *GroupAggregate) Name() string {
	if n.Local != nil {
		return "GlobalGroupAggregate"
	}
	return "GroupAggregate"
}
func (n *GroupAggregate) Attrs() (a []Attr) {
	in := n.Rows().Fields
	if len(n.Group) > 0 {
		a = append(a, Attr{"groupBy", names(in, n.Group)})
	}
	return append(a, Attr{"select", join(names(in, n.Group), calls(in, n.Calls))})
}

// State says what the operator keeps.
func (n *GroupAggregate) State() string { return ttl("a row for each group", n.TTL) }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func (n *WindowAggregate) Name() string {
	if n.Local != nil {
		return "GlobalWindowAggregate"
	}
	return "WindowAggregate"
}
func (n *WindowAggregate) Attrs() (a []Attr) {
	in := n.Rows().Fields
	if len(n.Group) > 0 {
		a = append(a, Attr{"groupBy", names(in, n.Group)})
	}
	w := windowText(n.Spec, in)
	if n.Attached != nil {
		w = attachedText(n.Spec, n.Attached, in)
	}
	var properties []string
	for i := range n.Properties {
		properties = append(properties, n.Fields[len(n.Group)+len(n.Calls)+i].Name)
	}
	return append(a, Attr{"window", w}, Attr{"select", join(join(names(in, n.Group), calls(in, n.Calls)), strings.Join(properties, ", "))})
}

// State says what the operator keeps.
func (n *WindowAggregate) State() string {
	return "a row for each key and slice, until the window ends"
}

func (n *WindowTable) Name() string { return "WindowTableFunction" }
func (n *WindowTable) Attrs() []Attr {
	return []Attr{{"window", windowText(n.Spec, n.Inputs[0].Of().Fields)}}
}

func (n *Expand) Name() string { return "Expand" }
func (n *Expand) Attrs() []Attr {
	var sets []string
	for _, s := range n.Sets {
		var cols []int
		for _, i := range s {
			cols = append(cols, n.Keys[i])
		}
		sets = append(sets, "{"+names(n.Inputs[0].Of().Fields, cols)+"}")
	}
	return []Attr{{"sets", strings.Join(sets, ", ")}}
}

func on(l, r []types.Field, left, right []int, residual expr.Expr) string {
	var parts []string
	for i := range left {
		parts = append(parts, "("+l[left[i]].Name+" = "+r[right[i]].Name+")")
	}
	if residual != nil {
		parts = append(parts, residual.String())
	}
	return strings.Join(parts, " AND ")
}

func (n *Join) Name() string { return "Join" }
func (n *Join) Attrs() []Attr {
	l, r := n.Inputs[0].Of().Fields, n.Inputs[1].Of().Fields
	spec := inputSpec
	return []Attr{{"joinType", joinType(n.Kind)}, {"where", on(l, r, n.Left, n.Right, n.Residual)}, {"select", allNames(n.Fields)}, {"leftInputSpec", spec(n.LeftUnique)}, {"rightInputSpec", spec(n.RightUnique)}}
}

// inputSpec tells, as Flink does, whether an input of a join has one row for each key.
func inputSpec(unique bool) string {
	if unique {
		return "JoinKeyContainsUniqueKey"
	}
	return "NoUniqueKey"
}

func (n *MultiJoin) Name() string { return "MultiJoin" }
func (n *MultiJoin) Attrs() []Attr {
	first := n.Inputs[0].Of().Fields
	kinds, specs := make([]string, len(n.Inputs)-1), make([]string, len(n.Inputs))
	conds := make([]string, len(n.Inputs)-1)
	for i, in := range n.Inputs {
		specs[i] = inputSpec(n.Unique[i])
		if i > 0 {
			kinds[i-1], conds[i-1] = joinType(logical.Inner), on(first, in.Of().Fields, n.JoinKeys[0], n.JoinKeys[i], nil)
		}
	}
	where := conds
	if n.Residual != nil {
		where = append(slices.Clone(conds), n.Residual.String())
	}
	return []Attr{
		{"commonJoinKey", names(first, n.JoinKeys[0])}, {"joinTypes", strings.Join(kinds, ", ")}, {"where", strings.Join(where, " AND ")}, {"select", allNames(n.Fields)},
		{"inputSpecs", strings.Join(specs, ", ")},
	}
}

// State says what the operator keeps.
func (n *MultiJoin) State() string { return ttl("all rows of all inputs", n.TTL) }

// State says what the operator keeps.
func (n *Join) State() string {
	bounded := func(s string, e *Expiry) string {
		switch {
		case e == nil:
			return "all rows of the " + s + " input"
		case e.Keep < 0:
			return fmt.Sprintf("rows of the %s input until the watermark is %s before their time", s, span(-e.Keep))
		case e.Keep == 0:
			return fmt.Sprintf("rows of the %s input until the watermark has passed their time", s)
		}
		return fmt.Sprintf("rows of the %s input for %s of event time", s, span(e.Keep))
	}
	if n.LeftExpiry != nil || n.RightExpiry != nil {
		return bounded("left", n.LeftExpiry) + ", " + bounded("right", n.RightExpiry)
	}
	if n.LeftTTL != n.RightTTL {
		return ttl("all rows of the left input", n.LeftTTL) + ", " + ttl("all rows of the right input", n.RightTTL)
	}
	return ttl("all rows of both inputs", n.LeftTTL)
}

func ttl(s string, d interface{ String() string }) string {
	if text := d.String(); text != "0s" {
		return s + ", for " + text
	}
	return s
}

func (n *IntervalJoin) Name() string { return "IntervalJoin" }
func (n *IntervalJoin) Attrs() []Attr {
	l, r := n.Inputs[0].Of().Fields, n.Inputs[1].Of().Fields
	kind := "isRowTime=true"
	if n.Proctime {
		kind = "isRowTime=false"
	}
	return []Attr{{"joinType", joinType(n.Kind)},
		{"windowBounds", fmt.Sprintf("%s, leftLowerBound=%d, leftUpperBound=%d, leftTimeIndex=%d, rightTimeIndex=%d", kind, n.Lower, n.Upper, n.LeftTime, n.RightTime)},
		{"where", on(l, r, n.Left, n.Right, n.Residual)}, {"select", allNames(n.Fields)}}
}

// State says what the operator keeps.
func (n *IntervalJoin) State() string {
	return fmt.Sprintf("rows of both inputs for up to %s of event time", span(n.Upper-n.Lower))
}

func (n *WindowJoin) Name() string { return "WindowJoin" }
func (n *WindowJoin) Attrs() []Attr {
	l, r := n.Inputs[0].Of().Fields, n.Inputs[1].Of().Fields
	return []Attr{{"leftWindow", windowText(n.LeftWindow.Spec, nil)}, {"rightWindow", windowText(n.RightWindow.Spec, nil)}, {"joinType", joinType(n.Kind)}, {"where", on(l, r, n.Left, n.Right, n.Residual)}, {"select", allNames(n.Fields)}}
}

// State says what the operator keeps.
func (n *WindowJoin) State() string { return "rows of both inputs, until the window ends" }

func (n *LookupJoin) Name() string { return "LookupJoin" }
func (n *LookupJoin) Attrs() []Attr {
	var keys []string
	for i, k := range n.TableKeys {
		keys = append(keys, n.Table.Fields[k].Name+"="+n.Keys[i].String())
	}
	a := []Attr{{"table", "[" + n.Table.Table.Path.Plain() + "]"}, {"joinType", joinType(n.Kind)}, {"lookup", strings.Join(keys, ", ")}}
	if n.Residual != nil {
		a = append(a, Attr{"joinCondition", n.Residual.String()})
	}
	if n.Remember != nil {
		a = append(a, Attr{"upsertMaterialize", "true"})
	}
	return append(a, Attr{"select", allNames(n.Fields)})
}

func (n *TemporalJoin) Name() string { return "TemporalJoin" }
func (n *TemporalJoin) Attrs() []Attr {
	l, r := n.Inputs[0].Of().Fields, n.Inputs[1].Of().Fields
	return []Attr{{"joinType", joinType(n.Kind)}, {"where", on(l, r, n.Left, n.Right, n.Residual)}, {"select", allNames(n.Fields)}}
}

func (n *Rank) Name() string {
	if n.InWindow != nil {
		return "WindowRank"
	}
	return "Rank"
}
func (n *Rank) Attrs() []Attr {
	in := n.Inputs[0].Of().Fields
	return []Attr{{"rankType", "ROW_NUMBER"}, {"rankRange", fmt.Sprintf("rankStart=%d, rankEnd=%d", n.From, n.To)}, {"partitionBy", names(in, n.Partition)}, {"orderBy", order(in, n.Order)}, {"select", allNames(n.Fields)}}
}

// State says what the operator keeps.
func (n *Rank) State() string {
	if n.Inputs[0].Of().Changelog.Updates() {
		return ttl("all rows", n.TTL)
	}
	return ttl(fmt.Sprintf("%d rows for each key", n.To), n.TTL)
}

func (n *Deduplicate) Name() string { return "Deduplicate" }
func (n *Deduplicate) Attrs() []Attr {
	keep, by := "FirstRow", "ROWTIME"
	if n.Last {
		keep = "LastRow"
	}
	if n.Proctime {
		by = "PROCTIME"
	}
	return []Attr{{"keep", keep}, {"key", names(n.Fields, n.Partition)}, {"order", by}}
}

// State says what the operator keeps.
func (n *Deduplicate) State() string { return ttl("a row for each key", n.TTL) }

func (n *Over) Name() string { return "OverAggregate" }
func (n *Over) Attrs() []Attr {
	in := n.Inputs[0].Of().Fields
	unit := "RANGE"
	if n.Rows {
		unit = "ROWS"
	}
	bound := func(b logical.Bound, side string) string {
		switch {
		case b.Unbounded:
			return "UNBOUNDED " + side
		case b.Offset == 0:
			return "CURRENT ROW"
		case b.Offset < 0:
			return fmt.Sprintf("%d PRECEDING", -b.Offset)
		}
		return fmt.Sprintf("%d FOLLOWING", b.Offset)
	}
	return []Attr{{"partitionBy", names(in, n.Partition)}, {"orderBy", order(in, n.Order)}, {"window", unit + " BETWEEN " + bound(n.From, "PRECEDING") + " AND " + bound(n.To, "FOLLOWING")}, {"select", join(allNames(in), calls(in, n.Calls))}}
}

// State says what the operator keeps.
func (n *Over) State() string {
	if n.Updating {
		return ttl("all rows", n.TTL)
	}
	s := "the results of each key"
	if !n.From.Unbounded {
		s = "the results and the rows in the frame of each key"
	}
	if !n.Proctime {
		s += ", and rows until the watermark passes them"
	}
	return s
}

func (n *Sort) Name() string  { return "Sort" }
func (n *Sort) Attrs() []Attr { return []Attr{{"orderBy", order(n.Fields, n.Keys)}} }

func (n *SortLimit) Name() string {
	if len(n.Keys) == 0 {
		return "Limit"
	}
	return "SortLimit"
}
func (n *SortLimit) Attrs() (a []Attr) {
	if len(n.Keys) > 0 {
		a = append(a, Attr{"orderBy", order(n.Fields, n.Keys)})
	}
	return append(a, Attr{"offset", fmt.Sprint(n.Offset)}, Attr{"fetch", fmt.Sprint(n.Limit)})
}

func (n *Union) Name() string  { return "Union" }
func (n *Union) Attrs() []Attr { return []Attr{{"all", "true"}, {"union", allNames(n.Fields)}} }

func (n *AsyncCalc) Name() string  { return "AsyncCalc" }
func (n *AsyncCalc) Attrs() []Attr { return []Attr{{"call", n.Call.String()}} }

func (n *Correlate) Name() string {
	if n.Fn != nil && n.Fn.Async != nil {
		return "AsyncCorrelate"
	}
	return "Correlate"
}
func (n *Correlate) Attrs() []Attr {
	name := "UNNEST"
	if n.Fn != nil {
		name = n.Fn.Name
	}
	var args []string
	for _, a := range n.Args {
		args = append(args, a.String())
	}
	return []Attr{{"invocation", name + "(" + strings.Join(args, ", ") + ")"}, {"joinType", joinType(n.Kind)}, {"select", allNames(n.Fields)}}
}

func (n *ChangelogNormalize) Name() string { return "ChangelogNormalize" }
func (n *ChangelogNormalize) Attrs() []Attr {
	a := []Attr{{"key", names(n.Fields, n.Unique)}}
	if n.Where != nil {
		a = append(a, Attr{"condition", n.Where.String()})
	}
	return a
}

func (n *ToChangelog) Name() string { return "ToChangelog" }
func (n *ToChangelog) Attrs() []Attr {
	in := n.Inputs[0].Of().Fields
	var list []string
	for k, name := range n.Names {
		if name != "" {
			list = append(list, types.RowKind(k).String()+"="+name)
		}
	}
	a := []Attr{{"select", allNames(n.Fields)}, {"op", strings.Join(list, ", ")}}
	if len(n.Blank) > 0 {
		a = append(a, Attr{"blank", names(in, n.Blank)})
	}
	return a
}

func (n *FromChangelog) Name() string { return "FromChangelog" }
func (n *FromChangelog) Attrs() []Attr {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(n.Kinds)) {
		list = append(list, name+"="+n.Kinds[name].String())
	}
	return []Attr{{"select", allNames(n.Fields)}, {"op", names(n.Inputs[0].Of().Fields, []int{n.Op}) + ": " + strings.Join(list, ", ")}, {"invalid", n.Invalid}}
}

func (n *WindowBest) Name() string { return "WindowBestFilter" }
func (n *WindowBest) Attrs() []Attr {
	in := n.Inputs[0].Of().Fields
	fn, op := "MAX", ">="
	if !n.Max {
		fn, op = "MIN", "<="
	}
	name := in[n.Value].Name
	window := windowText(n.Window, in)
	if n.Attached != nil {
		window = attachedText(n.Window, n.Attached, in)
	}
	return []Attr{{"keep", name + " " + op + " " + fn + "(" + name + ") of the window so far"}, {"window", window}}
}

func (n *DropUpdateBefore) Name() string  { return "DropUpdateBefore" }
func (n *DropUpdateBefore) Attrs() []Attr { return nil }

func (n *Sink) Name() string { return "Sink" }
func (n *Sink) Attrs() []Attr {
	a := []Attr{{"table", "[" + n.Table.Path.Plain() + "]"}, {"fields", allNames(n.Inputs[0].Of().Fields)}}
	if n.Materialize != nil {
		a = append(a, Attr{"upsertMaterialize", "true"})
		if n.Conflict != "" {
			a = append(a, Attr{"onConflict", n.Conflict})
		}
	}
	return a
}

func (n *Result) Name() string  { return "Result" }
func (n *Result) Attrs() []Attr { return []Attr{{"fields", allNames(n.Inputs[0].Of().Fields)}} }
