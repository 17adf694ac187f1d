package catalog

// Catalog keeps databases with their tables, views and functions. The methods may be called by several goroutines. What they return is shared and not to be changed; who changes an object
// puts another one into its place. What is not there is returned as nil without an error: errors are those of the storage, and have a code of package fault.
type Catalog interface {
	// Databases returns the names of the databases, sorted.
	Databases() ([]string, error)
	Database(name string) (*Database, error)
	// PutDatabase creates a database or replaces its properties.
	PutDatabase(d *Database) error
	// DropDatabase drops a database with all that is in it.
	DropDatabase(name string) error

	// Tables returns the names of the tables and views of a database, sorted; none of a database that is not there.
	Tables(database string) ([]string, error)
	Table(database, name string) (*Table, error)
	// PutTable creates a table or view, or replaces the one of its path. The database is there.
	PutTable(t *Table) error
	DropTable(database, name string) error

	Functions(database string) ([]string, error)
	Function(database, name string) (*Function, error)
	PutFunction(f *Function) error
	DropFunction(database, name string) error
}

// Database is a database of a catalog.
type Database struct {
	Name    string
	Comment string
	Options map[string]string
}

// Function is a function of the user, by the name of the class that implements it.
type Function struct {
	Path Path
	// Class is what the function is called where it is registered; Language is "", JAVA, SCALA, PYTHON or SQL.
	Class, Language string
	// Temporary functions end with the session; System ones need no database, and hide those of catalogs.
	Temporary, System bool
}
