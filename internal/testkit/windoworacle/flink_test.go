package windoworacle

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/window"
)

// TestFlink compares with what Flink itself answered. Compared as Flink promises it: the results of each window of a key in their order, not the order between windows, and of
// windows that merge not the order of the elements.
func TestFlink(t *testing.T) {
	text, err := os.ReadFile("testdata/flink")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(strings.TrimSpace(string(text)), "\n\n")[1:] {
		steps, answer, _ := strings.Cut(part, "\n----\n")
		s := parse(t, steps)
		got := flinkLines(Evaluate(s))
		want := strings.Split(answer, "\n")
		if got, want := unordered(s, got), unordered(s, want); got != want {
			t.Errorf("script %d\n%v\nwant\n%s\ngot\n%s", i, s, want, got)
		}
	}
}

func flinkLines(o Outcome) []string {
	var lines []string
	for _, r := range o.Results {
		line := fmt.Sprint("R ", r.Key, " ", r.Window.Start, " ", r.Window.End, " ", r.Timestamp, " ", r.Watermark, " ", r.InWindow, " ", r.InKey)
		for _, e := range r.Elements {
			line += fmt.Sprintf(" %d@%d", e.Value.Value, e.Timestamp)
		}
		lines = append(lines, line)
	}
	for _, l := range o.Late {
		lines = append(lines, fmt.Sprint("L ", l.Row.Key, " ", l.Row.Value, " ", l.Timestamp))
	}
	return append(lines, fmt.Sprint("D ", o.Dropped))
}

func unordered(s Script, lines []string) string {
	type line struct{ pane, text string }
	var all []line
	for _, l := range lines {
		f := strings.Fields(l)
		pane := f[0]
		if f[0] == "R" {
			pane, f[7] = strings.Join(f[1:4], " "), ""
			if s.Spec.Assigner.Merging() {
				slices.Sort(f[8:])
			}
		}
		all = append(all, line{pane, strings.Join(f, " ")})
	}
	slices.SortStableFunc(all, func(a, b line) int { return strings.Compare(a.pane, b.pane) })
	var b strings.Builder
	for _, l := range all {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// parser reads the line for the operator word by word.
type parser struct {
	t     *testing.T
	words []string
}

func parse(t *testing.T, text string) Script {
	lines := strings.Split(text, "\n")
	p := &parser{t, strings.Fields(lines[0])}
	s := Script{Function: Process}
	s.Spec = window.Spec[Row]{Assigner: p.assigner(), Trigger: p.trigger(), Evictor: p.evictor(), AllowedLateness: p.ms()}
	s.SideOutput, s.Start = p.bool(), p.int()
	for _, line := range lines[1:] {
		var step Step
		var err error
		switch {
		case strings.HasPrefix(line, "row "):
			_, err = fmt.Sscanf(line, "row key=%d value=%d at %d", &step.Row.Key, &step.Row.Value, &step.Time)
		case strings.HasPrefix(line, "watermark "):
			step.Kind = Watermark
			_, err = fmt.Sscanf(line, "watermark %d", &step.Time)
		default:
			step.Kind = ProcessingTime
			_, err = fmt.Sscanf(line, "clock %d", &step.Time)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		s.Steps = append(s.Steps, step)
	}
	return s
}

func (p *parser) next() string {
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

func (p *parser) int() int64 {
	n, err := strconv.ParseInt(p.next(), 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *parser) ms() time.Duration { return ms(p.int()) }
func (p *parser) bool() bool        { return p.int() == 1 }
func (p *parser) when() window.When { return window.When(p.int()) }

func (p *parser) assigner() window.Assigner[Row] {
	switch word := p.next(); word {
	case "tumblingE":
		return window.TumblingEventTime[Row](p.ms()).WithOffset(p.ms())
	case "tumblingP":
		return window.TumblingProcessingTime[Row](p.ms()).WithOffset(p.ms())
	case "slidingE":
		return window.SlidingEventTime[Row](p.ms(), p.ms()).WithOffset(p.ms())
	case "slidingP":
		return window.SlidingProcessingTime[Row](p.ms(), p.ms()).WithOffset(p.ms())
	case "sessionE":
		return window.EventTimeSession[Row](p.ms())
	case "sessionP":
		return window.ProcessingTimeSession[Row](p.ms())
	case "dynE":
		return window.DynamicEventTimeSession(gapOf(p.int(), false))
	case "dynP":
		return window.DynamicProcessingTimeSession(gapOf(p.int(), false))
	case "global":
		return window.Globals[Row]()
	case "globalEnd":
		return window.GlobalsUntilEnd[Row]()
	case "byValue":
		return byValue{p.int()}
	default:
		p.t.Fatal(word)
		return nil
	}
}

func (p *parser) trigger() window.Trigger[Row] {
	switch word := p.next(); word {
	case "default":
		return nil
	case "count":
		return window.CountTrigger[Row](p.int())
	case "event":
		return window.EventTimeTrigger[Row]()
	case "processing":
		return window.ProcessingTimeTrigger[Row]()
	case "contE":
		return window.ContinuousEventTimeTrigger[Row](p.ms())
	case "contP":
		return window.ContinuousProcessingTimeTrigger[Row](p.ms())
	case "delta":
		return window.DeltaTrigger(float64(p.int()), delta)
	case "never":
		return window.NeverTrigger[Row]()
	case "eos":
		return window.EndOfStreamTrigger[Row]()
	case "spread":
		return spread{p.int(), p.int()}
	case "purging":
		return window.PurgingTrigger(p.trigger())
	case "timeout":
		d, reset, clear := p.ms(), p.bool(), p.bool()
		return window.ProcessingTimeoutTrigger(p.trigger(), d, reset, clear)
	default:
		p.t.Fatal(word)
		return nil
	}
}

func (p *parser) evictor() window.Evictor[Row] {
	switch word := p.next(); word {
	case "none":
		return nil
	case "count":
		return window.CountEvictor[Row](p.int(), p.when())
	case "time":
		return window.TimeEvictor[Row](p.ms(), p.when())
	case "delta":
		return window.DeltaEvictor(float64(p.int()), delta, p.when())
	case "oddOut":
		return oddOut{}
	default:
		p.t.Fatal(word)
		return nil
	}
}
