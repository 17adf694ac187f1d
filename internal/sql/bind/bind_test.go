package bind

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// session runs statements: it creates tables and views, and prints the plans of queries.
type session struct{ binder *Binder }

func newSession() *session {
	m := catalog.NewManager()
	m.PutTemporalFunction("Rates", &catalog.TemporalFunction{Table: catalog.Path{Catalog: catalog.DefaultCatalog, Database: catalog.DefaultDatabase, Name: "t"}, Time: "ts", Key: []string{"a"}})
	return &session{New(m, nil, userFunctions())}
}

// userFunctions are functions that a user might have registered.
func userFunctions() *fn.Registry {
	r := &fn.Registry{}
	r.Add(&fn.Function{Name: "count_char", Infer: func(s *fn.Session, args []fn.Arg) (fn.Signature, error) {
		return fn.Signature{Args: []types.Type{types.String(), types.String()}, Result: types.New(types.BigInt)}, nil
	}})
	return r
}

func (s *session) run(src *ast.Source, st ast.Statement, withTypes bool) (string, error) {
	var rel logical.Rel
	var err error
	switch st := st.(type) {
	case *ast.CreateTable:
		var sink *logical.Sink
		if st.As == nil {
			_, err = s.binder.CreateTable(src, st)
		} else if sink, err = s.binder.CreateTableAs(src, st); sink != nil {
			rel = sink
		}
	case *ast.Query:
		rel, err = s.binder.Query(src, st)
	case *ast.Insert:
		var sink *logical.Sink
		if sink, err = s.binder.Insert(src, st); err == nil {
			rel = sink
		}
	default:
		rows, done, err := s.binder.Execute(src, st)
		if err != nil {
			return "", err
		}
		if !done {
			return "", fmt.Errorf("unknown statement %T", st)
		}
		return rowsText(rows), nil
	}
	if err != nil || rel == nil {
		return "", err
	}
	if err := sound(rel); err != nil {
		return "", err
	}
	return logical.Format(rel, withTypes), nil
}

// rowsText prints rows.
func rowsText(r *catalog.Rows) string {
	var b strings.Builder
	for i, f := range r.Columns {
		if i > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(f.Name)
		if i == len(r.Columns)-1 {
			b.WriteByte('\n')
		}
	}
	for _, row := range r.Rows {
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			switch {
			case v.Null:
				b.WriteString("-")
			case r.Columns[i].Type.Kind() == types.Boolean:
				fmt.Fprint(&b, v.Bool())
			default:
				b.WriteString(v.Text)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// script runs a script and returns the plans, or the error.
func (s *session) script(text string, withTypes bool) string {
	script, err := parse.Script("", text)
	var b strings.Builder
	for _, st := range script.Statements {
		plan, err := s.run(script.Source, st, withTypes)
		if err != nil {
			return b.String() + err.Error() + "\n"
		}
		b.WriteString(plan)
	}
	if err != nil {
		return b.String() + err.Error() + "\n"
	}
	return b.String()
}

// TestScripts binds what is in testdata. Each file is a session.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := newSession()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "define":
				return s.script(d.Input, false)
			case "plan":
				return s.script(d.Input, false)
			case "typed":
				return s.script(d.Input, true)
			case "types":
				var b strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					src := ast.NewSource("", line)
					e, err := parse.Expr(src)
					if err == nil {
						bound, err2 := s.binder.Expr(src, e, fields)
						if err = err2; err == nil {
							fmt.Fprintf(&b, "%s  %s\n", bound, bound.Type())
							continue
						}
					}
					var se *sqlerr.Error
					if errors.As(err, &se) {
						fmt.Fprintf(&b, "%s: %s\n", fault.CodeOf(err), se.Message())
					} else {
						fmt.Fprintln(&b, err)
					}
				}
				return b.String()
			}
			return "unknown command " + d.Cmd
		})
	})
}

// fields are those of the command types.
var fields = []types.Field{
	{Name: "b", Type: types.New(types.Boolean)}, {Name: "i", Type: types.New(types.Int)}, {Name: "n", Type: types.New(types.Int).NotNull()},
	{Name: "l", Type: types.New(types.BigInt)}, {Name: "d", Type: types.New(types.Double)}, {Name: "f", Type: types.New(types.Float)}, {Name: "de", Type: types.DecimalOf(10, 2)},
	{Name: "s", Type: types.String()}, {Name: "c", Type: types.Of(types.Char, 3, 0).NotNull()}, {Name: "ts", Type: types.TimestampOf(3)},
	{Name: "rt", Type: types.TimestampOf(3).NotNull().WithAttribute(types.Rowtime)}, {Name: "ltz", Type: types.TimestampLTZOf(3)}, {Name: "dt", Type: types.New(types.Date)},
	{Name: "r", Type: types.RowOf(types.Field{Name: "x", Type: types.New(types.Int).NotNull()}, types.Field{Name: "y", Type: types.RowOf(types.Field{Name: "z", Type: types.String()})})},
	{Name: "arr", Type: types.ArrayOf(types.New(types.Int))},
}
