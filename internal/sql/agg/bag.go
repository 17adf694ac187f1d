package agg

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/sql/fn"
	"github.com/weirstream/weir/internal/statebackend"
)

// bag keeps all values of each group, in the order in which they came, for functions whose result is made of all of them, or that may have to go back to an earlier one.
type bag struct {
	pick  int
	args  []int
	rows  *statebackend.Rows
	cols  []statebackend.Column
	put   []int32
	take  []int32
	gone  []int32
	match []int32
	found []statebackend.RowRef
	group []int32
	all   []statebackend.RowRef
	read  []column.Vector
	whole []column.Vector // those of read that are kept as bytes
	text  []byte
	parts []jsonPart
	count map[string]int
	order []int32
	// queue tells that the first value of a group is taken back, whichever is.
	queue bool
	// owing is there if values are counted: one that is taken back before it came makes up for what comes.
	counts   bool
	owing    *owing
	oneRef   [1]statebackend.Ref
	oneMatch [1]int32
	oneRow   [1]statebackend.RowRef
}

// bag adds a bag of arguments.
func (s *Set) bag(c *Call, at int, args []Arg, r *result) error {
	b := bag{pick: at}
	for _, a := range args {
		n := s.argument(a)
		s.form(n)
		b.args = append(b.args, n)
	}
	r.shape = s.args[b.args[0]].shape
	switch r.form {
	case bagMultiset, bagPercentile, bagBitmap:
		b.counts = true
	}
	for i := range s.bags {
		if s.bags[i].pick == at && s.bags[i].counts == b.counts && slices.Equal(s.bags[i].args, b.args) {
			r.kept = i
			return nil
		}
	}
	r.kept = len(s.bags)
	s.bags = append(s.bags, b)
	return nil
}

// addBag adds the functions that are made of all values.
func (s *Set) addBag(c *Call, r *result) error {
	values := c.Args[:min(1, len(c.Args))]
	if c.Function == "JSON_OBJECTAGG" {
		values = c.Args[:min(2, len(c.Args))]
	}
	if len(values) == 0 || c.Function == "JSON_OBJECTAGG" && len(values) < 2 {
		return unsupported(c, "takes more arguments than %d", len(c.Args))
	}
	var present []Arg // those that must not be null
	switch c.Function {
	case "SINGLE_VALUE":
		r.form = bagSingle
	case "ARRAY_AGG":
		r.form = bagArray
		if c.IgnoreNulls {
			present = values
		}
	case "COLLECT":
		r.form, present = bagMultiset, values
	case "LISTAGG":
		r.form, r.text = bagList, ","
		if len(c.Args) > 1 {
			switch {
			case c.Args[1].Col >= 0: // that of each value goes before it
				values, r.separated = c.Args[:2], true
			case c.Args[1].Const.Null:
				return unsupported(c, "has a separator that is NULL")
			}
			r.text = c.Args[1].Const.Text
		}
		present = values
	case "JSON_ARRAYAGG":
		r.form, present = bagJSONArray, values
	case "JSON_OBJECTAGG":
		r.form, present, r.nulls = bagJSONObject, values[:1], true
	}
	if r.form == bagJSONArray || r.form == bagJSONObject {
		of := values[len(values)-1].Type
		if r.json = fn.JSONWriter(of); r.json == nil {
			return unsupported(c, "of %s is not supported", of)
		}
	}
	if r.form >= bagJSONArray && len(c.Args) > len(values) { // what is done with nulls
		switch word := strings.ToUpper(c.Args[len(values)].Const.Text); {
		case strings.HasPrefix(word, "NULL"):
			r.nulls = true
		case strings.HasPrefix(word, "ABSENT"):
			r.nulls = false
		default:
			return unsupported(c, "knows NULL ON NULL and ABSENT ON NULL, not %q", word)
		}
		if r.form == bagJSONArray && r.nulls {
			present = nil
		}
	}
	if c.Function == "PERCENTILE" || strings.HasPrefix(c.Function, "BITMAP_") {
		present = values
	}
	at := s.rows(c, present)
	if c.Distinct {
		var err error
		if at, err = s.distinctIn(c, at, len(present) < len(values)); err != nil {
			return err
		}
	}
	switch {
	case c.Function == "PERCENTILE":
		return s.addPercentile(c, at, r)
	case strings.HasPrefix(c.Function, "BITMAP_"):
		return s.addBitmap(c, at, r)
	}
	return s.bag(c, at, values, r)
}

func (b *bag) declare(s *Set, sp *statebackend.Space, number int) {
	b.queue = s.queue && s.picks[b.pick].distinct == 0
	schema := statebackend.RowSchema{Retract: s.retract && !b.queue}
	for _, a := range b.args {
		spec := statebackend.ColumnSpec{Type: statebackend.BytesColumn, Nullable: true}
		switch s.form(a) {
		case column.Word:
			spec.Type = statebackend.WordColumn
		case column.Wide:
			spec.Type = statebackend.WideColumn
		}
		schema.Columns = append(schema.Columns, spec)
	}
	b.rows = statebackend.NewRows(sp, fmt.Sprintf("values %d", number), schema)
	if b.counts && schema.Retract {
		b.owing = &owing{rows: statebackend.NewRows(sp, fmt.Sprintf("values %d owed", number), schema)}
	}
	b.read, b.whole = make([]column.Vector, len(b.args)), make([]column.Vector, len(b.args))
}

func (b *bag) update(s *Set, refs []statebackend.Ref) {
	rows := s.picks[b.pick].rows
	if len(rows) == 0 {
		return
	}
	b.cols = b.cols[:0]
	for _, a := range b.args {
		b.cols = append(b.cols, storedColumn(s.args[a].v))
	}
	b.put, b.take = s.divide(rows, b.put, b.take)
	if len(b.put) > 0 && b.owing != nil {
		b.owing.put(b, refs)
	} else if len(b.put) > 0 {
		b.rows.Append(refs, b.put, b.cols, nil, nil)
	}
	if b.queue {
		for _, row := range b.take {
			b.first(refs[row])
		}
		return
	}
	if len(b.take) > 0 && b.owing != nil {
		b.owing.take(b, refs)
	} else if len(b.take) > 0 {
		b.gone = b.rows.Retract(refs, b.take, b.cols, b.gone[:0])
	}
}

// first takes away the first value of a group.
func (b *bag) first(ref statebackend.Ref) {
	var from statebackend.RowCursor
	b.oneRef[0] = ref
	if n, _ := b.rows.Probe(b.oneRef[:], nil, &from, b.oneMatch[:], b.oneRow[:]); n == 1 {
		b.rows.Delete(b.oneRef[:], b.oneRow[:])
	}
}

// gather reads the values of groups: those of b.read[..][i] are of group b.group[i].
func (b *bag) gather(s *Set, refs []statebackend.Ref) {
	if b.match == nil {
		b.match, b.found = make([]int32, 1024), make([]statebackend.RowRef, 1024)
	}
	b.group, b.all = b.group[:0], b.all[:0]
	var from statebackend.RowCursor
	for more := true; more; {
		var n int
		n, more = b.rows.Probe(refs, nil, &from, b.match, b.found)
		b.group, b.all = append(b.group, b.match[:n]...), append(b.all, b.found[:n]...)
	}
	n := len(b.all)
	for i, a := range b.args {
		v := &b.read[i]
		v.Reset(s.form(a), n)
		switch v.Form {
		case column.Word:
			b.rows.ReadWords(i, b.all, v.Words[:n])
		case column.Wide:
			b.rows.ReadWide(i, b.all, v.Wide[:n])
		default:
			own, number := v.Room()
			v.SetRoom(b.rows.ReadStrings(i, b.all, v.Views[:n], own, number))
		}
		if !b.rows.ReadValid(i, b.all, v.AllValid(n)) {
			v.Valid = nil
		}
		if shape := s.args[a].shape; shape != nil {
			decode(shape, v, n, &b.whole[i])
		}
	}
}

func (b *bag) emit(s *Set, r *result, refs []statebackend.Ref, out *column.Vector, at, n int) {
	b.gather(s, refs)
	row := 0
	for i := range refs {
		from := row
		for row < len(b.group) && int(b.group[row]) == i {
			row++
		}
		b.emitGroup(s, r, from, row, out, at+i, n)
	}
}

// emitGroup writes the result of a group whose values are from one place to before another one.
func (b *bag) emitGroup(s *Set, r *result, from, to int, out *column.Vector, row, n int) {
	v := &b.read[0]
	switch r.form {
	case bagFirst:
		b.copy(r, v, from, to, out, row, n)
	case bagLast:
		b.copy(r, v, max(to-1, from), to, out, row, n)
	case bagSingle:
		if to-from > 1 && s.err == nil {
			s.err = fault.New(fault.ExpressionValue, "a subquery that must give one value gives %d rows", to-from)
		}
		b.copy(r, v, from, to, out, row, n)
	case bagList:
		if from == to {
			out.SetNull(row, n)
			return
		}
		b.text = append(b.text[:0], v.Bytes(from)...)
		for i := from + 1; i < to; i++ {
			if r.separated {
				b.text = append(append(b.text, b.read[1].Bytes(i)...), v.Bytes(i)...)
				continue
			}
			b.text = append(append(b.text, r.text...), v.Bytes(i)...)
		}
		out.SetBytes(row, b.text)
	case bagArray:
		b.array(b.value(r), from, to, out, row, n, r.t.Nullable())
	case bagMultiset:
		b.multiset(v, b.value(r), from, to, out, row)
	case bagJSONArray:
		b.text = append(b.text[:0], '[')
		for i := from; i < to; i++ {
			if i > from {
				b.text = append(b.text, ',')
			}
			b.text = r.json(b.text, b.value(r).Value(i))
		}
		out.SetBytes(row, append(b.text, ']'))
	case bagJSONObject:
		b.object(s, r, from, to, out, row)
	case bagPercentile:
		b.emitPercentile(s, r, from, to, out, row, n)
	case bagBitmap:
		b.emitBitmap(r, from, to, out, row, n)
	}
}

// value is the values as they are in results.
func (b *bag) value(r *result) *column.Vector {
	if r.shape != nil {
		return &b.whole[0]
	}
	return &b.read[0]
}

// copy writes a value, or null if there is none.
func (b *bag) copy(r *result, v *column.Vector, i, to int, out *column.Vector, row, n int) {
	switch {
	case r.shape != nil:
		var text []byte
		if i < to && !v.Null(i) {
			text = v.Bytes(i)
		}
		put(out, row, r.shape, text)
	case i >= to || v.Null(i):
		out.SetNull(row, n)
	case v.Form == column.Word:
		out.Words[row] = v.Words[i]
	case v.Form == column.Wide:
		out.Wide[row] = v.Wide[i]
	default:
		out.SetBytes(row, v.Bytes(i))
	}
}

func (b *bag) array(v *column.Vector, from, to int, out *column.Vector, row, n int, nullable bool) {
	b.order = b.order[:0]
	for i := from; i < to; i++ {
		b.order = append(b.order, int32(i))
	}
	have := int(out.Offsets[row])
	c := out.Child(0)
	if have == 0 {
		c.Reset(v.Form, 0)
	}
	c.Append(v, b.order, have)
	out.Offsets[row+1] = int32(have + len(b.order))
	if from == to && nullable {
		out.SetNull(row, n)
	}
}

func (b *bag) multiset(v, values *column.Vector, from, to int, out *column.Vector, row int) {
	if b.count == nil {
		b.count = map[string]int{}
	}
	clear(b.count)
	b.order = b.order[:0]
	var counts []uint64
	for i := from; i < to; i++ {
		b.text = appendKey(b.text[:0], v, i)
		at, ok := b.count[string(b.text)]
		if !ok {
			at = len(counts)
			b.count[string(b.text)] = at
			b.order, counts = append(b.order, int32(i)), append(counts, 0)
		}
		counts[at]++
	}
	b.sortDistinct(v, counts)
	have := int(out.Offsets[row])
	keys, numbers := out.Child(0), out.Child(1)
	if have == 0 {
		keys.Reset(values.Form, 0)
		numbers.Reset(column.Word, 0)
	}
	keys.Append(values, b.order, have)
	c := column.Vector{Form: column.Word, Words: counts}
	for i := range b.order {
		b.order[i] = int32(i)
	}
	numbers.Append(&c, b.order, have)
	out.Offsets[row+1] = int32(have + len(counts))
}

// sortDistinct sorts different values, with their counts, so that equal multisets look the same.
func (b *bag) sortDistinct(v *column.Vector, counts []uint64) {
	type entry struct {
		key   string
		row   int32
		count uint64
	}
	all := make([]entry, len(counts))
	for i, row := range b.order {
		all[i] = entry{string(appendKey(nil, v, int(row))), row, counts[i]}
	}
	slices.SortFunc(all, func(x, y entry) int { return strings.Compare(x.key, y.key) })
	for i, e := range all {
		b.order[i], counts[i] = e.row, e.count
	}
}

// appendKey appends bytes that are equal where values are.
func appendKey(dst []byte, v *column.Vector, i int) []byte {
	switch v.Form {
	case column.Word:
		return strconv.AppendUint(dst, v.Words[i], 16)
	case column.Wide:
		return strconv.AppendUint(append(strconv.AppendUint(dst, v.Wide[i][0], 16), '.'), v.Wide[i][1], 16)
	}
	return append(dst, v.Bytes(i)...)
}

type jsonPart struct {
	key   string
	value int
}

// object writes a JSON object: keys in order, of equal keys the last one.
func (b *bag) object(s *Set, r *result, from, to int, out *column.Vector, row int) {
	b.parts = b.parts[:0]
	for i := from; i < to; i++ {
		b.parts = append(b.parts, jsonPart{string(b.read[0].Bytes(i)), i})
	}
	values := &b.read[1]
	if s.args[b.args[1]].shape != nil {
		values = &b.whole[1]
	}
	slices.SortStableFunc(b.parts, func(x, y jsonPart) int { return strings.Compare(x.key, y.key) })
	b.text = append(b.text[:0], '{')
	for i, p := range b.parts {
		if i+1 < len(b.parts) && b.parts[i+1].key == p.key || !r.nulls && b.read[1].Null(p.value) {
			continue
		}
		if len(b.text) > 1 {
			b.text = append(b.text, ',')
		}
		b.text = append(fn.AppendJSONText(b.text, p.key), ':')
		b.text = r.json(b.text, values.Value(p.value))
	}
	out.SetBytes(row, append(b.text, '}'))
}
