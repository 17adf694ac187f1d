package compat

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/table"
	"github.com/weirstream/weir/types"
)

// The job of rows never changes either. It has the same numbers, the even ones and the odd ones apart, and keeps them as rows: in an outer join, in one by time, and as the latest ones of each key.
const (
	rowKeys  = 400
	distance = 1000 // of two rows that the join by time joins
)

// record is a row of a table: with a text that is missing now and then, and a longer one.
type record struct {
	I, Key int64
	Text   *string
	Long   string
}

func recordOf(n number) record {
	r := record{I: n.I, Key: n.I / 2 % rowKeys, Long: strings.Repeat("long ", int(n.I%5)+2) + n.Key}
	if n.I%7 > 0 {
		text := n.Key[:n.I%8]
		r.Text = &text
	}
	return r
}

// result is a row that comes out.
type result struct {
	A    int64
	B    *int64
	S, L *string
}

func (r result) line(query string) string {
	b, s, l := "null", "null", "null"
	if r.B != nil {
		b = fmt.Sprint(*r.B)
	}
	if r.S != nil {
		s = fmt.Sprintf("%q", *r.S)
	}
	if r.L != nil {
		l = fmt.Sprintf("%q", *r.L)
	}
	return fmt.Sprintf("%s %d %s %s %s", query, r.A, b, s, l)
}

// rowQueries are the queries of the job of rows.
var rowQueries = map[string]string{
	"outer":  "SELECT a.I AS A, b.I AS B, b.`Text` AS S, b.`Long` AS L FROM a LEFT JOIN b ON a.`Key` = b.`Key` AND b.I > a.I",
	"near":   "SELECT a.I AS A, b.I AS B, a.`Text` AS S, b.`Long` AS L FROM a JOIN b ON a.`Key` = b.`Key` AND a.ts BETWEEN b.ts - INTERVAL '1' SECOND AND b.ts + INTERVAL '1' SECOND",
	"latest": "SELECT `Key` AS A, I AS B, `Text` AS S, `Long` AS L FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY `Key` ORDER BY I DESC) AS n FROM a) WHERE n <= 2",
}

// shown are the rows that are given out, so that what is committed is not much.
func shown(a int64) bool { return a%16 == 0 }

// rowsJob builds the program. Each line begins with + or -: the row comes, or goes.
func rowsJob(o weir.Options, to *ledger, each func(i int64)) (*weir.Environment, error) {
	o.MaxParallelism, o.Restart, o.Logger = 8, weir.NoRestart(), slog.New(slog.DiscardHandler)
	env := weir.NewEnvironment(o)
	numbers := weir.Generate(env, sequence.Options{Count: count}, numberOf).UID("numbers").Parallelism(1)
	seen := weir.Map(numbers, func(n number) record { each(n.I); return recordOf(n) }).UID("seen").Parallelism(1)
	timed := seen.AssignTimestampsAndWatermarks(eventtime.ForMonotonousTimestamps[record]().WithTimestampAssigner(func(r record, _ int64) int64 { return r.I })).UID("times").Parallelism(1)
	tables := table.NewEnvironment(table.Options{})
	for i, name := range []string{"a", "b"} {
		half := timed.Filter(func(r record) bool { return r.I%2 == int64(i) }).UID(name).Parallelism(1)
		if err := table.FromStream(tables, name, half, table.StreamOptions{Rowtime: "ts"}); err != nil {
			return nil, err
		}
	}
	var all *weir.Stream[string]
	for _, query := range []string{"outer", "near", "latest"} {
		changes, err := table.ToChangelog[result](tables, env, rowQueries[query])
		if err != nil {
			return nil, err
		}
		some := changes.Filter(func(c table.Change[result]) bool { return shown(c.Value.A) }).UID(query + "-shown")
		lines := weir.Map(some, func(c table.Change[result]) string {
			if c.Kind == types.Delete || c.Kind == types.UpdateBefore {
				return "-" + c.Value.line(query)
			}
			return "+" + c.Value.line(query)
		}).UID(query + "-lines")
		if all == nil {
			all = lines
		} else {
			all = all.Union(lines)
		}
	}
	all.SinkTo("ledger", to).UID("ledger")
	return env, nil
}

// left are the rows that have come and not gone, in order.
func left(lines []string) (rows []string) {
	n := map[string]int{}
	for _, l := range lines {
		if l[0] == '+' {
			n[l[1:]]++
		} else {
			n[l[1:]]--
		}
	}
	for row, times := range n {
		if times < 0 {
			row = "gone too often: " + row
		}
		for range max(times, -times) {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return rows
}

// rowsOracle is what is left of all that the job of rows gives out.
func rowsOracle() (rows []string) {
	var byKey [rowKeys][2][]record
	for i := range int64(count) {
		r := recordOf(numberOf(i))
		byKey[r.Key][i%2] = append(byKey[r.Key][i%2], r)
	}
	add := func(query string, r result) {
		if shown(r.A) {
			rows = append(rows, r.line(query))
		}
	}
	for key, sides := range byKey {
		for i, a := range sides[0] {
			matches := 0
			for _, b := range sides[1] {
				if b.I > a.I {
					add("outer", result{a.I, &b.I, b.Text, &b.Long})
					matches++
				}
				if max(a.I-b.I, b.I-a.I) <= distance {
					add("near", result{a.I, &b.I, a.Text, &b.Long})
				}
			}
			if matches == 0 {
				add("outer", result{A: a.I})
			}
			if i >= len(sides[0])-2 {
				add("latest", result{int64(key), &a.I, a.Text, &a.Long})
			}
		}
	}
	slices.Sort(rows)
	return rows
}
