package format

import (
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/gzip"
	"github.com/parquet-go/parquet-go/compress/snappy"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// Parquet is files of Apache Parquet, with the types that Flink maps. Columns are found by their names, wherever they stand in a file; one that a file does not have is null. Times are
// those of UTC, whatever the machine's time zone.
//
// Where the schema has conditions, row groups are left out that have no row for them, as their statistics tell.
func Parquet() *Format {
	return &Format{
		Name: "parquet",
		Doc:  "Files of Apache Parquet.",
		Options: []tables.Option{
			{Key: "compression", Default: "SNAPPY", Values: []string{"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD"}, Doc: "How pages are compressed."},
			{Key: "block.size", Kind: tables.Memory, Default: "32 mb", Doc: "How much a row group holds, before it is encoded."},
			{Key: "page.size", Kind: tables.Memory, Default: "1 mb", Doc: "How much a page holds, before it is compressed."},
			{Key: "enable.dictionary", Kind: tables.Boolean, Default: "true", Doc: "Whether texts that repeat are written once a row group."},
			{Key: "utc-timezone", Kind: tables.Boolean, Default: "true", Values: []string{"true"}, Doc: "Times are those of UTC."},
			{Key: "write.int64.timestamp", Kind: tables.Boolean, Default: "false", Doc: "Whether timestamps are written as INT64 and not as INT96, which is what Flink does if not told otherwise."},
			{Key: "timestamp.time.unit", Default: "micros", Values: []string{"nanos", "micros", "millis"}, Doc: "The unit of timestamps that are INT64, where the file does not say it."},
			{Key: "batch-size", Kind: tables.Number, Doc: "Has no effect: it is here for tables made for Flink."},
		},
		Lines:  func(*Schema) bool { return false },
		Blocks: &Blocks{Check: checkParquet, Open: openParquet, Create: createParquet},
	}
}

func checkParquet(s *Schema) error {
	for i, c := range s.Columns {
		if !parquetCan(c.Type) {
			return unsupported(s, c, "parquet")
		}
		for _, o := range s.Columns[:i] {
			if o.Name == c.Name {
				return fault.New(fault.OptionInvalid, "the format \"parquet\" finds columns by name, and table %s has two with the name %s", s.Table, types.Quote(c.Name))
			}
		}
	}
	for _, key := range []string{"block.size", "page.size"} {
		if n, err := tables.ParseMemory(s.Options[key]); err != nil || n < 1024 || n > 1<<30 {
			return fault.New(fault.OptionInvalid, "option 'parquet.%s': %q is not between 1 kb and 1 gb", key, s.Options[key])
		}
	}
	return nil
}

// parquetCan reports whether a type has a form in Parquet.
func parquetCan(t types.Type) bool {
	switch t.Kind() {
	case types.Boolean, types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal, types.Char, types.Varchar, types.Binary, types.Varbinary,
		types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return true
	case types.Array, types.Multiset:
		return parquetCan(t.Elem())
	case types.Map:
		return parquetCan(t.Key()) && parquetCan(t.Elem())
	case types.Row, types.Structured:
		for _, f := range t.Fields() {
			if !parquetCan(f.Type) {
				return false
			}
		}
		return len(t.Fields()) > 0
	}
	return false
}

func parquetCodec(name string) compress.Codec {
	switch strings.ToUpper(name) {
	case "SNAPPY":
		return &snappy.Codec{}
	case "GZIP":
		return &gzip.Codec{Level: gzip.DefaultCompression}
	case "ZSTD":
		return &zstd.Codec{Level: zstd.SpeedFastest}
	}
	return &parquet.Uncompressed
}

// damaged is the error for a file that is not what it should be. Its place is for the caller to add.
func damaged(format string, args ...any) error {
	return fault.New(fault.SourceFileCorrupt, format, args...)
}

// guard makes an error of a panic: the library trusts files where it should not.
func guard(err *error) {
	if p := recover(); p != nil {
		*err = damaged("the file is damaged: %v", p)
	}
}
