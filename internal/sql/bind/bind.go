// Package bind turns syntax trees into logical plans: it finds the tables, columns and functions that names mean, gives every expression its exact type, as Flink does, and makes implicit
// conversions visible as casts.
//
// It works on one statement at a time and keeps nothing between statements, so a [Binder] may be used by several goroutines. Errors are *sqlerr.Error and show the place in the text.
//
// Inside, functions do not return errors: [text.fail] panics with one, and the functions that others call turn it into a result (see [text.run]).
package bind

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/logical"
	"github.com/weirstream/weir/internal/sql/sqlerr"
	"github.com/weirstream/weir/types"
)

// Binder binds statements of a session.
type Binder struct {
	manager    *catalog.Manager
	session    *fn.Session
	registries []*fn.Registry
	uses       func(name, definition string)
}

// Watch has f called with each table and view that a statement names, and each function that it calls which is declared in a catalog, perhaps several times: those of its views, too. A definition is a text that says all that
// counts. It is set before the binder is used.
func (b *Binder) Watch(f func(name, definition string)) { b.uses = f }

// used tells who watches of a table.
func (b *Binder) used(t *catalog.Table) {
	if b.uses != nil {
		b.uses(t.Path.String(), t.DDL())
	}
}

// New returns a binder. Functions are looked for in the registries, in their order, and then in [fn.Builtin]. The session may be nil: then it is one in UTC, in streaming mode.
func New(manager *catalog.Manager, session *fn.Session, registries ...*fn.Registry) *Binder {
	if session == nil {
		session = &fn.Session{}
	}
	return &Binder{manager: manager, session: session, registries: append(slices.Clone(registries), fn.Builtin)}
}

// Query binds a query. The names of the columns are those of the result, made unique.
func (b *Binder) Query(src *ast.Source, q *ast.Query) (rel logical.Rel, err error) {
	x := b.text(src)
	err = x.run(func() { rel = x.query(q, nil).rel })
	return rel, err
}

// Insert binds an INSERT.
func (b *Binder) Insert(src *ast.Source, s *ast.Insert) (sink *logical.Sink, err error) {
	x := b.text(src)
	err = x.run(func() { sink = x.insert(s) })
	return sink, err
}

// Expr binds an expression over fields, without aggregates, windows and subqueries.
func (b *Binder) Expr(src *ast.Source, e ast.Expr, fields []types.Field) (bound expr.Expr, err error) {
	x := b.text(src)
	err = x.run(func() {
		bound = x.over(scopeOf(&logical.Values{Out: fields}, "")).expr(e)
	})
	return bound, err
}

// Table checks the definition of a table, and returns it with the types of its computed columns. The watermark's column must be a TIMESTAMP or TIMESTAMP_LTZ of at most
// three digits, and its expression one of a timestamp.
func (b *Binder) Table(t *catalog.Table) (resolved *catalog.Table, err error) {
	x := b.text(t.Source)
	err = x.run(func() { resolved = x.resolve(t) })
	return resolved, err
}

// Schema returns the columns of a table or view as a query sees them, with their time attributes.
func (b *Binder) Schema(t *catalog.Table) (fields []types.Field, err error) {
	x := b.text(t.Source)
	err = x.run(func() { fields = x.scan(t, nil, ast.Span{}).Fields() })
	return fields, err
}

// statement is what is known of one statement while it is bound.
type statement struct {
	*Binder
	// views are those that are bound already: a view that is used twice is one node.
	views map[*catalog.Table]logical.Rel
	// open are the views that are being bound, from the outside in.
	open []catalog.Path
	// columns counts those of all operators, and limits them.
	columns int
}

// text is a text of SQL: the statement's own, or that of a view or table which it uses.
type text struct {
	*statement
	src *ast.Source
	// within is the catalog and database from which names are looked up: the zero Path for the current ones.
	within catalog.Path
	// full collects the paths of the tables that are named, where that is asked for.
	full map[ast.Span]catalog.Path
}

func (b *Binder) text(src *ast.Source) *text {
	return &text{statement: &statement{Binder: b, views: map[*catalog.Table]logical.Rel{}}, src: src}
}

// bail is the panic of fail.
type bail struct{ err error }

// fail ends binding with an error at a place.
func (x *text) fail(code fault.Code, at ast.Node, format string, args ...any) {
	panic(bail{sqlerr.New(code, x.src, at.Pos(), format, args...)})
}

// suggest is fail with a hint, if one of the others is close to the name.
func (x *text) suggest(code fault.Code, at ast.Node, name string, others []string, format string, args ...any) {
	e := sqlerr.New(code, x.src, at.Pos(), format, args...)
	if c := catalog.Closest(name, others); c != "" {
		e = e.WithHint("did you mean %s?", c)
	}
	panic(bail{e})
}

// hinted is fail with a hint.
func (x *text) hinted(code fault.Code, at ast.Node, hint, format string, args ...any) {
	panic(bail{sqlerr.New(code, x.src, at.Pos(), format, args...).WithHint("%s", hint)})
}

func (x *text) unsupported(at ast.Node, format string, args ...any) {
	x.fail(fault.SQLUnsupported, at, format, args...)
}

// placeAt is where errors are shown that are found later.
func (x *text) placeAt(at ast.Node) sqlerr.Place { return sqlerr.Place{Source: x.src, Span: at.Pos()} }

// check ends binding if there is an error.
func (x *text) check(err error) {
	if err != nil {
		panic(bail{err})
	}
}

// run calls f, and returns the error with which it failed. A defect of this package is an error, too: a statement must not end the process.
func (x *text) run(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case bail:
			err = p.err
		case error:
			var coded *fault.Error
			if errors.As(p, &coded) {
				err = p
				return
			}
			err = fault.New(fault.InternalInvariant, "binding a statement: %w\n%s", p, debug.Stack())
		default:
			err = fault.New(fault.InternalInvariant, "binding a statement: %s\n%s", fmt.Sprint(p), debug.Stack())
		}
	}()
	f()
	return nil
}

// maxColumns is how many columns the operators of a statement may have together: views of views that join themselves would fill the memory.
const maxColumns = 2_000_000

// grow counts the columns of a new operator.
func (x *text) grow(at ast.Node, columns int) {
	x.columns += columns
	if x.columns > maxColumns {
		x.fail(fault.SQLTooDeep, at, "the statement has more than %d columns in all", maxColumns)
	}
}
