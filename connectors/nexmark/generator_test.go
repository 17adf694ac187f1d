package nexmark

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/column"
	"github.com/weirstream/weir/internal/buildtags"
)

// text prints a row: the fields of the part that is not null.
func text(b *column.Batch, row int) string {
	kind := b.Cols[0].Int(row)
	parts := []string{fmt.Sprint(kind)}
	for i, c := range b.Cols[1:] {
		if c.Null(row) != (int64(i) != kind) {
			return "wrong nulls"
		}
		if int64(i) != kind {
			continue
		}
		for _, f := range c.Children {
			if f.Form == column.Text {
				parts = append(parts, string(f.Bytes(row)))
			} else {
				parts = append(parts, fmt.Sprint(f.Int(row)))
			}
		}
	}
	return strings.Join(parts, "|")
}

// TestExamples compares with the three events that Apache Beam's Python utilities print, 10 ms apart.
func TestExamples(t *testing.T) {
	g := NewGenerator(100)
	var b column.Batch
	g.Fill(&b, 0, 1, 5)
	for _, want := range []struct {
		row        int
		begin, end string
	}{
		{0, "0|1000|Peter Jones|nhd@xcat.com|7241 7320 9143 4888|Portland|WY|1436918400000|", ""},
		{1, "1|1000|wkx mgee|eszpqxtdxrvwmmywkmogoahf|28873|29448|1436918400010|1436918409425|1000|13|", ""},
		{4, "2|1000|1001|32530001|", "WPYTOuwogvszlxjrcNOORM"},
	} {
		got := text(&b, want.row)
		if !strings.HasPrefix(got, want.begin) || !strings.HasSuffix(got, want.end) {
			t.Errorf("event %d: %s", want.row, got)
		}
	}
	if got := text(&b, 4); !strings.Contains(got, "|fdiysaV^]NLVsbolvyqwgticfdrwdyiyof") {
		t.Errorf("event 4: %s", got)
	}
}

// TestGolden holds the first 200,000 events, and that it does not matter how they are cut into batches or dealt to subtasks.
func TestGolden(t *testing.T) {
	const events, golden = 200_000, uint64(0x94e1174136b291fd)
	g := NewGenerator(10_000)
	digest := func(step int64, size int) uint64 {
		var b column.Batch
		var sum uint64
		for first := range step {
			for at := first; at < events; {
				n := min(int64(size), (events-at+step-1)/step)
				g.Fill(&b, at, step, int(n))
				for row := range int(n) {
					var id [8]byte
					binary.LittleEndian.PutUint64(id[:], uint64(at+int64(row)*step))
					sum += xxh3.HashString(string(id[:]) + text(&b, row))
				}
				at += n * step
			}
		}
		return sum
	}
	if got := digest(1, 1024); got != golden {
		t.Errorf("the stream has changed: %#x", got)
	}
	if got := digest(7, 333); got != golden {
		t.Errorf("in seven parts it differs: %#x", got)
	}
}

func TestAllocations(t *testing.T) {
	if buildtags.Race {
		t.Skip("the race detector allocates")
	}
	g := NewGenerator(10_000)
	var b column.Batch
	first := int64(0)
	fill := func() {
		g.Fill(&b, first, 1, 1000)
		first += 1000
	}
	for range 50 {
		fill()
	}
	if n := testing.AllocsPerRun(100, fill); n > 1 {
		t.Errorf("%v allocations a batch", n)
	}
}

func BenchmarkFill(b *testing.B) {
	g := NewGenerator(10_000)
	var batch column.Batch
	for i := 0; b.Loop(); i++ {
		g.Fill(&batch, int64(i)*1000, 1, 1000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}
