package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/testkit/flinksql"
)

// difference is one that is known and explained: by what the query and the answers are, not by their number.
type difference struct {
	name string
	// mode is the runtime mode that it is known of; "" for both.
	mode string
	// why says what Flink does, and why Weir does not.
	why     string
	matches func(c *compared) bool
}

// says matches queries that Flink refuses with some words.
func says(words string) func(c *compared) bool {
	return func(c *compared) bool {
		r, ok := c.flink.err.(*flinksql.Refusal)
		return ok && strings.Contains(r.Causes, words)
	}
}

// has matches queries of a form.
func has(form string) func(c *compared) bool {
	re := regexp.MustCompile(form)
	return func(c *compared) bool { return re.MatchString(c.sql) }
}

// rowsAlone matches where both engines answer, with the same types, but not the same rows.
func rowsAlone(c *compared) bool {
	return c.flink.err == nil && c.weir.err == nil && slices.Equal(c.flink.types, c.weir.types)
}

// all matches what every one of some conditions does.
func all(conditions ...func(c *compared) bool) func(c *compared) bool {
	return func(c *compared) bool {
		for _, f := range conditions {
			if !f(c) {
				return false
			}
		}
		return true
	}
}

// notIn matches queries that have no part of a form.
func notIn(form string) func(c *compared) bool {
	in := has(form)
	return func(c *compared) bool { return !in(c) }
}

// missingIn matches where one engine has all rows of the other, which is Weir or else Flink, and more.
func missingIn(weir bool) func(c *compared) bool {
	return func(c *compared) bool {
		few, many := c.flink.rows, c.weir.rows
		if weir {
			few, many = many, few
		}
		return len(few) < len(many) && (!weir || !slices.ContainsFunc(few, func(r string) bool { return !slices.Contains(many, r) }))
	}
}

// flinkRow matches where a row of Flink's holds a text.
func flinkRow(text string) func(c *compared) bool {
	return func(c *compared) bool {
		return slices.ContainsFunc(c.flink.rows, func(r string) bool { return strings.Contains(r, text) })
	}
}

// byTime is an order by a time attribute alone: rows of the same time are in no certain order.
const byTime = `ORDER BY (\w+\.)?(ts|e\d+|window_time)( ASC| DESC)?( NULLS \w+)?( ROWS| RANGE|\))`

// known are all of them. The first that matches counts.
var known = []difference{
	// What Flink refuses, and Weir runs.
	{"Flink: session windows in batch mode", "batch", "Flink has them in streaming mode alone.", says("Unaligned windows like session are not supported in batch mode")},
	{"Flink: SESSION in GROUP BY in batch mode", "batch", "Flink has them in streaming mode alone.", says("Window SessionGroupWindow")},
	{"Flink: a join with the version of a table in batch mode", "batch", "Flink's planner cannot take the row's time into the snapshot.", all(says("unexpected correlate variable"), has("FOR SYSTEM_TIME"))},
	{"Flink: a windowing function over a table that has window_start, window_end or window_time", "", "Weir names the new columns.", says("Field names must be unique. Found duplicates: [window_")},
	{"Flink: COUNT of several columns", "", "Flink's grammar has it, its runtime does not.", says("We now only support the count of one field")},
	{"Flink: DISTINCT in a window of GROUP BY", "", "Flink counts DISTINCT in windowing functions alone.", says("DISTINCT aggregates are currently not supported")},
	{"Flink: no plan", "", "Flink's rules make a condition or an order that is constant into something that no other rule takes.", says("There are not enough rules to produce a node")},
	{"Flink: RANK ordered by the partition's own key", "", "Flink drops the order as constant, and then misses it.", says("requires order by clause with non-constant fields")},
	{"Flink: IN of rows with different types", "", "Flink compares rows without bringing their types together.", says("Equality join predicate on incompatible types")},
	{"Flink: no end", "", "Flink's planner goes round in circles over a constant FILTER beside a DISTINCT.", all(says(noEnd), has("FILTER"), has(`\(DISTINCT`))},
	{"Flink: an offset of windows as long as their step", "", "Weir takes it modulo the step.", says("parameters must satisfy abs(offset) <")},
	{"Flink: OVER ordered by what is no time, or downwards", "streaming", "Flink numbers rows in streaming mode by a time attribute alone.", says("The window can only be ordered")},
	{"Flink: a sum over updates, in the plan as one over inserts", "streaming", "Flink's planner misses that rows are taken back.", says("This function does not support retraction")},
	// What Flink fails at, though its planner takes it.
	{"Flink: RANGE over a time in batch mode", "batch", "Flink generates code that does not compile.", all(says(`Cannot cast "org.apache.flink.table.data.TimestampData"`), has("RANGE BETWEEN INTERVAL"))},
	{"Flink: FIRST_VALUE in windows of GROUP BY in batch mode", "batch", "Flink generates code that does not compile.", all(says(`A method named "merge"`), has(`(FIRST|LAST)_VALUE\(`))},
	{"Flink: related subqueries over a condition of constants", "", "Flink's decorrelation leaves one column of the query around.", all(says("unexpected correlate variable"), has(`\(SELECT`))},
	{"Flink: HOP in GROUP BY over no rows", "", "Flink keeps the call where it drops the aggregation.", says("Unsupported call: $HOP")},
	// Where Flink is wrong.
	{"Flink: HOP in GROUP BY in batch mode", "batch", "With a key, Flink takes the wrong column for the time and puts all rows into windows about 1970.", all(rowsAlone, has(`GROUP BY .*HOP\(`), flinkRow("1970-01-01"))},
	{"Flink: a subquery related by IS NOT DISTINCT FROM", "", "Flink joins it by = instead, and loses the rows where both sides are null.", all(rowsAlone, has(`WHERE (\w|\.)+ IS NOT DISTINCT FROM (\w|\.)+`), has(`EXISTS|IN \(SELECT|\(SELECT`))},
	{"Flink: the first row by several columns, or upwards", "streaming", "Flink plans it as inserts only, and does not take back the rows that were first before.", all(rowsAlone, has(`WHERE r\d+ <?= 1`), has(`ROW_NUMBER\(\) OVER \([^)]*ORDER BY \w+( ASC| DESC)?( NULLS \w+)?,`), notIn(`TABLE\((TUMBLE|HOP|CUMULATE|SESSION)`))},
	{"Flink: an aggregate of nothing, known to the planner", "streaming", "Without rows there is no result in streaming mode, but where a condition is false by constants alone Flink makes up the row that batch mode has.", all(rowsAlone, has(`(COUNT|SUM|AVG|MIN|MAX)\(`), func(c *compared) bool { return len(c.weir.rows) == 0 && len(c.flink.rows) == 1 })},
	{"Flink: OFFSET over updates", "streaming", "Flink does not take back a row that moves out of the rows that it shows.", all(rowsAlone, has(`LIMIT \d+ OFFSET|WHERE r\d+ (BETWEEN [2-9]|>)`), missingIn(true))},
	{"Flink: a condition on rows of sessions, below an aggregation", "streaming", "Flink makes sessions of the rows that meet the condition alone if they are aggregated, and of all rows if not; in Weir, as in SQL, the condition comes after the sessions.", all(rowsAlone, has(`TABLE\(SESSION\(.*\)\) WHERE .* GROUP BY`))},
	{"Flink: the first row by event time, with late rows", "streaming", "Flink waits for the watermark and drops what is late; in Weir a late row that is the first by its time takes the other's place.", all(rowsAlone, has(`ROW_NUMBER\(\) OVER \([^)]*ORDER BY ts\) AS (r\d+) FROM t\) WHERE r\d+ <?= 1`))},
	{"Flink: RANGE with late rows", "streaming", "A row is late if one of its time or a later one was done; Flink's timer that cleans up counts as one, too.", all(rowsAlone, has(`RANGE BETWEEN INTERVAL '\d+' SECOND PRECEDING`), has(`FROM t\b`), missingIn(false))},
	{"Flink: a join of two results of the first row in each window", "streaming", "Flink loses rows, others in each run.", all(rowsAlone, has(`ROW_NUMBER\(\) OVER \(PARTITION BY window_start, window_end`), has(`(w\d+) AS \w+ .*JOIN w\d+`), func(c *compared) bool { return len(c.flink.rows) < len(c.weir.rows) })},
	// What has no certain answer in Flink.
	{"rows of the same time in batch mode", "batch", "Flink sorts without an order of arrival, so that any of several rows of a time may be first; in Weir it is the one that came first.", all(rowsAlone, has(byTime))},
	// What Weir refuses.
	{"Weir: IN of several columns that may be unknown", "", "Flink counts the rows that have a null anywhere, and answers NULL where SQL's answer is FALSE; Weir does not run it.", func(c *compared) bool {
		return c.flink.err == nil && c.weir.err != nil && strings.Contains(c.weir.err.Error(), "an IN of several columns that may be unknown")
	}},
}

// reasonOf is what is told of a difference.
func reasonOf(name string) string {
	for _, k := range known {
		if k.name == name {
			return name + ". " + k.why
		}
	}
	return name
}
