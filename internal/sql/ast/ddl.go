package ast

// ObjectKind is the kind of a named thing that statements create, change, drop, show or describe.
type ObjectKind string

// The kinds of named things.
const (
	KindTable             ObjectKind = "TABLE"
	KindMaterializedTable ObjectKind = "MATERIALIZED TABLE"
	KindView              ObjectKind = "VIEW"
	KindDatabase          ObjectKind = "DATABASE"
	KindCatalog           ObjectKind = "CATALOG"
	KindFunction          ObjectKind = "FUNCTION"
	KindModel             ObjectKind = "MODEL"
	KindConnection        ObjectKind = "CONNECTION"
	KindModule            ObjectKind = "MODULE"
	KindModules           ObjectKind = "MODULES"
	KindJob               ObjectKind = "JOB"
)

// Option is 'key' = 'value'.
type Option struct {
	Span
	Key, Value *StringLit
}

// Schema is the part of a table in parentheses.
type Schema struct {
	Span
	// Columns are the defined columns, in order. They are nil where only names are given.
	Columns []*Column
	// Names are columns without types, which only put the columns of a query in order.
	Names       []*Ident
	Constraints []*Constraint
	Watermark   *Watermark // nil if there is none
}

// Column is a column's definition. It is computed (As is set), a metadata column (Metadata is true) or physical.
type Column struct {
	Span
	// Name has one part, except in ALTER TABLE, where it may lead into a row.
	Name *Name
	Type *DataType // nil if computed
	// As is the expression of a computed column.
	As       Expr
	Metadata bool
	// MetadataKey is that of METADATA FROM 'key', nil if not given.
	MetadataKey *StringLit
	Virtual     bool
	// Constraint is one written at the column; its Columns are nil.
	Constraint *Constraint
	Comment    *StringLit
	// Position is that of ALTER TABLE: nil if not given.
	Position *ColumnPosition
}

// ColumnPosition is FIRST or AFTER column.
type ColumnPosition struct {
	Span
	After *Name // nil for FIRST
}

// Constraint is a primary key or a unique key.
type Constraint struct {
	Span
	Name *Ident // nil if not given
	// Unique tells of UNIQUE instead of PRIMARY KEY.
	Unique  bool
	Columns []*Ident
	// Enforcement is "", "ENFORCED" or "NOT ENFORCED".
	Enforcement string
}

// Watermark is WATERMARK FOR column AS expression.
type Watermark struct {
	Span
	Column *Name
	As     Expr
}

// Distribution is DISTRIBUTED BY kind(columns) INTO n BUCKETS.
type Distribution struct {
	Span
	Kind    string     // "", "HASH" or "RANGE"
	Columns []*Ident   // nil if only a number of buckets is given
	Buckets *NumberLit // nil if not given
}

// TableLike is LIKE table (options).
type TableLike struct {
	Span
	Table   *Name
	Options []*TableLikeOption
}

// TableLikeOption says what LIKE takes over.
type TableLikeOption struct {
	Span
	Strategy string // "INCLUDING", "EXCLUDING" or "OVERWRITING"
	Feature  string // "ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS" or "WATERMARKS"
}

// CreateTable is CREATE TABLE in all its forms, and REPLACE TABLE.
type CreateTable struct {
	Span
	// Replace tells of REPLACE TABLE, OrReplace of CREATE OR REPLACE TABLE.
	Replace, OrReplace bool
	Temporary          bool
	IfNotExists        bool
	Name               *Name
	Schema             *Schema // nil if there are no parentheses
	Comment            *StringLit
	Distribution       *Distribution
	PartitionedBy      []*Ident
	Options            []*Option
	Like               *TableLike
	As                 *Query
}

// StartMode is that of a materialized table.
type StartMode struct {
	Span
	Kind string // "FROM_BEGINNING", "FROM_NOW", "FROM_TIMESTAMP", or one of these after "RESUME_OR_"
	Arg  Expr   // nil if there are no parentheses
}

// CreateMaterializedTable is CREATE [OR ALTER] MATERIALIZED TABLE.
type CreateMaterializedTable struct {
	Span
	OrAlter       bool
	Name          *Name
	Schema        *Schema
	Comment       *StringLit
	Distribution  *Distribution
	PartitionedBy []*Ident
	Options       []*Option
	StartMode     *StartMode
	Freshness     *IntervalLit
	RefreshMode   string // "", "CONTINUOUS" or "FULL"
	As            *Query
}

// CreateView is CREATE VIEW.
type CreateView struct {
	Span
	OrReplace   bool
	Temporary   bool
	IfNotExists bool
	Name        *Name
	Columns     []*Ident
	Comment     *StringLit
	Query       *Query
}

// CreateObject creates a catalog, a database or a connection.
type CreateObject struct {
	Span
	Kind              ObjectKind
	Temporary, System bool
	IfNotExists       bool
	Name              *Name
	Comment           *StringLit
	Options           []*Option
}

// Resource is JAR 'uri' or ARTIFACT 'uri'.
type Resource struct {
	Span
	Kind string
	URI  *StringLit
}

// CreateFunction is CREATE FUNCTION.
type CreateFunction struct {
	Span
	Temporary, System bool
	IfNotExists       bool
	Name              *Name
	Class             *StringLit
	Language          string // "", "JAVA", "SCALA", "PYTHON" or "SQL"
	Using             []*Resource
	Options           []*Option
}

// CreateModel is CREATE MODEL.
type CreateModel struct {
	Span
	Temporary     bool
	IfNotExists   bool
	Name          *Name
	Input, Output []*Column
	Comment       *StringLit
	Options       []*Option
	As            *Query
}

// Drop drops one thing.
type Drop struct {
	Span
	Kind              ObjectKind
	Temporary, System bool
	IfExists          bool
	Name              *Name
	// Behavior is "", "RESTRICT" or "CASCADE".
	Behavior string
}

// Alter changes one thing.
type Alter struct {
	Span
	Kind              ObjectKind
	Temporary, System bool
	IfExists          bool
	Name              *Name
	Action            AlterAction
}

// AlterAction is what ALTER does.
type AlterAction interface {
	Node
	alterAction()
}

// The actions of ALTER.
type (
	// Rename is RENAME TO name.
	Rename struct {
		Span
		To *Name
	}
	// RenameColumn is RENAME column TO name.
	RenameColumn struct {
		Span
		From, To *Name
	}
	// SetOptions is SET (options).
	SetOptions struct {
		Span
		Options []*Option
	}
	// ResetOptions is RESET (keys).
	ResetOptions struct {
		Span
		Keys []*StringLit
	}
	// SetComment is COMMENT 'text'.
	SetComment struct {
		Span
		Comment *StringLit
	}
	// AddSchema is ADD with columns, constraints or a watermark.
	AddSchema struct {
		Span
		Schema *Schema
	}
	// ModifySchema is MODIFY with columns, constraints or a watermark.
	ModifySchema struct {
		Span
		Schema *Schema
	}
	// DropColumns is DROP (columns).
	DropColumns struct {
		Span
		Columns []*Name
	}
	// DropPart is DROP of a part of which there is only one.
	DropPart struct {
		Span
		Part string // "PRIMARY KEY", "WATERMARK" or "DISTRIBUTION"
	}
	// DropConstraint is DROP CONSTRAINT name.
	DropConstraint struct {
		Span
		Name *Ident
	}
	// SetDistribution is ADD or MODIFY DISTRIBUTION.
	SetDistribution struct {
		Span
		Modify       bool
		Distribution *Distribution
	}
	// AddPartitions is ADD PARTITION.
	AddPartitions struct {
		Span
		IfNotExists bool
		Partitions  []*Partition
	}
	// DropPartitions is DROP PARTITION.
	DropPartitions struct {
		Span
		IfExists   bool
		Partitions []*Partition
	}
	// AlterQuery is AS query.
	AlterQuery struct {
		Span
		Query *Query
	}
	// AlterFunction is AS 'class' LANGUAGE language.
	AlterFunction struct {
		Span
		Class    *StringLit
		Language string
	}
	// Suspend is SUSPEND of a materialized table.
	Suspend struct{ Span }
	// Resume is RESUME of a materialized table.
	Resume struct {
		Span
		Options []*Option
	}
	// Refresh is REFRESH of a materialized table.
	Refresh struct {
		Span
		Partition *Partition // nil for all
	}
	// SetFreshness is SET FRESHNESS = interval.
	SetFreshness struct {
		Span
		Freshness *IntervalLit
	}
	// SetRefreshMode is SET REFRESH_MODE = mode.
	SetRefreshMode struct {
		Span
		Mode string
	}
)

// Partition is PARTITION (column = value, ..).
type Partition struct {
	Span
	Values []*PartitionValue
	// Options are those of ALTER TABLE .. ADD PARTITION.
	Options []*Option
}

// PartitionValue is column = value, or a column alone in ANALYZE TABLE.
type PartitionValue struct {
	Span
	Column *Ident
	Value  Expr
}

func (*CreateTable) statement()             {}
func (*CreateMaterializedTable) statement() {}
func (*CreateView) statement()              {}
func (*CreateObject) statement()            {}
func (*CreateFunction) statement()          {}
func (*CreateModel) statement()             {}
func (*Drop) statement()                    {}
func (*Alter) statement()                   {}

func (*Rename) alterAction()          {}
func (*RenameColumn) alterAction()    {}
func (*SetOptions) alterAction()      {}
func (*ResetOptions) alterAction()    {}
func (*SetComment) alterAction()      {}
func (*AddSchema) alterAction()       {}
func (*ModifySchema) alterAction()    {}
func (*DropColumns) alterAction()     {}
func (*DropPart) alterAction()        {}
func (*DropConstraint) alterAction()  {}
func (*SetDistribution) alterAction() {}
func (*AddPartitions) alterAction()   {}
func (*DropPartitions) alterAction()  {}
func (*AlterQuery) alterAction()      {}
func (*AlterFunction) alterAction()   {}
func (*Suspend) alterAction()         {}
func (*Resume) alterAction()          {}
func (*Refresh) alterAction()         {}
func (*SetFreshness) alterAction()    {}
func (*SetRefreshMode) alterAction()  {}
