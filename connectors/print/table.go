package print

import (
	"io"
	"os"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// Table is the connector 'print': each row on a line of the standard output, or of the standard error, as +I[1, a]. Updates come with both of their rows.
func Table() *tables.Factory { return TableTo(os.Stdout, os.Stderr) }

// TableTo is the connector with two writers of the caller in place of the standard output and error.
func TableTo(stdout, stderr io.Writer) *tables.Factory {
	out, err := &output{w: stdout}, &output{w: stderr}
	return &tables.Factory{
		Name: "print",
		Doc:  "Prints each row on a line.",
		Options: []tables.Option{
			{Key: "print-identifier", Doc: "A text in front of each line, as 'identifier> '."},
			{Key: "standard-error", Kind: tables.Boolean, Default: "false", Doc: "Whether to print to the standard error."},
			{Key: "sink.parallelism", Kind: tables.Number, Doc: "The number of writers; that of the input if it is not given."},
		},
		Sink: func(t *tables.Table) (*tables.Sink, error) {
			parallelism, e := t.Number("sink.parallelism")
			if e != nil {
				return nil, e
			}
			if parallelism < 0 {
				return nil, fault.New(fault.OptionInvalid, "option 'sink.parallelism': %d is less than one", parallelism)
			}
			to := out
			if t.Flag("standard-error") {
				to = err
			}
			return &tables.Sink{
				Sink:        tableSink{to, Options{Label: t.Options["print-identifier"]}, t.Columns},
				Changelog:   func(requested types.Changelog) types.Changelog { return requested },
				Parallelism: int(parallelism),
			}, nil
		},
	}
}

type tableSink struct {
	out     *output
	o       Options
	columns []types.Field
}

func (s tableSink) NewWriter(ctx connector.WriterContext, _ [][]byte) (connector.Writer[*column.Batch], error) {
	return &tableWriter{lineBuffer: lineBuffer{out: s.out, prefix: s.o.prefix(ctx)}, row: format.RowPrinter(s.columns)}, nil
}

type tableWriter struct {
	lineBuffer
	row func([]byte, *column.Batch, int) []byte
}

func (w *tableWriter) Write(b *column.Batch, _ int64) error {
	for i := range b.Rows() {
		w.buf = append(w.buf, w.prefix...)
		w.buf = w.row(w.buf, b, b.Row(i))
		if err := w.end(); err != nil {
			return err
		}
	}
	return nil
}
