package format

import (
	"io"

	"github.com/weirstream/weir/column"
)

// Blocks is what a format has whose files are not one record after another, but some blocks of rows with an index at the end, as those of Parquet. Such a format has neither Encoder nor Decoder.
type Blocks struct {
	// Check says what is wrong with the columns or the options of a table, before any file is opened.
	Check func(s *Schema) error
	// Open reads the index of a file of that size. The error, source.file-corrupt or source.malformed, says what is wrong with the file, or why its columns do not fit.
	Open func(s *Schema, f io.ReaderAt, size int64) (BlockReader, error)
	// Create begins a file. What is wrong with the columns was found by Check.
	Create func(s *Schema, w io.Writer) (BlockWriter, error)
}

// Block is a part of a file that can be read by itself.
type Block struct {
	// Offset is the byte of the file at which it begins, which says whose range of the file it belongs to.
	Offset int64
	Rows   int64
	// Skip says that no row of it can satisfy what the schema asks for.
	Skip bool
}

// BlockReader reads a file. It belongs to one goroutine at a time.
type BlockReader interface {
	// Blocks are those of the file, in order.
	Blocks() []Block
	// Begin goes to a block, behind so many of its rows.
	Begin(block int, skip int64) error
	// Read makes b, which it resets, of the next rows of the block, at most limit; none are left if it has none then. The batch is valid until it is read into again, whatever else is done with the reader.
	Read(b *column.Batch, limit int) error
	Close() error
}

// BlockWriter writes a file. It belongs to one goroutine.
type BlockWriter interface {
	// Append adds the rows of the batch with the given numbers in its vectors, and keeps nothing of it.
	Append(b *column.Batch, rows []int32) error
	// Buffered is about how many bytes were appended that are not in the file.
	Buffered() int64
	// Flush writes what is buffered as a block.
	Flush() error
	// Close completes the file, and does not close what it is written to.
	Close() error
}
