package files

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/format"
	"github.com/weirstream/weir/types"
)

// Table is the connector 'filesystem': the rows of all files of a directory, in the option 'format'. Partition columns are not in the files, but in the names of directories below: dt=2020-01-01/hm=10%3A00.
//
// Reading is bounded unless there is a 'source.monitor-interval'. Large files are shared by readers; of those that have records over several lines, as CSV may with quotes, one looks for where records begin first, if there are several readers.
//
// Writing is exactly once, as that of [Sink] is: files appear when a checkpoint, or the job, is complete. A partition is announced by a file (the policy success-file) when it is complete: by
// processing time, or when the watermarks of all writers have passed the partition's time and the delay. The writers learn of each other within one process.
func Table() *tables.Factory {
	options := []tables.Option{
		{Key: "path", Required: true, Doc: "The directory, as a path or with file:// in front."},
		{Key: "format", Required: true, Doc: "csv, json, parquet or raw."},
		{Key: "partition.default-name", Default: "__DEFAULT_PARTITION__", Doc: "What stands for a null or an empty text in the name of a partition."},
		{Key: "source.monitor-interval", Kind: tables.Duration, Doc: "How often new files are looked for; if it is not given the source ends."},
		{Key: "source.path.regex-pattern", Doc: "What the whole path of a file must match to be read."},
		{Key: "source.dead-letter.path", Doc: "A directory for records that cannot be read: each becomes a line of JSON there, with its file, the byte at which it begins, what is wrong with it, and its text. If it is not given such a record fails the job."},
		{Key: "sink.compression", Values: []string{"none", "gzip", "zstd"}, Default: "none", Doc: "How files of text are compressed; their names then end in .gz or .zst."},
		{Key: "sink.rolling-policy.file-size", Kind: tables.Memory, Default: "128 mb", Doc: "The size at which a file is complete."},
		{Key: "sink.rolling-policy.rollover-interval", Kind: tables.Duration, Default: "30 min", Doc: "The age at which a file is complete."},
		{Key: "sink.rolling-policy.inactivity-interval", Kind: tables.Duration, Default: "30 min", Doc: "The time without a row after which a file is complete."},
		{Key: "sink.rolling-policy.check-interval", Kind: tables.Duration, Default: "1 min", Doc: "How often age and inactivity are looked at."},
		{Key: "auto-compaction", Kind: tables.Boolean, Default: "false", Values: []string{"false"}, Doc: "Files are not compacted."},
		{Key: "sink.shuffle-by-partition.enable", Kind: tables.Boolean, Default: "false", Values: []string{"false"}, Doc: "Rows are not dealt to writers by their partition."},
		{Key: "sink.partition-commit.trigger", Values: []string{"process-time", "partition-time"}, Default: "process-time", Doc: "What says that a partition is complete."},
		{Key: "sink.partition-commit.delay", Kind: tables.Duration, Default: "0 s", Doc: "How long behind the partition's time, or its first row, it is complete."},
		{Key: "sink.partition-commit.watermark-time-zone", Default: "UTC", Doc: "The time zone of the partition's time."},
		{Key: "sink.partition-commit.policy.kind", Doc: "How a complete partition is announced: success-file, or metastore, which does nothing here."},
		{Key: "sink.partition-commit.success-file.name", Default: "_SUCCESS", Doc: "The name of the file that announces it."},
		{Key: "partition.time-extractor.kind", Values: []string{"default"}, Default: "default", Doc: "How the time of a partition is found."},
		{Key: "partition.time-extractor.timestamp-pattern", Doc: "The time with $key where the value of a partition column is to stand; the first column if it is not given."},
		{Key: "partition.time-extractor.timestamp-formatter", Doc: "The form of that time; yyyy-MM-dd HH:mm:ss or yyyy-MM-dd if it is not given."},
		{Key: "sink.parallelism", Kind: tables.Number, Doc: "The number of writers; that of the input if it is not given."},
	}
	for _, f := range format.Formats() {
		for _, o := range f.Options {
			o.Key = f.Name + "." + o.Key
			// Defaults belong to the format that is chosen: see formatOf.
			o.Default = ""
			options = append(options, o)
		}
	}
	return &tables.Factory{
		Name:    "filesystem",
		Doc:     "The files of a directory.",
		Options: options,
		Source:  tableSourceOf,
		Sink:    tableSinkOf,
		Metadata: []types.Field{
			{Name: "file.path", Type: types.String().NotNull()},
			{Name: "file.name", Type: types.String().NotNull()},
			{Name: "file.size", Type: types.New(types.BigInt).NotNull()},
			{Name: "file.modification-time", Type: types.TimestampLTZOf(3).NotNull()},
		},
	}
}

// pathOf reads the option 'path'.
func pathOf(t *tables.Table) (string, error) { return pathFrom("path", t.Options["path"]) }

// pathFrom reads an option that is a path.
func pathFrom(key, path string) (string, error) {
	if scheme, _, ok := strings.Cut(path, ":"); ok && !strings.ContainsAny(scheme, `/\`) && len(scheme) > 1 {
		u, err := url.Parse(path)
		if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || u.Path == "" {
			return "", fault.New(fault.OptionInvalid, "option '%s': %q is not a path of this machine: write it as file:///directory", key, path)
		}
		path = u.Path
	}
	if path == "" {
		return "", fault.New(fault.OptionInvalid, "option '%s' is empty", key)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fault.New(fault.OptionInvalid, "option '%s': %w", key, err)
	}
	return abs, nil
}

// formatOf returns the format with its options, and refuses those of others.
func formatOf(t *tables.Table) (*format.Format, map[string]string, error) {
	f, err := format.Find(t.Options["format"])
	if err != nil {
		return nil, nil, err
	}
	own := map[string]string{}
	for key, value := range t.Options {
		for _, other := range format.Formats() {
			if rest, ok := strings.CutPrefix(key, other.Name+"."); ok && other.Name != f.Name {
				return nil, nil, fault.New(fault.OptionInvalid, "option '%s': the format is %q", key, f.Name)
			} else if ok {
				own[rest] = value
			}
		}
	}
	filled, err := (&tables.Factory{Name: f.Name, Options: f.Options}).Fill(own)
	return f, filled, err
}

// blockSplitBytes is the size of the ranges that large files of a format of blocks are cut into; a block belongs to the range in which it begins.
const blockSplitBytes = 64 << 20

// physical returns the columns that are in the files, and where they are among those of the table.
func physical(t *tables.Table) (columns []types.Field, at []int) {
	for i, c := range t.Columns {
		if !slices.Contains(t.PartitionBy, i) && (t.MetadataKeys == nil || t.MetadataKeys[i] == "") {
			columns, at = append(columns, c), append(at, i)
		}
	}
	return columns, at
}

func tableSourceOf(t *tables.Table) (*tables.Source, error) {
	path, err := pathOf(t)
	if err != nil {
		return nil, err
	}
	f, options, err := formatOf(t)
	if err != nil {
		return nil, err
	}
	interval, err := t.Duration("source.monitor-interval")
	if err != nil {
		return nil, err
	}
	columns, at := physical(t)
	s := tableSource{form: f, base: path, rows: batchRows, schema: &format.Schema{Table: t.Name, Columns: columns, At: at, Options: options}}
	s.o = Options{Path: path, Watch: interval > 0, WatchInterval: interval, MaxLineBytes: 16 << 20, BlockBytes: 256 << 10, lend: true}.filled()
	switch {
	case f.Blocks != nil:
		s.o.SplitBytes = blockSplitBytes
		if err := f.Blocks.Check(s.schema); err != nil {
			return nil, err
		}
	case !f.Lines(s.schema):
		s.o.raw = true
		if f.Cutter != nil {
			schema := s.schema
			if _, err := f.Cutter(schema, 1); err != nil {
				return nil, err
			}
			s.o.cutter = func(step int64) format.Cutter {
				c, _ := f.Cutter(schema, step) // was right above
				return c
			}
		}
	}
	for _, k := range t.PartitionBy {
		s.keys = append(s.keys, t.Columns[k].Name)
	}
	if s.letters, err = lettersOf(t, f, options); err != nil {
		return nil, err
	}
	var pattern *regexp.Regexp
	if text, ok := t.Options["source.path.regex-pattern"]; ok {
		if pattern, err = regexp.Compile(`^(?:` + text + `)$`); err != nil {
			return nil, fault.New(fault.OptionInvalid, "option 'source.path.regex-pattern': %w", err)
		}
	}
	s.pattern = pattern
	all := make([]int, len(t.Columns))
	for i := range all {
		all[i] = i
	}
	src, err := s.of(t, all, nil)
	if err != nil {
		return nil, err
	}
	src.Project = func(some []int) (*tables.Source, error) { return s.of(t, some, nil) }
	return src, nil
}

// of returns the source of some columns of the table, which may leave out rows by conditions on these.
func (s tableSource) of(t *tables.Table, some []int, where []tables.Predicate) (*tables.Source, error) {
	unfiltered := s
	schema := *s.schema
	s.prune, schema.Where = nil, nil
	for _, p := range where {
		k := some[p.Column]
		if key := slices.Index(t.PartitionBy, k); key >= 0 {
			s.prune = append(s.prune, pruning{Predicate: p, key: key, typ: t.Columns[k].Type, empty: t.Options["partition.default-name"]})
		} else if i := slices.Index(s.schema.At, k); i >= 0 {
			p.Column = i
			schema.Where = append(schema.Where, p)
		}
	}
	s.o.keep, s.o.enter = s.keep, s.enter
	schema.At = make([]int, len(s.schema.Columns))
	decoded := 0
	for i, k := range s.schema.At {
		// The decoder's columns come first in its batch, in the order of the table's. Without fixed columns that is the batch itself.
		schema.At[i] = slices.Index(some, k)
		if schema.At[i] >= 0 {
			decoded++
		}
	}
	s.width, s.fixed = len(some), nil
	for at, k := range some {
		c := t.Columns[k]
		f := fixedColumn{at: at, typ: c.Type, name: c.Name, key: slices.Index(t.PartitionBy, k), empty: t.Options["partition.default-name"]}
		if f.key < 0 && t.MetadataKeys != nil {
			f.meta = t.MetadataKeys[k]
		}
		if f.key >= 0 || f.meta != "" {
			s.fixed = append(s.fixed, f)
		}
	}
	s.schema = &schema
	if s.form.Blocks == nil {
		if _, err := s.form.Decoder(s.schema); err != nil {
			return nil, err
		}
	}
	src := &tables.Source{Scan: s}
	if len(s.keys) > 0 || s.form.Blocks != nil {
		src.Filter = func(where []tables.Predicate) (*tables.Source, error) { return unfiltered.of(t, some, where) }
	}
	return src, nil
}

func tableSinkOf(t *tables.Table) (*tables.Sink, error) {
	path, err := pathOf(t)
	if err != nil {
		return nil, err
	}
	s := &tableSink{dir: path, defaultName: t.Options["partition.default-name"], overwrite: t.Overwrite, outstanding: &outstanding{}, progress: &progress{}}
	f, options, err := formatOf(t)
	if err != nil {
		return nil, err
	}
	if t.Overwrite && !t.Batch {
		return nil, fault.New(fault.OptionInvalid, "INSERT OVERWRITE of table %s needs batch mode: set 'execution.runtime-mode' to 'batch'", t.Name)
	}
	columns, at := physical(t)
	s.form, s.schema = f, &format.Schema{Table: t.Name, Columns: columns, At: at, Options: options}
	s.compression = map[string]Compression{"gzip": Gzip, "zstd": Zstd}[strings.ToLower(t.Options["sink.compression"])]
	switch {
	case f.Blocks == nil:
		if _, err := f.Encoder(s.schema); err != nil {
			return nil, err
		}
	case s.compression != NoCompression:
		return nil, fault.New(fault.OptionInvalid, "option 'sink.compression': files of the format %q are not compressed as a whole; see '%s.compression'", f.Name, f.Name)
	default:
		if len(columns) == 0 {
			return nil, fault.New(fault.OptionInvalid, "table %s has only partition columns, and files of the format %q have at least one", t.Name, f.Name)
		}
		if err := f.Blocks.Check(s.schema); err != nil {
			return nil, err
		}
	}
	for _, k := range t.PartitionBy {
		s.keys, s.at = append(s.keys, t.Columns[k]), append(s.at, k)
		if column.FormOf(t.Columns[k].Type) > column.Text {
			return nil, fault.New(fault.OptionInvalid, "table %s is partitioned by %s, a %s, which cannot stand in a path", t.Name, types.Quote(t.Columns[k].Name), t.Columns[k].Type.SQL())
		}
	}
	if err := s.rolling(t); err != nil {
		return nil, err
	}
	if err := s.committing(t); err != nil {
		return nil, err
	}
	parallelism, err := t.Number("sink.parallelism")
	if err == nil && parallelism < 0 {
		err = fault.New(fault.OptionInvalid, "option 'sink.parallelism': %d is less than one", parallelism)
	}
	return &tables.Sink{Sink: s, Parallelism: int(parallelism)}, err
}

func (s *tableSink) rolling(t *tables.Table) (err error) {
	if s.rollBytes, err = t.Memory("sink.rolling-policy.file-size"); err != nil {
		return err
	}
	for key, to := range map[string]*time.Duration{"rollover-interval": &s.rollInterval, "inactivity-interval": &s.inactivity, "check-interval": &s.look} {
		if *to, err = t.Duration("sink.rolling-policy." + key); err != nil {
			return err
		}
		if *to <= 0 {
			return fault.New(fault.OptionInvalid, "option 'sink.rolling-policy.%s' is not positive", key)
		}
	}
	if s.rollBytes <= 0 {
		return fault.New(fault.OptionInvalid, "option 'sink.rolling-policy.file-size' is not positive")
	}
	return nil
}

func (s *tableSink) committing(t *tables.Table) (err error) {
	for _, kind := range strings.Split(t.Options["sink.partition-commit.policy.kind"], ",") {
		switch strings.TrimSpace(kind) {
		case "success-file":
			s.commit.success = t.Options["sink.partition-commit.success-file.name"]
			if s.commit.success == "" || strings.ContainsAny(s.commit.success, `/\`) {
				return fault.New(fault.OptionInvalid, "option 'sink.partition-commit.success-file.name': %q is not the name of a file", s.commit.success)
			}
		case "metastore", "":
		default:
			return fault.New(fault.OptionInvalid, "option 'sink.partition-commit.policy.kind': %q is neither success-file nor metastore", kind)
		}
	}
	s.commit.byTime = t.Options["sink.partition-commit.trigger"] == "partition-time"
	if s.commit.delay, err = t.Duration("sink.partition-commit.delay"); err != nil {
		return err
	}
	zone, err := time.LoadLocation(t.Options["sink.partition-commit.watermark-time-zone"])
	if err != nil {
		return fault.New(fault.OptionInvalid, "option 'sink.partition-commit.watermark-time-zone': %w", err)
	}
	s.commit.extract = extractor{pattern: t.Options["partition.time-extractor.timestamp-pattern"], zone: zone}
	for _, k := range s.keys {
		s.commit.extract.keys = append(s.commit.extract.keys, k.Name)
	}
	if text, ok := t.Options["partition.time-extractor.timestamp-formatter"]; ok {
		if s.commit.extract.layout, err = javaLayout(text); err != nil {
			return fault.New(fault.OptionInvalid, "option 'partition.time-extractor.timestamp-formatter': %w", err)
		}
	}
	return nil
}
