// Package types is the vocabulary of SQL data types: what a column may hold, whether it may be null, and what a row of a changelog means.
//
// The types are those of Flink SQL, and they print as Flink prints them. They say nothing about how values lie in memory: see package column.
package types

import (
	"strconv"
	"strings"
)

// Kind is the family member of a type, without its parameters.
type Kind uint8

// The kinds. [Invalid] is the kind of the zero [Type].
const (
	Invalid Kind = iota
	Null
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal
	Char
	Varchar
	Binary
	Varbinary
	Date
	Time
	Timestamp
	TimestampLTZ
	TimestampTZ
	IntervalYearMonth
	IntervalDayTime
	Array
	Map
	Multiset
	Row
	Structured
	Raw
	Symbol
	Descriptor
	Variant
	Bitmap
)

var kindNames = [...]string{
	"INVALID", "NULL", "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "BINARY", "VARBINARY", "DATE", "TIME",
	"TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE", "INTERVAL YEAR TO MONTH", "INTERVAL DAY TO SECOND", "ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED",
	"RAW", "SYMBOL", "DESCRIPTOR", "VARIANT", "BITMAP",
}

// String is the name of the kind in SQL.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// MaxLength is the length of STRING and BYTES, which are VARCHAR and VARBINARY of it.
const MaxLength = 1<<31 - 1

// MaxDecimal is the greatest precision of a DECIMAL.
const MaxDecimal = 38

// ShortDecimal is the greatest precision whose values fit 64 bits.
const ShortDecimal = 18

// Attribute marks the columns that carry a stream's time.
type Attribute uint8

// The attributes.
const (
	NoAttribute Attribute = iota
	Rowtime
	Proctime
)

// Resolution is which fields an interval has.
type Resolution uint8

// The resolutions of INTERVAL YEAR TO MONTH types, and those of INTERVAL DAY TO SECOND.
const (
	NoResolution Resolution = iota
	Year
	YearToMonth
	Month
	Day
	DayToHour
	DayToMinute
	DayToSecond
	Hour
	HourToMinute
	HourToSecond
	Minute
	MinuteToSecond
	Second
)

// Type is a data type with its nullability. Types are values: they are compared with [Type.Equal], copied freely, and not changed. The zero Type is invalid.
type Type struct {
	kind      Kind
	notNull   bool
	attribute Attribute
	res       Resolution
	precision int32
	scale     int32
	more      *more
}

// more is what only composed types have. It is not changed once made.
type more struct {
	key    Type
	elem   Type
	fields []Field
	class  string
}

// Field is a column of a table, or a field of a row.
type Field struct {
	Name    string
	Type    Type
	Comment string
}

// New returns the nullable type of a kind without parameters.
func New(k Kind) Type { return Type{kind: k} }

// Of returns the nullable type of a kind with precision (or length) and scale.
func Of(k Kind, precision, scale int) Type {
	return Type{kind: k, precision: int32(precision), scale: int32(scale)}
}

// String, Bytes and the functions below return nullable types.
func String() Type { return Of(Varchar, MaxLength, 0) }

// Bytes is VARBINARY of the greatest length.
func Bytes() Type { return Of(Varbinary, MaxLength, 0) }

// DecimalOf is DECIMAL(precision, scale).
func DecimalOf(precision, scale int) Type { return Of(Decimal, precision, scale) }

// TimestampOf is TIMESTAMP(precision).
func TimestampOf(precision int) Type { return Of(Timestamp, precision, 0) }

// TimestampLTZOf is TIMESTAMP_LTZ(precision).
func TimestampLTZOf(precision int) Type { return Of(TimestampLTZ, precision, 0) }

// IntervalOf is an interval type: precision is that of its leading field (years or days), fraction that of its seconds.
func IntervalOf(res Resolution, precision, fraction int) Type {
	k := IntervalDayTime
	if res <= Month {
		k = IntervalYearMonth
	}
	return Type{kind: k, res: res, precision: int32(precision), scale: int32(fraction)}
}

// ArrayOf is ARRAY<elem>.
func ArrayOf(elem Type) Type { return Type{kind: Array, more: &more{elem: elem}} }

// MultisetOf is MULTISET<elem>.
func MultisetOf(elem Type) Type { return Type{kind: Multiset, more: &more{elem: elem}} }

// MapOf is MAP<key, value>.
func MapOf(key, value Type) Type { return Type{kind: Map, more: &more{key: key, elem: value}} }

// RowOf is ROW<fields>. The slice is the type's from then on.
func RowOf(fields ...Field) Type { return Type{kind: Row, more: &more{fields: fields}} }

// StructuredOf is a named type with fields.
func StructuredOf(class string, fields ...Field) Type {
	return Type{kind: Structured, more: &more{fields: fields, class: class}}
}

// RawOf is RAW(class).
func RawOf(class string) Type { return Type{kind: Raw, more: &more{class: class}} }

// Kind is the type's kind.
func (t Type) Kind() Kind { return t.kind }

// Nullable reports whether a value may be null.
func (t Type) Nullable() bool { return !t.notNull }

// WithNullable returns the type with the given nullability.
func (t Type) WithNullable(nullable bool) Type {
	t.notNull = !nullable
	return t
}

// NotNull returns the type without null.
func (t Type) NotNull() Type { return t.WithNullable(false) }

// Null returns the type with null.
func (t Type) Null() Type { return t.WithNullable(true) }

// Precision is the number of digits, the length in characters or bytes, the digits of the fraction of a time, or those of an interval's leading field.
func (t Type) Precision() int { return int(t.precision) }

// Length is [Type.Precision] of strings.
func (t Type) Length() int { return int(t.precision) }

// Scale is the number of decimal digits behind the point, or the digits of the fraction of an interval's seconds.
func (t Type) Scale() int { return int(t.scale) }

// Resolution is which fields an interval has.
func (t Type) Resolution() Resolution { return t.res }

// Attribute tells whether the column carries the stream's time.
func (t Type) Attribute() Attribute { return t.attribute }

// WithAttribute returns the type with the given attribute.
func (t Type) WithAttribute(a Attribute) Type {
	t.attribute = a
	return t
}

// Elem is the type of an array's or multiset's elements, or of a map's values.
func (t Type) Elem() Type {
	if t.more == nil {
		return Type{}
	}
	return t.more.elem
}

// Key is the type of a map's keys.
func (t Type) Key() Type {
	if t.more == nil {
		return Type{}
	}
	return t.more.key
}

// Fields are those of a ROW or structured type, not to be changed.
func (t Type) Fields() []Field {
	if t.more == nil {
		return nil
	}
	return t.more.fields
}

// Class is the name of a structured or RAW type.
func (t Type) Class() string {
	if t.more == nil {
		return ""
	}
	return t.more.class
}

// Field returns the index of the field of that name, or -1.
func (t Type) Field(name string) int {
	for i, f := range t.Fields() {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// Valid reports whether the type is not the zero one.
func (t Type) Valid() bool { return t.kind != Invalid }

// Equal reports whether two types are the same, nullability included. Attributes, field comments and the names of a ROW's fields count, but for comments.
func (t Type) Equal(o Type) bool { return t.same(o, true) && t.attribute == o.attribute }

// Same reports whether two types are the same but for their own nullability and attribute. The nullability within them counts.
func (t Type) Same(o Type) bool {
	t.notNull, o.notNull = false, false
	return t.same(o, true)
}

func (t Type) same(o Type, names bool) bool {
	if t.kind != o.kind || t.notNull != o.notNull || t.precision != o.precision || t.scale != o.scale || t.res != o.res {
		return false
	}
	if t.more == nil || o.more == nil || t.more == o.more {
		return t.more == o.more
	}
	a, b := t.more, o.more
	if a.class != b.class || len(a.fields) != len(b.fields) || !a.elem.same(b.elem, names) || !a.key.same(b.key, names) {
		return false
	}
	for i := range a.fields {
		if names && a.fields[i].Name != b.fields[i].Name || !a.fields[i].Type.same(b.fields[i].Type, names) {
			return false
		}
	}
	return true
}

// Alike is Same, but names of fields do not count.
func (t Type) Alike(o Type) bool {
	t.notNull, o.notNull = false, false
	return t.same(o, false)
}

// IsInteger reports TINYINT to BIGINT.
func (t Type) IsInteger() bool { return t.kind >= TinyInt && t.kind <= BigInt }

// IsExact reports integers and DECIMAL.
func (t Type) IsExact() bool { return t.IsInteger() || t.kind == Decimal }

// IsApprox reports FLOAT and DOUBLE.
func (t Type) IsApprox() bool { return t.kind == Float || t.kind == Double }

// IsNumeric reports all numbers.
func (t Type) IsNumeric() bool { return t.kind >= TinyInt && t.kind <= Decimal }

// IsChar reports CHAR and VARCHAR.
func (t Type) IsChar() bool { return t.kind == Char || t.kind == Varchar }

// IsBytes reports BINARY and VARBINARY.
func (t Type) IsBytes() bool { return t.kind == Binary || t.kind == Varbinary }

// IsInterval reports both kinds of intervals.
func (t Type) IsInterval() bool { return t.kind == IntervalDayTime || t.kind == IntervalYearMonth }

// IsTimestamp reports TIMESTAMP and TIMESTAMP_LTZ.
func (t Type) IsTimestamp() bool { return t.kind == Timestamp || t.kind == TimestampLTZ }

// IsDatetime reports DATE, TIME and the timestamps.
func (t Type) IsDatetime() bool { return t.kind >= Date && t.kind <= TimestampTZ }

// IsTimeAttribute reports whether the column carries the stream's time.
func (t Type) IsTimeAttribute() bool { return t.attribute != NoAttribute }

// IsComposite reports ROW and structured types.
func (t Type) IsComposite() bool { return t.kind == Row || t.kind == Structured }

// String is the type in SQL, as Flink's asSummaryString prints it: "BIGINT NOT NULL", "STRING", "TIMESTAMP(3) *ROWTIME*".
func (t Type) String() string {
	var b strings.Builder
	t.print(&b, true)
	return b.String()
}

// SQL is the type as it is written in a statement: [Type.String] without a time attribute.
func (t Type) SQL() string {
	var b strings.Builder
	t.print(&b, false)
	return b.String()
}

func (t Type) print(b *strings.Builder, summary bool) {
	name := t.kind.String()
	num := func(ns ...int32) {
		b.WriteByte('(')
		for i, n := range ns {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strconv.Itoa(int(n)))
		}
		b.WriteByte(')')
	}
	switch t.kind {
	case Varchar, Varbinary:
		if t.precision == MaxLength {
			b.WriteString(map[Kind]string{Varchar: "STRING", Varbinary: "BYTES"}[t.kind])
			break
		}
		b.WriteString(name)
		num(t.precision)
	case Char, Binary, Time, Timestamp, TimestampLTZ:
		b.WriteString(name)
		num(t.precision)
	case TimestampTZ:
		b.WriteString("TIMESTAMP")
		num(t.precision)
		b.WriteString(" WITH TIME ZONE")
	case Decimal:
		b.WriteString(name)
		num(t.precision, t.scale)
	case IntervalYearMonth, IntervalDayTime:
		t.printInterval(b)
	case Array, Multiset:
		b.WriteString(name)
		b.WriteByte('<')
		t.more.elem.print(b, summary)
		b.WriteByte('>')
	case Map:
		b.WriteString("MAP<")
		t.more.key.print(b, summary)
		b.WriteString(", ")
		t.more.elem.print(b, summary)
		b.WriteByte('>')
	case Row, Structured:
		if t.kind == Structured {
			b.WriteString("STRUCTURED<'" + strings.ReplaceAll(t.more.class, "'", "''") + "'")
			if len(t.more.fields) > 0 {
				b.WriteString(", ")
			}
		} else {
			b.WriteString("ROW<")
		}
		for i, f := range t.more.fields {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(Quote(f.Name))
			b.WriteByte(' ')
			f.Type.print(b, summary)
			if f.Comment != "" {
				b.WriteString(" '" + strings.ReplaceAll(f.Comment, "'", "''") + "'")
			}
		}
		b.WriteByte('>')
	case Raw:
		b.WriteString("RAW('" + strings.ReplaceAll(t.more.class, "'", "''") + "', ?)")
	default:
		b.WriteString(name)
	}
	if t.notNull {
		b.WriteString(" NOT NULL")
	}
	if summary && t.attribute == Rowtime {
		b.WriteString(" *ROWTIME*")
	}
	if summary && t.attribute == Proctime {
		b.WriteString(" *PROCTIME*")
	}
}

func (t Type) printInterval(b *strings.Builder) {
	p, f := "("+strconv.Itoa(int(t.precision))+")", "("+strconv.Itoa(int(t.scale))+")"
	b.WriteString("INTERVAL ")
	switch t.res {
	case Year:
		b.WriteString("YEAR" + p)
	case YearToMonth:
		b.WriteString("YEAR" + p + " TO MONTH")
	case Month:
		b.WriteString("MONTH")
	case Day:
		b.WriteString("DAY" + p)
	case DayToHour:
		b.WriteString("DAY" + p + " TO HOUR")
	case DayToMinute:
		b.WriteString("DAY" + p + " TO MINUTE")
	case DayToSecond, NoResolution:
		b.WriteString("DAY" + p + " TO SECOND" + f)
	case Hour:
		b.WriteString("HOUR")
	case HourToMinute:
		b.WriteString("HOUR TO MINUTE")
	case HourToSecond:
		b.WriteString("HOUR TO SECOND" + f)
	case Minute:
		b.WriteString("MINUTE")
	case MinuteToSecond:
		b.WriteString("MINUTE TO SECOND" + f)
	case Second:
		b.WriteString("SECOND" + f)
	}
}

// Quote puts a name in backquotes.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
