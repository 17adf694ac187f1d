package weir

import (
	"github.com/weirstream/weir/eventtime"
	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/state"
)

// IntervalJoined are two streams, keyed by the same type, whose records are paired by how far apart in event time they lie. They become an operator by [ProcessJoin].
type IntervalJoined[K comparable, A, B any] struct {
	a      *KeyedStream[K, A]
	b      *KeyedStream[K, B]
	bounds IntervalBounds
	lateA  OutputTag[A]
	lateB  OutputTag[B]
}

// IntervalJoin pairs each record of a with those records of b that have the same key and a timestamp between that of the first one plus bounds.Lower and plus bounds.Upper. Records without a partner give nothing. A record is
// kept until the watermark says that no partner can come any more; one that comes behind the watermark is late: it is dropped, and counted as windows count theirs.
func IntervalJoin[K comparable, A, B any](a *KeyedStream[K, A], b *KeyedStream[K, B], bounds IntervalBounds) *IntervalJoined[K, A, B] {
	return &IntervalJoined[K, A, B]{a: a, b: b, bounds: bounds}
}

// SideOutputLate sends late records of the two streams to side outputs of the resulting stream instead of dropping them.
func (j *IntervalJoined[K, A, B]) SideOutputLate(first OutputTag[A], second OutputTag[B]) *IntervalJoined[K, A, B] {
	j.lateA, j.lateB = first, second
	return j
}

// JoinContext is what the engine gives to a function that joins two records. The context's timestamp, and that of what the function emits, is the greater of the two records'.
type JoinContext[K comparable] struct {
	*KeyedContext[K]
	first, second int64
}

// FirstTimestamp is that of the first stream's record, SecondTimestamp that of the second stream's.
func (x *JoinContext[K]) FirstTimestamp() int64  { return x.first }
func (x *JoinContext[K]) SecondTimestamp() int64 { return x.second }

// ProcessJoin calls fn for each pair of records. An error fails the job.
func ProcessJoin[K comparable, A, B, U any](j *IntervalJoined[K, A, B], fn func(ctx *JoinContext[K], a A, b B, out *Collector[U]) error) *Stream[U] {
	env := j.a.stream.env
	need(env, "intervalJoin", fn)
	lower, upper, err := j.bounds.limits()
	if err != nil {
		env.fail(fault.New(fault.CodeOf(err), "operator %q: %w", "intervalJoin", plain{err}))
	}
	create := func() *intervalJoin[K, A, B, U] {
		return &intervalJoin[K, A, B, U]{
			fn: fn, lower: lower, upper: upper, lateA: j.lateA, lateB: j.lateB,
			first: state.NewMap[buffered, A]("first buffer"), second: state.NewMap[buffered, B]("second buffer"),
		}
	}
	return addKeyed(j.a, "intervalJoin", create, j.b.in(), &operator.KeyedProcess[K, A, B, U]{Inputs: 2, Key1: j.a.key, Key2: j.b.key},
		func(x *KeyedContext[K], f *intervalJoin[K, A, B, U], fns *operator.KeyedFunctions[A, B, U], _ *state.Binding) {
			f.x = &JoinContext[K]{KeyedContext: x}
			fns.User = append(fns.User, fn)
			fns.Open = func() error {
				f.dropped = operator.LateCounters(x.c)
				return nil
			}
			fns.Early = true // the timers only forget what no record behind them needs
			fns.Element1 = f.onFirst
			fns.Element2 = f.onSecond
			fns.Timer = func(t int64, _ bool, _ *Collector[U]) error {
				f.forget(t)
				return nil
			}
		})
}

// buffered is the place of a record in its buffer: its timestamp, and how many records of that timestamp came before.
type buffered struct {
	Timestamp int64
	N         int32
}

type intervalJoin[K comparable, A, B, U any] struct {
	fn           func(ctx *JoinContext[K], a A, b B, out *Collector[U]) error
	lower, upper int64
	lateA        OutputTag[A]
	lateB        OutputTag[B]
	first        *state.Map[buffered, A]
	second       *state.Map[buffered, B]
	x            *JoinContext[K]
	dropped      [2]*operator.Accumulator
}

// States implements [Stateful].
func (f *intervalJoin[K, A, B, U]) States() []state.State { return []state.State{f.first, f.second} }

func (f *intervalJoin[K, A, B, U]) onFirst(v *A, ts int64, out *Collector[U]) error {
	if late, err := intervalLate(f, v, ts, f.lateA); late || err != nil {
		return err
	}
	buffer(f.first, *v, ts)
	f.x.RegisterEventTimeTimer(addSaturated(ts, max(f.upper, 0)))
	f.x.first = ts
	return within(f.second, ts, f.lower, f.upper, func(b B, at int64) error {
		f.x.second, f.x.ts = at, max(ts, at)
		out.SetTimestamp(f.x.ts)
		return f.fn(f.x, *v, b, out)
	})
}

func (f *intervalJoin[K, A, B, U]) onSecond(v *B, ts int64, out *Collector[U]) error {
	if late, err := intervalLate(f, v, ts, f.lateB); late || err != nil {
		return err
	}
	buffer(f.second, *v, ts)
	f.x.RegisterEventTimeTimer(addSaturated(ts, max(-f.lower, 0)))
	f.x.second = ts
	return within(f.first, ts, -f.upper, -f.lower, func(a A, at int64) error {
		f.x.first, f.x.ts = at, max(ts, at)
		out.SetTimestamp(f.x.ts)
		return f.fn(f.x, a, *v, out)
	})
}

// intervalLate drops a record behind the watermark.
func intervalLate[K comparable, A, B, U, T any](f *intervalJoin[K, A, B, U], v *T, ts int64, tag OutputTag[T]) (bool, error) {
	if ts == eventtime.NoTimestamp {
		return false, fault.New(fault.TimeNoTimestamp, "a record that is to be joined by time has no timestamp")
	}
	watermark := f.x.Watermark()
	if watermark == eventtime.MinWatermark || ts >= watermark {
		return false, nil
	}
	if tag.name != "" {
		f.x.ts = ts
		tag.Emit(f.x.Context, *v)
		return true, nil
	}
	f.dropped[0].AddInt(1)
	f.dropped[1].AddInt(1)
	return true, nil
}

// buffer puts a record behind those of its timestamp. They are numbered without a hole, so the end is found by halving.
func buffer[T any](m *state.Map[buffered, T], v T, ts int64) {
	at := buffered{Timestamp: ts}
	taken, free := int32(-1), int32(0)
	for at.N = 0; m.Contains(at); at.N = free {
		taken, free = free, 2*free+1
	}
	for free-taken > 1 {
		at.N = taken + (free-taken)/2
		if m.Contains(at) {
			taken = at.N
		} else {
			free = at.N
		}
	}
	at.N = free
	m.Put(at, v)
}

// within calls f for each buffered record with a timestamp from at+lower to at+upper: millisecond by millisecond where these are fewer than the records.
func within[T any](m *state.Map[buffered, T], at, lower, upper int64, f func(v T, ts int64) error) error {
	if lower > 0 && at > eventtime.MaxWatermark-lower || upper < 0 && at <= eventtime.MinWatermark-upper {
		return nil // there are no such times
	}
	low, high := addSaturated(at, lower), addSaturated(at, upper)
	if span := high - low; span >= 0 && span < int64(m.Len()) {
		for ts := low; ; ts++ {
			for at := (buffered{Timestamp: ts}); ; at.N++ {
				v, ok := m.Get(at)
				if !ok {
					break
				}
				if err := f(v, ts); err != nil {
					return err
				}
			}
			if ts == high {
				return nil
			}
		}
	}
	for at, v := range m.All() {
		if at.Timestamp >= low && at.Timestamp <= high {
			if err := f(v, at.Timestamp); err != nil {
				return err
			}
		}
	}
	return nil
}

// forget removes the records that need not be kept beyond the time of a timer. At the end of time that is all whose time would come later.
func (f *intervalJoin[K, A, B, U]) forget(t int64) {
	unbuffer(f.first, t, max(f.upper, 0))
	unbuffer(f.second, t, max(-f.lower, 0))
}

func unbuffer[T any](m *state.Map[buffered, T], t, kept int64) {
	if t == eventtime.MaxWatermark {
		for at := range m.All() {
			if at.Timestamp >= t-kept {
				m.Delete(at)
			}
		}
		return
	}
	if t < eventtime.MinWatermark+kept {
		return // it was set for the other buffer
	}
	for at := (buffered{Timestamp: t - kept}); m.Contains(at); at.N++ {
		m.Delete(at)
	}
}

// addSaturated is a+b, kept between the least and the greatest timestamp.
func addSaturated(a, b int64) int64 {
	s := a + b
	switch {
	case b > 0 && s < a:
		return eventtime.MaxWatermark
	case b < 0 && s > a:
		return eventtime.MinWatermark + 1
	}
	return s
}
