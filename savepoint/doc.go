// Package savepoint reads, changes and makes savepoints outside of the job that they belong to, as Flink's State Processor API does.
//
// What a job keeps by key is read with the same declarations of state that its function has, one key after the other:
//
//	old, err := savepoint.Open(ctx, "/savepoints/savepoint-1b2c3d-0a1b2c3d4e5f")
//	for e, err := range savepoint.Values[string, int64](ctx, old, "counts", "count") {
//		fmt.Println(e.Key, e.Value)
//	}
//
// and written with such, from whatever yields values: a slice, a savepoint, or a stream's Collect:
//
//	b := savepoint.From(old)
//	b.Remove("not-used-any-more")
//	savepoint.PutKeyed(b, "counts", values, keyOf, newWriter)
//	path, err := b.Write(ctx, "/savepoints")
//
// The job begins with the path as Checkpoints.Restore. Checkpoints are read as savepoints are. What operators keep without a key, timers, the contents of windows, and what sources and sinks keep cannot be read or made here;
// From carries them over as they are.
package savepoint
