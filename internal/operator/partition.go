package operator

import (
	"iter"
	"math/bits"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/statebackend"
)

// FullPartition keeps all records of a subtask until input ends, and then calls a function with them.
type FullPartition[T, U any] struct {
	Fn func(ctx *Context, elements iter.Seq[T], out *Collector[U]) error
	// User lists the user's own functions, for naming a panic.
	User []any
}

type partitionInstance[T, U any] struct {
	Base
	f     *FullPartition[T, U]
	ctx   *Context
	in    *Port[T]
	scope *statebackend.Scope
	list  *statebackend.List[T]
	out   *Collector[U]
}

// New implements [Factory]. The records are kept as those of a key that belongs to the first key group of the subtask.
func (f *FullPartition[T, U]) New(ctx *Context, w Wiring) (Instance, error) {
	store, err := ctx.OpenStore()
	if err != nil {
		return nil, err
	}
	sp := store.Space("partition", statebackend.KeyLayout{})
	sp.DescribeKey("struct{}")
	own, rest := bits.Div64(uint64(ctx.KeyGroups.First), 0, uint64(ctx.MaxParallelism)) // the least hash of the first key group
	if rest > 0 {
		own++
	}
	sp.Rehash(func([]uint64, []byte) (uint64, uint64) { return own, base.HashSeed })
	m := &partitionInstance[T, U]{f: f, ctx: ctx, scope: statebackend.NewScope(sp), out: &Collector[U]{next: Next[U](w), ctx: ctx}}
	m.list = statebackend.NewList[T](m.scope, "records", nil)
	m.in = ValuePort(func(v T, _ int64) {
		if ctx.Failed {
			return
		}
		m.point()
		m.list.Add(v)
	})
	return m, nil
}

func (m *partitionInstance[T, U]) point() { m.scope.SetGroup(0, base.HashSeed, nil) }

func (m *partitionInstance[T, U]) Inputs() []any    { return []any{m.in} }
func (m *partitionInstance[T, U]) Functions() []any { return m.f.User }

func (m *partitionInstance[T, U]) Finish() bool {
	if m.ctx.Failed {
		return false
	}
	m.point()
	m.out.ts = m.ctx.CurrentWatermark
	if err := m.f.Fn(m.ctx, m.list.All(), m.out); err != nil {
		m.ctx.Fail(fault.Wrap(fault.FunctionError, err))
	}
	return false
}
