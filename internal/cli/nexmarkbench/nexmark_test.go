package nexmarkbench

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
	"github.com/weirstream/weir/table"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

func TestMain(m *testing.M) { leak.Main(m) }

const golden = "testdata/checksums.txt"

// TestResults runs all queries in several ways; each must come to the same rows. The checksums of a million events are those of hand-written loops and of Flink.
func TestResults(t *testing.T) {
	want := map[string]string{}
	if b, err := os.ReadFile(golden); err == nil {
		for line := range strings.Lines(string(b)) {
			q, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
			want[q] = sum
		}
	}
	var out bytes.Buffer
	halted := 0
	for _, q := range Queries() {
		if q == "q10" { // writes files
			continue
		}
		for i, way := range []Config{
			{Parallelism: 1, MiniBatch: true},
			{Parallelism: 2, MiniBatch: true},
			{Parallelism: 1},
			{Parallelism: 2, MiniBatch: true, State: "lsm"},
			{Parallelism: 1, MiniBatch: true, Batch: true},
			{Parallelism: 4, MiniBatch: true, Halt: true},
			{Parallelism: 1, Halt: true, State: "lsm"},
		} {
			if way.Parallelism > 1 && (q == "q18" || q == "q19") {
				continue // who comes first wins a tie in time
			}
			way.Events, way.Rate, way.Verify, way.Dir = 30_000, 1_000, true, t.TempDir()
			if way.State == "lsm" {
				way.Memory = 256 << 20
			}
			r, err := Run(t.Context(), q, way)
			if err != nil {
				t.Errorf("%s: %v", q, err)
				break
			}
			if r.Halted {
				halted++
			}
			got := fmt.Sprintf("%d %s", r.Rows, r.Checksum)
			if q == "q12" { // when a window of processing time ends is by chance
				got = "0 -"
			}
			if i == 0 {
				fmt.Fprintf(&out, "%s %s\n", q, got)
				if *rewrite {
					want[q] = got
				}
			}
			if got != want[q] {
				t.Errorf("%s, %+v: %s, want %s", q, way, got, want[q])
			}
		}
	}
	t.Log(halted, "runs were halted and restored")
	if *rewrite {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlans compares the plans of all queries with what they were.
func TestPlans(t *testing.T) {
	for _, q := range Queries() {
		text, err := Script{Events: 1000, Rate: 1000, Sink: "'connector' = 'blackhole'", Output: "/tmp"}.Text(q)
		if err != nil {
			t.Fatal(err)
		}
		env := table.NewEnvironment(table.Options{})
		if err := env.AddFunction("count_char", table.Func2(countChar)); err != nil {
			t.Fatal(err)
		}
		var got string
		err = env.ExplainScript(t.Context(), q, text, func(_, plan string) error {
			got += plan
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		file := "testdata/plans/" + q + ".txt"
		if *rewrite {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != got {
			t.Errorf("%s: the plan is now\n%s\nit was\n%s%v", q, got, want, err)
		}
	}
}
