package checkpoint

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

func (d Decision) text() string {
	return [...]string{"ignore", "hold", "pass early", "wait", "complete"}[d]
}

// TestAligner runs the script of testdata/aligner: "aligner channels=N [at-least-once]" makes one and feeds it the lines of its input, each
// "barrier <channel> <checkpoint>", "announce <channel> <checkpoint>", "overtake <checkpoint>" or "end <channel>".
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
			var number int
			var id int64
			fmt.Sscan(f[1], &number)
			if len(f) > 2 {
				fmt.Sscan(f[2], &id)
			}
			var d Decision
			var restarted bool
			switch f[0] {
			case "barrier":
				d, restarted = a.Barrier(number, id)
			case "announce":
				d, restarted = a.Announce(number, id)
			case "overtake":
				d = a.Overtake(int64(number))
			case "end":
				if a.End(number) {
					d = Complete
				}
			}
			fmt.Fprintf(&out, "%s: %s", line, d.text())
			if restarted {
				out.WriteString(", restarted")
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

// slowChannel is a channel of the model: what lies in it, barriers by their number, and the end as -1.
type slowChannel struct {
	queue         []int64
	arrived       int64   // the newest barrier that was taken
	announced     []int64 // barriers and their channel that are announced, by number
	ended, closed bool
}

// slowTask is a slow and obvious account of what a task has to do, told from whole channels.
type slowTask struct {
	channels []*slowChannel
	current  int64
	over     bool
	passed   bool
}

// waits reports whether the task waits for a channel.
func (s *slowTask) waits(c *slowChannel) bool {
	return !c.ended && c.arrived < s.current && !(s.passed && slices.Contains(c.announced, s.current))
}

func (s *slowTask) done() bool { return !slices.ContainsFunc(s.channels, s.waits) }

// Barriers of growing checkpoints lie in channels, and are announced, taken and overtaken in any order; some channels end. What the aligner says is what follows from looking at all channels each time; and each
// checkpoint completes at most once, when no channel is waited for.
func TestAlignerAtRandom(t *testing.T) {
	completed, early := 0, 0
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		n := 1 + rng.IntN(4)
		loose := rng.IntN(5) == 0
		a := NewAligner(n)
		if loose {
			a.AtLeastOnce()
		}
		s := &slowTask{over: true}
		last := make([]int64, n)
		for range n {
			s.channels = append(s.channels, &slowChannel{})
		}
		held := make([]bool, n)
		for step := range 80 {
			i := rng.IntN(n)
			c := s.channels[i]
			at := fmt.Sprintf("seed %d, step %d, channel %d", seed, step, i)
			begin := func(id int64) (restarted bool) {
				if id <= s.current {
					return false
				}
				restarted = !s.over
				s.current, s.over, s.passed = id, false, false
				clear(held)
				return restarted
			}
			settle := func(d Decision) {
				if d == Complete || d == PassEarly {
					clear(held)
				}
				if d == Complete {
					s.over = true
					completed++
				}
			}
			switch rng.IntN(5) {
			case 0: // something is put into the channel
				if c.closed {
					continue
				}
				if rng.IntN(10) == 0 {
					c.queue, c.closed = append(c.queue, -1), true
					continue
				}
				last[i] += int64(1 + rng.IntN(5)/4)
				c.queue = append(c.queue, last[i])
			case 1: // something is announced
				var ids []int64
				for _, id := range c.queue {
					if id > 0 {
						ids = append(ids, id)
					}
				}
				if len(ids) == 0 {
					continue
				}
				id := ids[rng.IntN(len(ids))]
				wantRestarted := begin(id)
				want := Ignore
				if id == s.current && !s.over && s.waits(c) && !slices.Contains(c.announced, id) {
					want = Wait
				}
				c.announced = append(c.announced, id)
				if want == Wait && s.passed && s.done() {
					want = Complete
				}
				d, restarted := a.Announce(i, id)
				if d != want || restarted != wantRestarted {
					t.Fatalf("%s: announce %d: %s, restarted %v, want %s, %v", at, id, d.text(), restarted, want.text(), wantRestarted)
				}
				settle(d)
			case 2: // it is time to overtake
				want := Ignore
				if !s.over && !s.passed {
					s.passed, want = true, PassEarly
					if s.done() {
						want = Complete
					}
					early++
				}
				d := a.Overtake(s.current)
				if d != want {
					t.Fatalf("%s: overtake %d: %s, want %s", at, s.current, d.text(), want.text())
				}
				settle(d)
			default: // the next is taken
				if held[i] || len(c.queue) == 0 {
					continue
				}
				id := c.queue[0]
				c.queue = c.queue[1:]
				if id < 0 {
					c.ended = true
					want := !s.over && s.done()
					if got := a.End(i); got != want {
						t.Fatalf("%s: end: complete %v, want %v", at, got, want)
					}
					if want {
						settle(Complete)
					}
					continue
				}
				wantRestarted := begin(id)
				want := Ignore
				if id == s.current && !s.over && s.waits(c) {
					want = Hold
					if s.passed || loose {
						want = Wait
					}
				}
				c.arrived = id
				if want != Ignore && s.done() {
					want = Complete
				}
				d, restarted := a.Barrier(i, id)
				if d != want || restarted != wantRestarted {
					t.Fatalf("%s: barrier %d: %s, restarted %v, want %s, %v", at, id, d.text(), restarted, want.text(), wantRestarted)
				}
				held[i] = d == Hold
				settle(d)
			}
			if id, pending := a.Current(); id != s.current || pending == s.over || a.Passed() != s.passed {
				t.Fatalf("%s: checkpoint %d, pending %v, passed %v, want %d, %v, %v", at, id, pending, a.Passed(), s.current, !s.over, s.passed)
			}
			for i, c := range s.channels {
				if s.current > 0 && a.Arrived(i) != (c.ended || c.arrived >= s.current) {
					t.Fatalf("%s: channel %d has arrived: %v", at, i, a.Arrived(i))
				}
			}
		}
	}
	if completed < 1000 || early < 1000 {
		t.Errorf("%d checkpoints completed, %d were overtaken", completed, early)
	}
}
