package table

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/connectors/values"
	"github.com/weirstream/weir/fault"
)

// changelogTables are tables of texts that say what a row does, and of updates, and sinks.
func changelogTables(t *testing.T) *Environment {
	t.Helper()
	env := NewEnvironment(Options{})
	store := values.NewStore()
	store.Put("texts")
	store.Put("changes")
	env.AddConnector(store.Table())
	for _, s := range []string{
		"CREATE TABLE texts (id INT, op STRING, name STRING) WITH ('connector' = 'values')",
		"CREATE TABLE changes (id INT, name STRING) WITH ('connector' = 'values', 'changelog-mode' = 'I,UB,UA,D')",
		"CREATE TABLE bykey (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'values', 'sink.changelog-mode' = 'I,UA,D')",
	} {
		if _, err := env.ExecuteSQL(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return env
}

// TestChangelogRefusals checks that changelog functions that cannot mean anything are refused, with the reason.
func TestChangelogRefusals(t *testing.T) {
	env := changelogTables(t)
	refused := func(sql string, code fault.Code, why string) {
		t.Helper()
		if _, err := env.Explain(t.Context(), sql); fault.CodeOf(err) != code || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %s with %q", sql, err, code, why)
		}
	}
	refused("SELECT * FROM TO_CHANGELOG(input => TABLE changes, produces_full_deletes => FALSE)", fault.SQLInvalid, "PARTITION BY")
	refused("SELECT * FROM FROM_CHANGELOG(input => TABLE texts, op_mapping => MAP['i', 'INSERT', 'u', 'UPDATE_AFTER'])", fault.SQLInvalid, "PARTITION BY")
	refused("SELECT * FROM FROM_CHANGELOG(input => TABLE texts, op_mapping => MAP['i', 'INSERT', 'u', 'UPDATE_BEFORE'])", fault.SQLInvalid, "no UPDATE_AFTER")
	refused("SELECT * FROM FROM_CHANGELOG(input => TABLE changes, op => DESCRIPTOR(name))", fault.SQLChangelog, "FROM_CHANGELOG takes rows that are only added")
	if err := env.Set("execution.runtime-mode", "batch"); err != nil {
		t.Fatal(err)
	}
	refused("SELECT * FROM FROM_CHANGELOG(input => TABLE texts)", fault.SQLUnsupported, "streaming")
}

// TestChangelogPlans checks who gets updates by key as they are, and who gets them completed.
func TestChangelogPlans(t *testing.T) {
	env := changelogTables(t)
	const from = "FROM FROM_CHANGELOG(input => TABLE texts PARTITION BY id, op_mapping => MAP['i', 'INSERT', 'u', 'UPDATE_AFTER', 'd', 'DELETE'])"
	for _, c := range []struct {
		sql       string
		completed bool
	}{
		{"INSERT INTO bykey SELECT * " + from, false},
		{"INSERT INTO bykey SELECT id, UPPER(name) " + from, false},
		{"INSERT INTO bykey SELECT * " + from + " WHERE name <> 'x'", true}, // what a row was before tells whether it must go
		{"INSERT INTO bykey SELECT CHAR_LENGTH(name), name " + from, true},  // by another key
		{"SELECT * " + from, true},
		{"SELECT COUNT(*) " + from, true},
		{"SELECT * FROM (SELECT * " + from + ") AS a JOIN (SELECT id AS i " + from + ") AS b ON id = i", true},
	} {
		plan, err := env.Explain(t.Context(), c.sql)
		if err != nil || !strings.Contains(plan, "FromChangelog(") || strings.Contains(plan, "ChangelogNormalize(") != c.completed {
			t.Errorf("%s: %v\n%s", c.sql, err, plan)
		}
	}
}
