package ast

// TypeKind is the family of a data type.
type TypeKind string

// The families of types, under the one name that each has here: STRING and BYTES stay what they are, INTEGER is INT, DEC and NUMERIC are
// DECIMAL, CHARACTER is CHAR, TIMESTAMP_LTZ is TIMESTAMP WITH LOCAL TIME ZONE.
const (
	TypeChar         TypeKind = "CHAR"
	TypeVarchar      TypeKind = "VARCHAR"
	TypeString       TypeKind = "STRING"
	TypeBinary       TypeKind = "BINARY"
	TypeVarbinary    TypeKind = "VARBINARY"
	TypeBytes        TypeKind = "BYTES"
	TypeBoolean      TypeKind = "BOOLEAN"
	TypeDecimal      TypeKind = "DECIMAL"
	TypeTinyint      TypeKind = "TINYINT"
	TypeSmallint     TypeKind = "SMALLINT"
	TypeInt          TypeKind = "INT"
	TypeBigint       TypeKind = "BIGINT"
	TypeFloat        TypeKind = "FLOAT"
	TypeDouble       TypeKind = "DOUBLE"
	TypeDate         TypeKind = "DATE"
	TypeTime         TypeKind = "TIME"
	TypeTimestamp    TypeKind = "TIMESTAMP"
	TypeTimestampTZ  TypeKind = "TIMESTAMP WITH TIME ZONE"
	TypeTimestampLTZ TypeKind = "TIMESTAMP WITH LOCAL TIME ZONE"
	TypeInterval     TypeKind = "INTERVAL"
	TypeArray        TypeKind = "ARRAY"
	TypeMultiset     TypeKind = "MULTISET"
	TypeMap          TypeKind = "MAP"
	TypeRow          TypeKind = "ROW"
	TypeStructured   TypeKind = "STRUCTURED"
	TypeRaw          TypeKind = "RAW"
	TypeNull         TypeKind = "NULL"
	TypeVariant      TypeKind = "VARIANT"
	TypeBitmap       TypeKind = "BITMAP"
	TypeDescriptor   TypeKind = "DESCRIPTOR"
	// TypeNamed is a type of a catalog.
	TypeNamed TypeKind = "named"
)

// Nullability is what a type says of nulls.
type Nullability uint8

const (
	// NullDefault means that nothing is said: nullable, in Flink's dialect.
	NullDefault Nullability = iota
	// Nullable means an explicit NULL.
	Nullable
	// NotNull means NOT NULL.
	NotNull
)

// DataType is a data type as written.
type DataType struct {
	Span
	Kind TypeKind
	// Params are the numbers in parentheses: a length; a precision, or a precision and a scale. Nil if there are none.
	Params []*NumberLit
	// Elem is the element of an ARRAY or MULTISET, and the value of a MAP.
	Elem *DataType
	// Key is the key of a MAP.
	Key *DataType
	// Fields are those of a ROW or STRUCTURED type.
	Fields []*TypeField
	// Class is the class of a STRUCTURED or RAW type.
	Class *StringLit
	// Serializer is the text of a RAW type's second argument.
	Serializer *StringLit
	// Interval is the qualifier of an INTERVAL.
	Interval *IntervalQualifier
	// Name is that of a type of a catalog.
	Name *Name
	Null Nullability
}

// TypeField is a field of a ROW or STRUCTURED type.
type TypeField struct {
	Span
	Name    *Ident
	Type    *DataType
	Comment *StringLit
}

// TimeUnit is a unit of time, or another part of a date as EXTRACT takes it: in capitals, in the singular.
type TimeUnit string

// The units of intervals.
const (
	UnitYear    TimeUnit = "YEAR"
	UnitQuarter TimeUnit = "QUARTER"
	UnitMonth   TimeUnit = "MONTH"
	UnitWeek    TimeUnit = "WEEK"
	UnitDay     TimeUnit = "DAY"
	UnitHour    TimeUnit = "HOUR"
	UnitMinute  TimeUnit = "MINUTE"
	UnitSecond  TimeUnit = "SECOND"
)

// IntervalQualifier says what an interval counts, as in DAY(3) TO SECOND(6).
type IntervalQualifier struct {
	Span
	From TimeUnit
	// Precision is that of the leading field, nil if not given.
	Precision *NumberLit
	// To is "" if there is one field.
	To TimeUnit
	// Fraction is the precision of the fraction of seconds, nil if not given.
	Fraction *NumberLit
}
