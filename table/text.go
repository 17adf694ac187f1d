package table

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"iter"
	"maps"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/format"
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
	if s == nil {
		s = &fn.Session{Zone: time.UTC}
	}
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

// TextRow is a row whose values are text, as CAST(value AS STRING) makes it.
type TextRow struct {
	// Kind is what the row does to the result.
	Kind types.RowKind
	// Values are the columns' values; that of a null is "". Null tells which ones are null.
	Values []string
	Null   []bool
}

// TextRows is [Result.Rows] with values as text, and with the rows in groups, as they come. The slices are the caller's.
func (r *Result) TextRows(ctx context.Context) iter.Seq2[[]TextRow, error] {
	return func(yield func([]TextRow, error) bool) {
		text, err := newTexts(r.session, r.Columns)
		if err != nil {
			yield(nil, err)
			return
		}
		for b, err := range r.all(ctx) {
			if err == nil {
				err = text.of(b)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			rows := make([]TextRow, b.N)
			for i := range rows {
				row := TextRow{Kind: b.Kind(i), Values: make([]string, len(text.out)), Null: make([]bool, len(text.out))}
				for c, v := range text.out {
					if row.Null[c] = v.Null(i); !row.Null[c] {
						row.Values[c] = string(v.Bytes(rowOf(v, i)))
					}
				}
				rows[i] = row
			}
			if !yield(rows, nil) {
				return
			}
		}
	}
}

// all is Batches for results that are no query as well.
func (r *Result) all(ctx context.Context) iter.Seq2[*column.Batch, error] {
	if r.IsQuery() {
		return r.Batches(ctx)
	}
	return func(yield func(*column.Batch, error) bool) {
		if len(r.rows) == 0 {
			return
		}
		b := &column.Batch{}
		b.Reset(column.Forms(r.Columns))
		kinds := make([]types.RowKind, len(r.rows))
		for n, row := range r.rows {
			for c, v := range row.Values {
				shape := column.ShapeOf(r.Columns[c].Type)
				b.Cols[c].AppendValue(v, &shape, n)
			}
			kinds[n] = row.Kind
		}
		b.N, b.Kinds = len(r.rows), kinds
		yield(b, nil)
	}
}

// WriteTSV writes the rows of a result as lines with tabs between the values, behind a line with the names of the columns. NULL stands for null; tabs, line ends and backslashes in strings are
// written as \t, \n, \r and \\. With changelog, a first column op has what each row does: +I, -U, +U or -D. A result without columns writes nothing.
func (r *Result) WriteTSV(ctx context.Context, w io.Writer, changelog bool) error {
	return r.write(ctx, w, func(out *bufio.Writer) (rowWriter, error) {
		text, err := newTexts(r.session, r.Columns)
		if err != nil {
			return nil, err
		}
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
		return func(b *column.Batch) error {
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
					if bytes.ContainsAny(s, "\t\n\r\\") {
						escape.WriteString(out, string(s))
					} else {
						out.Write(s)
					}
				}
				out.WriteByte('\n')
			}
			return nil
		}, nil
	})
}

// WriteCSV writes the rows of a result as lines of CSV, behind a line with the names of the columns: values as the format csv of tables writes them, with nothing for null. With changelog, a first column
// op has what each row does. A result without columns writes nothing.
func (r *Result) WriteCSV(ctx context.Context, w io.Writer, changelog bool) error {
	return r.write(ctx, w, func(out *bufio.Writer) (rowWriter, error) {
		encoder, err := r.encoder(format.CSV(), map[string]string{"write-bigdecimal-in-scientific-notation": "false"})
		if err != nil {
			return nil, err
		}
		names := make([]string, 0, len(r.Columns)+1)
		if changelog {
			names = append(names, "op")
		}
		for _, f := range r.Columns {
			names = append(names, f.Name)
		}
		head := csv.NewWriter(out)
		if err := head.Write(names); err != nil {
			return nil, err
		}
		head.Flush()
		var line []byte
		return func(b *column.Batch) (err error) {
			for row := range b.N {
				line = line[:0]
				if changelog {
					line = append(append(line, b.Kind(row).String()...), ',')
				}
				if line, err = encoder.Append(line, b, row); err != nil {
					return err
				}
				out.Write(line)
			}
			return nil
		}, nil
	})
}

// WriteJSON writes the rows of a result as JSON objects, one a line, with values as the format json of tables writes them. With changelog, a first member op has what each row does. A result without columns writes
// nothing.
func (r *Result) WriteJSON(ctx context.Context, w io.Writer, changelog bool) error {
	return r.write(ctx, w, func(out *bufio.Writer) (rowWriter, error) {
		encoder, err := r.encoder(format.JSON(), map[string]string{"encode.decimal-as-plain-number": "true"})
		if err != nil {
			return nil, err
		}
		var line []byte
		return func(b *column.Batch) (err error) {
			for row := range b.N {
				if line, err = encoder.Append(line[:0], b, row); err != nil {
					return err
				}
				rest := line
				if changelog {
					out.WriteString(`{"op":"` + b.Kind(row).String() + `"`)
					if rest = line[1:]; rest[0] != '}' {
						out.WriteByte(',')
					}
				}
				out.Write(rest)
			}
			return nil
		}, nil
	})
}

func (r *Result) encoder(f *format.Format, set map[string]string) (format.Encoder, error) {
	options := map[string]string{}
	for _, o := range f.Options {
		if o.Default != "" {
			options[o.Key] = o.Default
		}
	}
	maps.Copy(options, set)
	return f.Encoder(&format.Schema{Table: "result", Columns: r.Columns, Options: options})
}

// rowWriter writes the rows of a batch.
type rowWriter func(*column.Batch) error

// write runs the result through a writer of rows, which begin makes when it has written what stands in front of them. What has been written is passed on whenever the job has no further rows at hand.
func (r *Result) write(ctx context.Context, w io.Writer, begin func(*bufio.Writer) (rowWriter, error)) error {
	if r.Columns == nil {
		return nil
	}
	out := bufio.NewWriterSize(w, 64<<10)
	defer out.Flush()
	write, err := begin(out)
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for b, err := range r.all(ctx) {
		if err == nil {
			err = write(b)
		}
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
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
