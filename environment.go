package weir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/runtime/local"
	"github.com/weirstream/weir/internal/statebackend"
)

// Options configures an [Environment]. The zero value of each field means its default.
type Options struct {
	// Parallelism is how many subtasks an operator runs in, unless it sets its own. Default 1.
	Parallelism int
	// MaxParallelism is the number of key groups, and so the largest parallelism that the job's state can ever be spread over. It cannot be changed
	// later without losing state. Default: 1.5 times the parallelism, rounded up to a power of two, at least 128, at most 32768.
	MaxParallelism int
	// DisableChaining runs every operator in a task of its own.
	DisableChaining bool
	// FlushTimeout bounds how long a busy task holds a record back in a chunk that is not full. A task that has nothing left to do sends at once, whatever
	// this says. Default 10 ms; negative means no bound.
	FlushTimeout time.Duration
	// ChunkRows bounds the records of a chunk, the unit that travels between tasks. 1 sends every record alone. Default 4096.
	ChunkRows int
	// ChunkBytes bounds what a chunk holds. Default 128 KiB.
	ChunkBytes int
	// ChannelBytes is the credit of each channel between two subtasks: how much may wait there before its producer is blocked. Default 512 KiB.
	ChannelBytes int
	// AutoWatermarkInterval is how often periodic watermark generators are asked, and how often idleness is looked for. Default 200 ms; negative asks generators after every
	// record. The watermarks of the built-in strategies do not depend on it.
	AutoWatermarkInterval time.Duration
	// AllowUnalignedSourceSplits lets a source in a watermark alignment group read on splits that are ahead of the group where its reader cannot pause single splits. Without it, such a
	// source fails the job.
	AllowUnalignedSourceSplits bool
	// StateBackend says where state lives: in memory, which is the default, or on disk as far as it does not fit into memory: see package backends/lsm.
	StateBackend StateBackend
	// StateDir is the directory in which the lsm backend, batch jobs and Checkpoints.LocalRecovery keep their files while the job runs. Default: the system's directory for temporary files.
	StateDir string
	// Memory bounds, in bytes, what state, its caches and the exchange between tasks take together; the program's own memory and the Go runtime's come on top. The exchange's part is set aside, ChannelBytes for each channel, and state has the rest: with the memory backend the job fails when
	// its state needs more, with the lsm backend state beyond that goes to disk. Default: no bound, and 1 GiB with the lsm backend.
	Memory int64
	// RuntimeMode is Streaming, Batch or Automatic. Default Streaming.
	RuntimeMode RuntimeMode
	// BatchMemory is how many bytes of its input a subtask of a batch job keeps in memory where input has to wait: for the records of its key, or for the end of a broadcast stream. The rest goes to a temporary file in StateDir. It also
	// bounds the state of operators that take records as they come: beyond it the records of further keys wait, or windows go to that file. Default: what half of Memory leaves for each such subtask; 256 MiB where that is not set.
	BatchMemory int64
	// Checkpoints makes the job survive failures. Default: none.
	Checkpoints Checkpoints
	// Restart says what happens after a failure. Default: [ExponentialDelayRestart] with checkpoints, [NoRestart] without.
	Restart RestartStrategy
	// Parameters are for the program's own use: functions read them by [Context.Parameter].
	Parameters map[string]string
	// FailureHistory is how many failures of the job [JobClient.Failures] tells at most. Default 16.
	FailureHistory int
	// Logger takes what the engine has to say. Default slog.Default().
	Logger *slog.Logger
}

// withDefaults returns o with defaults filled in, and all that is wrong with it.
func (o Options) withDefaults() (Options, error) {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fault.New(fault.OptionInvalid, format, args...))
	}
	fill := func(name string, v *int, def, least, most int) {
		if *v == 0 {
			*v = def
		}
		if *v < least || *v > most {
			wrong("Options.%s is %d, it must be from %d to %d", name, *v, least, most)
		}
	}
	fill("Parallelism", &o.Parallelism, 1, 1, dataflow.UpperMaxParallelism)
	fill("ChunkRows", &o.ChunkRows, 4096, 1, 1<<20)
	fill("ChunkBytes", &o.ChunkBytes, 128<<10, 256, 1<<30)
	fill("ChannelBytes", &o.ChannelBytes, 512<<10, 256, 1<<30)
	if o.MaxParallelism < 0 || o.MaxParallelism > dataflow.UpperMaxParallelism {
		wrong("Options.MaxParallelism is %d, it must be from 1 to %d, or 0 for the default", o.MaxParallelism, dataflow.UpperMaxParallelism)
	} else if o.MaxParallelism != 0 && o.MaxParallelism < o.Parallelism {
		errs = append(errs, fault.New(fault.GraphMaxParallelism, "Options.MaxParallelism is %d, Options.Parallelism is %d", o.MaxParallelism, o.Parallelism))
	}
	if o.FlushTimeout == 0 {
		o.FlushTimeout = 10 * time.Millisecond
	}
	if o.AutoWatermarkInterval == 0 {
		o.AutoWatermarkInterval = operator.DefaultWatermarkInterval
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Memory < 0 {
		wrong("Options.Memory is %d, it must not be negative", o.Memory)
	}
	if o.BatchMemory < 0 {
		wrong("Options.BatchMemory is %d, it must not be negative", o.BatchMemory)
	}
	if o.FailureHistory < 0 {
		wrong("Options.FailureHistory is %d, it must not be negative", o.FailureHistory)
	}
	if o.RuntimeMode > Automatic {
		wrong("Options.RuntimeMode is %d, it must be Streaming, Batch or Automatic", o.RuntimeMode)
	}
	if o.Memory == 0 && o.StateBackend.create != nil {
		o.Memory = 1 << 30
	}
	o.Parameters = maps.Clone(o.Parameters)
	return o, errors.Join(errs...)
}

// Environment holds the dataflow of one job while it is built.
type Environment struct {
	options Options
	graph   *dataflow.Graph
	checks  []check
	errs    []error
	used    bool
}

// NewEnvironment returns an empty environment. Options that are wrong are reported by Execute.
func NewEnvironment(o Options) *Environment {
	o, err := o.withDefaults()
	e := &Environment{options: o, graph: &dataflow.Graph{
		Parallelism: o.Parallelism, MaxParallelism: o.MaxParallelism, DisableChaining: o.DisableChaining,
	}}
	e.fail(err)
	return e
}

// Options returns the options with defaults filled in.
func (e *Environment) Options() Options { return e.options }

func (e *Environment) fail(err error) {
	if err != nil {
		e.errs = append(e.errs, err)
	}
}

// Program validates and freezes the graph. It is what runs a job: Execute, a test kit or a worker calls it, once.
func (e *Environment) Program(ctx context.Context, name string) (*local.Program, error) {
	if e.used {
		return nil, fault.New(fault.GraphUsed, "the environment of job %q has been executed before", e.graph.Name)
	}
	e.used = true
	e.graph.Name = name
	plan, err := e.plan()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, c := range e.checks {
		errs = append(errs, c.run(ctx))
	}
	memory, err := e.stateMemory(plan)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p := &local.Program{
		StateMemory: memory, StateBackend: e.options.StateBackend.create, StateDir: e.options.StateDir,
		Plan: plan, GraphHash: e.graph.Hash(), Logger: e.options.Logger, Params: e.options.Parameters,
		ChunkRows: e.options.ChunkRows, ChunkBytes: e.options.ChunkBytes, ChannelBytes: e.options.ChannelBytes,
		FlushTimeout: max(e.options.FlushTimeout, 0),
	}
	if e.graph.Batch {
		p.StateBackend = nil
		p.Batch, p.StateMemory = e.batch(plan, memory)
	}
	return p, e.recovery(ctx, p)
}

// StateBackend says where state lives. The zero value keeps it in memory, outside of Go's heap, so that the garbage collector has no work with it.
type StateBackend struct {
	name   string
	create func(statebackend.BackendConfig) statebackend.SpillFactory
}

// NewStateBackend returns the backend that keeps on disk, by what create makes, the state that does not fit into memory. It is for the packages below backends/.
func NewStateBackend(name string, create func(statebackend.BackendConfig) statebackend.SpillFactory) StateBackend {
	return StateBackend{name, create}
}

// String returns the name of the backend.
func (b StateBackend) String() string {
	if b.create == nil {
		return "memory"
	}
	return b.name
}

// leastState is what a subtask with state needs to start.
const leastState = 256 << 10

// stateMemory returns what the memory setting leaves for state, 0 for no bound.
func (e *Environment) stateMemory(plan *dataflow.Plan) (int64, error) {
	if e.options.Memory == 0 {
		return 0, nil
	}
	channels, stateful := int64(0), int64(0)
	for _, pe := range plan.Edges {
		for i := range plan.Vertices[pe.From].Parallelism {
			channels += int64(len(plan.Targets(pe, i)))
		}
	}
	for _, v := range plan.Vertices {
		for _, op := range v.Operators {
			if len(e.graph.Operators[op].States) > 0 {
				stateful += int64(v.Parallelism)
			}
		}
	}
	exchange := channels * int64(e.options.ChannelBytes)
	if least := exchange + stateful*leastState; e.options.Memory < least {
		return 0, fault.New(fault.MemoryTooSmall, "Options.Memory is %d KiB; the exchange takes %d KiB (%d channels of Options.ChannelBytes) and state at least %d KiB (%d subtasks with state)",
			e.options.Memory>>10, exchange>>10, channels, stateful*leastState>>10, stateful)
	}
	return e.options.Memory - exchange, nil
}

// check is what an operator's source or sink can know to be wrong before the job starts.
type check struct {
	op *dataflow.Operator
	fn func(context.Context) error
}

func (c check) run(ctx context.Context) error {
	err := c.fn(ctx)
	if e, ok := errors.AsType[*fault.Error](err); ok && error(e) == err {
		return e.WithOperator(c.op.Name, 0)
	}
	return err
}

// typeError is an error about the type of an edge that counts only if the edge is not chained.
type typeError interface{ typeError() error }

func (e *Environment) plan() (*dataflow.Plan, error) {
	errs := slices.Clone(e.errs)
	if err := e.chooseMode(); err != nil {
		errs = append(errs, err)
	}
	plan, err := e.graph.Plan()
	if err != nil && (len(errs) == 0 || fault.CodeOf(err) != fault.GraphEmpty) {
		errs = append(errs, err)
	}
	if plan != nil {
		for _, pe := range plan.Edges {
			if t, ok := pe.Edge.Factory.(typeError); ok && t.typeError() != nil {
				from, to := e.graph.Operators[pe.Edge.From], e.graph.Operators[pe.Edge.To]
				errs = append(errs, fault.New(fault.CodeOf(t.typeError()), "between %q and %q: %w", from.Name, to.Name, plain{t.typeError()}))
			}
		}
	}
	return plan, errors.Join(errs...)
}

// plain prints a coded error without its code and advice, where both will be said by what wraps it.
type plain struct{ err error }

func (p plain) Error() string {
	if e, ok := errors.AsType[*fault.Error](p.err); ok {
		return e.Message()
	}
	return p.err.Error()
}
func (p plain) Unwrap() error { return p.err }

// Explain returns the plan as text: tasks with their chained operators, uids, and how records travel between them. It does not use up the environment.
// The text of a program is the same each time.
func (e *Environment) Explain() (string, error) {
	plan, err := e.plan()
	if err != nil {
		return "", err
	}
	return plan.Text(), nil
}

// ExplainJSON is Explain in JSON.
func (e *Environment) ExplainJSON() ([]byte, error) {
	plan, err := e.plan()
	if err != nil {
		return nil, err
	}
	return plan.JSON()
}

// Execute runs the job to its end in this process. It returns what became of it, also beside an error: the error of the function, source or sink that failed, or one
// with the code job.canceled when ctx ended first.
func (e *Environment) Execute(ctx context.Context, name string) (*JobResult, error) {
	client, err := e.ExecuteAsync(ctx, name)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { client.Cancel() })
	defer stop()
	return client.Wait(context.WithoutCancel(ctx))
}

// ExecuteAsync starts the job in this process and returns at once. ctx bounds only the checks before the start; the job goes on when it ends.
func (e *Environment) ExecuteAsync(ctx context.Context, name string) (*JobClient, error) {
	program, err := e.Program(ctx, name)
	if err != nil {
		return nil, err
	}
	return newJobClient(name, program), nil
}

// Const computes a value once while the graph is built, and ships it with the job: every worker that builds the graph again gets the value that was
// computed at submission. Use it for whatever may differ between two builds: the time, a random number, the content of a file. T must be encodable.
func Const[T any](e *Environment, name string, compute func() T) T {
	var zero T
	if name == "" || compute == nil {
		e.fail(fault.New(fault.GraphNilFunction, "Const %q needs a name and a function", name))
		return zero
	}
	for _, c := range e.graph.Consts {
		if c.Name == name {
			e.fail(fault.New(fault.GraphInvalid, "two constants are named %q", name))
			return zero
		}
	}
	c, err := codec.For[T]()
	if err != nil {
		e.fail(fmt.Errorf("Const %q: %w", name, err))
		return zero
	}
	v := compute()
	encoded, err := c.Encode(nil, &v)
	if err != nil {
		e.fail(fmt.Errorf("Const %q: %w", name, err))
		return zero
	}
	e.graph.Consts = append(e.graph.Consts, dataflow.Const{Name: name, Value: encoded})
	var decoded T // what a worker will see, not what was computed
	if _, err := c.Decode(encoded, &decoded); err != nil {
		e.fail(fmt.Errorf("Const %q: %w", name, err))
		return zero
	}
	return decoded
}

// String says what has been built, for debugging.
func (e *Environment) String() string {
	var names []string
	for _, op := range e.graph.Operators {
		names = append(names, op.Name)
	}
	return "weir.Environment[" + strings.Join(names, ", ") + "]"
}
