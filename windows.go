package weir

import (
	"errors"
	"iter"
	"time"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/state"
	"github.com/weirstream/weir/window"
)

// WindowedStream is a keyed stream whose records are grouped in windows. It is described step by step and becomes an operator by one of [ReduceWindow], [AggregateWindow], [ApplyWindow] and their
// variants. See package window for assigners, triggers and evictors.
//
// A result has the last timestamp that belongs to its window, so that windows of the same size can follow each other.
type WindowedStream[K comparable, T any] struct {
	keyed *KeyedStream[K, T]
	spec  window.Spec[T]
	all   bool
	tag   *OutputTag[T]
}

// Window groups the records of each key in windows.
func (k *KeyedStream[K, T]) Window(a window.Assigner[T]) *WindowedStream[K, T] {
	return &WindowedStream[K, T]{keyed: k, spec: window.Spec[T]{Assigner: a}}
}

// CountWindow groups every n records of a key.
func (k *KeyedStream[K, T]) CountWindow(n int64) *WindowedStream[K, T] {
	return &WindowedStream[K, T]{keyed: k, spec: window.CountWindow[T](n)}
}

// SlidingCountWindow gives, after every slide records of a key, the last size ones. It keeps the elements: use [ApplyWindow].
func (k *KeyedStream[K, T]) SlidingCountWindow(size, slide int64) *WindowedStream[K, T] {
	return &WindowedStream[K, T]{keyed: k, spec: window.SlidingCountWindow[T](size, slide)}
}

// WindowAll groups the records of a stream in windows without a key. The operator has parallelism 1.
func (s *Stream[T]) WindowAll(a window.Assigner[T]) *WindowedStream[struct{}, T] {
	w := KeyBy(s, func(T) struct{} { return struct{}{} }).Window(a)
	w.all = true
	return w
}

// CountWindowAll groups every n records of a stream. The operator has parallelism 1.
func (s *Stream[T]) CountWindowAll(n int64) *WindowedStream[struct{}, T] {
	w := KeyBy(s, func(T) struct{} { return struct{}{} }).CountWindow(n)
	w.all = true
	return w
}

// Trigger replaces the assigner's trigger: nothing of the old one remains.
func (w *WindowedStream[K, T]) Trigger(t window.Trigger[T]) *WindowedStream[K, T] {
	w.spec.Trigger = t
	return w
}

// Evictor throws elements out of a window when it is evaluated. A window with an evictor keeps its elements, so it cannot be reduced or aggregated as they come.
func (w *WindowedStream[K, T]) Evictor(e window.Evictor[T]) *WindowedStream[K, T] {
	w.spec.Evictor = e
	return w
}

// AllowedLateness keeps event-time windows for d behind their end: a record that comes for one in that time is added to it, and makes it fire again. Default 0.
func (w *WindowedStream[K, T]) AllowedLateness(d time.Duration) *WindowedStream[K, T] {
	w.spec.AllowedLateness = d
	return w
}

// SideOutputLateData sends records that are too late for all their windows to a side output of the resulting stream. Without it they are dropped, and counted in the accumulators numLateRecordsDropped of
// the job and <operator name>.numLateRecordsDropped.
func (w *WindowedStream[K, T]) SideOutputLateData(tag OutputTag[T]) *WindowedStream[K, T] {
	w.tag = &tag
	return w
}

// ReduceWindow combines the records of each window into one. It is a function and not a method since the compiler makes all methods of a type for every type of records, used or not.
func ReduceWindow[K comparable, T any](w *WindowedStream[K, T], combine func(kept, v T) T) *Stream[T] {
	return ReduceWindowWith(w, combine, func(_ *WindowContext[K], v T, out *Collector[T]) error {
		out.Collect(v)
		return nil
	})
}

// WindowContext is what the engine gives to a function of windows: a [Context] with the window and its key.
type WindowContext[K comparable] struct {
	*Context
	rt *operator.WindowRuntime[K]
	w  window.Window
}

// Window is the window being evaluated.
func (x *WindowContext[K]) Window() window.Window { return x.w }

// Key is the key of the window.
func (x *WindowContext[K]) Key() K {
	k, _ := x.rt.Keys.Key()
	return k
}

// ProcessWindowFunction is a function of the elements of a window, with a life: one value serves one subtask. The elements can be read more than once, until Process returns. It may also have
// the methods of [Opener], [Closer], [Stateful], whose states belong to the key and outlive windows, [WindowStateful] and [WindowClearer].
type ProcessWindowFunction[K comparable, T, U any] interface {
	Process(ctx *WindowContext[K], elements iter.Seq[T], out *Collector[U]) error
}

// WindowStateful is a function with state for each window of a key, as [Stateful] with state for each key. The state goes when the window does. Windows that merge cannot have it.
type WindowStateful interface{ WindowStates() []state.State }

// WindowClearer is called when a window is removed, while its state is still there.
type WindowClearer[K comparable] interface {
	Clear(ctx *WindowContext[K]) error
}

// ReduceWindowWith combines the records of each window into one as they come, and calls process with it when the window fires.
func ReduceWindowWith[K comparable, T, U any](w *WindowedStream[K, T], combine func(kept, v T) T, process func(ctx *WindowContext[K], v T, out *Collector[U]) error) *Stream[U] {
	need(w.keyed.stream.env, "window", combine, process)
	type kept struct {
		Set bool
		V   T
	}
	return addIncremental(w, Aggregator[T, kept, T]{
		Create: func() kept { return kept{} },
		Add: func(k kept, v T) kept {
			if !k.Set {
				return kept{true, v}
			}
			return kept{true, combine(k.V, v)}
		},
		Result: func(k kept) T { return k.V },
		Merge: func(a, b kept) kept {
			switch {
			case !a.Set:
				return b
			case !b.Set:
				return a
			}
			return kept{true, combine(a.V, b.V)}
		},
	}, process, []any{combine, process})
}

// AggregateWindow keeps an accumulator for each window and emits its result when the window fires. Windows that merge need the aggregator's Merge. Sliding windows that share slices use Merge, too: see
// [Aggregator].
func AggregateWindow[K comparable, T, A, R any](w *WindowedStream[K, T], a Aggregator[T, A, R]) *Stream[R] {
	return AggregateWindowWith(w, a, func(_ *WindowContext[K], r R, out *Collector[R]) error {
		out.Collect(r)
		return nil
	})
}

// AggregateWindowWith is [AggregateWindow] with a function that is called with the result when the window fires.
func AggregateWindowWith[K comparable, T, A, R, U any](w *WindowedStream[K, T], a Aggregator[T, A, R], process func(ctx *WindowContext[K], r R, out *Collector[U]) error) *Stream[U] {
	need(w.keyed.stream.env, "window", a.Create, a.Add, a.Result, process)
	return addIncremental(w, a, process, []any{a.Create, a.Add, a.Result, a.Merge, process})
}

// ApplyWindow calls fn with the elements of each window when it fires.
func ApplyWindow[K comparable, T, U any](w *WindowedStream[K, T], fn func(ctx *WindowContext[K], elements iter.Seq[T], out *Collector[U]) error) *Stream[U] {
	need(w.keyed.stream.env, "window", fn)
	return ProcessWindowWith(w, func() ProcessWindowFunction[K, T, U] { return processWindowFunc[K, T, U](fn) })
}

type processWindowFunc[K comparable, T, U any] func(ctx *WindowContext[K], elements iter.Seq[T], out *Collector[U]) error

func (f processWindowFunc[K, T, U]) Process(ctx *WindowContext[K], elements iter.Seq[T], out *Collector[U]) error {
	return f(ctx, elements, out)
}

// ProcessWindowWith is [ApplyWindow] with a function for each subtask, made by create.
func ProcessWindowWith[K comparable, T, U any](w *WindowedStream[K, T], create func() ProcessWindowFunction[K, T, U]) *Stream[U] {
	env := w.keyed.stream.env
	need(env, "window", create)
	f := probe(create)
	states := declared(env, "window", true, f)
	if ws, ok := any(f).(WindowStateful); ok {
		if w.spec.Assigner != nil && w.spec.Assigner.Merging() {
			env.fail(fault.New(fault.WindowState, "operator %q declares state for each window, but its windows merge", w.name()))
		}
		states = append(states, declared(env, "window", true, windowStates{ws})...)
	}
	factory := &operator.Window[K, T, struct{}, U]{Make: func(c *operator.Context, wr operator.Wiring, rt *operator.WindowRuntime[K]) (fns operator.WindowFunctions[T, struct{}, U], err error) {
		f := create()
		if any(f) == nil {
			return fns, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
		}
		x := &WindowContext[K]{Context: newContext(c, wr), rt: rt}
		if err := bind(c, f, &state.Binding{Scope: rt.Keys.Scope}); err != nil {
			return fns, err
		}
		if ws, ok := any(f).(WindowStateful); ok {
			if err := bind(c, windowStates{ws}, &state.Binding{Scope: rt.Windows}); err != nil {
				return fns, err
			}
		}
		life := lifecycle[T, T, U](x.Context, f)
		fns.Open, fns.Close = life.Open, life.Close
		fns.Elements = func(w window.Window, elems *operator.WindowElements[T], out *Collector[U]) error {
			x.ts, x.w = w.MaxTimestamp(), w
			return f.Process(x, elems.All, out)
		}
		if cl, ok := any(f).(WindowClearer[K]); ok {
			fns.Clear = func(w window.Window) error {
				x.ts, x.w = w.MaxTimestamp(), w
				return cl.Clear(x)
			}
		}
		if fn, ok := any(f).(processWindowFunc[K, T, U]); ok {
			fns.User = []any{fn}
		}
		return fns, nil
	}}
	factory.Spec, factory.Key, factory.LateOutput = w.spec, w.keyed.key, w.lateOutput()
	_, err := codec.For[T]()
	return addWindow[K, T, U](w, factory, states, "list", typeText[T](), err)
}

// windowStates makes the states of windows look like those of keys.
type windowStates struct{ f WindowStateful }

func (w windowStates) States() []state.State { return w.f.WindowStates() }

// addIncremental adds an operator whose windows keep an accumulator.
func addIncremental[K comparable, T, A, R, U any](w *WindowedStream[K, T], a Aggregator[T, A, R], process func(*WindowContext[K], R, *Collector[U]) error, user []any) *Stream[U] {
	env := w.keyed.stream.env
	if w.spec.Evictor != nil {
		env.fail(fault.New(fault.WindowEvictor, "operator %q has the evictor %v, but it reduces or aggregates records as they come", w.name(), w.spec.Evictor))
	}
	if w.spec.Assigner != nil && w.spec.Assigner.Merging() && a.Merge == nil {
		env.fail(fault.New(fault.WindowMerge, "operator %q merges windows, but its aggregator has no Merge", w.name()))
	}
	factory := &operator.Window[K, T, A, U]{Create: a.Create, Add: a.Add, Merge: a.Merge, Make: func(c *operator.Context, wr operator.Wiring, rt *operator.WindowRuntime[K]) (operator.WindowFunctions[T, A, U], error) {
		x := &WindowContext[K]{Context: newContext(c, wr), rt: rt}
		return operator.WindowFunctions[T, A, U]{User: user, Accumulator: func(w window.Window, acc *A, out *Collector[U]) error {
			x.ts, x.w = w.MaxTimestamp(), w
			return process(x, a.Result(*acc), out)
		}}, nil
	}}
	factory.Spec, factory.Key, factory.LateOutput = w.spec, w.keyed.key, w.lateOutput()
	_, err := codec.For[A]()
	var f operator.Factory = factory
	if w.spec.Assigner != nil && w.spec.Check() == nil {
		if al, ok := operator.Sliceable(w.spec); ok && al.Size() == al.Slide() {
			f = &operator.TumbleWindow[K, T, A, U]{Window: *factory}
		} else if ok && a.Merge != nil {
			f = &operator.SlideWindow[K, T, A, U]{Window: *factory}
		} else if operator.Sessions(w.spec) {
			f = &operator.SessionWindow[K, T, A, U]{Window: *factory}
		}
	}
	return addWindow[K, T, U](w, f, nil, "aggregating", typeText[A](), err)
}

func (w *WindowedStream[K, T]) lateOutput() string {
	if w.tag == nil {
		return ""
	}
	return w.tag.name
}

func (w *WindowedStream[K, T]) name() string {
	if w.spec.Assigner == nil {
		return "window"
	}
	return "window " + w.spec.Assigner.String()
}

// addWindow adds the operator of a windowed stream. kind and schema are those of the windows' contents, err says why they cannot be kept.
func addWindow[K comparable, T, U any](w *WindowedStream[K, T], factory operator.Factory, states []dataflow.StateDecl, kind, schema string, err error) *Stream[U] {
	env := w.keyed.stream.env
	for _, e := range all(w.spec.Check()) {
		env.fail(fault.New(fault.CodeOf(e), "operator %q: %w", w.name(), plain{e}))
	}
	if err != nil {
		env.fail(fault.New(fault.CodeOf(err), "operator %q keeps records in windows: %w", w.name(), plain{err}))
	}
	states = append([]dataflow.StateDecl{{Name: "window contents", Kind: kind, Schema: schema}}, states...)
	s := spec{kind: "window", name: w.name(), factory: factory, outType: typeText[U](), keyType: typeText[K](), states: states, nonParallel: w.all}
	if w.all {
		s.parallelism = 1
	}
	return outputOf[U](env, env.add(s, w.keyed.in()))
}

// all takes joined errors apart.
func all(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
