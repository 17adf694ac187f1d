package format

import (
	"bytes"
	"errors"
	"io"
	"math"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/connector/tables"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// parquetReader reads the columns of a file that a table needs.
type parquetReader struct {
	f      io.ReaderAt
	size   int64
	file   *parquet.File
	groups []parquet.RowGroup
	blocks []Block
	// columns are those of the batch; nil where it has none.
	columns []*parquetColumn
	leaves  []*parquetLeaf
	// left are the rows of the current row group that were not read.
	left int64
}

// parquetColumn is a column of the table, or what is nested in one. Its slots are the places where a value of it, or a null, may stand.
type parquetColumn struct {
	typ   types.Type
	shape column.Shape
	// leaf is set for values that are not composed; children else. Both are unset for what a file does not have.
	leaf     *parquetLeaf
	children []*parquetColumn
	// first is any leaf below: the levels of all of them say the same of this column.
	first *parquetLeaf
	// A slot is an entry of first with a repetition level up to rep and a definition level from slot on. It has a value from the definition level def on.
	rep, slot, def int
	// elem is the definition level from which on an element of a list, or a pair of a map, is there.
	elem int
}

// parquetLeaf is a column of the file.
type parquetLeaf struct {
	column *parquet.Column
	decode parquetDecode
	form   column.Form
	rep    int
	def    byte

	pages *parquet.FilePages
	page  parquet.Page
	// entry and dense say what of the page was read: with and without nulls.
	entry, entries, dense int
	data                  encoding.Values
	defs, reps            []byte
	// indexes are those of the page into dict, the values of the row group's dictionary; nil if the page has values of its own.
	indexes []int32
	dict    *column.Vector
	dictLen int

	// What was read for the current batch: so many entries with their levels, which are empty where the column has none, and the values without nulls.
	got              int
	gotDefs, gotReps []byte
	values           column.Vector
}

var errNoValues = errors.New("a column has fewer values than rows")

func openParquet(s *Schema, f io.ReaderAt, size int64) (_ BlockReader, err error) {
	defer guard(&err)
	if err := checkFooter(f, size); err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	if err != nil {
		return nil, damaged("it is not a file of Parquet, or damaged: %w", err)
	}
	r := &parquetReader{f: f, size: size, file: file, groups: file.RowGroups()}
	unit := map[string]int64{"millis": 1e3, "nanos": 1e9}[s.Options["timestamp.time.unit"]]
	if unit == 0 {
		unit = 1e6
	}
	filters := make([]*parquetLeaf, len(s.Columns))
	for i, c := range s.Columns {
		at := s.at(i)
		wanted := at >= 0
		for _, p := range s.Where {
			wanted = wanted || p.Column == i
		}
		if !wanted {
			continue
		}
		col, err := r.column(file.Root().Column(c.Name), c.Type, c.Name, unit, 0, 0)
		if err != nil {
			return nil, err
		}
		filters[i] = col.leaf
		if at < 0 {
			continue
		}
		for len(r.columns) <= at {
			r.columns = append(r.columns, nil)
		}
		r.columns[at] = col
	}
	for _, c := range r.columns {
		if c != nil {
			r.leaves = c.appendLeaves(r.leaves)
		}
	}
	for i, g := range r.groups {
		b := Block{Rows: g.NumRows(), Offset: groupOffset(file, i)}
		if b.Rows < 0 {
			return nil, damaged("a row group has %d rows", b.Rows)
		}
		for _, p := range s.Where {
			if leaf := filters[p.Column]; leaf != nil && !leaf.possible(g, p, s.Columns[p.Column].Type) {
				b.Skip = true
			}
		}
		r.blocks = append(r.blocks, b)
	}
	return r, nil
}

// column makes the reader of a column of the file as a type; nil stands for one that is not there. rep and slot are those of what it is in.
func (r *parquetReader) column(c *parquet.Column, t types.Type, name string, unit int64, rep, slot int) (*parquetColumn, error) {
	p := &parquetColumn{typ: t, shape: column.ShapeOf(t), rep: rep, slot: slot}
	if c == nil {
		return p, nil
	}
	p.def = c.MaxDefinitionLevel()
	mismatch := func() error {
		return fault.New(fault.SourceMalformed, "column %s: the file has %s, which cannot be read as %s", types.Quote(name), c.String(), t.WithNullable(true).SQL())
	}
	child := func(c *parquet.Column, t types.Type, name string, rep, slot int) error {
		k, err := r.column(c, t, name, unit, rep, slot)
		p.children = append(p.children, k)
		if err == nil && p.first == nil {
			p.first = k.first
		}
		return err
	}
	switch k := t.Kind(); {
	case k == types.Row || k == types.Structured:
		if c.Leaf() || c.MaxRepetitionLevel() > rep {
			return nil, mismatch()
		}
		for _, f := range t.Fields() {
			if err := child(c.Column(f.Name), f.Type, name+"."+f.Name, rep, slot); err != nil {
				return nil, err
			}
		}
		if p.first == nil {
			p.children = nil
		}
		return p, nil
	case k == types.Array:
		list, elem := c, c
		if !c.Repeated() {
			if c.Leaf() || len(c.Columns()) != 1 || !c.Columns()[0].Repeated() {
				return nil, mismatch()
			}
			list = c.Columns()[0]
			// An element is in a group of its own, but for files of old, where the repeated group is the element.
			elem = list
			if !list.Leaf() && len(list.Columns()) == 1 && list.Name() != "array" && list.Name() != c.Name()+"_tuple" {
				elem = list.Columns()[0]
			}
		} else {
			p.def-- // each element adds one, and nothing says that there is a list
		}
		p.elem = list.MaxDefinitionLevel()
		if err := child(elem, t.Elem(), name+".element", list.MaxRepetitionLevel(), p.elem); err != nil {
			return nil, err
		}
	case k == types.Map || k == types.Multiset:
		if c.Leaf() || c.Repeated() || len(c.Columns()) != 1 || !c.Columns()[0].Repeated() || len(c.Columns()[0].Columns()) != 2 {
			return nil, mismatch()
		}
		pairs := c.Columns()[0]
		key, value := pairTypes(t)
		p.elem = pairs.MaxDefinitionLevel()
		if err := child(pairs.Columns()[0], key, name+".key", pairs.MaxRepetitionLevel(), p.elem); err != nil {
			return nil, err
		}
		if err := child(pairs.Columns()[1], value, name+".value", pairs.MaxRepetitionLevel(), p.elem); err != nil {
			return nil, err
		}
	default:
		if !c.Leaf() || c.MaxRepetitionLevel() > rep {
			return nil, mismatch()
		}
		decode := parquetDecoderOf(c.Type(), t, unit)
		if decode == nil {
			return nil, mismatch()
		}
		p.leaf = &parquetLeaf{column: c, decode: decode, form: p.shape.Form, rep: c.MaxRepetitionLevel(), def: byte(c.MaxDefinitionLevel())}
		p.first = p.leaf
		return p, nil
	}
	if p.first == nil {
		return nil, mismatch()
	}
	return p, nil
}

func (p *parquetColumn) appendLeaves(list []*parquetLeaf) []*parquetLeaf {
	if p.leaf != nil {
		list = append(list, p.leaf)
	}
	for _, c := range p.children {
		list = c.appendLeaves(list)
	}
	return list
}

// groupOffset is the byte at which the first page of a row group begins.
func groupOffset(f *parquet.File, i int) int64 {
	first := int64(math.MaxInt64)
	for _, c := range f.Metadata().RowGroups[i].Columns {
		m := &c.MetaData
		first = min(first, m.DataPageOffset)
		if m.DictionaryPageOffset > 0 {
			first = min(first, m.DictionaryPageOffset)
		}
	}
	return first
}

// possible reports whether a row group may have rows that satisfy a condition, as far as its statistics tell.
func (l *parquetLeaf) possible(g parquet.RowGroup, p tables.Predicate, t types.Type) (ok bool) {
	chunks := g.ColumnChunks()
	if l.rep > 0 || l.column.Index() >= len(chunks) {
		return true
	}
	c, isFile := chunks[l.column.Index()].(*parquet.FileColumnChunk)
	if !isFile {
		return true
	}
	// What statistics say is not to be trusted where they cannot even be read.
	defer func() {
		if recover() != nil {
			ok = true
		}
	}()
	if p.Op == tables.IsNull {
		return true
	}
	if n := c.NullCount(); n > 0 && n == c.NumValues() {
		return false
	}
	low, high, has := c.Bounds()
	if !has || low.Kind() == parquet.Int96 {
		return true
	}
	a, aOK := l.one(low)
	b, bOK := l.one(high)
	if !aOK || !bOK {
		return true
	}
	if k := t.Kind(); (k == types.Float || k == types.Double) && (math.IsNaN(a.Float()) || math.IsNaN(b.Float())) {
		return true
	}
	// Some writers compare numbers as if they had no sign: their bounds are right only where they are in order.
	if !(tables.Predicate{Op: tables.LessOrEqual, Values: []column.Value{b}}).Holds(a, t) {
		return true
	}
	return p.Possible(a, b, t)
}

// one decodes a single value.
func (l *parquetLeaf) one(x parquet.Value) (column.Value, bool) {
	var values encoding.Values
	switch x.Kind() {
	case parquet.Boolean:
		b := byte(0)
		if x.Boolean() {
			b = 1
		}
		values = encoding.BooleanValues([]byte{b})
	case parquet.Int32:
		values = encoding.Int32Values([]int32{x.Int32()})
	case parquet.Int64:
		values = encoding.Int64Values([]int64{x.Int64()})
	case parquet.Float:
		values = encoding.FloatValues([]float32{x.Float()})
	case parquet.Double:
		values = encoding.DoubleValues([]float64{x.Double()})
	case parquet.ByteArray:
		b := x.ByteArray()
		values = encoding.ByteArrayValues(b, []uint32{0, uint32(len(b))})
	case parquet.FixedLenByteArray:
		b := x.ByteArray()
		values = encoding.FixedLenByteArrayValues(b, len(b))
	default:
		return column.Value{}, false
	}
	var v column.Vector
	v.Reset(l.form, 1)
	l.decode(&v, 0, values, 0, 1)
	return v.Value(0), true
}

func (r *parquetReader) Blocks() []Block { return r.blocks }

func (r *parquetReader) Begin(block int, skip int64) (err error) {
	defer guard(&err)
	if err := r.Close(); err != nil {
		return err
	}
	g := r.groups[block]
	r.left = g.NumRows()
	for _, l := range r.leaves {
		if err := checkPages(r.f, r.size, &r.file.Metadata().RowGroups[block].Columns[l.column.Index()].MetaData); err != nil {
			return err
		}
		l.pages = g.ColumnChunks()[l.column.Index()].(*parquet.FileColumnChunk).PagesFrom(r.file)
		l.dict = nil
	}
	var b column.Batch
	for skip > 0 && r.left > 0 {
		if err := r.Read(&b, int(min(skip, 4096))); err != nil {
			return err
		}
		skip -= int64(b.N)
	}
	return nil
}

func (r *parquetReader) Close() error {
	var first error
	for _, l := range r.leaves {
		l.drop()
		if l.pages != nil {
			if err := l.pages.Close(); err != nil && first == nil {
				first = damaged("%w", err)
			}
			l.pages = nil
		}
	}
	return first
}

func (r *parquetReader) Read(b *column.Batch, limit int) (err error) {
	defer guard(&err)
	for len(b.Cols) < len(r.columns) {
		b.Cols = append(b.Cols, new(column.Vector))
	}
	b.Cols, b.Sel, b.Kinds = b.Cols[:len(r.columns)], nil, nil
	b.N = int(min(int64(limit), r.left))
	r.left -= int64(b.N)
	for i, c := range r.columns {
		if c == nil {
			continue
		}
		if err := c.read(b.Cols[i], b.N); err != nil {
			return damaged("column %s: %w", c.name(), err)
		}
	}
	return nil
}

func (p *parquetColumn) name() string {
	if p.first == nil {
		return "?"
	}
	return types.Quote(p.first.column.Path()[0])
}

// read makes v of the next n rows.
func (p *parquetColumn) read(v *column.Vector, n int) error {
	switch {
	case p.first == nil:
		begin(v, &p.shape, n)
		for i := range n {
			putNull(v, &p.shape, i)
		}
		finish(v, &p.shape, n)
		return nil
	case p.leaf != nil:
		if err := p.leaf.load(v, n); err != nil {
			return err
		}
		spreadNulls(v, p.leaf.gotDefs, p.leaf.def, n)
		return nil
	}
	for _, l := range p.appendLeaves(nil) {
		if err := l.load(&l.values, n); err != nil {
			return err
		}
	}
	if got, err := p.build(v); err != nil || got != n {
		return errors.Join(err, errNoValues)
	}
	return nil
}

// spreadNulls moves values that lie in the first rows to where the definition levels say that there is one.
func spreadNulls(v *column.Vector, defs []byte, def byte, n int) {
	at := n
	if len(defs) > 0 {
		at = bytes.Count(defs[:n], []byte{def})
	}
	if at == n {
		return
	}
	valid := v.NoneValid(n)
	switch v.Form {
	case column.Word:
		spreadOf(v.Words, valid, defs, def, at)
	case column.Wide:
		spreadOf(v.Wide, valid, defs, def, at)
	case column.Text:
		spreadOf(v.Views, valid, defs, def, at)
	}
}

func spreadOf[T any](values []T, valid []uint64, defs []byte, def byte, at int) {
	var zero T
	for i := len(values) - 1; i >= 0; i-- {
		if defs[i] == def {
			at--
			values[i] = values[at]
			valid[i>>6] |= 1 << (i & 63)
		} else {
			values[i] = zero
		}
	}
}

// build makes v of what the leaves below were loaded with, and returns how many slots there are.
func (p *parquetColumn) build(v *column.Vector) (slots int, err error) {
	if p.first == nil {
		return 0, nil // for its parent, who knows how many
	}
	l := p.first
	if p.leaf != nil {
		return p.buildLeaf(v)
	}
	v.Reset(p.shape.Form, 0)
	nulls := false
	ranges := p.shape.Form != column.Tuple
	for i := range l.got {
		rep, def := l.levels(i)
		if rep > p.rep {
			if ranges && rep == p.rep+1 && slots > 0 {
				v.Offsets[slots]++
			}
			continue
		}
		if def < p.slot {
			continue
		}
		slots++
		if ranges {
			v.Offsets = append(v.Offsets[:slots], v.Offsets[slots-1])
			if def >= p.elem {
				v.Offsets[slots]++
			}
		}
		if def < p.def {
			if !nulls {
				nulls = true
				v.AllValid(slots)
			}
			for len(v.Valid) <= (slots-1)>>6 {
				v.Valid = append(v.Valid, math.MaxUint64)
			}
			v.Valid[(slots-1)>>6] &^= 1 << ((slots - 1) & 63)
		}
	}
	if nulls {
		for len(v.Valid) < (slots+63)/64 {
			v.Valid = append(v.Valid, math.MaxUint64)
		}
	}
	below := slots
	if ranges {
		below = int(v.Offsets[slots])
	}
	for i, c := range p.children {
		child := v.Child(i)
		if c.first == nil {
			if err := c.read(child, below); err != nil {
				return 0, err
			}
			continue
		}
		if got, err := c.build(child); err != nil || got != below {
			return 0, errors.Join(err, errNoValues)
		}
	}
	return slots, nil
}

// buildLeaf leaves of the entries those that are slots.
func (p *parquetColumn) buildLeaf(v *column.Vector) (int, error) {
	l := p.leaf
	defs := l.gotDefs[:0:0]
	for i := range l.got {
		if rep, def := l.levels(i); rep <= p.rep && def >= p.slot {
			defs = append(defs, byte(def))
		}
	}
	n := len(defs)
	// The values go to v, so that it owns what it has.
	v.Reset(p.shape.Form, 0)
	*v, l.values = l.values, *v
	finish(v, &p.shape, n)
	spreadNulls(v, defs, l.def, n)
	return n, nil
}

// levels are those of an entry.
func (l *parquetLeaf) levels(i int) (rep, def int) {
	if l.rep > 0 {
		rep = int(l.gotReps[i])
	}
	if l.def > 0 {
		def = int(l.gotDefs[i])
	}
	return rep, def
}

// drop gives back the page.
func (l *parquetLeaf) drop() {
	if l.page != nil {
		parquet.Release(l.page)
	}
	l.page, l.defs, l.reps, l.indexes, l.data = nil, nil, nil, nil, encoding.Values{}
	l.entry, l.entries, l.dense = 0, 0, 0
}

// next goes to the next page. It returns io.EOF behind the last.
func (l *parquetLeaf) next() error {
	l.drop()
	page, err := l.pages.ReadPage()
	if err != nil {
		return err
	}
	l.page, l.entries, l.defs, l.reps = page, int(page.NumValues()), page.DefinitionLevels(), page.RepetitionLevels()
	if l.def > 0 && len(l.defs) != l.entries || l.rep > 0 && len(l.reps) != l.entries {
		return errNoValues
	}
	if d := page.Dictionary(); d != nil {
		data := page.Data()
		l.indexes = data.Int32()
		if l.dict == nil {
			// Batches that were read point to the strings of dictionaries, so each has memory of its own.
			l.dict, l.dictLen = new(column.Vector), d.Len()
			l.dict.Reset(l.form, l.dictLen)
			l.decode(l.dict, 0, d.Page().Data(), 0, l.dictLen)
		}
		return nil
	}
	l.data = page.Data()
	return nil
}

// load reads n rows: the values that are not null to the first rows of v, and the levels of all.
func (l *parquetLeaf) load(v *column.Vector, n int) error {
	l.got, l.gotDefs, l.gotReps = 0, l.gotDefs[:0], l.gotReps[:0]
	v.Reset(l.form, n)
	shared, dense := -1, 0
	var sharedDict *column.Vector
	for rows := 0; ; {
		if l.entry == l.entries {
			if l.rep == 0 && rows == n {
				break
			}
			if err := l.next(); err == io.EOF && rows == n {
				break
			} else if err == io.EOF {
				return errNoValues
			} else if err != nil {
				return err
			}
			continue
		}
		k := min(n-rows, l.entries-l.entry)
		if l.rep > 0 {
			k = 0
			for _, rep := range l.reps[l.entry:] {
				if rep == 0 {
					if rows == n {
						break
					}
					rows++
				}
				k++
			}
			l.gotReps = append(l.gotReps, l.reps[l.entry:l.entry+k]...)
		} else {
			rows += k
		}
		if k == 0 {
			break
		}
		values := k
		if l.def > 0 {
			defs := l.defs[l.entry : l.entry+k]
			values = bytes.Count(defs, []byte{l.def})
			l.gotDefs = append(l.gotDefs, defs...)
		}
		l.got += k
		finish(v, &column.Shape{Form: l.form}, max(n, dense+values))
		if l.indexes == nil {
			l.decode(v, dense, l.data, l.dense, values)
		} else {
			if l.form == column.Text && sharedDict != l.dict {
				v.Room()
				shared, sharedDict = v.Share(l.dict), l.dict
			}
			if !l.look(v, dense, l.indexes[l.dense:l.dense+values], shared) {
				return errors.New("an index points behind the dictionary")
			}
		}
		dense += values
		l.dense += values
		l.entry += k
	}
	finish(v, &column.Shape{Form: l.form}, max(n, dense))
	return nil
}

// look writes the values at indexes of the dictionary to v. shared is what the numbers of its buffers became.
func (l *parquetLeaf) look(v *column.Vector, at int, indexes []int32, shared int) bool {
	n := uint32(l.dictLen)
	switch l.form {
	case column.Word:
		out, from := v.Words[at:at+len(indexes)], l.dict.Words[:n]
		for i, x := range indexes {
			if uint32(x) >= n {
				return false
			}
			out[i] = from[x]
		}
	case column.Wide:
		out, from := v.Wide[at:at+len(indexes)], l.dict.Wide[:n]
		for i, x := range indexes {
			if uint32(x) >= n {
				return false
			}
			out[i] = from[x]
		}
	default:
		out, from := v.Views[at:at+len(indexes)], l.dict.Views[:n]
		for i, x := range indexes {
			if uint32(x) >= n {
				return false
			}
			w := from[x]
			if !w.Inline() {
				w.Tail += uint64(shared)
			}
			out[i] = w
		}
	}
	return true
}
