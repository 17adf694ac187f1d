package windoworacle

import (
	"bufio"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/window"
)

func field(v any, name string) reflect.Value { return reflect.ValueOf(v).FieldByName(name) }

func peerAssigner(a window.Assigner[Row], g *generator) string {
	e := "P"
	if a.EventTime() {
		e = "E"
	}
	switch a := a.(type) {
	case window.Tumbling[Row]:
		return fmt.Sprint("tumbling", e, " ", a.Size(), " ", a.Offset())
	case window.Sliding[Row]:
		return fmt.Sprint("sliding", e, " ", a.Size(), " ", a.Slide(), " ", a.Offset())
	case window.Session[Row]:
		return fmt.Sprint("session", e, " ", a.Gap())
	case window.DynamicSession[Row]:
		return fmt.Sprint("dyn", e, " ", g.unit)
	case window.GlobalWindows[Row]:
		if field(a, "endOfStream").Bool() {
			return "globalEnd"
		}
		return "global"
	case byValue:
		return fmt.Sprint("byValue ", a.size)
	}
	panic(fmt.Sprintf("%T", a))
}

func peerTrigger(v reflect.Value) string {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return "default"
	}
	n := func(f string) any { return v.FieldByName(f).Int() }
	b := func(f string) int {
		if v.FieldByName(f).Bool() {
			return 1
		}
		return 0
	}
	name, _, _ := strings.Cut(v.Type().Name(), "[")
	switch name {
	case "countTrigger":
		return fmt.Sprint("count ", n("n"))
	case "eventTimeTrigger":
		return "event"
	case "processingTimeTrigger":
		return "processing"
	case "continuousEventTime":
		return fmt.Sprint("contE ", v.Field(0).FieldByName("interval").Int())
	case "continuousProcessingTime":
		return fmt.Sprint("contP ", v.Field(0).FieldByName("interval").Int())
	case "deltaTrigger":
		return fmt.Sprint("delta ", v.FieldByName("threshold").Float())
	case "neverTrigger":
		return "never"
	case "endOfStreamTrigger":
		return "eos"
	case "spread":
		return fmt.Sprint("spread ", n("n"), " ", n("limit"))
	case "purgingTrigger":
		return "purging " + peerTrigger(v.Field(0))
	case "timeoutTrigger":
		return fmt.Sprint("timeout ", n("timeout"), " ", b("reset"), " ", b("clear"), " ", peerTrigger(v.FieldByName("nested")))
	}
	panic(name)
}

func peerEvictor(e window.Evictor[Row]) string {
	if e == nil {
		return "none"
	}
	if _, ok := e.(oddOut); ok {
		return "oddOut"
	}
	text := e.String()
	i := strings.Index(text, "Evictor(")
	return fmt.Sprint(strings.ToLower(text[:i]), " ", strings.TrimSuffix(text[i+8:], ")"), " ", field(e, "when").Uint())
}

func extreme(s Script) bool {
	for _, st := range s.Steps {
		if st.Time != math.MaxInt64 && st.Time != math.MinInt64 && (st.Time > 1<<62 || st.Time < -1<<62) {
			return true
		}
	}
	return false
}

func TestPeer(t *testing.T) {
	n := uint64(20000)
	var scripts []Script
	var in strings.Builder
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 7))
		g := &generator{Rand: r, now: 6}
		s := Script{SideOutput: g.one(2)}
		s.Spec = g.spec()
		g.pickBase(s.Spec)
		s.Steps = g.steps(s.Spec)
		s.Function = Process
		_, global := s.Spec.Assigner.(window.GlobalWindows[Row])
		unstamped := strings.Contains(s.Spec.TriggerOrDefault().String(), "ContinuousEvent") && slices.ContainsFunc(s.Steps, func(x Step) bool { return x.Kind == Element && x.Time == math.MinInt64 })
		mixed := s.Spec.Evictor != nil && strings.HasPrefix(s.Spec.Evictor.String(), "Time") && slices.ContainsFunc(s.Steps, func(x Step) bool { return x.Kind == Element && x.Time == math.MinInt64 })
		if unstamped || mixed || strings.Count(s.Spec.String(), "TimeoutTrigger(") > 1 || extreme(s) || global && strings.Contains(s.Spec.TriggerOrDefault().String(), "ContinuousEvent") {
			continue
		}
		if o := Evaluate(s); o.Err != nil || len(o.Results) > 5000 {
			continue
		}
		side := 0
		if s.SideOutput {
			side = 1
		}
		fmt.Fprintln(&in, "SCRIPT", len(scripts), peerAssigner(s.Spec.Assigner, g), peerTrigger(reflect.ValueOf(&s.Spec.Trigger).Elem()), peerEvictor(s.Spec.Evictor), s.Spec.Lateness(), side, s.Start)
		for _, st := range s.Steps {
			switch st.Kind {
			case Element:
				fmt.Fprintln(&in, "E", st.Row.Key, st.Row.Value, st.Time)
			case Watermark:
				fmt.Fprintln(&in, "W", st.Time)
			case ProcessingTime:
				fmt.Fprintln(&in, "P", st.Time)
			}
		}
		fmt.Fprintln(&in, "END")
		scripts = append(scripts, s)
	}
	cp, _ := os.ReadFile("/tmp/wtmp/cp.txt")
	cmd := exec.Command("java", "-Dlog4j2.level=OFF", "--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED", "-cp", "/tmp/wtmp/classes:"+strings.TrimSpace(string(cp)), "Peer")
	cmd.Stdin = strings.NewReader(in.String())
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(pipe)
	sc.Buffer(make([]byte, 1<<20), 1<<24)
	i, bad, good, order, ink, dyn, evord := -1, 0, 0, 0, 0, 0, 0
	var got []string
	check := func() {
		if i < 0 {
			return
		}
		s := scripts[i]
		same := false
		hook = func() { same = true }
		o := Evaluate(s)
		merging := s.Spec.Assigner.Merging()
		var want []string
		for _, r := range o.Results {
			x := fmt.Sprintf("R %d %d %d %d %d %d %d", r.Key, r.Window.Start, r.Window.End, r.Timestamp, r.Watermark, r.InWindow, r.InKey)
			for _, e := range r.Elements {
				x += fmt.Sprintf(" %d@%d", e.Value.Value, e.Timestamp)
			}
			want = append(want, x)
		}
		for _, l := range o.Late {
			want = append(want, fmt.Sprintf("L %d %d %d", l.Row.Key, l.Row.Value, l.Timestamp))
		}
		want = append(want, fmt.Sprintf("D %d", o.Dropped))
		exact := slices.Equal(want, got)
		canon := func(l []string, dropKey bool) []string {
			l = slices.Clone(l)
			for j := range l {
				f := strings.Fields(l[j])
				if f[0] == "R" {
					if merging {
						sort.Strings(f[8:])
					}
					if dropKey {
						f[7] = ""
					}
				}
				l[j] = strings.Join(f, " ")
			}
			sort.SliceStable(l, func(a, b int) bool {
				fa, fb := strings.Fields(l[a]), strings.Fields(l[b])
				if fa[0] != "R" || fb[0] != "R" {
					return fa[0] == "R" && fb[0] != "R"
				}
				k := func(f []string) string { return fmt.Sprintf("%s %s %s", f[1], f[2], f[3]) }
				return k(fa) < k(fb)
			})
			return l
		}
		switch {
		case exact:
			good++
		case slices.Equal(canon(want, false), canon(got, false)):
			order++
		case slices.Equal(canon(want, true), canon(got, true)):
			ink++
			if a := s.Spec.Assigner.String(); !strings.HasPrefix(a, "ByValue") {
				t.Logf("inkey %v", s.Spec)
			}
		case same && strings.HasPrefix(s.Spec.Assigner.String(), "Dynamic"):
			dyn++
		case merging && s.Spec.Evictor != nil && !strings.HasPrefix(s.Spec.Evictor.String(), "Time"):
			evord++
		default:
			bad++
			if bad < 4 {
				a, b := canon(want, false), canon(got, false)
				t.Errorf("script %d\n%v", i, s)
				for j := range max(len(a), len(b)) {
					x, y := "", ""
					if j < len(a) {
						x = a[j]
					}
					if j < len(b) {
						y = b[j]
					}
					if x != y {
						t.Errorf("line %d\nwant %s\ngot  %s", j, x, y)
						break
					}
				}
			} else {
				t.Logf("also %d %v", i, s.Spec)
			}
		}
	}
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill(); fmt.Println("KILLED at", i, scripts[i]) })
	for sc.Scan() {
		if strings.HasPrefix(sc.Text(), "S ") {
			check()
			i++
			timer.Reset(20 * time.Second)
			got = nil
			continue
		}
		got = append(got, sc.Text())
	}
	timer.Stop()
	check()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	t.Log("scripts", len(scripts), "ran", i+1, "equal", good, "but for order", order, "but for inKey", ink, "dyn", dyn, "evictor order", evord, "bad", bad)
}
