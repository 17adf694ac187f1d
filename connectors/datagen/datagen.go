// Package datagen is the connector 'datagen': a table of rows that are made up, at a rate.
//
// A field counts (kind sequence) or is random (kind random). What a row holds follows from its number alone, but for times, which are taken from the clock: so a restored job goes on with the
// same rows, and each run of a query sees the same ones.
package datagen

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// Table is the connector.
func Table() *tables.Factory {
	return &tables.Factory{
		Name: "datagen",
		Doc:  "Rows that are made up.",
		Options: []tables.Option{
			{Key: "rows-per-second", Kind: tables.Number, Default: "10000", Doc: "The rate of all readers together."},
			{Key: "number-of-rows", Kind: tables.Number, Doc: "How many rows there are; without it, and without a sequence, there is no end."},
			{Key: "scan.parallelism", Kind: tables.Number, Doc: "How many readers there are at most."},
			{Key: "fields.*", Doc: "fields.NAME.kind: sequence or random; .start and .end of a sequence; .min, .max, .max-past, .length, .var-len and .null-rate of a random field."},
		},
		Source: source,
	}
}

// properties are what fields.NAME.PROPERTY may say.
var properties = []string{"kind", "start", "end", "min", "max", "max-past", "length", "var-len", "null-rate"}

func source(t *tables.Table) (*tables.Source, error) {
	rate, err := t.Number("rows-per-second")
	if err != nil {
		return nil, err
	}
	rows, err := t.Number("number-of-rows")
	if err != nil {
		return nil, err
	}
	parallelism, err := t.Number("scan.parallelism")
	if err != nil {
		return nil, err
	}
	_, bounded := t.Options["number-of-rows"]
	switch {
	case rate < 1:
		return nil, fault.New(fault.OptionInvalid, "option 'rows-per-second': %d is less than one", rate)
	case rows < 0:
		return nil, fault.New(fault.OptionInvalid, "option 'number-of-rows': %d is less than zero", rows)
	case parallelism < 0:
		return nil, fault.New(fault.OptionInvalid, "option 'scan.parallelism': %d is less than one", parallelism)
	}
	p := &planner{table: t, known: map[string]bool{}}
	fields := make([]*field, len(t.Columns))
	for i, c := range t.Columns {
		if fields[i], err = p.field(c.Name, c.Type, uint64(i+1)); err != nil {
			return nil, err
		}
	}
	if err := p.unused(); err != nil {
		return nil, err
	}
	if p.sequences {
		if !bounded || p.count < rows {
			rows = p.count
		}
		bounded = true
	}
	scan := func(fields []*field) *tables.Source {
		return &tables.Source{Parallelism: int(parallelism), Scan: sequence.Batches(sequence.BatchOptions{
			Count: rows, Empty: bounded && rows == 0, RatePerSecond: float64(rate),
			OpenAt: func(now func() time.Time) (sequence.Filler, error) { return filler(fields, now), nil },
		})}
	}
	s := scan(fields)
	s.Project = func(columns []int) (*tables.Source, error) {
		some := make([]*field, len(columns))
		for i, k := range columns {
			some[i] = fields[k]
		}
		return scan(some), nil
	}
	return s, nil
}

func filler(fields []*field, now func() time.Time) sequence.Filler {
	own := make([]*field, len(fields))
	for i, f := range fields {
		own[i] = f.clone()
	}
	return func(b *column.Batch, numbers []int64) error {
		for len(b.Cols) < len(own) {
			b.Cols = append(b.Cols, new(column.Vector))
		}
		b.N, b.Sel, b.Kinds = len(numbers), nil, nil
		at := now()
		for i, f := range own {
			f.fill(b.Cols[i], numbers, at)
		}
		return nil
	}
}

// planner makes fields of the table's options.
type planner struct {
	table     *tables.Table
	known     map[string]bool // options that were looked at
	sequences bool
	count     int64 // of the shortest sequence
}

// option returns a property of a field, and whether it is given.
func (p *planner) option(path, property string) (string, bool) {
	key := "fields." + path + "." + property
	p.known[key] = true
	s, ok := p.table.Options[key]
	return s, ok
}

// unused refuses options that say nothing of any field.
func (p *planner) unused() error {
	for key := range p.table.Options {
		rest, ok := strings.CutPrefix(key, "fields.")
		if !ok || p.known[key] {
			continue
		}
		i := strings.LastIndexByte(rest, '.')
		if i < 0 || !slices.Contains(properties, rest[i+1:]) {
			return fault.New(fault.OptionInvalid, "option '%s': a field has %s", key, strings.Join(properties, ", "))
		}
		for given := range p.known {
			if strings.HasPrefix(given, "fields."+rest[:i]+".") {
				return fault.New(fault.OptionInvalid, "option '%s': %s has no meaning for this field and its kind", key, rest[i+1:])
			}
		}
		return fault.New(fault.OptionInvalid, "option '%s': there is no field %s", key, types.Quote(rest[:i]))
	}
	return nil
}

func (p *planner) bad(path, property, value, why string) error {
	return fault.New(fault.OptionInvalid, "option 'fields.%s.%s': %q is %s", path, property, value, why)
}

func (p *planner) number(path, property string, otherwise float64) (float64, error) {
	s, ok := p.option(path, property)
	if !ok {
		return otherwise, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, p.bad(path, property, s, "not a number")
	}
	return f, nil
}

func (p *planner) whole(path, property string, otherwise int64) (int64, error) {
	s, ok := p.option(path, property)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, p.bad(path, property, s, "not a whole number")
	}
	return n, nil
}

// field plans the field of a path, as a or a.b for a field of a row.
func (p *planner) field(path string, t types.Type, salt uint64) (*field, error) {
	f := &field{typ: t, form: column.FormOf(t), zone: p.table.Zone, salt: salt * 0x9E3779B97F4A7C15}
	kind, given := p.option(path, "kind")
	if t.IsComposite() || t.Kind() == types.Array || t.Kind() == types.Map || t.Kind() == types.Multiset {
		if given && kind != "random" {
			return nil, p.bad(path, "kind", kind, "not random, which a "+t.SQL()+" must be")
		}
		return f, p.composed(f, path, t, salt)
	}
	switch {
	case kind == "sequence":
		return f, p.sequence(f, path)
	case given && kind != "random":
		return nil, p.bad(path, "kind", kind, "neither sequence nor random")
	}
	return f, p.random(f, path)
}

func (p *planner) sequence(f *field, path string) error {
	switch f.typ.Kind() {
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Decimal, types.Char, types.Varchar:
	default:
		return fault.New(fault.OptionInvalid, "option 'fields.%s.kind': a %s cannot be a sequence", path, f.typ.SQL())
	}
	for _, property := range []string{"start", "end"} {
		if _, ok := p.option(path, property); !ok {
			return fault.New(fault.OptionInvalid, "the sequence of field %s needs the option 'fields.%s.%s'", types.Quote(path), path, property)
		}
	}
	start, err := p.whole(path, "start", 0)
	if err != nil {
		return err
	}
	end, err := p.whole(path, "end", 0)
	if err != nil {
		return err
	}
	count := uint64(end) - uint64(start) + 1
	low, high := limits(f.typ)
	switch {
	case end < start:
		return fault.New(fault.OptionInvalid, "the sequence of field %s ends at %d, in front of its start %d", types.Quote(path), end, start)
	case count == 0 || count > math.MaxInt64:
		return fault.New(fault.OptionInvalid, "the sequence of field %s has too many numbers", types.Quote(path))
	case f.typ.IsNumeric() && (float64(start) < low || float64(end) > high):
		return fault.New(fault.OptionInvalid, "the sequence of field %s goes beyond %s", types.Quote(path), f.typ.SQL())
	}
	if !p.sequences || int64(count) < p.count {
		p.count = int64(count)
	}
	p.sequences, f.counts, f.start = true, true, start
	return nil
}

// limits are the least and greatest value of a numeric type that are made if the options do not say others.
func limits(t types.Type) (low, high float64) {
	switch t.Kind() {
	case types.TinyInt:
		return math.MinInt8, math.MaxInt8
	case types.SmallInt:
		return math.MinInt16, math.MaxInt16
	case types.Int:
		return math.MinInt32, math.MaxInt32
	case types.BigInt:
		return math.MinInt64, math.MaxInt64
	case types.Float:
		return -math.MaxFloat32, math.MaxFloat32
	case types.Double:
		return -math.MaxFloat64, math.MaxFloat64
	case types.Decimal:
		high = math.Pow10(t.Precision()-t.Scale()) - math.Pow10(-t.Scale())
		return -high, high
	case types.IntervalYearMonth:
		return 0, 120_000
	case types.IntervalDayTime:
		return 0, 10_000 * 365 * 86_400_000
	}
	return 0, 0
}

func (p *planner) random(f *field, path string) error {
	if s, ok := p.option(path, "null-rate"); ok {
		rate, err := strconv.ParseFloat(s, 64)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return p.bad(path, "null-rate", s, "not between 0 and 1")
		}
		if rate > 0 && !f.typ.Nullable() {
			return p.bad(path, "null-rate", s, "not zero, and the field is NOT NULL")
		}
		f.nulls = uint64(rate * (1 << 53))
	}
	switch f.typ.Kind() {
	case types.Boolean:
		return nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.IntervalYearMonth, types.IntervalDayTime:
		return p.integers(f, path)
	case types.Float, types.Double, types.Decimal:
		return p.floats(f, path)
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		return p.texts(f, path)
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		if s, ok := p.option(path, "max-past"); ok {
			d, err := tables.ParseDuration(s)
			if err != nil {
				return p.bad(path, "max-past", s, "not a duration")
			}
			f.past = d
		}
		return nil
	}
	return fault.New(fault.OptionInvalid, "the connector \"datagen\" cannot make the field %s, a %s", types.Quote(path), f.typ.SQL())
}

func (p *planner) integers(f *field, path string) (err error) {
	low, high := limits(f.typ)
	least, most := int64(low), int64(math.MaxInt64)
	if high < math.MaxInt64 {
		most = int64(high)
	}
	if f.low, err = p.whole(path, "min", least); err != nil {
		return err
	}
	if f.high, err = p.whole(path, "max", most); err != nil {
		return err
	}
	if f.typ.IsInteger() && (f.low < least || f.high > most) || f.low > f.high {
		return fault.New(fault.OptionInvalid, "the field %s cannot be between %d and %d", types.Quote(path), f.low, f.high)
	}
	return nil
}

func (p *planner) floats(f *field, path string) (err error) {
	low, high := limits(f.typ)
	if f.typ.Kind() != types.Decimal {
		low = 0
	}
	least, most := limits(f.typ)
	if f.least, err = p.number(path, "min", low); err != nil {
		return err
	}
	if f.most, err = p.number(path, "max", high); err != nil {
		return err
	}
	if f.least < least || f.most > most || f.least > f.most {
		return fault.New(fault.OptionInvalid, "the field %s cannot be between %v and %v", types.Quote(path), f.least, f.most)
	}
	return nil
}

// maxLength bounds what one value takes.
const maxLength = 1 << 20

func (p *planner) texts(f *field, path string) error {
	otherwise := int64(100)
	if n := f.typ.Length(); n < types.MaxLength {
		otherwise = int64(n)
	}
	n, err := p.whole(path, "length", otherwise)
	if err != nil {
		return err
	}
	if n < 1 || n > maxLength || n > int64(f.typ.Length()) {
		return fault.New(fault.OptionInvalid, "option 'fields.%s.length': %d is not between 1 and %d", path, n, min(maxLength, f.typ.Length()))
	}
	f.length = int(n)
	if s, ok := p.option(path, "var-len"); ok {
		if f.varies = strings.EqualFold(s, "true"); !f.varies && !strings.EqualFold(s, "false") {
			return p.bad(path, "var-len", s, "neither 'true' nor 'false'")
		}
		if f.varies && (f.typ.Kind() == types.Char || f.typ.Kind() == types.Binary) {
			return p.bad(path, "var-len", s, "not for a "+f.typ.SQL()+", whose length is fixed")
		}
	}
	return nil
}

// composed plans the parts of arrays, maps and rows: fields.a.element, fields.m.key and fields.m.value, fields.r.x.
func (p *planner) composed(f *field, path string, t types.Type, salt uint64) error {
	type part struct {
		name string
		typ  types.Type
	}
	var parts []part
	switch t.Kind() {
	case types.Array:
		parts = []part{{"element", t.Elem()}}
	case types.Map:
		parts = []part{{"key", t.Key()}, {"value", t.Elem()}}
	case types.Multiset:
		parts = []part{{"element", t.Elem()}, {"count", types.New(types.Int)}}
	default:
		for _, x := range t.Fields() {
			parts = append(parts, part{x.Name, x.Type})
		}
	}
	if s, ok := p.option(path, "null-rate"); ok {
		rate, err := strconv.ParseFloat(s, 64)
		if err != nil || !(rate >= 0 && rate <= 1) {
			return p.bad(path, "null-rate", s, "not between 0 and 1")
		}
		f.nulls = uint64(rate * (1 << 53))
	}
	if !t.IsComposite() {
		n, err := p.whole(path, "length", 3)
		if err != nil {
			return err
		}
		if n < 0 || n > 10_000 {
			return fault.New(fault.OptionInvalid, "option 'fields.%s.length': %d is not between 0 and 10000", path, n)
		}
		f.length = int(n)
	}
	for i, x := range parts {
		sub, err := p.field(path+"."+x.name, x.typ, salt*131+uint64(i)+1)
		if err != nil {
			return err
		}
		if sub.counts {
			return fault.New(fault.OptionInvalid, "the field %s within %s cannot be a sequence", types.Quote(x.name), types.Quote(path))
		}
		if t.Kind() == types.Multiset && i == 1 {
			if _, given := p.option(path+".count", "min"); !given {
				sub.low, sub.high = 1, 10
			}
		}
		f.parts = append(f.parts, sub)
	}
	return nil
}
