package catalog

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/types"
)

// Directory is a catalog in a directory: one directory for each database, in it a file for each table, view or function with the statement that creates it. Files are written under another name first, so
// that a reader never sees half of one. Several processes may use one directory: each reads what is there when it is asked.
type Directory struct{ root, name string }

var _ Catalog = (*Directory)(nil)

const (
	tableFile    = ".table.sql"
	functionFile = ".function.sql"
	databaseFile = ".database.sql"
)

// OpenDirectory opens the catalog in a directory, which is made if it is not there, under a name. A new one gets a database of the given name.
func OpenDirectory(root, name, database string) (*Directory, error) {
	d := &Directory{root, name}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, failed(err)
	}
	list, err := d.Databases()
	if err == nil && len(list) == 0 {
		err = d.PutDatabase(&Database{Name: database})
	}
	return d, err
}

func failed(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.New(fault.SQLCatalog, "%w", err)
}

// fileName is the name of the file or directory of an object: letters and digits stay, so that one can read it.
func fileName(name string) string {
	e := url.PathEscape(name)
	if strings.HasPrefix(e, ".") {
		e = "%2E" + e[1:]
	}
	return e
}

func (d *Directory) directory(database string) string {
	return filepath.Join(d.root, fileName(database))
}

func write(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fault.New(fault.SQLCatalog, "%w", err)
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fault.New(fault.SQLCatalog, "%w", err)
	}
	return nil
}

// read returns the text of a file, and whether it is there.
func read(path string) (string, bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false, failed(err)
	}
	return string(text), true, nil
}

// Databases implements [Catalog].
func (d *Directory) Databases() ([]string, error) {
	return list(d.root, func(e fs.DirEntry) (string, bool) { return e.Name(), e.IsDir() })
}

func list(path string, pick func(fs.DirEntry) (string, bool)) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, failed(err)
	}
	var names []string
	for _, e := range entries {
		n, ok := pick(e)
		if !ok || strings.HasPrefix(n, ".") {
			continue
		}
		if n, err := url.PathUnescape(n); err == nil {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *Directory) files(database, suffix string) ([]string, error) {
	return list(d.directory(database), func(e fs.DirEntry) (string, bool) { return strings.CutSuffix(e.Name(), suffix) })
}

// Database implements [Catalog].
func (d *Directory) Database(name string) (*Database, error) {
	if info, err := os.Stat(d.directory(name)); err != nil || !info.IsDir() || name == "" {
		return nil, failed(err)
	}
	path := filepath.Join(d.directory(name), databaseFile)
	text, ok, err := read(path)
	if !ok {
		return &Database{Name: name}, err
	}
	st, err := parse.Statement(ast.NewSource(path, text))
	if err != nil {
		return nil, err
	}
	c, ok := st.(*ast.CreateObject)
	if !ok {
		return nil, fault.New(fault.SQLCatalog, "%s creates no database", path)
	}
	db := &Database{Name: name, Options: Options(c.Options)}
	if c.Comment != nil {
		db.Comment = c.Comment.Value
	}
	return db, nil
}

// PutDatabase implements [Catalog].
func (d *Directory) PutDatabase(db *Database) error {
	if err := os.MkdirAll(d.directory(db.Name), 0o777); err != nil {
		return fault.New(fault.SQLCatalog, "%w", err)
	}
	text := "CREATE DATABASE " + types.Quote(db.Name)
	if db.Comment != "" {
		text += " COMMENT " + quoted(db.Comment)
	}
	if len(db.Options) > 0 {
		text += " WITH (" + options(db.Options, ", ") + ")"
	}
	return write(filepath.Join(d.directory(db.Name), databaseFile), text+"\n")
}

// DropDatabase implements [Catalog].
func (d *Directory) DropDatabase(name string) error {
	if name == "" {
		return nil
	}
	return failed(os.RemoveAll(d.directory(name)))
}

// Tables implements [Catalog].
func (d *Directory) Tables(database string) ([]string, error) { return d.files(database, tableFile) }

// Table implements [Catalog].
func (d *Directory) Table(database, name string) (*Table, error) {
	path := filepath.Join(d.directory(database), fileName(name)+tableFile)
	text, ok, err := read(path)
	if !ok {
		return nil, err
	}
	return Read(path, text, Path{d.name, database, name})
}

// PutTable implements [Catalog].
func (d *Directory) PutTable(t *Table) error {
	if t.Any != nil {
		return fault.New(fault.SQLUnsupported, "a table of a program's own data lives no longer than it: %s must be temporary", t.Path)
	}
	return write(filepath.Join(d.directory(t.Path.Database), fileName(t.Path.Name)+tableFile), t.DDL()+"\n")
}

// DropTable implements [Catalog].
func (d *Directory) DropTable(database, name string) error {
	return failed(os.Remove(filepath.Join(d.directory(database), fileName(name)+tableFile)))
}

// Functions implements [Catalog].
func (d *Directory) Functions(database string) ([]string, error) {
	return d.files(database, functionFile)
}

// Function implements [Catalog].
func (d *Directory) Function(database, name string) (*Function, error) {
	path := filepath.Join(d.directory(database), fileName(name)+functionFile)
	text, ok, err := read(path)
	if !ok {
		return nil, err
	}
	st, err := parse.Statement(ast.NewSource(path, text))
	if err != nil {
		return nil, err
	}
	c, ok := st.(*ast.CreateFunction)
	if !ok {
		return nil, fault.New(fault.SQLCatalog, "%s creates no function", path)
	}
	return &Function{Path: Path{d.name, database, name}, Class: c.Class.Value, Language: c.Language}, nil
}

// PutFunction implements [Catalog].
func (d *Directory) PutFunction(f *Function) error {
	text := "CREATE FUNCTION " + types.Quote(f.Path.Name) + " AS " + quoted(f.Class)
	if f.Language != "" {
		text += " LANGUAGE " + f.Language
	}
	return write(filepath.Join(d.directory(f.Path.Database), fileName(f.Path.Name)+functionFile), text+"\n")
}

// DropFunction implements [Catalog].
func (d *Directory) DropFunction(database, name string) error {
	return failed(os.Remove(filepath.Join(d.directory(database), fileName(name)+functionFile)))
}
