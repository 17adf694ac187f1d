// Package nexmarkbench runs the queries of the Nexmark benchmark and measures them.
package nexmarkbench

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/fault"
)

//go:embed queries/*.sql
var files embed.FS

// Queries are the names of the queries, in order.
func Queries() []string {
	entries, err := files.ReadDir("queries")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".sql"); name != "tables" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return number(a) - number(b) })
	return names
}

func number(query string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(query, "q"))
	return n
}

// Script is the tables and a query, with the placeholders filled in.
type Script struct {
	Events, Rate int64
	// Sink are the options of the table that the query writes to, as in WITH.
	Sink string
	// Output is the directory for q10.
	Output string
}

// Text returns the script of a query.
func (s Script) Text(query string) (string, error) {
	q, err := files.ReadFile("queries/" + query + ".sql")
	if err != nil {
		return "", fault.New(fault.OptionInvalid, "there is no query %q; there are: %s", query, strings.Join(Queries(), ", "))
	}
	return s.Around(string(q))
}

// Around returns the script of a query that is given: the tables, and then its statements, with the placeholders filled in.
func (s Script) Around(query string) (string, error) {
	tables, err := files.ReadFile("queries/tables.sql")
	if err != nil {
		return "", err
	}
	fill := strings.NewReplacer("${EVENTS}", fmt.Sprint(s.Events), "${RATE}", fmt.Sprint(s.Rate), "${SINK}", s.Sink, "${OUTPUT}", s.Output)
	return fill.Replace(string(tables) + query), nil
}
