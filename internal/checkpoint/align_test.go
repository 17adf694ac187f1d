package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

func (d Decision) text() string {
	return [...]string{"ignore", "hold", "pass early", "wait", "complete"}[d]
}

// TestAligner runs the script of testdata/aligner: "aligner channels=N [at-least-once]" makes one and feeds it the lines of its input, each
// "barrier <channel> <checkpoint> [unaligned]" or "end <channel>".
func TestAligner(t *testing.T) {
	datadriven.RunTest(t, "testdata/aligner", func(t *testing.T, td *datadriven.TestData) string {
		var n int
		td.ScanArgs(t, "channels", &n)
		a := NewAligner(n)
		if td.HasArg("at-least-once") {
			a.AtLeastOnce()
		}
		var out strings.Builder
		for line := range strings.SplitSeq(td.Input, "\n") {
			f := strings.Fields(line)
			var channel int
			var id int64
			fmt.Sscan(f[1], &channel)
			switch f[0] {
			case "barrier":
				fmt.Sscan(f[2], &id)
				d, restarted := a.Barrier(channel, id, len(f) > 3)
				fmt.Fprintf(&out, "%s: %s", line, d.text())
				if restarted {
					out.WriteString(", restarted")
				}
			case "end":
				fmt.Fprintf(&out, "%s: complete=%v", line, a.End(channel))
			}
			id, pending := a.Current()
			fmt.Fprintf(&out, " (checkpoint %d", id)
			if pending {
				out.WriteString(" pending")
			}
			if a.Passed() {
				out.WriteString(", passed")
			}
			out.WriteString(")\n")
		}
		return out.String()
	})
}

// Barriers of growing checkpoints come on every channel, in any interleaving, some channels end: each checkpoint completes exactly
// once, when the last channel that has not ended brought it, unless a newer one began before.
func TestAlignerAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		n := 1 + rng.IntN(4)
		a := NewAligner(n)
		last := make([]int64, n) // the newest barrier of each channel
		ended := make([]bool, n)
		held := make([]bool, n)
		var newest int64
		over := map[int64]bool{}
		for range 60 {
			c := rng.IntN(n)
			if ended[c] || held[c] {
				continue
			}
			if rng.IntN(12) == 0 {
				ended[c] = true
				want := newest > 0 && !over[newest]
				for i := range n {
					want = want && (ended[i] || last[i] == newest)
				}
				if got := a.End(c); got != want {
					t.Fatalf("seed %d: end of %d: complete %v, want %v (%v)", seed, c, got, want, last)
				}
				if want {
					over[newest] = true
					clear(held)
				}
				continue
			}
			id, unaligned := last[c]+int64(1+rng.IntN(2)), rng.IntN(3) == 0
			last[c] = id
			d, restarted := a.Barrier(c, id, unaligned)
			if id < newest || id == newest && over[id] {
				if d != Ignore || restarted {
					t.Fatalf("seed %d, A3: barrier %d of channel %d: %s", seed, id, c, d.text())
				}
				continue
			}
			if want := id > newest && newest > 0 && !over[newest]; restarted != want {
				t.Fatalf("seed %d: restarted %v, want %v", seed, restarted, want)
			}
			if id > newest {
				newest = id
				clear(held) // keeps A1
			}
			all := true
			for i := range n {
				all = all && (ended[i] || last[i] >= newest)
			}
			if (d == Complete) != all {
				t.Fatalf("seed %d, A2: barrier %d of channel %d: %s, all have brought it: %v (%v)", seed, id, c, d.text(), all, last)
			}
			if d == Complete {
				over[newest] = true
				clear(held)
			}
			held[c] = d == Hold
			if d == PassEarly && !unaligned || d == Hold && unaligned {
				t.Fatalf("seed %d: unaligned %v: %s", seed, unaligned, d.text())
			}
		}
	}
}
