package weir

import (
	"context"
	"fmt"
	"iter"

	"github.com/weirstream/weir/fault"
	"github.com/weirstream/weir/internal/base"
	"github.com/weirstream/weir/internal/codec"
	"github.com/weirstream/weir/internal/dataflow"
	"github.com/weirstream/weir/internal/operator"
	"github.com/weirstream/weir/internal/statebackend"
)

// A running job's keyed state can be read without stopping it: by key with [QueryValue], [QueryList] and [QueryMap], and as a whole with [ScanValues]. The operator is named by its name or its uid, the state by its
// name; the types must be those it was declared with. A query by key is answered by the task that owns the key, between two records, so it sees the effect of all records before. A scan
// sees the state of each subtask at one moment, and reads it beside the task. Nothing is read of a job that has ended.

// QueryValue returns the value of a value, reducing or aggregating state (for the latter, its accumulator) for a key, and whether there is one.
func QueryValue[V any, K comparable](ctx context.Context, c *JobClient, operator, state string, key K) (v V, ok bool, err error) {
	all, err := query[V](ctx, c, operator, state, key, statebackend.ValueKind)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// QueryList returns the values of a list state for a key.
func QueryList[V any, K comparable](ctx context.Context, c *JobClient, operator, state string, key K) ([]V, error) {
	return query[V](ctx, c, operator, state, key, statebackend.ListKind)
}

// QueryMap returns the entries of a map state for a key.
func QueryMap[MK comparable, V any, K comparable](ctx context.Context, c *JobClient, operator, state string, key K) (map[MK]V, error) {
	part, err := queryPart(ctx, c, operator, state, key, statebackend.MapKind)
	if err != nil || part == nil {
		return nil, err
	}
	words, err := codec.WordsFor[MK]()
	if err != nil {
		return nil, err
	}
	kc, err := codec.KeyFor[MK]()
	if err != nil {
		return nil, err
	}
	if s := kc.Codec.Schema(); s != part.Cell.KeySchema() {
		return nil, fault.New(fault.StateQuery, "state %q of operator %q has keys of type %s, not %s", state, operator, part.Cell.KeySchema(), s)
	}
	values, err := decodeAll[V](part, operator, state)
	if err != nil {
		return nil, err
	}
	m := make(map[MK]V, len(values))
	for i, v := range values {
		var k MK
		words.Get(part.Words[i], part.Bytes[i], &k)
		m[k] = v
	}
	return m, nil
}

// KeyValue is a key with its value.
type KeyValue[K, V any] struct {
	Key   K
	Value V
}

// ScanValues returns all keys of a value, reducing or aggregating state with their values, subtask by subtask. If it fails, the last pair has the error. Leaving the loop
// early is allowed.
func ScanValues[K comparable, V any](ctx context.Context, c *JobClient, operatorName, state string) iter.Seq2[KeyValue[K, V], error] {
	return func(yield func(KeyValue[K, V], error) bool) {
		var none KeyValue[K, V]
		op, err := findOperator(c, operatorName)
		if err != nil {
			yield(none, err)
			return
		}
		for subtask := range c.program.Plan.Resolved[op.ID].Parallelism {
			ok, err := scanSubtask(ctx, c, op, subtask, operatorName, state, yield)
			if err != nil {
				yield(none, err)
			}
			if !ok || err != nil {
				return
			}
		}
	}
}

func scanSubtask[K comparable, V any](ctx context.Context, c *JobClient, op *dataflow.Operator, subtask int, operatorName, state string, yield func(KeyValue[K, V], error) bool) (goOn bool, err error) {
	words, err := codec.WordsFor[K]()
	if err != nil {
		return false, err
	}
	values, err := codec.For[V]()
	if err != nil {
		return false, err
	}
	type view struct {
		snap   *statebackend.Snapshot
		sp     *statebackend.Space
		groups int
		now    int64
	}
	v, err := ask(ctx, c, op, subtask, func(oc *operator.Context) (v view, err error) {
		sp, cell, err := findCell(oc, operatorName, state, statebackend.ValueKind, values.Schema(), statebackend.KeyLayout{Words: words.N, Bytes: words.Bytes})
		if err != nil || sp == nil {
			return v, err
		}
		_ = cell
		v.snap, err = oc.Store.Snapshot()
		v.sp, v.groups, v.now = sp, oc.KeyGroups.Len(), oc.Host.Now().UnixMilli()
		return v, err
	})
	if err != nil || v.snap == nil {
		return err == nil, err
	}
	defer v.snap.Release()
	key := make([]uint64, words.N)
	goOn = true
	for group := 0; group < v.groups && goOn && err == nil; group++ {
		failed := v.snap.Entries(v.sp, group, func(encoded, payload []byte) bool {
			b, _, cut := v.sp.CutKey(encoded, key)
			parts, bad := v.sp.Parts(payload, v.now)
			if cut != nil || bad != nil {
				err = fault.New(fault.StateDamaged, "state %q of operator %q cannot be read", state, operatorName)
				return false
			}
			for _, p := range parts {
				if p.Cell.Name() != state || len(p.Values) == 0 {
					continue
				}
				var kv KeyValue[K, V]
				words.Get(key, b, &kv.Key)
				if _, err = values.Decode(p.Values[0], &kv.Value); err != nil {
					return false
				}
				goOn = yield(kv, nil)
			}
			return goOn
		})
		if failed != nil {
			err = failed
		}
	}
	return goOn, err
}

func query[V any, K comparable](ctx context.Context, c *JobClient, operator, state string, key K, kind statebackend.Kind) ([]V, error) {
	part, err := queryPart(ctx, c, operator, state, key, kind)
	if err != nil || part == nil {
		return nil, err
	}
	return decodeAll[V](part, operator, state)
}

func decodeAll[V any](part *statebackend.PayloadPart, operator, state string) ([]V, error) {
	values, err := codec.For[V]()
	if err != nil {
		return nil, err
	}
	if s := values.Schema(); s != part.Cell.Schema() {
		return nil, fault.New(fault.StateQuery, "state %q of operator %q holds %s, not %s", state, operator, part.Cell.Schema(), s)
	}
	all := make([]V, len(part.Values))
	for i, b := range part.Values {
		if _, err := values.Decode(b, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// queryPart returns what a state has for a key, nil if there is nothing.
func queryPart[K comparable](ctx context.Context, c *JobClient, operatorName, state string, key K, kind statebackend.Kind) (*statebackend.PayloadPart, error) {
	op, err := findOperator(c, operatorName)
	if err != nil {
		return nil, err
	}
	kc, err := codec.KeyFor[K]()
	if err != nil {
		return nil, err
	}
	words, err := codec.WordsFor[K]()
	if err != nil {
		return nil, err
	}
	if s := typeText[K](); op.KeyType != s {
		return nil, fault.New(fault.StateQuery, "operator %q is keyed by %s, not %s", operatorName, orNothing(op.KeyType), s)
	}
	resolved := c.program.Plan.Resolved[op.ID]
	hash := kc.Hash(key)
	subtask := base.SubtaskOf(base.KeyGroup(hash, resolved.MaxParallelism), resolved.Parallelism, resolved.MaxParallelism)
	return ask(ctx, c, op, subtask, func(oc *operator.Context) (*statebackend.PayloadPart, error) {
		sp, cell, err := findCell(oc, operatorName, state, kind, "", statebackend.KeyLayout{Words: words.N, Bytes: words.Bytes})
		if err != nil || sp == nil {
			return nil, err
		}
		w := make([]uint64, words.N)
		b := words.Put(&key, w, nil)
		r, ok := sp.Find(sp.Group(hash), hash, w, b)
		if !ok {
			return nil, nil
		}
		payload, err := sp.AppendPayload(nil, r)
		if err != nil {
			return nil, err
		}
		parts, err := sp.Parts(payload, oc.Host.Now().UnixMilli())
		for i := range parts {
			if parts[i].Cell == cell {
				return &parts[i], err
			}
		}
		return nil, err
	})
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// ask runs f for an operator in one subtask, between two records, and returns what it returns.
func ask[R any](ctx context.Context, c *JobClient, op *dataflow.Operator, subtask int, f func(*operator.Context) (R, error)) (r R, err error) {
	type answer struct {
		r   R
		err error
	}
	answers := make(chan answer, 1)
	if c.job.Inspect(op.ID, subtask, func(oc *operator.Context) {
		r, err := f(oc)
		answers <- answer{r, err}
	}) == 0 {
		return r, fault.New(fault.JobNotRunning, "operator %q has no subtask %d that runs", op.Name, subtask)
	}
	select {
	case a := <-answers:
		return a.r, a.err
	case <-ctx.Done():
		return r, ctx.Err()
	case <-c.job.Done():
		select {
		case a := <-answers:
			return a.r, a.err
		default:
			return r, fault.New(fault.JobNotRunning, "job %q has ended", c.name)
		}
	}
}

// findOperator returns the operator of a name or uid.
func findOperator(c *JobClient, name string) (*dataflow.Operator, error) {
	var found *dataflow.Operator
	for i, op := range c.program.Plan.Graph.Operators {
		if op.UID == name || fmt.Sprint(c.program.Plan.UIDs[i]) == name {
			return op, nil
		}
		if op.Name == name {
			if found != nil {
				return nil, fault.New(fault.StateQuery, "two operators are named %q: ask for one by its uid", name)
			}
			found = op
		}
	}
	if found == nil {
		return nil, fault.New(fault.StateQuery, "the job has no operator %q", name)
	}
	return found, nil
}

// findCell returns a state of an operator and the space of its keys.
func findCell(oc *operator.Context, operatorName, state string, kind statebackend.Kind, schema string, layout statebackend.KeyLayout) (*statebackend.Space, *statebackend.Cell, error) {
	if oc.Store == nil {
		return nil, nil, fault.New(fault.StateQuery, "operator %q has no state", operatorName)
	}
	for _, sp := range oc.Store.Spaces() {
		for _, c := range sp.Cells() {
			switch {
			case c.Name() != state || sp.Layout() != layout:
			case c.Kind() != kind:
				return nil, nil, fault.New(fault.StateQuery, "state %q of operator %q is a %v, not a %v", state, operatorName, c.Kind(), kind)
			case schema != "" && c.Schema() != schema:
				return nil, nil, fault.New(fault.StateQuery, "state %q of operator %q holds %s, not %s", state, operatorName, c.Schema(), schema)
			default:
				return sp, c, nil
			}
		}
	}
	return nil, nil, fault.New(fault.StateQuery, "operator %q has no keyed state %q with keys of this type", operatorName, state)
}
