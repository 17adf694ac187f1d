package table

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/sql/expr"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/sql/vec"
	"github.com/weirstream/weir/types"
)

// texts casts the columns of batches to strings.
type texts struct {
	projector *vec.Projector
	out       []*column.Vector
}

func newTexts(s *fn.Session, fields []types.Field) (*texts, error) {
	exprs := make([]expr.Expr, len(fields))
	for i, f := range fields {
		exprs[i] = &expr.Ref{Index: i, Name: f.Name, T: f.Type}
		if !f.Type.IsChar() {
			exprs[i] = &expr.Call{Fn: fn.Cast, Args: []expr.Expr{exprs[i]}, T: types.String().WithNullable(f.Type.Nullable())}
		}
	}
	p, err := vec.CompileAll(exprs, s)
	return &texts{projector: p}, err
}

func (t *texts) of(b *column.Batch) (err error) {
	t.out, err = t.projector.Eval(&fn.Call{}, b, nil)
	return err
}

// WriteTSV writes the rows of a result as lines with tabs between the values, behind a line with the names of the columns. NULL stands for null; tabs, line ends and backslashes in strings are
// written as \t, \n, \r and \\. With changelog, a first column op has what each row does: +I, -U, +U or -D. A result without columns writes nothing.
func (r *Result) WriteTSV(ctx context.Context, w io.Writer, changelog bool) error {
	if r.Columns == nil {
		return nil
	}
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	if changelog {
		out.WriteString("op\t")
	}
	for i, f := range r.Columns {
		if i > 0 {
			out.WriteByte('\t')
		}
		out.WriteString(escape.Replace(f.Name))
	}
	out.WriteByte('\n')
	if !r.IsQuery() {
		for _, row := range r.rows {
			if changelog {
				out.WriteString(row.Kind.String() + "\t")
			}
			for i, v := range row.Values {
				if i > 0 {
					out.WriteByte('\t')
				}
				switch {
				case v.Null:
					out.WriteString("NULL")
				case r.Columns[i].Type.Kind() == types.Boolean:
					out.WriteString(strings.ToUpper(strconv.FormatBool(v.Bool())))
				default:
					escape.WriteString(out, v.Text)
				}
			}
			out.WriteByte('\n')
		}
		return out.Flush()
	}
	text, err := newTexts(r.session, r.Columns)
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for b, err := range r.Batches(ctx) {
		if err != nil {
			return err
		}
		if err := text.of(b); err != nil {
			return err
		}
		for row := range b.N {
			if changelog {
				out.WriteString(b.Kind(row).String() + "\t")
			}
			for i, v := range text.out {
				if i > 0 {
					out.WriteByte('\t')
				}
				if v.Null(row) {
					out.WriteString("NULL")
					continue
				}
				s := v.Bytes(rowOf(v, row))
				if strings.ContainsAny(string(s), "\t\n\r\\") {
					escape.WriteString(out, string(s))
				} else {
					out.Write(s)
				}
			}
			out.WriteByte('\n')
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// rowOf is the row of a constant vector that holds the value.
func rowOf(v *column.Vector, row int) int {
	if v.Const {
		return 0
	}
	return row
}

var escape = strings.NewReplacer("\t", `\t`, "\n", `\n`, "\r", `\r`, `\`, `\\`)
