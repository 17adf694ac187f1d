package coordinator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/weirstream/weir/fault"
)

// TestScripts runs the scripts of testdata: events in, effects out. Each step also checks the invariants.
//
//	new [interval=10s] [pause=] [timeout=] [concurrent=] [tolerable=] [retain=] [unaligned=true] [aligned-timeout=] [last=id] [stages=n: each n tasks send to the next n]
//	step              a line per event, with its time in front where that goes on; see play
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		var s script
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.run(t, d) })
	})
}

type script struct {
	c   *Coordinator
	now time.Duration
	out strings.Builder
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	s.out.Reset()
	switch d.Cmd {
	case "new":
		cfg := Config{Name: func(t Task) string { return fmt.Sprintf("map (%d/9)", t+1) }}
		last := 0
		for _, arg := range d.CmdArgs {
			value := arg.Vals[0]
			nanos := func() int64 { return int64(duration(t, value)) }
			switch arg.Key {
			case "interval":
				cfg.Interval = nanos()
			case "pause":
				cfg.MinPause = nanos()
			case "timeout":
				cfg.Timeout = nanos()
			case "concurrent":
				cfg.MaxConcurrent = number(t, value)
			case "tolerable":
				cfg.Tolerable = number(t, value)
			case "retain":
				cfg.Retain = number(t, value)
			case "unaligned":
				cfg.Unaligned = value == "true"
			case "aligned-timeout":
				cfg.AlignedTimeout = nanos()
			case "stages":
				n := number(t, value)
				cfg.Upstream = func(t Task) (all []Task) {
					for i := range n {
						if u := (int(t)/n-1)*n + i; u >= 0 {
							all = append(all, Task(u))
						}
					}
					return all
				}
			case "last":
				last = number(t, value)
			default:
				d.Fatalf(t, "unknown setting %s", arg.Key)
			}
		}
		s.now = 0
		if err := cfg.Validate(); err != nil {
			fmt.Fprintf(&s.out, "%v\n", err)
		}
		s.c = New(cfg, int64(last))
		return s.out.String()

	case "step":
		for line := range strings.Lines(d.Input) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") {
				fmt.Fprintf(&s.out, "> %s\n", line)
				s.play(t, d, strings.Fields(line))
			}
		}
		return s.out.String()
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

// play takes one line:
//
//	[time] running task...     stopped [why]     tick     restored id [retained...]
//	[time] request token checkpoint|savepoint|stop [drain] [to=target]
//	[time] ack id task... [bytes=n]     decline id task [why]     finished task     stored id     store-failed id [why]
//	[time] all id              every task that the checkpoint waits for acknowledges, and it is stored
//	until time                 ticks when they are due
//	status                     what is pending and retained, and the next tick
func (s *script) play(t *testing.T, d *datadriven.TestData, f []string) {
	if at, err := time.ParseDuration(f[0]); err == nil {
		s.now, f = at, f[1:]
	}
	id := func(i int) int64 { return int64(number(t, f[i])) }
	why := func(i int) error {
		if text := strings.Join(f[min(i, len(f)):], " "); text != "" {
			return errors.New(text)
		}
		return nil
	}
	switch f[0] {
	case "running":
		var e Running
		for i := range f[1:] {
			e.Tasks = append(e.Tasks, Task(id(i+1)))
		}
		s.step(t, e)
	case "stopped":
		s.step(t, Stopped{why(1)})
	case "tick":
		s.step(t, Tick{})
	case "restored":
		e := Restored{ID: id(1)}
		for i := range f[2:] {
			e.Retained = append(e.Retained, id(i+2))
		}
		s.step(t, e)
	case "request":
		kinds := map[string]Kind{"checkpoint": Checkpoint, "savepoint": Savepoint, "stop": StopWithSavepoint, "other": 7}
		e := Requested{Token: id(1), Kind: kinds[f[2]]}
		for _, arg := range f[3:] {
			if target, ok := strings.CutPrefix(arg, "to="); ok {
				e.Target = target
			} else {
				e.Drain = arg == "drain"
			}
		}
		s.step(t, e)
	case "ack":
		bytes := int64(1)
		for _, arg := range f[2:] {
			if n, ok := strings.CutPrefix(arg, "bytes="); ok {
				bytes = int64(number(t, n))
			}
		}
		for i, arg := range f[2:] {
			if !strings.Contains(arg, "=") {
				s.step(t, Acked{id(1), Task(id(i + 2)), bytes})
			}
		}
	case "decline":
		s.step(t, Declined{id(1), Task(id(2)), why(3)})
	case "finished":
		s.step(t, TaskFinished{Task(id(1))})
	case "stored":
		s.step(t, Stored{id(1)})
	case "store-failed":
		s.step(t, StoreFailed{id(1), why(2)})
	case "all":
		for _, p := range s.c.Pending() {
			if p.ID == id(1) {
				for _, task := range p.Missing {
					s.step(t, Acked{p.ID, task, 1})
				}
			}
		}
		s.step(t, Stored{id(1)})
	case "until":
		end := duration(t, f[1])
		for {
			at, ok := s.c.Next()
			if !ok || at > int64(end) {
				break
			}
			s.now = max(s.now, time.Duration(at))
			fmt.Fprintf(&s.out, "  at %v\n", s.now)
			s.step(t, Tick{})
		}
		s.now = end
	case "status":
		for _, p := range s.c.Pending() {
			fmt.Fprintf(&s.out, "  pending %d %v since %v missing %d storing %v\n", p.ID, p.Kind, time.Duration(p.Started), p.Missing, p.Storing)
		}
		fmt.Fprintf(&s.out, "  retained %d\n", s.c.Retained())
		if at, ok := s.c.Next(); ok {
			fmt.Fprintf(&s.out, "  next tick %v\n", time.Duration(at))
		}
	default:
		d.Fatalf(t, "cannot read: %s", strings.Join(f, " "))
	}
}

func (s *script) step(t *testing.T, e Event) {
	t.Helper()
	for _, effect := range s.c.Step(int64(s.now), e) {
		fmt.Fprintf(&s.out, "  %s\n", withoutHelp(effect.String()))
	}
	if err := s.c.Check(); err != nil {
		t.Fatalf("behind %v: %v", e, err)
	}
}

// withoutHelp leaves out what errors advise, which belongs to package fault.
func withoutHelp(text string) string {
	for _, i := range fault.All() {
		if i.Help != "" {
			text = strings.ReplaceAll(text, " ("+i.Help+")", "")
		}
	}
	return text
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
