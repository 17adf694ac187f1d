package compiled

import (
	"reflect"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/physical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// kind is what nodes of a type are called in the form, with the version of what they have, and how many inputs they take; -1 for one or more.
type kind struct {
	name    string
	version int
	inputs  int
	of      reflect.Type
}

func kindOf[N any](name string, version, inputs int) kind {
	return kind{name, version, inputs, reflect.TypeFor[N]()}
}

// kinds are all nodes of a plan that is not yet divided in phases.
var kinds = []kind{
	kindOf[physical.Scan]("scan", 1, 0),
	kindOf[physical.Values]("values", 1, 0),
	kindOf[physical.Calc]("calc", 1, 1),
	kindOf[physical.WatermarkAssigner]("watermark-assigner", 1, 1),
	kindOf[physical.Exchange]("exchange", 1, 1),
	kindOf[physical.GroupAggregate]("group-aggregate", 1, 1),
	kindOf[physical.WindowAggregate]("window-aggregate", 1, 1),
	kindOf[physical.WindowTable]("window-table-function", 1, 1),
	kindOf[physical.Expand]("expand", 1, 1),
	kindOf[physical.Join]("join", 1, 2),
	kindOf[physical.MultiJoin]("multi-join", 1, -1),
	kindOf[physical.IntervalJoin]("interval-join", 1, 2),
	kindOf[physical.WindowJoin]("window-join", 1, 2),
	kindOf[physical.LookupJoin]("lookup-join", 1, 1),
	kindOf[physical.TemporalJoin]("temporal-join", 1, 2),
	kindOf[physical.SnapshotJoin]("snapshot-join", 1, 2),
	kindOf[physical.Rank]("rank", 1, 1),
	kindOf[physical.Deduplicate]("deduplicate", 1, 1),
	kindOf[physical.Over]("over-aggregate", 1, 1),
	kindOf[physical.Sort]("sort", 1, 1),
	kindOf[physical.SortLimit]("sort-limit", 1, 1),
	kindOf[physical.Union]("union", 1, -1),
	kindOf[physical.Match]("match", 1, 1),
	kindOf[physical.AsyncCalc]("async-calc", 1, 1),
	kindOf[physical.Correlate]("correlate", 1, 1),
	kindOf[physical.ChangelogNormalize]("changelog-normalize", 1, 1),
	kindOf[physical.ToChangelog]("to-changelog", 1, 1),
	kindOf[physical.FromChangelog]("from-changelog", 1, 1),
	kindOf[physical.DropUpdateBefore]("drop-update-before", 1, 1),
	kindOf[physical.WindowBest]("window-best-filter", 1, 1),
	kindOf[physical.Sink]("sink", 1, 1),
	kindOf[physical.Result]("result", 1, 1),
}

// enums are the names of numbers that stand for something.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[logical.JoinKind]():       {"inner", "left", "right", "full", "semi", "anti"},
	reflect.TypeFor[logical.WindowKind]():     {"tumble", "hop", "cumulate", "session"},
	reflect.TypeFor[logical.WindowProperty](): {"start", "end", "rowtime", "proctime"},
	reflect.TypeFor[logical.MatchSkip]():      {"to-next-row", "past-last-row", "to-first", "to-last"},
	reflect.TypeFor[tables.Operation]():       {"=", "<>", "<", "<=", ">", ">=", "is-null", "is-not-null"},
}

// left are the types of fields that are no part of the form: inputs are named by number, phases are made anew, and places are those of a text that is not there when a plan is read.
var left = map[reflect.Type]bool{
	reflect.TypeFor[logical.Rel]():              true,
	reflect.TypeFor[*physical.LocalAggregate](): true,
	reflect.TypeFor[physical.Head]():            true,
	reflect.TypeFor[sqlerr.Place]():             true,
}

// Kinds returns the names of all types of nodes.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}
