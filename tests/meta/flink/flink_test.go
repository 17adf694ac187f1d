package main

import (
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// every is how many of the recorded queries there are to one that the test asks; the command asks all.
const every = 20

// TestRecorded compares with what Flink said once.
func TestRecorded(t *testing.T) {
	for _, mode := range []string{"batch", "streaming"} {
		t.Run(mode, func(t *testing.T) {
			list, err := readRecord("testdata/" + mode + ".jsonl.gz")
			if err != nil {
				t.Fatal(err)
			}
			var some []*recorded
			for i := 0; i < len(list); i += every {
				some = append(some, list[i])
			}
			sum := newTally()
			err = replay(t.Context(), some, t.TempDir(), 4, func(c *compared) {
				verdict, why := c.judge()
				if sum.add(verdict, why); verdict == differ {
					t.Errorf("seed %d, tables %d\n%s\n%s", c.seed, c.tables, c.sql, why)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(sum)
			if n := sum.outcomes[equal]; n < len(some)*3/4 {
				t.Errorf("%d of %d queries are equal", n, len(some))
			}
		})
	}
}
