package table

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/parse"
)

// AddTemporalFunction makes a temporal table function known by a name, without regard to case, in the place of one of that name. LATERAL TABLE(name(t.time)) is then the table as it was at that time, joined by an
// equality with the key's columns, as FOR SYSTEM_TIME AS OF does it. The table is named as in a query, and is looked for when it is joined; time is its time attribute. Without a table of that
// name, or without such columns, the error is one of the statement that defines the function.
func (e *Environment) AddTemporalFunction(name, table, time string, key ...string) error {
	src := ast.NewSource("", table)
	x, err := parse.Expr(src)
	if err != nil {
		return err
	}
	n, ok := x.(*ast.Name)
	if !ok {
		return fault.New(fault.SQLInvalid, "the temporal table function %s: %q is no name of a table", name, table)
	}
	t, err := e.manager.Table(e.manager.Within(), src, n)
	if err != nil {
		return err
	}
	for _, c := range append([]string{time}, key...) {
		if t.Column(c) < 0 {
			return fault.New(fault.SQLUnknownColumn, "the temporal table function %s: the table %s has no column %q", name, t.Path, c)
		}
	}
	e.manager.PutTemporalFunction(name, &catalog.TemporalFunction{Table: t.Path, Time: time, Key: key})
	return nil
}
