// Package weir is the DataStream API of Weir, a stream processor.
//
// A program makes an [Environment], builds a dataflow in it from sources, transformations and sinks, and executes it. Building is lazy: nothing runs before
// [Environment.Execute]. One environment is one job.
//
//	env := weir.NewEnvironment(weir.Options{Parallelism: 2})
//	lines := weir.FromFiles(env, files.Options{Path: "opticks.txt"})
//	words := weir.FlatMap(lines, strings.FieldsSeq)
//	counts := weir.CountBy(words, func(w string) string { return w })
//	counts.Print()
//	result, err := env.Execute(ctx, "word count")
//
// Steps that keep the type of a stream are methods, steps that change it are functions, since methods of Go have no type
// parameters of their own.
//
// # Functions
//
// A function that only transforms is a plain Go func. Richer ones get a [Context] and return an error, which fails the job. One function value serves all
// subtasks, which run at the same time: it must not change what it captures. A function with state of its own comes as a factory that is called once per subtask
// ([ProcessWith], [CoProcessWith]).
//
// Records are values: an operator may keep a record that it was given, but must not change what the record points to, since other readers may hold it too.
//
// # Errors
//
// Errors made while building are collected and returned by Execute, all at once. Every error has a stable code (package fault). A panic in a function
// fails the job with the operator's name, the subtask and the stack; the process goes on.
//
// # Concurrency
//
// An environment and its streams belong to one goroutine until Execute. [JobClient] may be used from any goroutine.
package weir
