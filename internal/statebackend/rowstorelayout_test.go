package statebackend

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// anySchema draws a schema of any kind of columns: of few or many, of which none, some or all may be null, and of strings alone.
func anySchema(rng *rand.Rand) RowSchema {
	s := RowSchema{Counters: rng.IntN(3), Time: rng.IntN(2) == 0, Retract: rng.IntN(2) == 0}
	nulls, strings := rng.IntN(4), rng.IntN(4) == 0
	for range rng.IntN([]int{1, 3, 9, 20, 150}[rng.IntN(5)] + 1) {
		c := ColumnSpec{Type: ColumnType(rng.IntN(3)), Nullable: rng.IntN(3) < nulls}
		if strings {
			c.Type = BytesColumn
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

// slowContent reads the content of a row as the comment on rowLayout tells, step by step; ok is false for what no row has.
func slowContent(specs []ColumnSpec, content []byte) (row testRow, ok bool) {
	row, rest := make(testRow, len(specs)), content
	cut := func(n int) []byte {
		if n > len(rest) {
			ok = false
			return make([]byte, n)
		}
		b := rest[:n]
		rest = rest[n:]
		return b
	}
	ok = len(content)%8 == 0
	for i, c := range specs {
		if c.Type != BytesColumn {
			row[i].w[0] = binary.LittleEndian.Uint64(cut(8))
		}
		if c.Type == WideColumn {
			row[i].w[1] = binary.LittleEndian.Uint64(cut(8))
		}
	}
	var lengths []int
	last := 0
	for _, c := range specs {
		if c.Type == BytesColumn {
			end := int(binary.LittleEndian.Uint32(cut(4)))
			lengths = append(lengths, end-last)
			last = end
		}
	}
	var bits []bool
	for _, c := range specs {
		if c.Nullable {
			bits = append(bits, false)
		}
	}
	for i, b := range cut((len(bits) + 7) / 8) {
		for j := range 8 {
			if set := b>>j&1 != 0; 8*i+j < len(bits) {
				bits[8*i+j] = set
			} else if set {
				ok = false
			}
		}
	}
	for i, c := range specs {
		if c.Nullable {
			row[i].null, bits = bits[0], bits[1:]
		}
		if c.Type == BytesColumn {
			if n := lengths[0]; n < 0 || n > len(rest) {
				ok = false
			} else {
				row[i].s = string(cut(n))
			}
			lengths = lengths[1:]
		}
	}
	return row, ok && len(rest) < 8 && !slices.ContainsFunc(rest, func(b byte) bool { return b != 0 })
}

func TestRowLayout(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 11))
		schema := anySchema(rng)
		s, _ := chunkStore(t, false)
		table := newTestTable(s, []ColumnSpec{{}}, nil, 0)
		rows := NewRows(table.space, "rows", schema)
		n := 1 + rng.IntN(300)
		keys, content := make([]testRow, n), make([]testRow, n)
		for i := range n {
			keys[i], content[i] = testRow{{w: [2]uint64{rng.Uint64N(50)}}}, randomRow(rng, schema.Columns, 9)
			if i > 0 && rng.IntN(4) == 0 {
				content[i] = content[rng.IntN(i)]
			}
		}
		cols, sel, out := testColumns(rng, schema.Columns, content), someRows(rng, n), make([]RowRef, n)
		rows.Append(table.lookup(rng, keys, nil), sel, cols, make([]int64, n), out)
		byContent := map[string]string{}
		for _, row := range selected(sel, n) {
			want := content[row].text(schema.Columns)
			if got := readRows(rows.rowLayout, out[row:row+1])[0].text(schema.Columns); got != want {
				t.Fatalf("seed %d, %s: row %d is %s, want %s", seed, schema, row, got, want)
			}
			p := s.spaces[0].heap.At(out[row])
			bytes := rows.contentOf(p, sizeOf(header(p)))
			slow, ok := slowContent(schema.Columns, bytes)
			if !ok || slow.text(schema.Columns) != want || !rows.valid(bytes) {
				t.Fatalf("seed %d, %s: row %d is %x, want %s", seed, schema, row, bytes, want)
			}
			if before, ok := byContent[want]; ok && before != string(bytes) {
				t.Fatalf("seed %d, %s: row %d is %x and %x", seed, schema, row, bytes, before)
			}
			byContent[want] = string(bytes)
			if built := rows.build(cols, row); string(rows.contentOf(built, sizeOf(header(built)))) != string(bytes) {
				t.Fatalf("seed %d, %s: row %d is built with other bytes", seed, schema, row)
			}
		}
		s.Close()
	}
}

// Content that was damaged is refused, or is that of another row: nothing is read that is not the row's.
func TestDamagedContent(t *testing.T) {
	refused, taken := 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 12))
		schema := anySchema(rng)
		s, _ := chunkStore(t, false)
		l := NewRows(newTestTable(s, []ColumnSpec{{}}, nil, 0).space, "rows", schema).rowLayout
		built := l.build(testColumns(rng, schema.Columns, []testRow{randomRow(rng, schema.Columns, 20)}), 0)
		content := slices.Clone(l.contentOf(built, sizeOf(header(built))))
		for range 40 {
			damaged := slices.Clone(content)
			switch rng.IntN(5) {
			case 0:
				damaged = damaged[:rng.IntN(len(damaged)+1)]
			case 1:
				damaged = append(damaged, make([]byte, rng.IntN(17))...)
			case 2:
				for i := range damaged {
					damaged[i] = byte(rng.Uint32())
				}
			case 3:
				if ends := l.nulls - l.ends; ends > 0 {
					at := l.ends - l.content + 4*uintptr(rng.IntN(int(ends/4)))
					binary.LittleEndian.PutUint32(damaged[at:], []uint32{0, 1, rng.Uint32N(uint32(len(damaged)) + 9), rng.Uint32()}[rng.IntN(4)])
				}
			default:
				if len(damaged) > 0 {
					damaged[rng.IntN(len(damaged))] ^= 1 << rng.IntN(8)
				}
			}
			want, ok := slowContent(schema.Columns, damaged)
			if l.valid(damaged) != ok {
				t.Fatalf("seed %d, %s: %x is valid: %v, want %v", seed, schema, damaged, !ok, ok)
			}
			if !ok {
				refused++
				continue
			}
			taken++
			h, size := l.space.heap, int(l.content)+len(damaged)
			at := h.AllocRaw(size)
			l.fill(h.Edit(at, size), storedRow{content: damaged})
			if got := readRows(l, []RowRef{at})[0]; got.text(schema.Columns) != want.text(schema.Columns) {
				t.Fatalf("seed %d, %s: %x is read as %s, want %s", seed, schema, damaged, fmt.Sprint(got), fmt.Sprint(want))
			}
			h.Free(at, size)
		}
		s.Close()
	}
	if refused < 1000 || taken < 1000 {
		t.Errorf("%d were refused and %d taken", refused, taken)
	}
}
