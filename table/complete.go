package table

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/parse"
)

// Completion is something that may stand at a place of a text.
type Completion struct {
	// Text replaces what has been typed of it.
	Text string
	// Kind is what it is: column, table, view, database, catalog, function, keyword, option, value or job.
	Kind string
	// Doc is a few words on it, as the type of a column, or "".
	Doc string
}

// Complete returns what may stand at a byte offset of a text of statements, and where what has been typed of it begins: columns of the tables that the statement reads, tables, functions, keywords, and, in strings, options
// and their values. It goes by the words around the place, so that a statement need not be whole.
func (e *Environment) Complete(text string, at int) (from int, all []Completion) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at = min(max(at, 0), len(text))
	c := &completer{env: e, text: text, from: at}
	for _, t := range parse.Tokens(text) {
		switch {
		case t.Class == parse.Comment && (t.Start < at && at <= t.End):
			return at, nil
		case t.Class == parse.Comment:
		case t.Class == parse.Mark && t.Text == ";":
			if t.End > at {
				return c.complete(at)
			}
			c.before, c.statement = nil, nil
		default:
			c.statement = append(c.statement, t)
			if t.Start >= at {
				break
			}
			if inside := at < t.End || t.Class == parse.Unfinished || at == t.End && (t.Class == parse.Identifier || t.Class == parse.Keyword); inside {
				c.current, c.from = &t, t.Start
				break
			}
			c.before = append(c.before, t)
		}
	}
	return c.complete(at)
}

type completer struct {
	env  *Environment
	text string
	from int
	// statement are the tokens of the statement, before those in front of the place, and current the one that is being typed.
	statement, before []parse.Token
	current           *parse.Token
	typed             string
	all               []Completion
}

func (c *completer) complete(at int) (int, []Completion) {
	c.typed = c.text[c.from:at]
	if t := c.current; t != nil && (t.Class == parse.String || t.Class == parse.Unfinished && strings.HasPrefix(t.Text, "'")) {
		c.inString(at)
	} else if c.typed = strings.TrimPrefix(c.typed, "`"); t == nil || t.Class != parse.Unfinished && t.Class != parse.Wrong || strings.HasPrefix(t.Text, "`") {
		c.word()
	}
	slices.SortStableFunc(c.all, func(a, b Completion) int { return rank(a.Kind) - rank(b.Kind) })
	seen := map[string]bool{}
	return c.from, slices.DeleteFunc(c.all, func(x Completion) bool {
		again := seen[x.Text]
		seen[x.Text] = true
		return again
	})
}

func rank(kind string) int {
	return slices.Index([]string{"column", "table", "view", "database", "catalog", "job", "option", "value", "function", "keyword"}, kind)
}

// add adds a candidate if it begins with what has been typed.
func (c *completer) add(kind, text, doc string) {
	if len(text) >= len(c.typed) && strings.EqualFold(text[:len(c.typed)], c.typed) {
		if kind != "option" && kind != "value" && kind != "job" && kind != "keyword" && kind != "function" {
			text = parse.Name(text)
		}
		c.all = append(c.all, Completion{Text: text, Kind: kind, Doc: doc})
	}
}

// words adds keywords, in the case in which the user types.
func (c *completer) words(kind string, words ...string) {
	lower := c.typed != "" && c.typed == strings.ToLower(c.typed)
	for _, w := range words {
		if lower {
			w = strings.ToLower(w)
		}
		c.add(kind, w, "")
	}
}

// last returns the text of the n-th token from the end of those in front, from 1, "" if there is none.
func (c *completer) last(n int) string {
	if len(c.before) < n {
		return ""
	}
	return strings.ToUpper(c.before[len(c.before)-n].Text)
}

func (c *completer) word() {
	switch last := c.last(1); last {
	case "":
		c.words("keyword", parse.StatementWords()...)
		return
	case ".":
		c.qualified()
		return
	case "FROM", "JOIN", "INTO", "OVERWRITE", "UPDATE", "DESCRIBE", "DESC", "VIEW", "TABLE":
		if c.last(2) == "CREATE" || c.last(2) == "TEMPORARY" {
			return // a name that is new
		}
		c.relations(nil)
		if last == "FROM" || last == "JOIN" {
			c.words("keyword", "TABLE", "LATERAL", "UNNEST")
		}
		return
	case "SHOW":
		c.words("keyword", "TABLES", "VIEWS", "DATABASES", "CATALOGS", "FUNCTIONS", "COLUMNS", "JOBS", "CREATE", "CURRENT", "PARTITIONS", "MODULES", "JARS", "USER", "FULL")
		return
	case "CREATE", "DROP", "ALTER":
		c.words("keyword", "TABLE", "VIEW", "DATABASE", "CATALOG", "FUNCTION", "TEMPORARY", "IF")
		return
	case "USE":
		c.words("keyword", "CATALOG")
		c.databases(c.env.manager.Within().Catalog)
		return
	case "CATALOG":
		for _, n := range c.env.manager.Catalogs() {
			c.add("catalog", n, "")
		}
		return
	case "STOP":
		c.words("keyword", "JOB")
		return
	case "EXPLAIN":
		c.words("keyword", "PLAN", "SELECT", "INSERT", "STATEMENT", "EXECUTE", "CHANGELOG_MODE", "ESTIMATED_COST", "JSON_EXECUTION_PLAN")
		return
	case "COMPILE":
		c.words("keyword", "PLAN", "AND")
		return
	case "EXECUTE":
		if c.last(2) == "AND" {
			c.words("keyword", "PLAN")
		} else {
			c.words("keyword", "PLAN", "STATEMENT", "INSERT", "SELECT")
		}
		return
	case "PLAN":
		if c.last(2) != "EXECUTE" {
			c.words("keyword", "FOR")
		}
		return
	case "FOR":
		if c.last(2) == "PLAN" || c.last(3) == "PLAN" || c.last(2) == "EXISTS" {
			c.words("keyword", "INSERT", "STATEMENT", "EXECUTE", "SELECT")
			return
		}
	}
	c.columns("")
	references := c.references()
	for _, r := range references {
		c.add("table", r.alias, "")
	}
	if len(references) == 0 && c.typed != "" { // what is to be read may not be written yet
		within := c.env.manager.Within()
		for i, n := range c.env.manager.Names(within.Catalog, within.Database) {
			if i == mostTables {
				break
			}
			for _, f := range c.fieldsOf(parse.Name(n)) {
				c.add("column", f[0], f[1])
			}
		}
	}
	if c.typed == "" {
		c.words("keyword", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "JOIN", "ON", "AS", "WITH")
		return
	}
	lower := c.typed == strings.ToLower(c.typed)
	for _, registry := range []*fn.Registry{c.env.functions, fn.Builtin} {
		for _, n := range registry.Names() {
			if !isWord(n) {
				continue
			}
			doc := ""
			if f := registry.Scalar(n); f != nil {
				doc = f.Doc
			} else if f := registry.Aggregate(n); f != nil {
				doc = f.Doc
			} else if f := registry.Table(n); f != nil {
				doc = f.Doc
			}
			if lower {
				n = strings.ToLower(n)
			}
			c.add("function", n, firstSentence(doc))
		}
	}
	words := parse.Keywords()
	slices.Sort(words)
	c.words("keyword", words...)
}

// mostTables is in how many tables columns are looked for when the statement names none.
const mostTables = 30

func isWord(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, ". ")
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(s, ".")
}

// path returns the names in front of the place that are joined by points.
func (c *completer) path() (names []string) {
	for n := 1; n+1 <= len(c.before) && c.last(n) == "."; n += 2 {
		names = append([]string{unquoted(c.before[len(c.before)-n-1].Text)}, names...)
	}
	return names
}

func unquoted(s string) string {
	if strings.HasPrefix(s, "`") {
		return strings.ReplaceAll(strings.Trim(s, "`"), "``", "`")
	}
	return s
}

// qualified completes behind a point: columns of a table, or what lies in a database or catalog.
func (c *completer) qualified() {
	path := c.path()
	if len(path) == 0 {
		return
	}
	if len(path) == 1 {
		c.columns(path[0])
	}
	c.relations(path)
	if len(path) == 1 && c.env.manager.Catalog(path[0]) != nil {
		c.databases(path[0])
	}
}

func (c *completer) databases(catalog string) {
	if k := c.env.manager.Catalog(catalog); k != nil {
		if names, err := k.Databases(); err == nil {
			for _, n := range names {
				c.add("database", n, "")
			}
		}
	}
}

// relations adds the tables and views of a database, by its path.
func (c *completer) relations(path []string) {
	within := c.env.manager.Within()
	switch len(path) {
	case 0:
		c.databases(within.Catalog)
		for _, n := range c.env.manager.Catalogs() {
			c.add("catalog", n, "")
		}
	case 1:
		within.Database = path[0]
	default:
		within.Catalog, within.Database = path[0], path[1]
	}
	for _, n := range c.env.manager.Names(within.Catalog, within.Database) {
		p := within
		p.Name = n
		if t, err := c.env.manager.Lookup(p); err == nil && t != nil && t.IsView() {
			c.add("view", n, "")
		} else {
			c.add("table", n, "")
		}
	}
}

// reference is a table that a statement reads, and what it is called there.
type reference struct{ name, alias string }

// references finds the names behind FROM, JOIN and the like, wherever they stand in the statement.
func (c *completer) references() (all []reference) {
	for i := 0; i < len(c.statement); i++ {
		switch strings.ToUpper(c.statement[i].Text) {
		case "FROM", "JOIN", "INTO", "TABLE", "UPDATE", ",":
		default:
			continue
		}
		j := i + 1
		start := j
		for j < len(c.statement) && c.statement[j].Class == parse.Identifier && (c.current == nil || c.statement[j].Start != c.current.Start) {
			if j++; j+1 < len(c.statement) && c.statement[j].Text == "." {
				j++
				continue
			}
			break
		}
		if j == start {
			continue
		}
		r := reference{name: strings.TrimSuffix(c.text[c.statement[start].Start:c.statement[j-1].End], "."), alias: unquoted(c.statement[j-1].Text)}
		if j < len(c.statement) && c.statement[j].Text == "AS" {
			j++
		}
		if j < len(c.statement) && c.statement[j].Class == parse.Identifier && (c.current == nil || c.statement[j].Start != c.current.Start) {
			r.alias = unquoted(c.statement[j].Text)
		}
		all = append(all, r)
	}
	return all
}

// columns adds those of the tables that the statement reads; of one of them, if alias is not "".
func (c *completer) columns(alias string) {
	for _, r := range c.references() {
		if alias != "" && !strings.EqualFold(alias, r.alias) {
			continue
		}
		for _, f := range c.fieldsOf(r.name) {
			c.add("column", f[0], f[1])
		}
	}
	for _, t := range c.statement {
		switch strings.ToUpper(t.Text) {
		case "TUMBLE", "HOP", "CUMULATE", "SESSION":
			for _, n := range []string{"window_start", "window_end", "window_time"} {
				c.add("column", n, "")
			}
			return
		}
	}
}

// fieldsOf returns the names and types of a table's columns, none if there is no such table.
func (c *completer) fieldsOf(name string) (all [][2]string) {
	src := &ast.Source{Text: "DESCRIBE " + name}
	st, err := parse.Statement(src)
	if err != nil {
		return nil
	}
	r, err := c.env.command(context.Background(), src, st)
	if err != nil {
		return nil
	}
	for _, row := range r.rows {
		all = append(all, [2]string{row.Values[0].Text, row.Values[1].Text})
	}
	return all
}

// inString completes what stands in quotes: options and their values, and the ids of jobs.
func (c *completer) inString(at int) {
	c.from++
	c.typed = c.text[c.from:at]
	end := "'"
	if c.current.Class == parse.String {
		end = "" // its quote is there
	}
	known := len(c.all)
	switch {
	case c.last(1) == "JOB":
		for _, j := range c.env.Jobs() {
			c.add("job", j.ID(), j.Name()+", "+string(j.Status()))
		}
	case c.last(1) == "SET" || c.last(1) == "RESET":
		for k := range checks {
			c.add("option", k, "")
		}
	case c.last(1) == "=" && c.last(3) == "SET":
		key := strings.Trim(c.before[len(c.before)-2].Text, "'")
		for _, v := range valuesOf[key] {
			c.add("value", v, "")
		}
	case c.within("WITH", "OPTIONS"):
		c.options()
	}
	added := c.all[known:]
	slices.SortFunc(added, func(a, b Completion) int { return strings.Compare(a.Text, b.Text) })
	for i := range added {
		added[i].Text += end
	}
}

// within tells whether the place lies in parentheses that one of the words stands in front of.
func (c *completer) within(words ...string) bool {
	depth := 0
	for i := len(c.before) - 1; i >= 0; i-- {
		switch c.before[i].Text {
		case ")":
			depth++
		case "(":
			if depth--; depth < 0 {
				return i > 0 && slices.Contains(words, strings.ToUpper(c.before[i-1].Text))
			}
		}
	}
	return false
}

// options adds the options of the statement's connector, or the values of one.
func (c *completer) options() {
	var connector *tables.Factory
	for i, t := range c.statement {
		if t.Text == "'connector'" && i+2 < len(c.statement) && c.statement[i+1].Text == "=" {
			connector = c.env.connectors[strings.Trim(c.statement[i+2].Text, "'")]
		}
	}
	if c.last(1) == "=" {
		key := strings.Trim(c.before[len(c.before)-2].Text, "'")
		if key == "connector" {
			for _, n := range slices.Sorted(maps.Keys(c.env.connectors)) {
				c.add("value", n, firstSentence(c.env.connectors[n].Doc))
			}
		} else if connector != nil {
			for _, o := range connector.Options {
				if o.Key != key {
					continue
				}
				values := o.Values
				if o.Kind == tables.Boolean {
					values = []string{"true", "false"}
				}
				for _, v := range values {
					c.add("value", v, "")
				}
			}
		}
		return
	}
	c.add("option", "connector", "")
	if connector != nil {
		for _, o := range connector.Options {
			c.add("option", o.Key, firstSentence(o.Doc))
		}
	}
}

// valuesOf has what options of a session may be, for those that have few values.
var valuesOf = map[string][]string{
	optionMode: {"streaming", "batch", "automatic"}, optionBackend: {"memory", "lsm"}, optionMiniBatch: {"true", "false"}, optionSplit: {"true", "false"}, optionPhases: {"AUTO", "ONE_PHASE", "TWO_PHASE"}, optionCompress: {"true", "false"}, optionDelta: {"true", "false"},
	optionSync: {"true", "false"}, optionChain: {"true", "false"}, optionNotNull: {"error", "drop"}, optionLength: {"ignore", "trim_pad", "error"}, optionNested: {"ignore", "rows", "rows_and_collections"},
	optionResult: {"table", "changelog", "tableau"},
}
