package weir

import (
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/state"
)

// TimeDomain is what a timer goes by.
type TimeDomain uint8

const (
	// EventTime is the time of watermarks.
	EventTime TimeDomain = iota
	// ProcessingTime is the engine's clock.
	ProcessingTime
)

// String returns the name as Flink spells it.
func (d TimeDomain) String() string {
	if d == ProcessingTime {
		return "PROCESSING_TIME"
	}
	return "EVENT_TIME"
}

// KeyedContext is what the engine gives to a keyed function: a [Context] with the current key and its timers. It belongs to one subtask, and is used only while the function runs.
//
// A timer is set for the current key and a time; it is set once, however often it is registered. Timers are state. When one has come, OnTimer is called with its key as the current one: event-time timers when the
// watermark has come to their time, in the order of their times; processing-time timers by the engine's clock. An event-time timer that is behind the watermark already fires
// with the next one. At the end of bounded input all event-time timers fire, and processing-time timers that have not come are dropped; in batch mode both fire when the
// records of their key have come: see [RuntimeMode].
type KeyedContext[K comparable] struct {
	*Context
	rt     *operator.KeyedRuntime[K]
	domain TimeDomain
}

// Key is the current key. It fails the job where there is none: in Open, Finish, and the function of a broadcast stream.
func (x *KeyedContext[K]) Key() K {
	k, ok := x.rt.Keys.Key()
	if !ok {
		x.noKey("the current key is asked for")
	}
	return k
}

func (x *KeyedContext[K]) noKey(what string) {
	x.c.Fail(fault.New(fault.StateNoKey, "%s where there is no key", what))
	x.c.Host.Interrupt()
}

func (x *KeyedContext[K]) timer() *operator.TimerService[K] {
	if _, ok := x.rt.Keys.Key(); !ok {
		x.c.Fail(fault.New(fault.StateTimerNoKey, "a timer is set or deleted where there is no key"))
		x.c.Host.Interrupt()
	}
	return x.rt.Timers
}

// TimeDomain is that of the timer being processed, within OnTimer.
func (x *KeyedContext[K]) TimeDomain() TimeDomain { return x.domain }

// RegisterEventTimeTimer sets a timer of the current key, in milliseconds since the epoch.
func (x *KeyedContext[K]) RegisterEventTimeTimer(t int64) { x.timer().RegisterEvent(t) }

// DeleteEventTimeTimer takes a timer back. It does nothing if the timer is not set.
func (x *KeyedContext[K]) DeleteEventTimeTimer(t int64) { x.timer().DeleteEvent(t) }

// RegisterProcessingTimeTimer sets a timer of the current key by the engine's clock, in milliseconds since the epoch.
func (x *KeyedContext[K]) RegisterProcessingTimeTimer(t int64) { x.timer().RegisterProc(t) }

// DeleteProcessingTimeTimer takes a timer back. It does nothing if the timer is not set.
func (x *KeyedContext[K]) DeleteProcessingTimeTimer(t int64) { x.timer().DeleteProc(t) }

// KeyedProcessFunction is a function of a keyed stream with a life: one value serves one subtask, and sees the records of its keys one at a time. It may also have the methods of
// [Stateful], [TimerHandler], [Opener], [Closer], [WatermarkHandler] and [Finisher].
type KeyedProcessFunction[K comparable, T, U any] interface {
	Process(ctx *KeyedContext[K], v T, out *Collector[U]) error
}

// TimerHandler is called when a timer has come. Records it emits have the timer's time as their timestamp unless it says otherwise.
type TimerHandler[K comparable, U any] interface {
	OnTimer(ctx *KeyedContext[K], t int64, out *Collector[U]) error
}

// KeyedCoProcessFunction is a function of two keyed streams with a life. State and timers belong to the key, whichever stream a record comes from. It may also have the methods that a [KeyedProcessFunction] may have, and
// that of [InputEndHandler].
type KeyedCoProcessFunction[K comparable, A, B, U any] interface {
	Process1(ctx *KeyedContext[K], v A, out *Collector[U]) error
	Process2(ctx *KeyedContext[K], v B, out *Collector[U]) error
}

// InputEndHandler is called when one of several inputs has ended: input is 1 or 2.
type InputEndHandler[U any] interface {
	OnInputEnd(ctx *Context, input int, out *Collector[U]) error
}

// KeyedBroadcastProcessFunction is a function of a keyed stream and a broadcast one. Each subtask sees all records of the broadcast stream; it alone may write broadcast state, and must do the same in every subtask. Where the
// broadcast stream's records come there is no current key: ctx.ForEachKey visits all. It may also have the methods that a [KeyedProcessFunction] may have.
type KeyedBroadcastProcessFunction[K comparable, T, B, U any] interface {
	Process(ctx *KeyedContext[K], v T, out *Collector[U]) error
	ProcessBroadcast(ctx *KeyedContext[K], v B, out *Collector[U]) error
}

// BroadcastProcessFunction is a function of a stream and a broadcast one. It may also have the methods of [Stateful], [Opener], [Closer], [WatermarkHandler] and [Finisher].
type BroadcastProcessFunction[T, B, U any] interface {
	Process(ctx *Context, v T, out *Collector[U]) error
	ProcessBroadcast(ctx *Context, v B, out *Collector[U]) error
}

// ForEachKey calls f for each key of the subtask that has state, with the key as the current one. It is for the function of a broadcast stream.
func (x *KeyedContext[K]) ForEachKey(f func(key K) error) error {
	snap, err := x.rt.Store.Snapshot()
	if err != nil {
		return err
	}
	defer snap.Release()
	defer x.rt.Keys.Unset()
	sp := x.rt.Keys.Scope.Space()
	words := make([]uint64, sp.Layout().Words)
	for group := range x.c.KeyGroups.Len() {
		err := snap.Entries(sp, group, func(key, _ []byte) bool {
			b, _, cut := sp.CutKey(key, words)
			if err = cut; err != nil {
				return false
			}
			x.rt.Keys.SetWords(words, b)
			k, _ := x.rt.Keys.Key()
			err = f(k)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return err
}

// ProcessKeyedWith is [ProcessKeyed] with a function for each subtask, made by create, which may have state and timers.
func ProcessKeyedWith[K comparable, T, U any](k *KeyedStream[K, T], create func() KeyedProcessFunction[K, T, U]) *Stream[U] {
	return addKeyed(k, "keyedProcess", create, nil, &operator.KeyedProcess[K, T, T, U]{Inputs: 1, Key1: k.key},
		func(x *KeyedContext[K], f KeyedProcessFunction[K, T, U], fns *operator.KeyedFunctions[T, T, U], _ *state.Binding) {
			fns.Element1 = func(v *T, ts int64, out *Collector[U]) error {
				x.ts = ts
				return f.Process(x, *v, out)
			}
		})
}

// CoProcessKeyed calls a function for the records of two streams that are keyed by the same type; records of one key from both come to the same subtask. Between the two streams there is no order.
func CoProcessKeyed[K comparable, A, B, U any](a *KeyedStream[K, A], b *KeyedStream[K, B], create func() KeyedCoProcessFunction[K, A, B, U]) *Stream[U] {
	return addKeyed(a, "keyedCoProcess", create, b.in(), &operator.KeyedProcess[K, A, B, U]{Inputs: 2, Key1: a.key, Key2: b.key},
		func(x *KeyedContext[K], f KeyedCoProcessFunction[K, A, B, U], fns *operator.KeyedFunctions[A, B, U], _ *state.Binding) {
			fns.Element1 = func(v *A, ts int64, out *Collector[U]) error {
				x.ts = ts
				return f.Process1(x, *v, out)
			}
			fns.Element2 = func(v *B, ts int64, out *Collector[U]) error {
				x.ts = ts
				return f.Process2(x, *v, out)
			}
		})
}

// ProcessKeyedBroadcast calls a function for the records of a keyed stream, and in every subtask for each record of rules. Between the two streams there is no order.
func ProcessKeyedBroadcast[K comparable, T, B, U any](k *KeyedStream[K, T], rules *Stream[B], create func() KeyedBroadcastProcessFunction[K, T, B, U]) *Stream[U] {
	return addKeyed(k, "keyedBroadcastProcess", create, rules.Broadcast().in(), &operator.KeyedProcess[K, T, B, U]{Inputs: 2, Broadcast: true, Key1: k.key},
		func(x *KeyedContext[K], f KeyedBroadcastProcessFunction[K, T, B, U], fns *operator.KeyedFunctions[T, B, U], b *state.Binding) {
			fns.Element1 = func(v *T, ts int64, out *Collector[U]) error {
				x.ts = ts
				return f.Process(x, *v, out)
			}
			fns.Element2 = func(v *B, ts int64, out *Collector[U]) error {
				x.ts = ts
				b.Writable = true
				err := f.ProcessBroadcast(x, *v, out)
				b.Writable = false
				return err
			}
		})
}

// addKeyed adds an operator with keyed state. wire sets the functions of a subtask's elements.
func addKeyed[K comparable, A, B, U, F any](k *KeyedStream[K, A], kind string, create func() F, second input, factory *operator.KeyedProcess[K, A, B, U],
	wire func(x *KeyedContext[K], f F, fns *operator.KeyedFunctions[A, B, U], b *state.Binding),
) *Stream[U] {
	env := k.stream.env
	need(env, kind, create)
	states := declared(env, kind, true, any(probe(create)))
	factory.Make = func(c *operator.Context, w operator.Wiring, rt *operator.KeyedRuntime[K]) (fns operator.KeyedFunctions[A, B, U], err error) {
		f := create()
		if any(f) == nil {
			return fns, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
		}
		binding := &state.Binding{Scope: rt.Keys.Scope}
		if err := bind(c, f, binding); err != nil {
			return fns, err
		}
		x := &KeyedContext[K]{Context: newContext(c, w), rt: rt}
		life := lifecycle[A, B, U](x.Context, f)
		fns.Open, fns.Close, fns.Watermark, fns.Finish = life.Open, life.Close, life.Watermark, life.Finish
		if h, ok := any(f).(TimerHandler[K, U]); ok {
			fns.Timer = func(t int64, event bool, out *Collector[U]) error {
				x.ts, x.domain = t, ProcessingTime
				if event {
					x.domain = EventTime
				}
				return h.OnTimer(x, t, out)
			}
		}
		if h, ok := any(f).(InputEndHandler[U]); ok {
			fns.EndInput = func(input int, out *Collector[U]) error { return h.OnInputEnd(x.Context, input+1, out) }
		}
		wire(x, f, &fns, binding)
		return fns, nil
	}
	inputs := []input{k.in()}
	if second != nil {
		inputs = append(inputs, second)
	}
	return outputOf[U](env, env.add(spec{kind: kind, factory: factory, outType: typeText[U](), keyType: typeText[K](), states: states}, inputs...))
}

// ProcessBroadcast calls a function for the records of a stream, and in every subtask for each record of rules. Between the two streams there is no order.
func ProcessBroadcast[T, B, U any](s *Stream[T], rules *Stream[B], create func() BroadcastProcessFunction[T, B, U]) *Stream[U] {
	const kind = "broadcastProcess"
	need(s.env, kind, create)
	states := declared(s.env, kind, false, any(probe(create)))
	return outputOf[U](s.env, s.env.add(spec{kind: kind, outType: typeText[U](), states: states, factory: &operator.Process[T, B, U]{
		Inputs: 2, Make: func(c *operator.Context, w operator.Wiring) (fns operator.ProcessFunctions[T, B, U], err error) {
			f := create()
			if any(f) == nil {
				return fns, fault.New(fault.GraphNilFunction, "the factory returned a nil function")
			}
			binding := &state.Binding{}
			if err := bind(c, f, binding); err != nil {
				return fns, err
			}
			ctx := newContext(c, w)
			fns = lifecycle[T, B, U](ctx, f)
			fns.Element1 = func(v T, ts int64, out *Collector[U]) error {
				ctx.ts = ts
				return f.Process(ctx, v, out)
			}
			fns.Element2 = func(v B, ts int64, out *Collector[U]) error {
				ctx.ts = ts
				binding.Writable = true
				err := f.ProcessBroadcast(ctx, v, out)
				binding.Writable = false
				return err
			}
			return fns, nil
		},
	}}, s.in(), rules.Broadcast().in()))
}
