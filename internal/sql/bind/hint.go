package bind

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/logical"
)

// hints are those of a SELECT.
type hints struct {
	*text
	list []logical.Hint
	// named are the tables that they name. Of several lifetimes for a table the last one counts.
	named []hintedTable
}

// hintedTable is a table that a hint names.
type hintedTable struct {
	hint string
	name string
	at   ast.Node
	life logical.Lifetime // of STATE_TTL
}

// knownHints are the hints of a SELECT and, for those of a table, OPTIONS.
var knownHints = []string{"STATE_TTL", "LOOKUP", "BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE", "NEST_LOOP", "MULTI_JOIN", "OPTIONS"}

// hintsOf reads the hints of a SELECT. One that is none is left out, as it is in Flink, unless it looks like one that is misspelt.
func (x *text) hintsOf(all []*ast.Hint) *hints {
	h := &hints{text: x}
	for _, a := range all {
		l := logical.Hint{Name: strings.ToUpper(a.Name.Name)}
		if !slices.Contains(knownHints, l.Name) {
			if catalog.Closest(l.Name, knownHints) != "" {
				x.suggest(fault.SQLUnknownObject, a.Name, l.Name, knownHints, "there is no hint %s", l.Name)
			}
			continue
		}
		for _, arg := range a.Args {
			value := textOf(arg.Value)
			if arg.Key == nil {
				l.Args = append(l.Args, value)
				if l.Name == "STATE_TTL" || l.Name == "LOOKUP" {
					x.fail(fault.SQLInvalid, arg, "%s takes options, as in %s", l.Name, map[string]string{"STATE_TTL": "STATE_TTL('t' = '1 d')", "LOOKUP": "LOOKUP('table' = 't')"}[l.Name])
				}
				h.named = append(h.named, hintedTable{hint: l.Name, name: value, at: arg})
				continue
			}
			if l.Options == nil {
				l.Options = map[string]string{}
			}
			key := textOf(arg.Key)
			l.Options[key] = value
			switch {
			case l.Name == "STATE_TTL":
				d, err := tables.ParseDuration(value)
				if err != nil || d < 0 {
					x.fail(fault.SQLInvalid, arg, "STATE_TTL of %q: %q is not a duration: it is written as '12 h' or '1 d'", key, value)
				}
				h.named = append(h.named, hintedTable{hint: l.Name, name: key, at: arg, life: logical.Lifetime{Set: true, For: d}})
			case l.Name == "LOOKUP" && key == "table":
				h.named = append(h.named, hintedTable{hint: l.Name, name: value, at: arg})
			}
		}
		h.list = append(h.list, l)
	}
	return h
}

// textOf is what a key or a value of a hint says.
func textOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StringLit:
		return e.Value
	case *ast.NumberLit:
		return e.Text
	case *ast.Name:
		return strings.Join(e.Strings(), ".")
	}
	return ""
}

// check fails if a hint names a table that is not in FROM.
func (h *hints) check(s *scope) {
	for _, n := range h.named {
		found := false
		var names []string
		for _, t := range s.tables {
			found = found || t.matches(strings.Split(n.name, "."))
			names = append(names, t.alias)
		}
		if !found {
			h.suggest(fault.SQLUnknownTable, n.at, n.name, names, "the hint %s is for %q, and no table in FROM is called that", n.hint, n.name)
		}
	}
}

// life is how long STATE_TTL has the rows of a table live, if the scope is that of one table.
func (h *hints) life(s *scope) (l logical.Lifetime) {
	if len(s.tables) != 1 {
		return l
	}
	for _, n := range h.named {
		if n.life.Set && s.tables[0].matches(strings.Split(n.name, ".")) {
			l = n.life
		}
	}
	return l
}
