package tables

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// Operation is what a [Predicate] asks of a column.
type Operation uint8

// The operations. A null satisfies IsNull alone.
const (
	Equal Operation = iota // to one of the values
	NotEqual
	Less
	LessOrEqual
	Greater
	GreaterOrEqual
	IsNull
	IsNotNull
)

var operations = [...]string{"=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL"}

func (o Operation) String() string { return operations[o] }

// Predicate is a condition on one column. Values are of the column's type, none is null: some for Equal, none for IsNull and IsNotNull, one for the others.
type Predicate struct {
	Column int
	Op     Operation
	Values []column.Value
}

// Describe prints the condition on a column of that name and type.
func (p Predicate) Describe(name string, t types.Type) string {
	var b strings.Builder
	b.WriteString(name + " " + p.Op.String())
	if len(p.Values) > 1 {
		b.WriteString(" ANY")
	}
	for i, v := range p.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(" " + column.Literal(v, t))
	}
	return b.String()
}

// Holds reports whether a value of type t satisfies the condition.
func (p Predicate) Holds(v column.Value, t types.Type) bool {
	if v.Null {
		return p.Op == IsNull
	}
	return p.Possible(v, v, t)
}

// Possible reports whether a value, which is not null, from low to high may satisfy the condition. Both bounds are of type t.
func (p Predicate) Possible(low, high column.Value, t types.Type) bool {
	switch p.Op {
	case IsNull:
		return false
	case IsNotNull:
		return true
	case Equal:
		for _, v := range p.Values {
			if compare(low, v, t) <= 0 && compare(v, high, t) <= 0 {
				return true
			}
		}
		return false
	}
	v := p.Values[0]
	switch p.Op {
	case NotEqual:
		return compare(low, v, t) != 0 || compare(high, v, t) != 0
	case Less:
		return compare(low, v, t) < 0
	case LessOrEqual:
		return compare(low, v, t) <= 0
	case Greater:
		return compare(high, v, t) > 0
	}
	return compare(high, v, t) >= 0
}

// Ordered reports whether values of a type can be compared by conditions.
func Ordered(t types.Type) bool {
	switch t.Kind() {
	case types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal, types.Char, types.Varchar, types.Binary, types.Varbinary,
		types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return true
	}
	return false
}

func compare(a, b column.Value, t types.Type) int {
	switch column.FormOf(t) {
	case column.Text:
		return bytes.Compare([]byte(a.Text), []byte(b.Text))
	case column.Wide:
		if c := cmp.Compare(int64(a.Wide[1]), int64(b.Wide[1])); c != 0 {
			return c
		}
		return cmp.Compare(a.Wide[0], b.Wide[0])
	}
	if k := t.Kind(); k == types.Float || k == types.Double {
		return cmp.Compare(a.Float(), b.Float())
	}
	return cmp.Compare(a.Int(), b.Int())
}
