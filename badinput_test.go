package weir_test

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/connector"
	"github.com/weirstream/weir/connectors/files"
	"github.com/weirstream/weir/connectors/sequence"
	"github.com/weirstream/weir/connectors/socket"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/dataflow"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/errors.txt anew")

// unsendable cannot travel between tasks.
type unsendable struct {
	Name  string
	Inner struct{ Notify chan int }
}

type badCase struct {
	name    string
	options weir.Options
	// build makes the program; what it returns replaces the error of Execute unless it is nil.
	build func(t *testing.T, env *weir.Environment) error
	code  fault.Code
	// names are what the text must hold: the operator, the field, the path.
	names []string
}

func ints(env *weir.Environment) *weir.Stream[int64] { return weir.FromSequence(env, 1, 10) }

func keyedInts(env *weir.Environment) *weir.KeyedStream[int64, int64] {
	return weir.KeyBy(ints(env), func(v int64) int64 { return v })
}

// just is a build function without an error of its own.
func just(build func(env *weir.Environment)) func(*testing.T, *weir.Environment) error {
	return func(_ *testing.T, env *weir.Environment) error {
		build(env)
		return nil
	}
}

func badCases() []badCase {
	cases := []badCase{
		{"empty environment", weir.Options{}, just(func(*weir.Environment) {}), fault.GraphEmpty, nil},
		{"no sink", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).Filter(func(int64) bool { return true }).Name("lonely")
		}), fault.GraphNoSink, []string{`"lonely"`}},
		{"source without a reader", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).Discard()
			ints(env).Name("lonely")
		}), fault.GraphNoSink, []string{`"lonely"`}},
		{"duplicate uid", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).UID("same").Filter(func(int64) bool { return true }).Name("second").UID("same").Discard()
		}), fault.GraphDuplicateUID, []string{`"sequence"`, `"second"`, `"same"`}},
		{"malformed uid", weir.Options{}, just(func(env *weir.Environment) { ints(env).UID("a b").Discard() }), fault.GraphInvalidUID, []string{`"sequence"`}},
		{"empty uid", weir.Options{}, just(func(env *weir.Environment) { ints(env).UID("").Discard() }), fault.GraphInvalidUID, []string{`"sequence"`}},
		{"mismatched forward", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).Parallelism(2).Forward().Filter(func(int64) bool { return true }).Name("narrow").Parallelism(3).Discard()
		}), fault.GraphForward, []string{`"narrow"`, `"sequence"`, "2", "3"}},
		{"operator's max parallelism below its parallelism", weir.Options{}, just(func(env *weir.Environment) {
			keyedInts(env).Reduce(func(a, b int64) int64 { return a }).Name("keyed").Parallelism(8).MaxParallelism(4).Discard()
		}), fault.GraphMaxParallelism, []string{`"keyed"`, "8", "4"}},
		{"job's max parallelism below its parallelism", weir.Options{Parallelism: 8, MaxParallelism: 4}, just(func(env *weir.Environment) {
			ints(env).Discard()
		}), fault.GraphMaxParallelism, []string{"8", "4"}},
		{"parallelism zero", weir.Options{}, just(func(env *weir.Environment) { ints(env).Parallelism(0).Discard() }), fault.GraphParallelism, []string{`"sequence"`}},
		{"values in parallel", weir.Options{}, just(func(env *weir.Environment) { weir.FromValues(env, 1).Parallelism(2).Discard() }), fault.GraphNonParallel, []string{`"values"`}},
		{"all bad options at once", weir.Options{Parallelism: -1, ChunkRows: -5, ChunkBytes: 1, ChannelBytes: 2, MaxParallelism: 1 << 20}, just(func(env *weir.Environment) {
			ints(env).Discard()
		}), fault.OptionInvalid, []string{"Parallelism is -1", "ChunkRows is -5", "ChunkBytes is 1", "ChannelBytes is 2", "MaxParallelism is 1048576"}},
		{"several errors at once", weir.Options{}, just(func(env *weir.Environment) {
			weir.Map[int64, int64](ints(env), nil).UID("u u").Name("first")
			ints(env).UID("x").Discard().UID("x")
		}), fault.GraphNilFunction, []string{"nil function", `"u u"`, `"x"`, "nothing reads"}},
		{"job run twice", weir.Options{}, func(t *testing.T, env *weir.Environment) error {
			ints(env).Discard()
			execute(t, env)
			return nil
		}, fault.GraphUsed, []string{"executed before"}},
		{"operator added after the job", weir.Options{}, func(t *testing.T, env *weir.Environment) error {
			s := ints(env)
			s.Discard()
			execute(t, env)
			s.Filter(func(int64) bool { return true }).Discard()
			_, err := env.Explain()
			return err
		}, fault.GraphUsed, []string{`"filter"`}},
		{"foreign stream in a union", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).Union(ints(weir.NewEnvironment(weir.Options{}))).Discard()
		}), fault.GraphForeignStream, []string{"Union"}},
		{"foreign stream connected", weir.Options{}, just(func(env *weir.Environment) {
			same := func(v int64) int64 { return v }
			weir.CoMap(weir.Connect(ints(env), ints(weir.NewEnvironment(weir.Options{}))), same, same).Discard()
		}), fault.GraphForeignStream, []string{`"coMap"`}},
		{"setter on a union", weir.Options{}, just(func(env *weir.Environment) { ints(env).Union(ints(env)).Parallelism(2).Discard() }), fault.GraphInvalid, []string{"Parallelism"}},
		{"cycle", weir.Options{}, func(*testing.T, *weir.Environment) error {
			g := &dataflow.Graph{Parallelism: 1, Operators: []*dataflow.Operator{
				{ID: 0, Kind: "source", Name: "source", Source: true, Bounded: true}, {ID: 1, Kind: "map", Name: "there"},
				{ID: 2, Kind: "map", Name: "back"}, {ID: 3, Kind: "sink", Name: "sink", Sink: true},
			}, Edges: []*dataflow.Edge{{ID: 0, From: 0, To: 1}, {ID: 1, From: 1, To: 2}, {ID: 2, From: 2, To: 1}, {ID: 3, From: 2, To: 3}}}
			_, err := g.Plan()
			return err
		}, fault.GraphCycle, []string{"there -> back -> there"}},

		{"missing file", weir.Options{}, just(func(env *weir.Environment) {
			weir.FromFiles(env, files.Options{Path: "testdata/no-such-file"}).Discard()
		}), fault.SourceFileMissing, []string{`"files"`, "testdata/no-such-file"}},
		{"glob without a match", weir.Options{}, just(func(env *weir.Environment) {
			weir.FromFiles(env, files.Options{Path: "testdata/*.no-such-suffix"}).Discard()
		}), fault.SourceFileMissing, []string{`"files"`, "testdata/*.no-such-suffix"}},
		{"malformed glob", weir.Options{}, just(func(env *weir.Environment) {
			weir.FromFiles(env, files.Options{Path: "testdata/[a-"}).Discard()
		}), fault.SourceGlob, []string{`"files"`, "testdata/[a-"}},
		{"unreadable file", weir.Options{}, func(t *testing.T, env *weir.Environment) error {
			loop := filepath.Join(t.TempDir(), "loop")
			if err := os.Symlink(loop, loop); err != nil {
				t.Fatal(err)
			}
			weir.FromFiles(env, files.Options{Path: loop}).Discard()
			return nil
		}, fault.SourceFileUnreadable, []string{"loop"}},
		{"files without a path", weir.Options{}, just(func(env *weir.Environment) { weir.FromFiles(env, files.Options{}).Discard() }), fault.OptionInvalid, []string{"Path"}},
		{"file sink below a file", weir.Options{}, func(t *testing.T, env *weir.Environment) error {
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			ints(env).ToFiles(files.SinkOptions[int64]{Dir: filepath.Join(file, "below")})
			return nil
		}, fault.SinkFileWrite, []string{"below"}},
		{"file sink without a folder", weir.Options{}, just(func(env *weir.Environment) { ints(env).ToFiles(files.SinkOptions[int64]{}) }), fault.OptionInvalid, []string{"Dir"}},
		{"address without a port", weir.Options{}, just(func(env *weir.Environment) {
			weir.FromSocket(env, socket.Options{Address: "localhost"}).Discard()
		}), fault.OptionInvalid, []string{"localhost"}},
		{"refused port", weir.Options{}, func(t *testing.T, env *weir.Environment) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
			weir.FromSocket(env, socket.Options{Address: l.Addr().String()}).Discard()
			return nil
		}, fault.SourceSocketRefused, []string{`"socket`, "127.0.0.1:"}},
		{"negative rate", weir.Options{}, just(func(env *weir.Environment) {
			weir.Generate(env, sequence.Options{RatePerSecond: -1}, func(i int64) int64 { return i }).Discard()
		}), fault.OptionInvalid, []string{`"generate"`, "RatePerSecond"}},
		{"negative lateness", weir.Options{}, just(func(env *weir.Environment) {
			ints(env).WithTimestamps(func(v int64) int64 { return v }, -time.Second).Discard()
		}), fault.OptionInvalid, []string{"-1s"}},
		{"print to nothing", weir.Options{}, just(func(env *weir.Environment) { ints(env).PrintTo(nil, "") }), fault.OptionInvalid, []string{"print"}},

		{"type that cannot travel", weir.Options{}, just(func(env *weir.Environment) {
			weir.Map(ints(env), func(int64) unsendable { return unsendable{} }).Name("maker").Rebalance().Filter(func(unsendable) bool { return true }).Name("taker").Discard()
		}), fault.TypeUnsupported, []string{`"maker"`, `"taker"`, "Inner.Notify", "chan int"}},
		{"function that cannot travel", weir.Options{DisableChaining: true}, just(func(env *weir.Environment) {
			weir.Map(ints(env), func(int64) func() { return nil }).Name("maker").Discard()
		}), fault.TypeUnsupported, []string{`"maker"`, "func()"}},
		{"pointer as a key", weir.Options{}, just(func(env *weir.Environment) {
			weir.CountBy(ints(env), func(v int64) *int64 { return &v }).Discard()
		}), fault.TypeKey, []string{`"count"`, "*int64"}},
		{"interface as a key", weir.Options{}, just(func(env *weir.Environment) {
			weir.CountBy(ints(env), func(v int64) any { return v }).Discard()
		}), fault.TypeKey, []string{`"count"`, "interface"}},
		{"channel in a key", weir.Options{}, just(func(env *weir.Environment) {
			weir.CountBy(ints(env), func(v int64) struct{ A [2]struct{ C chan int } } { return struct{ A [2]struct{ C chan int } }{} }).Discard()
		}), fault.TypeKey, []string{`"count"`, "A[].C", "chan int"}},
		{"side output of two types", weir.Options{}, just(func(env *weir.Environment) {
			s := ints(env).Filter(func(int64) bool { return true })
			weir.SideOutput(s, weir.NewOutputTag[int64]("side")).Discard()
			weir.SideOutput(s, weir.NewOutputTag[string]("side")).Discard()
		}), fault.GraphInvalid, []string{`"side"`, `"filter"`}},
		{"side output of a union", weir.Options{}, just(func(env *weir.Environment) {
			weir.SideOutput(ints(env).Union(ints(env)), weir.NewOutputTag[int64]("side")).Discard()
		}), fault.GraphInvalid, []string{`"side"`}},
		{"constant without a function", weir.Options{}, just(func(env *weir.Environment) {
			weir.Const[int](env, "now", nil)
			ints(env).Discard()
		}), fault.GraphNilFunction, []string{`"now"`}},
		{"constant that cannot be shipped", weir.Options{}, just(func(env *weir.Environment) {
			weir.Const(env, "channel", func() chan int { return nil })
			ints(env).Discard()
		}), fault.TypeUnsupported, []string{`"channel"`, "chan int"}},
		{"factory that makes nothing", weir.Options{}, just(func(env *weir.Environment) {
			weir.ProcessWith(ints(env), func() weir.ProcessFunction[int64, int64] { return nil }).Name("empty").Discard()
		}), fault.GraphNilFunction, []string{`"empty"`}},
	}

	// A nil function for each operator.
	type c = *weir.Collector[int64]
	id := func(v int64) int64 { return v }
	take := func(int64, c) {}
	process := func(*weir.Context, int64, c) error { return nil }
	connected := func(env *weir.Environment) *weir.Connected[int64, int64] { return weir.Connect(ints(env), ints(env)) }
	agg := weir.Aggregator[int64, int64, int64]{Create: func() int64 { return 0 }, Add: func(a, v int64) int64 { return a }, Result: id}
	without := func(drop string) weir.Aggregator[int64, int64, int64] {
		a := agg
		switch drop {
		case "Create":
			a.Create = nil
		case "Add":
			a.Add = nil
		case "Result":
			a.Result = nil
		}
		return a
	}
	for _, n := range []struct {
		name, operator string
		build          func(env *weir.Environment) *weir.Stream[int64]
	}{
		{"Map", "map", func(env *weir.Environment) *weir.Stream[int64] { return weir.Map[int64, int64](ints(env), nil) }},
		{"MapFunc", "map", func(env *weir.Environment) *weir.Stream[int64] { return weir.MapFunc[int64, int64](ints(env), nil) }},
		{"FlatMap", "flatMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.FlatMap[int64, int64](ints(env), nil) }},
		{"FlatMapTo", "flatMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.FlatMapTo[int64, int64](ints(env), nil) }},
		{"Filter", "filter", func(env *weir.Environment) *weir.Stream[int64] { return ints(env).Filter(nil) }},
		{"FilterRef", "filter", func(env *weir.Environment) *weir.Stream[int64] { return ints(env).FilterRef(nil) }},
		{"Update", "update", func(env *weir.Environment) *weir.Stream[int64] { return ints(env).Update(nil) }},
		{"Process", "process", func(env *weir.Environment) *weir.Stream[int64] { return weir.Process[int64, int64](ints(env), nil) }},
		{"ProcessWith", "process", func(env *weir.Environment) *weir.Stream[int64] { return weir.ProcessWith[int64, int64](ints(env), nil) }},
		{"WithTimestamps", "timestamps", func(env *weir.Environment) *weir.Stream[int64] { return ints(env).WithTimestamps(nil, 0) }},
		{"PartitionCustom", "partitionCustom", func(env *weir.Environment) *weir.Stream[int64] { return ints(env).PartitionCustom(nil) }},
		{"KeyBy", "keyBy", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.KeyBy[int64, int64](ints(env), nil).Reduce(func(a, _ int64) int64 { return a })
		}},
		{"CountBy", "keyBy", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Map(weir.CountBy[int64, int64](ints(env), nil), func(c weir.Count[int64]) int64 { return c.N })
		}},
		{"Reduce", "reduce", func(env *weir.Environment) *weir.Stream[int64] { return keyedInts(env).Reduce(nil) }},
		{"ReduceInto", "reduce", func(env *weir.Environment) *weir.Stream[int64] { return keyedInts(env).ReduceInto(nil) }},
		{"Sum", "sum", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Sum[int64, int64, int64](keyedInts(env), nil)
		}},
		{"Min", "min", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Min[int64, int64, int64](keyedInts(env), nil)
		}},
		{"Max", "max", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Max[int64, int64, int64](keyedInts(env), nil)
		}},
		{"MinBy", "minBy", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.MinBy[int64, int64, int64](keyedInts(env), nil)
		}},
		{"MaxBy", "maxBy", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.MaxBy[int64, int64, int64](keyedInts(env), nil)
		}},
		{"Aggregate, Create", "aggregate", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Aggregate(keyedInts(env), without("Create"))
		}},
		{"Aggregate, Add", "aggregate", func(env *weir.Environment) *weir.Stream[int64] { return weir.Aggregate(keyedInts(env), without("Add")) }},
		{"Aggregate, Result", "aggregate", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Aggregate(keyedInts(env), without("Result"))
		}},
		{"ProcessKeyed", "keyedProcess", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.ProcessKeyed[int64, int64, int64](keyedInts(env), nil)
		}},
		{"CoMap, first", "coMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoMap(connected(env), nil, id) }},
		{"CoMap, second", "coMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoMap(connected(env), id, nil) }},
		{"CoFlatMap, first", "coFlatMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoFlatMap(connected(env), nil, take) }},
		{"CoFlatMap, second", "coFlatMap", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoFlatMap(connected(env), take, nil) }},
		{"CoProcess, first", "coProcess", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoProcess(connected(env), nil, process) }},
		{"CoProcess, second", "coProcess", func(env *weir.Environment) *weir.Stream[int64] { return weir.CoProcess(connected(env), process, nil) }},
		{"CoProcessWith", "coProcess", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.CoProcessWith[int64, int64, int64](connected(env), nil)
		}},
		{"Generate", "generate", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.Generate[int64](env, sequence.Options{Count: 1}, nil)
		}},
		{"GenerateInto", "generate", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.GenerateInto[int64](env, sequence.Options{Count: 1}, nil)
		}},
		{"FromSeq", "seq", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.FromSeq(env, (func() iter.Seq[int64])(nil))
		}},
		{"FromSource", "mine", func(env *weir.Environment) *weir.Stream[int64] {
			return weir.FromSource(env, "mine", connector.Source[int64](nil))
		}},
		{"ForEach", "forEach", func(env *weir.Environment) *weir.Stream[int64] {
			ints(env).ForEach(nil)
			return ints(env)
		}},
		{"SinkTo", "mine", func(env *weir.Environment) *weir.Stream[int64] {
			ints(env).SinkTo("mine", nil)
			return ints(env)
		}},
	} {
		cases = append(cases, badCase{"nil: " + n.name, weir.Options{}, just(func(env *weir.Environment) { n.build(env).Discard() }), fault.GraphNilFunction, []string{`"` + n.operator + `"`}})
	}
	return cases
}

// running are the cases that can be known only when the job runs.
var running = map[string]bool{"refused port": true, "factory that makes nothing": true}

func TestBadInput(t *testing.T) {
	var golden strings.Builder
	for _, c := range badCases() {
		t.Run(c.name, func(t *testing.T) {
			c.options.Logger = quiet
			env := weir.NewEnvironment(c.options)
			err := c.build(t, env)
			var result *weir.JobResult
			if err == nil {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				result, err = env.Execute(ctx, "run twice")
			}
			if err == nil {
				t.Fatal("no error")
			}
			if fault.CodeOf(err) != c.code {
				t.Errorf("the code is %q, want %q", fault.CodeOf(err), c.code)
			}
			if (result != nil) != running[c.name] {
				t.Errorf("the job ran: %v", result)
			}
			text := err.Error()
			for _, name := range c.names {
				if !strings.Contains(text, name) {
					t.Errorf("%q is not in: %s", name, text)
				}
			}
			if fault.BlameOf(err) == fault.Weir {
				t.Errorf("Weir is blamed: %s", text)
			}
			fmt.Fprintf(&golden, "%s:\n%s\n\n", c.name, stable(text))
		})
	}
	if t.Failed() {
		return
	}
	path := filepath.Join("testdata", "errors.txt")
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := golden.String(); got != string(want) {
		g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("%s:%d has another text; if that is meant, run go test . -rewrite\n got %s\nwant %s", path, i+1, g[i], w[i])
			}
		}
		t.Fatalf("%s has %d lines, not %d; if that is meant, run go test . -rewrite", path, len(w), len(g))
	}
}

// stable replaces what differs between two runs: folders and ports.
func stable(text string) string {
	fields := strings.Fields(text)
	for i, f := range fields {
		for _, cut := range []string{"/loop", "/file/below", "/file"} {
			if at := strings.Index(f, cut); at > 0 && strings.HasPrefix(f, "/") {
				fields[i] = "$DIR" + f[at:]
				break
			}
		}
		if at := strings.Index(f, "127.0.0.1:"); at >= 0 {
			at += len("127.0.0.1:")
			end := at
			for end < len(f) && f[end] >= '0' && f[end] <= '9' {
				end++
			}
			fields[i] = f[:at] + "$PORT" + f[end:]
		}
	}
	if strings.Contains(text, "\n") {
		return text
	}
	return strings.Join(fields, " ")
}

// Chained operators hand any type through, and neither may what stands between them be encodable.
func TestUnsendableTypeInAChain(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{Logger: quiet, Parallelism: 3})
	made := weir.Map(ints(env), func(v int64) unsendable { return unsendable{Name: fmt.Sprint(v)} })
	out := into(weir.Map(made.Filter(func(v unsendable) bool { return v.Name != "3" }), func(v unsendable) func() string {
		return func() string { return v.Name }
	}).Filter(func(f func() string) bool { return f() != "4" }))
	execute(t, env)
	if got := out.len(); got != 8 {
		t.Errorf("%d records", got)
	}
}

// What is wrong is told before anything runs, and by Explain too.
func TestExplainTellsErrors(t *testing.T) {
	env := weir.NewEnvironment(weir.Options{})
	ints(env).Filter(nil).Discard()
	for range 2 {
		if _, err := env.Explain(); fault.CodeOf(err) != fault.GraphNilFunction {
			t.Errorf("Explain: %v", err)
		}
		if _, err := env.ExplainJSON(); fault.CodeOf(err) != fault.GraphNilFunction {
			t.Errorf("ExplainJSON: %v", err)
		}
	}
	if _, err := env.ExecuteAsync(t.Context(), "job"); fault.CodeOf(err) != fault.GraphNilFunction {
		t.Errorf("ExecuteAsync: %v", err)
	}
}
