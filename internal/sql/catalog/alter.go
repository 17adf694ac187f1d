package catalog

import (
	"maps"
	"slices"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/ast"
	"github.com/weirstream/weir/internal/sql/sqlerr"
)

// Altered returns the table that an ALTER TABLE makes of another; the caller binds its expressions before it takes the other's place. RENAME TO and partitions are not among the actions.
func Altered(src *ast.Source, t *Table, action ast.AlterAction) (*Table, error) {
	r := *t
	r.Columns = slices.Clone(t.Columns)
	r.Options = maps.Clone(t.Options)
	r.PrimaryKey = slices.Clone(t.PrimaryKey)
	if r.Options == nil {
		r.Options = map[string]string{}
	}
	a := &alteration{src: src, t: &r}
	if err := a.run(action); err != nil {
		return nil, err
	}
	return r.Again()
}

type alteration struct {
	src *ast.Source
	t   *Table
}

func (a *alteration) fail(at ast.Node, format string, args ...any) error {
	return sqlerr.New(fault.SQLSchema, a.src, at.Pos(), format, args...)
}

// column is the index of a column that there must be.
func (a *alteration) column(n *ast.Name) (int, error) {
	if len(n.Parts) > 1 {
		return 0, sqlerr.New(fault.SQLUnsupported, a.src, n.Span, "%s: columns within a row cannot be changed", n)
	}
	i := a.t.Column(n.Last().Name)
	if i < 0 {
		return 0, hinted(sqlerr.New(fault.SQLUnknownColumn, a.src, n.Span, "the table %s has no column %q", a.t.Path, n.Last().Name), n.Last().Name, a.t.Names())
	}
	return i, nil
}

func (a *alteration) run(action ast.AlterAction) error {
	t := a.t
	switch action := action.(type) {
	case *ast.SetOptions:
		maps.Copy(t.Options, Options(action.Options))
	case *ast.ResetOptions:
		for _, k := range action.Keys {
			delete(t.Options, k.Value)
		}
	case *ast.SetComment:
		t.Comment = action.Comment.Value
	case *ast.RenameColumn:
		i, err := a.column(action.From)
		if err != nil {
			return err
		}
		from, to := t.Columns[i].Name, action.To.Last().Name
		if t.Column(to) >= 0 {
			return a.fail(action.To, "the table %s has a column %q already", t.Path, to)
		}
		t.Columns[i].Name = to
		rename := func(list []string) []string {
			list = slices.Clone(list)
			for i := range list {
				if list[i] == from {
					list[i] = to
				}
			}
			return list
		}
		t.PrimaryKey, t.PartitionBy = rename(t.PrimaryKey), rename(t.PartitionBy)
		if w := t.Watermark; w != nil && w.Column[0] == from {
			return a.fail(action.From, "the column %q has the watermark, and cannot be renamed", from)
		}
	case *ast.AddSchema:
		return a.schema(action.Schema, false)
	case *ast.ModifySchema:
		return a.schema(action.Schema, true)
	case *ast.DropColumns:
		for _, n := range action.Columns {
			i, err := a.column(n)
			if err != nil {
				return err
			}
			name := t.Columns[i].Name
			if slices.Contains(t.PrimaryKey, name) || slices.Contains(t.PartitionBy, name) || t.Watermark != nil && t.Watermark.Column[0] == name {
				return a.fail(n, "the column %q is in the primary key, the partitions or the watermark, and cannot be dropped", name)
			}
			t.Columns = slices.Delete(t.Columns, i, i+1)
		}
		if len(t.Columns) == 0 {
			return a.fail(action, "the last column cannot be dropped")
		}
	case *ast.DropPart:
		switch {
		case action.Part == "PRIMARY KEY" && t.PrimaryKey != nil:
			t.PrimaryKey, t.KeyName = nil, ""
		case action.Part == "WATERMARK" && t.Watermark != nil:
			t.Watermark = nil
		case action.Part == "DISTRIBUTION" && t.Distribution != "":
			t.Distribution = ""
		default:
			return a.fail(action, "the table %s has no %s", t.Path, action.Part)
		}
	case *ast.DropConstraint:
		if t.PrimaryKey == nil || t.KeyName != action.Name.Name {
			return a.fail(action.Name, "the table %s has no constraint %q", t.Path, action.Name.Name)
		}
		t.PrimaryKey, t.KeyName = nil, ""
	case *ast.SetDistribution:
		if t.Distribution != "" && !action.Modify {
			return a.fail(action, "the table %s is distributed already", t.Path)
		}
		if t.Distribution == "" && action.Modify {
			return a.fail(action, "the table %s is not distributed", t.Path)
		}
		t.Distribution = distribution(action.Distribution)
	default:
		return sqlerr.New(fault.SQLUnsupported, a.src, action.Pos(), "this ALTER is not supported")
	}
	return nil
}

// schema is ADD or MODIFY of columns, a key and a watermark.
func (a *alteration) schema(s *ast.Schema, modify bool) error {
	t := a.t
	for _, c := range s.Columns {
		col, err := NewColumn(a.src, c)
		if err != nil {
			return err
		}
		at := t.Column(col.Name)
		switch {
		case modify && at < 0:
			_, err := a.column(c.Name)
			return err
		case !modify && at >= 0:
			return a.fail(c.Name, "the table %s has a column %q already", t.Path, col.Name)
		case modify:
			if c.Comment == nil {
				col.Comment = t.Columns[at].Comment
			}
			if slices.Contains(t.PrimaryKey, col.Name) {
				col.Type = col.Type.NotNull()
			}
			if c.Position == nil {
				t.Columns[at] = col
				continue
			}
			t.Columns = slices.Delete(t.Columns, at, at+1)
		}
		to := len(t.Columns)
		if p := c.Position; p != nil {
			to = 0
			if p.After != nil {
				i, err := a.column(p.After)
				if err != nil {
					return err
				}
				to = i + 1
			}
		}
		t.Columns = slices.Insert(t.Columns, to, col)
		if c.Constraint != nil {
			if err := t.addKey(a.src, c.Constraint, []*ast.Ident{c.Name.Last()}); err != nil {
				return err
			}
		}
	}
	for _, k := range s.Constraints {
		if modify {
			if t.PrimaryKey == nil {
				return a.fail(k, "the table %s has no primary key", t.Path)
			}
			t.PrimaryKey, t.KeyName = nil, ""
		}
		if err := t.addKey(a.src, k, k.Columns); err != nil {
			return err
		}
	}
	if w := s.Watermark; w != nil {
		if modify != (t.Watermark != nil) {
			return a.fail(w, "the table %s has %s", t.Path, map[bool]string{true: "no watermark", false: "a watermark already"}[modify])
		}
		t.Watermark = &WatermarkSpec{Column: w.Column.Strings(), As: w.As, At: w.Column.Span}
	}
	return nil
}
