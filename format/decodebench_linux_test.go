package format

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/types"
)

// saleColumns are those of the files that the benchmarks read.
func saleColumns() []types.Field {
	return []types.Field{
		{Name: "id", Type: types.New(types.BigInt)}, {Name: "user_id", Type: types.New(types.BigInt)}, {Name: "name", Type: types.String()}, {Name: "price", Type: types.DecimalOf(10, 2)},
		{Name: "ts", Type: types.TimestampOf(0)}, {Name: "quantity", Type: types.New(types.Int)}, {Name: "channel", Type: types.String()}, {Name: "ok", Type: types.New(types.Boolean)},
	}
}

// sales makes lines of CSV and of JSON.
func sales(rows int) (csv, json []byte) {
	r := rand.New(rand.NewPCG(1, 1))
	var c, j bytes.Buffer
	for i := range rows {
		user, name, price, quantity, channel := r.IntN(1e6), fmt.Sprintf("alpha%d", r.IntN(1000)), float64(r.IntN(1e5))/100, r.IntN(100), fmt.Sprintf("channel-%d-of-the-shop", r.IntN(20))
		at := fmt.Sprintf("2024-%02d-%02d %02d:%02d:%02d", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
		fmt.Fprintf(&c, "%d,%d,%s,%.2f,%s,%d,%s,%t\n", i, user, name, price, at, quantity, channel, i%2 == 0)
		fmt.Fprintf(&j, `{"id":%d,"user_id":%d,"name":"%s","price":%.2f,"ts":"%s","quantity":%d,"channel":"%s","ok":%t}`+"\n", i, user, name, price, at, quantity, channel, i%2 == 0)
	}
	return c.Bytes(), j.Bytes()
}

// cpu is the processor time of the process so far, in seconds: other programs do not count.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func benchmarkDecode(b *testing.B, f *Format, at []int, text []byte) {
	s := &Schema{Columns: saleColumns(), At: at, Options: map[string]string{}}
	d, err := f.Decoder(s)
	if err != nil {
		b.Fatal(err)
	}
	var batch column.Batch
	rows := 0
	start := cpu()
	for b.Loop() {
		for rest := text; len(rest) > 0; {
			n, err := d.Decode(&batch, rest, true, 1024)
			if err != nil {
				b.Fatal(err)
			}
			rows += batch.N
			rest = rest[n:]
		}
	}
	took := cpu() - start
	b.ReportMetric(float64(len(text))*float64(b.N)/1e6/took, "MB/cpu-s")
	b.ReportMetric(took*1e9/float64(rows), "cpu-ns/row")
}

var someColumns = []int{-1, -1, -1, 0, -1, 1, -1, -1}

func BenchmarkCSVAll(b *testing.B) { csv, _ := sales(20000); benchmarkDecode(b, CSV(), nil, csv) }
func BenchmarkCSVSome(b *testing.B) {
	csv, _ := sales(20000)
	benchmarkDecode(b, CSV(), someColumns, csv)
}
func BenchmarkJSONAll(b *testing.B) { _, json := sales(20000); benchmarkDecode(b, JSON(), nil, json) }
func BenchmarkJSONSome(b *testing.B) {
	_, json := sales(20000)
	benchmarkDecode(b, JSON(), someColumns, json)
}

func BenchmarkParquetAll(b *testing.B) {
	csv, _ := sales(20000)
	s := parquetSchema(b, saleColumns(), map[string]string{"write.int64.timestamp": "true"})
	d, err := CSV().Decoder(&Schema{Columns: saleColumns(), Options: map[string]string{}})
	if err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	w, err := createParquet(s, &file)
	if err != nil {
		b.Fatal(err)
	}
	var batch column.Batch
	for rest := csv; len(rest) > 0; {
		n, err := d.Decode(&batch, rest, true, 1024)
		if err != nil {
			b.Fatal(err)
		}
		rows := make([]int32, batch.N)
		for i := range rows {
			rows[i] = int32(i)
		}
		if err := w.Append(&batch, rows); err != nil {
			b.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	values := 0
	start := cpu()
	for b.Loop() {
		r, err := openParquet(s, bytes.NewReader(file.Bytes()), int64(file.Len()))
		if err != nil {
			b.Fatal(err)
		}
		for i := range r.Blocks() {
			if err := r.Begin(i, 0); err != nil {
				b.Fatal(err)
			}
			for {
				if err := r.Read(&batch, 1024); err != nil {
					b.Fatal(err)
				}
				if batch.N == 0 {
					break
				}
				values += batch.N * len(batch.Cols)
			}
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(values)/1e6/(cpu()-start), "Mvalues/cpu-s")
}
