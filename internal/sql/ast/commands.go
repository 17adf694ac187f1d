package ast

// Insert is INSERT INTO or INSERT OVERWRITE.
type Insert struct {
	Span
	Overwrite bool
	Table     *Name
	Hints     []*Hint
	Partition *Partition // nil if there is none
	Columns   []*Name    // nil if not given
	Query     *Query
	// OnConflict is "", "ERROR", "NOTHING" or "DEDUPLICATE".
	OnConflict string
	// Conflict is the span of the clause ON CONFLICT.
	Conflict Span
}

// Assignment is column = value in an UPDATE.
type Assignment struct {
	Span
	Column *Ident
	Value  Expr
}

// Update is UPDATE.
type Update struct {
	Span
	Table *Name
	Alias *Ident
	Set   []*Assignment
	Where Expr
}

// Delete is DELETE.
type Delete struct {
	Span
	Table *Name
	Alias *Ident
	Where Expr
}

// Truncate is TRUNCATE TABLE.
type Truncate struct {
	Span
	Table *Name
}

// StatementSet is [EXECUTE] STATEMENT SET BEGIN .. END. Without EXECUTE it stands only in EXPLAIN and COMPILE PLAN.
type StatementSet struct {
	Span
	Execute bool
	Inserts []*Insert
}

// BeginStatementSet is BEGIN STATEMENT SET; the statements up to END are its inserts.
type BeginStatementSet struct{ Span }

// EndStatementSet is END.
type EndStatementSet struct{ Span }

// Execute is EXECUTE before an INSERT or a query.
type Execute struct {
	Span
	Statement Statement
}

// ExecutePlan is EXECUTE PLAN 'path'.
type ExecutePlan struct {
	Span
	Path *StringLit
}

// CompilePlan is COMPILE [AND EXECUTE] PLAN 'path' FOR statement.
type CompilePlan struct {
	Span
	Execute     bool
	IfNotExists bool
	// Path is nil where the plan is the result of the statement.
	Path      *StringLit
	Statement Statement // *Insert or *StatementSet
}

// Analyze is ANALYZE TABLE.
type Analyze struct {
	Span
	Table      *Name
	Partition  *Partition
	AllColumns bool
	Columns    []*Ident
}

// CallProcedure is CALL procedure(arguments).
type CallProcedure struct {
	Span
	Call *Call
}

// Explain is EXPLAIN.
type Explain struct {
	Span
	// Details are in capitals, in the order given, without PLAN FOR.
	Details   []string
	Statement Statement
}

// Set is SET 'key' = 'value', or SET alone, which lists the settings.
type Set struct {
	Span
	// Key is "" for SET alone.
	Key, Value string
}

// Reset is RESET 'key', or RESET alone for all.
type Reset struct {
	Span
	Key string
}

// ShowKind is what SHOW shows.
type ShowKind string

// What SHOW can show.
const (
	ShowCatalogs           ShowKind = "CATALOGS"
	ShowCurrentCatalog     ShowKind = "CURRENT CATALOG"
	ShowDatabases          ShowKind = "DATABASES"
	ShowCurrentDatabase    ShowKind = "CURRENT DATABASE"
	ShowTables             ShowKind = "TABLES"
	ShowViews              ShowKind = "VIEWS"
	ShowMaterializedTables ShowKind = "MATERIALIZED TABLES"
	ShowColumns            ShowKind = "COLUMNS"
	ShowPartitions         ShowKind = "PARTITIONS"
	ShowProcedures         ShowKind = "PROCEDURES"
	ShowFunctions          ShowKind = "FUNCTIONS"
	ShowUserFunctions      ShowKind = "USER FUNCTIONS"
	ShowModules            ShowKind = "MODULES"
	ShowFullModules        ShowKind = "FULL MODULES"
	ShowModels             ShowKind = "MODELS"
	ShowConnections        ShowKind = "CONNECTIONS"
	ShowJars               ShowKind = "JARS"
	ShowJobs               ShowKind = "JOBS"
	// ShowCreate is followed by the kind and name of a thing.
	ShowCreate ShowKind = "CREATE"
)

// Show is SHOW.
type Show struct {
	Span
	Kind ShowKind
	// Object is what ShowCreate shows.
	Object ObjectKind
	// Preposition is "FROM" or "IN", or "" if there is none.
	Preposition string
	// Name follows the preposition, or is that of SHOW CREATE and SHOW PARTITIONS. Nil if there is none.
	Name      *Name
	Partition *Partition
	// Not, LikeOp (OpLike or OpILike) and Pattern are the filter; Pattern is nil without one.
	Not     bool
	LikeOp  LikeOp
	Pattern *StringLit
}

// Describe is DESCRIBE, or DESC.
type Describe struct {
	Span
	// Kind is "" for DESCRIBE t, which is a table or view.
	Kind     ObjectKind
	Extended bool
	Name     *Name      // nil for a job
	Job      *StringLit // only for a job
}

// Use is USE CATALOG c, USE MODULES m, n or USE [catalog.]database.
type Use struct {
	Span
	Kind  ObjectKind // KindCatalog, KindModules or KindDatabase
	Names []*Name    // one, except for modules
}

// LoadModule is LOAD MODULE.
type LoadModule struct {
	Span
	Name    *Ident
	Options []*Option
}

// UnloadModule is UNLOAD MODULE.
type UnloadModule struct {
	Span
	Name *Ident
}

// Jar is ADD JAR or REMOVE JAR.
type Jar struct {
	Span
	Remove bool
	Path   *StringLit
}

// StopJob is STOP JOB.
type StopJob struct {
	Span
	Job              *StringLit
	Savepoint, Drain bool
}

// ClientCommand is a word for the client: QUIT (also EXIT), CLEAR or HELP.
type ClientCommand struct {
	Span
	Name string
}

func (*Insert) statement()            {}
func (*Update) statement()            {}
func (*Delete) statement()            {}
func (*Truncate) statement()          {}
func (*StatementSet) statement()      {}
func (*BeginStatementSet) statement() {}
func (*EndStatementSet) statement()   {}
func (*Execute) statement()           {}
func (*ExecutePlan) statement()       {}
func (*CompilePlan) statement()       {}
func (*Analyze) statement()           {}
func (*CallProcedure) statement()     {}
func (*Explain) statement()           {}
func (*Set) statement()               {}
func (*Reset) statement()             {}
func (*Show) statement()              {}
func (*Describe) statement()          {}
func (*Use) statement()               {}
func (*LoadModule) statement()        {}
func (*UnloadModule) statement()      {}
func (*Jar) statement()               {}
func (*StopJob) statement()           {}
func (*ClientCommand) statement()     {}
