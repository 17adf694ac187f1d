package format

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/types"
)

// smallParquet writes some rows with columns of all kinds.
func smallParquet(t testing.TB, columns []types.Field, seed uint64, options map[string]string) (*Schema, []byte) {
	t.Helper()
	s := parquetSchema(t, columns, options)
	r := rand.New(rand.NewPCG(seed, 6))
	var file bytes.Buffer
	w, err := createParquet(s, &file)
	if err != nil {
		t.Fatal(err)
	}
	var b column.Batch
	const rows = 20
	for _, c := range columns {
		v, shape := new(column.Vector), column.ShapeOf(c.Type)
		for i := range rows {
			v.AppendValue(randomValue(r, c.Type), &shape, i)
		}
		b.Cols = append(b.Cols, v)
	}
	for i := range rows {
		if err := w.Append(&b, []int32{int32(i)}); err != nil {
			t.Fatal(err)
		}
		if i == rows/2 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s, file.Bytes()
}

// readAnyParquet reads a file that may be damaged in any way: what comes is rows, or an error with a code.
func readAnyParquet(t *testing.T, s *Schema, file []byte) {
	t.Helper()
	r, err := openParquet(s, bytes.NewReader(file), int64(len(file)))
	if err == nil {
		for i, block := range r.Blocks() {
			if block.Rows > 1000 {
				continue
			}
			if err = r.Begin(i, min(1, block.Rows)); err != nil {
				break
			}
			var b column.Batch
			for {
				if err = r.Read(&b, 7); err != nil || b.N == 0 {
					break
				}
				for _, v := range b.Cols {
					for row := range b.N {
						v.Value(row)
					}
				}
			}
			if err != nil {
				break
			}
		}
		if e := r.Close(); err == nil {
			err = e
		}
	}
	if err != nil && fault.CodeOf(err) != fault.SourceFileCorrupt && fault.CodeOf(err) != fault.SourceMalformed {
		t.Fatal(err)
	}
}

// fuzzedColumns are few, so that most of a file is values and levels.
func fuzzedColumns() []types.Field {
	all := parquetTypes()
	return []types.Field{all[0], all[4], all[9], all[11], all[12], all[18], all[21], all[23], all[25]}
}

func FuzzParquet(f *testing.F) {
	var s *Schema
	for seed, options := range []map[string]string{{"compression": "uncompressed"}, {"compression": "uncompressed", "enable.dictionary": "false", "write.int64.timestamp": "true"}, {"compression": "snappy"}} {
		var file []byte
		s, file = smallParquet(f, fuzzedColumns(), uint64(seed), options)
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) { readAnyParquet(t, s, file) })
}

// TestParquetMutations is a short FuzzParquet.
func TestParquetMutations(t *testing.T) {
	s, whole := smallParquet(t, fuzzedColumns(), 1, map[string]string{"compression": "uncompressed"})
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		file := bytes.Clone(whole)
		for range 1 + r.IntN(4) {
			i := r.IntN(len(file))
			switch r.IntN(4) {
			case 0:
				file[i] = byte(r.Uint32())
			case 1:
				file[i] ^= 1 << r.IntN(8)
			case 2:
				file = append(file[:i], file[i+1:]...)
			case 3:
				file[i] = 0xff
			}
		}
		readAnyParquet(t, s, file)
	}
}
