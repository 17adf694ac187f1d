package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/bind"
	"github.com/weirstream/weir/internal/sql/catalog"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/parse"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// set is a line of a file, of any format.
type set struct {
	ID          string            `json:"id"`
	Class       string            `json:"class"`
	Function    string            `json:"function"`
	Description string            `json:"description"`
	Config      map[string]string `json:"config"`
	Fields      []field           `json:"fields"`
	Functions   json.RawMessage   `json:"functions"`
	Items       []item            `json:"items"`
	Rows        []json.RawMessage `json:"rows"`
	Cases       []item            `json:"cases"`
	Errors      []item            `json:"errors"`
	Planned     []item            `json:"planned"`
	Setup       []setup           `json:"setup"`
	Run         []action          `json:"run"`
}

type field struct {
	Name, Type string
	Value      json.RawMessage
}

// item is a case: SQL is an expression or several, Expected a text, or an entry for each.
type item struct {
	Kind, Method, Message, Class, Phase string
	SQL                                 json.RawMessage
	Expected                            json.RawMessage
	Types                               []string
	Config                              map[string]string
}

// run runs the cases of a set.
func (s *set) run() []result {
	if s.ID != "" && s.Items == nil && s.Cases == nil {
		return s.program()
	}
	if s.Rows != nil {
		var all []result
		for _, i := range s.Items {
			all = append(all, s.attempt(texts(i.SQL)[0], i, s.aggregate))
		}
		return all
	}
	var all []result
	for _, i := range s.Items {
		if i.Kind == "error" {
			for _, sql := range texts(i.SQL) {
				all = append(all, s.attempt(sql, i, s.wrong))
			}
			continue
		}
		all = append(all, s.attempt(strings.Join(texts(i.SQL), ", "), i, s.right))
	}
	for _, i := range s.Cases {
		all = append(all, s.attempt(texts(i.SQL)[0], i, s.text))
	}
	for _, i := range s.Errors {
		all = append(all, s.attempt(texts(i.SQL)[0], i, s.wrong))
	}
	for _, i := range s.Planned {
		all = append(all, s.attempt(texts(i.SQL)[0], i, func(sql string, i item) error {
			e, err := s.environment(i)
			if err != nil {
				return err
			}
			_, err = e.bind(sql)
			return err
		}))
	}
	return all
}

// attempt runs a case. A panic is a failure like any other.
func (s *set) attempt(sql string, i item, f func(sql string, i item) error) (r result) {
	r = result{Case: sql, Status: ok}
	defer func() {
		if p := recover(); p != nil {
			r.Status, r.Why = fail, fmt.Sprintf("panic: %v", p)
		}
	}()
	if err := f(sql, i); err != nil {
		r.Status, r.Why = fail, strings.TrimSpace(strings.SplitN(err.Error(), "\n", 2)[0])
	}
	return r
}

// texts reads a text, or a list of some.
func texts(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one string
	_ = json.Unmarshal(raw, &one)
	return []string{one}
}

// expressions are those of a case: a text, which may have several with commas between them, or a list of texts.
func expressions(raw json.RawMessage) ([]string, error) {
	var all []string
	for _, text := range texts(raw) {
		src := ast.NewSource("", "ROW("+text+")")
		x, err := parse.Expr(src)
		if err != nil {
			return nil, err
		}
		row, is := x.(*ast.Row)
		if !is || len(row.Elems) == 1 {
			all = append(all, text)
			continue
		}
		for _, e := range row.Elems {
			all = append(all, src.Slice(e.Pos()))
		}
	}
	return all, nil
}

// right checks values and exact types.
func (s *set) right(_ string, i item) error {
	env, err := s.environment(i)
	if err != nil {
		return err
	}
	var expected []struct {
		Value any
	}
	if len(i.Expected) > 0 {
		if err := json.Unmarshal(i.Expected, &expected); err != nil {
			return err
		}
	}
	list, err := expressions(i.SQL)
	if err != nil {
		return err
	}
	if len(list) != len(i.Types) {
		return fmt.Errorf("there are %d expressions for %d types", len(list), len(i.Types))
	}
	for k, sql := range list {
		e, err := env.bind(sql)
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		t, err := readType(i.Types[k])
		if err != nil {
			return fmt.Errorf("the type %s: %w", i.Types[k], err)
		}
		if have := e.Type().WithAttribute(types.NoAttribute); !have.Equal(t) {
			return fmt.Errorf("%s has the type %s, want %s", sql, have, t)
		}
		got, err := env.value(e)
		if err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		if expected == nil {
			continue
		}
		want, err := readValue(expected[k].Value, t, env.session.Zone)
		if err != nil {
			return err
		}
		if !same(t, got, want) {
			return fmt.Errorf("%s = %s, want %s", sql, show(got, t), show(want, t))
		}
	}
	return nil
}

// text checks an expression's value, cast to STRING.
func (s *set) text(sql string, i item) error {
	env, err := s.environment(i)
	if err != nil {
		return err
	}
	e, err := env.bind(sql)
	if fault.CodeOf(err) == fault.SQLUnknownColumn {
		// A column may be named with its table, for which there must be one.
		return s.selected(sql, i)
	}
	if err != nil {
		return err
	}
	got := "NULL"
	if e.Type().Kind() != types.Null {
		v, err := env.value(&expr.Call{Fn: fn.Cast, Args: []expr.Expr{e}, T: types.String().WithNullable(e.Type().Nullable())})
		if err != nil {
			return err
		}
		if !v.Null {
			got = v.Text
		}
	}
	if want := texts(i.Expected)[0]; got != want {
		return fmt.Errorf("%q, want %q", got, want)
	}
	return nil
}

// wrong checks that an expression is refused, when it should be.
func (s *set) wrong(sql string, i item) error {
	env, err := s.environment(i)
	if err != nil {
		return err
	}
	e, err := env.bind(sql)
	if err != nil {
		if i.Phase == "runtime" {
			return fmt.Errorf("refused before it is run: %w", err)
		}
		return nil
	}
	v, err := env.value(e)
	switch {
	case err == nil:
		return fmt.Errorf("there is no error, but %s; want: %s", show(v, e.Type()), i.Message)
	case i.Phase == "validation":
		return fmt.Errorf("refused only when it is run: %w", err)
	}
	return nil
}

// environment is a row and what may be asked of it.
type environment struct {
	binder  *bind.Binder
	session *fn.Session
	fields  []types.Field
	row     *column.Batch
}

func (s *set) environment(i item) (*environment, error) {
	session := &fn.Session{Zone: time.UTC, Options: map[string]string{}}
	for _, config := range []map[string]string{s.Config, i.Config} {
		for key, value := range config {
			session.Options[key] = value
			switch key {
			case "table.local-time-zone":
				zone, err := fn.Zone(value)
				if err != nil {
					return nil, err
				}
				session.Zone = zone
			case "execution.runtime-mode":
				session.Batch = value == "BATCH"
			case "table.exec.legacy-cast-behaviour":
				session.LegacyCast = value == "ENABLED"
			}
		}
	}
	registry, err := twins(s.Functions)
	if err != nil {
		return nil, err
	}
	env := &environment{binder: bind.New(catalog.NewManager(), session, registry), session: session, row: &column.Batch{N: 1}}
	for _, f := range s.Fields {
		t, err := readType(f.Type)
		v := column.NullValue()
		if err == nil {
			var x struct{ Value any }
			if json.Unmarshal(f.Value, &x) == nil {
				v, err = readValue(x.Value, t, session.Zone)
			}
		}
		if err != nil {
			// A column that cannot be read is not there: only who names it fails.
			t, v = types.New(types.Null), column.NullValue()
			env.fields = append(env.fields, types.Field{Name: f.Name + " (" + err.Error() + ")", Type: t})
		} else {
			env.fields = append(env.fields, types.Field{Name: f.Name, Type: t})
		}
		env.row.Cols = append(env.row.Cols, column.ConstOf(v, t))
	}
	return env, nil
}

func (e *environment) bind(sql string) (expr.Expr, error) {
	src := ast.NewSource("", sql)
	x, err := parse.Expr(src)
	if err != nil {
		return nil, err
	}
	return e.binder.Expr(src, x, e.fields)
}

func (e *environment) value(x expr.Expr) (column.Value, error) {
	p, err := vec.Compile(x, e.session)
	if err != nil {
		return column.Value{}, err
	}
	random := uint64(1)
	now := time.Date(2024, 2, 29, 12, 30, 45, 123_000_000, time.UTC).UnixMilli()
	v, err := p.Eval(&fn.Call{Now: now, Watermark: math.MinInt64, Random: func() float64 {
		random = random*6364136223846793005 + 1442695040888963407
		return float64(random>>11) * 0x1p-53
	}}, e.row, nil)
	if err != nil {
		return column.Value{}, err
	}
	return v.Value(0), nil
}

// typeText is a type as it can be parsed: what writes objects of a RAW type may be unknown.
func typeText(text string) string { return strings.ReplaceAll(text, ", ?)", ", '')") }

func readType(text string) (types.Type, error) {
	text = typeText(text)
	src := ast.NewSource("", text)
	d, err := parse.Type(src)
	if err != nil {
		return types.Type{}, err
	}
	return catalog.TypeOf(src, d)
}

func show(v column.Value, t types.Type) string { return column.Literal(v, t) }
