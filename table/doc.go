// Package table runs SQL, in the dialect of Flink, on the engine of package weir.
//
//	env := table.NewEnvironment(table.Options{Parallelism: 2})
//	env.ExecuteSQL(ctx, `CREATE TABLE bids (auction BIGINT, price BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '100')`)
//	result, err := env.ExecuteSQL(ctx, `SELECT auction, MAX(price) FROM bids GROUP BY auction`)
//	for row, err := range result.Rows(ctx) { ... }
//
// [Values] and [Changes] give rows as structs. [FromStream] makes a stream of a program a table, [ToStream] and [ToChangelog] make a query a stream, and [Insert] adds an INSERT to the program.
//
// A statement that reads or writes tables becomes a job with a graph of its own, on the same operators, state and checkpoints as programs of the API of package weir.
package table
