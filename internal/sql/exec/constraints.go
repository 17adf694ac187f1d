package exec

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/types"
)

// LengthRule is what is done with strings that are too long for CHAR(n), VARCHAR(n), BINARY(n) or VARBINARY(n), or too short for CHAR(n) and BINARY(n).
type LengthRule uint8

// The rules for lengths.
const (
	LengthIgnore LengthRule = iota // they are written as they are
	LengthFit                      // they are cut, or filled with spaces or zeros
	LengthError                    // they fail the task
)

// NestedRule is where within values constraints are looked at.
type NestedRule uint8

// The rules for nested values.
const (
	NestedIgnore NestedRule = iota // nowhere
	NestedRows                     // in fields of rows
	NestedAll                      // in fields of rows, and in what arrays, maps and multisets have
)

// ConstraintRules are what is done with rows that a table must not have.
type ConstraintRules struct {
	// DropNulls leaves rows with a null where a column is NOT NULL out; else they fail the task.
	DropNulls bool
	Length    LengthRule
	Nested    NestedRule
}

// Constraints lets only rows through that a table may have.
type Constraints struct {
	ConstraintRules
	// Columns are the table's, in the order of the input.
	Columns []types.Field
}

// Any reports whether there is anything to look at.
func (f *Constraints) Any() bool {
	for _, c := range f.Columns {
		if !c.Type.Nullable() || f.constrains(c.Type) {
			return true
		}
	}
	return false
}

// constrains reports whether a value that is not null may break a rule of its type.
func (f *Constraints) constrains(t types.Type) bool {
	within := func(t types.Type) bool { return !t.Nullable() || f.constrains(t) }
	switch {
	case t.IsChar() || t.IsBytes():
		return f.Length != LengthIgnore && t.Length() < types.MaxLength
	case t.IsComposite() && f.Nested >= NestedRows:
		for _, field := range t.Fields() {
			if within(field.Type) {
				return true
			}
		}
	case t.Kind() == types.Map && f.Nested >= NestedAll:
		return within(t.Key()) || within(t.Elem())
	case (t.Kind() == types.Array || t.Kind() == types.Multiset) && f.Nested >= NestedAll:
		return within(t.Elem())
	}
	return false
}

type constraints struct {
	operator.Base
	f      *Constraints
	ctx    *operator.Context
	emit   func(*column.Batch)
	check  []bool // by column: values that are not null have to be looked at
	shapes []column.Shape
	own    []column.Vector
	values []column.Value
	sel    []int32
	out    column.Batch
}

// New implements [operator.Factory].
func (f *Constraints) New(ctx *operator.Context, w operator.Wiring) (operator.Instance, error) {
	m := &constraints{f: f, ctx: ctx, emit: Output(w), own: make([]column.Vector, len(f.Columns)), sel: make([]int32, 0, BatchRows)} // sel is never nil, which would stand for all
	for _, c := range f.Columns {
		m.check = append(m.check, f.constrains(c.Type))
		m.shapes = append(m.shapes, column.ShapeOf(c.Type))
	}
	return m, nil
}

func (m *constraints) Inputs() []any { return []any{Input(m.process)} }

func (m *constraints) process(b *column.Batch) {
	if m.ctx.Failed {
		return
	}
	m.out.N, m.out.Sel, m.out.Kinds = b.N, b.Sel, b.Kinds
	m.out.Cols = append(m.out.Cols[:0], b.Cols...)
	for c, field := range m.f.Columns {
		var err error
		if v := b.Cols[c]; !field.Type.Nullable() && v.Nulls() {
			err = m.notNull(c)
		}
		if err == nil && m.check[c] {
			if field.Type.IsChar() || field.Type.IsBytes() {
				err = m.texts(c)
			} else {
				err = m.nested(c)
			}
		}
		if err != nil {
			m.ctx.Fail(err)
			return
		}
	}
	m.emit(&m.out)
}

// keep leaves out rows of which ok is not true.
func (m *constraints) keep(ok func(row int) (bool, error)) error {
	kept := m.sel[:0] // what is read of it, if it is the selection already, is read before it is written
	for _, row := range Selected(&m.out) {
		good, err := ok(int(row))
		if err != nil {
			return err
		}
		if good {
			kept = append(kept, row)
		}
	}
	if len(kept) < m.out.Rows() {
		m.sel, m.out.Sel = kept, kept
	}
	return nil
}

func (m *constraints) notNull(c int) error {
	v := m.out.Cols[c]
	return m.keep(func(row int) (bool, error) {
		if !v.Null(row) {
			return true, nil
		}
		return false, m.fail(c, &breach{null: true})
	})
}

// texts looks at the lengths of a column of strings.
func (m *constraints) texts(c int) error {
	v, t := m.out.Cols[c], m.f.Columns[c].Type
	rows := Selected(&m.out)
	bad := false
	for _, row := range rows {
		if v.Null(int(row)) {
			continue
		}
		if b := v.Bytes(int(row)); !fits(lengthOf(b, t), t) {
			if m.f.Length == LengthError {
				return m.fail(c, &breach{of: t, length: lengthOf(b, t)})
			}
			bad = true
		}
	}
	if !bad {
		return nil
	}
	own := &m.own[c]
	own.Reset(column.Text, m.out.N)
	clear(own.Views)
	for _, row := range rows {
		if v.Null(int(row)) {
			own.SetNull(int(row), m.out.N)
			continue
		}
		b := v.Bytes(int(row))
		if fits(lengthOf(b, t), t) {
			own.SetBytes(int(row), b)
		} else {
			own.SetString(int(row), fit(string(b), t))
		}
	}
	m.out.Cols[c] = own
	return nil
}

// nested looks into the values of a column.
func (m *constraints) nested(c int) error {
	v, t := m.out.Cols[c], m.f.Columns[c].Type
	m.values = m.values[:0]
	changed := false
	err := m.keep(func(row int) (bool, error) {
		if v.Null(row) {
			m.values = append(m.values, column.NullValue())
			return true, nil
		}
		x := v.Value(row)
		change, broken := m.f.enforce(&x, t)
		if broken != nil {
			return false, m.fail(c, broken)
		}
		changed = changed || change
		m.values = append(m.values, x)
		return true, nil
	})
	if err != nil || !changed {
		return err
	}
	own, shape := &m.own[c], &m.shapes[c]
	own.Reset(shape.Form, 0)
	at := 0
	for i, row := range Selected(&m.out) {
		for ; at < int(row); at++ {
			own.AppendValue(column.NullValue(), shape, at)
		}
		own.AppendValue(m.values[i], shape, at)
		at++
	}
	for ; at < m.out.N; at++ {
		own.AppendValue(column.NullValue(), shape, at)
	}
	m.out.Cols[c] = own
	return nil
}

// breach is a rule that a value breaks.
type breach struct {
	path   string // within the column
	null   bool   // it is null; else it has a length that the type does not allow
	of     types.Type
	length int
}

// fail is what becomes of a row that breaks a rule: nil if it is left out.
func (m *constraints) fail(c int, b *breach) error {
	name := m.f.Columns[c].Name + b.path
	switch {
	case b.null && m.f.DropNulls:
		return nil
	case b.null:
		return fault.New(fault.SQLSink, "the column %q is NOT NULL, but a null is to be written: SET 'table.exec.sink.not-null-enforcer' = 'DROP' leaves such rows out", name)
	}
	return fault.New(fault.SQLSink, "the column %q is %s, but a string of length %d is to be written: SET 'table.exec.sink.type-length-enforcer' = 'TRIM_PAD' cuts and fills strings", name, b.of.Null(), b.length)
}

// enforce looks at a value that is not null, and makes strings in it fit.
func (f *Constraints) enforce(v *column.Value, t types.Type) (changed bool, broken *breach) {
	if !f.constrains(t) {
		return false, nil
	}
	within := func(i int, t types.Type, path func() string) {
		if broken != nil {
			return
		}
		x := &v.List[i]
		if x.Null {
			if !t.Nullable() {
				broken = &breach{null: true, path: path()}
			}
			return
		}
		change, b := f.enforce(x, t)
		if b != nil {
			b.path = path() + b.path
			broken = b
		}
		changed = changed || change
	}
	switch {
	case t.IsChar() || t.IsBytes():
		n := lengthOf(v.Text, t)
		switch {
		case fits(n, t):
		case f.Length == LengthError:
			return false, &breach{of: t, length: n}
		default:
			v.Text = fit(v.Text, t)
			return true, nil
		}
	case t.IsComposite():
		for i, field := range t.Fields() {
			within(i, field.Type, func() string { return "." + field.Name })
		}
	case t.Kind() == types.Array:
		for i := range v.List {
			within(i, t.Elem(), func() string { return fmt.Sprintf("[%d]", i) })
		}
	default: // keys and values in turn; those of a multiset are numbers
		for i := range v.List {
			switch {
			case i&1 == 0 && t.Kind() == types.Map:
				within(i, t.Key(), func() string { return "[key]" })
			case i&1 == 0:
				within(i, t.Elem(), func() string { return "[element]" })
			case t.Kind() == types.Map:
				within(i, t.Elem(), func() string { return "[value]" })
			}
		}
	}
	return changed, broken
}

// lengthOf is the length of a string in characters, or of bytes.
func lengthOf[T string | []byte](s T, t types.Type) int {
	if t.IsChar() {
		return utf8.RuneCountInString(string(s)) // which copies nothing
	}
	return len(s)
}

func fits(n int, t types.Type) bool {
	fixed := t.Kind() == types.Char || t.Kind() == types.Binary
	return n <= t.Length() && (n == t.Length() || !fixed)
}

// fit cuts or fills a string.
func fit(s string, t types.Type) string {
	n := lengthOf(s, t)
	switch {
	case n < t.Length() && t.IsChar():
		return s + strings.Repeat(" ", t.Length()-n)
	case n < t.Length():
		return s + strings.Repeat("\x00", t.Length()-n)
	case !t.IsChar():
		return s[:t.Length()]
	}
	left := t.Length()
	for i := range s {
		if left == 0 {
			return s[:i]
		}
		left--
	}
	return s
}
