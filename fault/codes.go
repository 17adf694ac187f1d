package fault

import "slices"

// Info describes a code: whose fault it is, whether a retry can help, what it means, and what to do about it.
type Info struct {
	Code  Code
	Blame Blame
	Retry bool
	// Title is one sentence on what the code means.
	Title string
	// Help is appended to the message: what the user should do.
	Help string
}

// The codes, by room. A new code is one constant and one row in codes.
const (
	GraphInvalid          Code = "graph.invalid"
	GraphDuplicateUID     Code = "graph.duplicate-uid"
	GraphInvalidUID       Code = "graph.invalid-uid"
	GraphCycle            Code = "graph.cycle"
	GraphNoSink           Code = "graph.no-sink"
	GraphEmpty            Code = "graph.empty"
	GraphForward          Code = "graph.forward-parallelism"
	GraphParallelism      Code = "graph.parallelism"
	GraphMaxParallelism   Code = "graph.max-parallelism"
	GraphNonParallel      Code = "graph.non-parallel"
	GraphNilFunction      Code = "graph.nil-function"
	GraphForeignStream    Code = "graph.foreign-stream"
	GraphUsed             Code = "graph.used"
	GraphUnbounded        Code = "graph.unbounded-source"
	TypeUnsupported       Code = "type.unsupported"
	TypeKey               Code = "type.key"
	TypeDecode            Code = "type.decode"
	TypeTag               Code = "type.tag"
	OptionInvalid         Code = "option.invalid"
	MemoryTooSmall        Code = "option.memory-too-small"
	WindowSize            Code = "window.size"
	WindowSlide           Code = "window.slide"
	WindowOffset          Code = "window.offset"
	WindowGap             Code = "window.gap"
	WindowCount           Code = "window.count"
	WindowInterval        Code = "window.interval"
	WindowLateness        Code = "window.lateness"
	WindowTriggerMerge    Code = "window.trigger-merge"
	WindowMerge           Code = "window.no-merge"
	WindowEvictor         Code = "window.evictor-aggregate"
	WindowState           Code = "window.merging-state"
	WindowNoTimestamp     Code = "window.no-timestamp"
	WindowTime            Code = "window.time"
	FunctionPanic         Code = "function.panic"
	FunctionExit          Code = "function.goexit"
	FunctionError         Code = "function.error"
	FunctionStuck         Code = "function.stuck"
	FunctionTimeout       Code = "function.timeout"
	PartitionRange        Code = "function.partition-range"
	SourceFileMissing     Code = "source.file-missing"
	SourceFileUnreadable  Code = "source.file-unreadable"
	SourceFileCorrupt     Code = "source.file-corrupt"
	SourceGlob            Code = "source.bad-glob"
	SourceLineTooLong     Code = "source.line-too-long"
	SourceSocketRefused   Code = "source.socket-refused"
	SourceSocketClosed    Code = "source.socket-closed"
	SourceFailed          Code = "source.failed"
	SourceUnaligned       Code = "source.unaligned-splits"
	SourceMalformed       Code = "source.malformed"
	SinkFileWrite         Code = "sink.file-write"
	SinkFileCommit        Code = "sink.file-commit"
	SinkFileLost          Code = "sink.file-lost"
	SinkFailed            Code = "sink.failed"
	JobCanceled           Code = "job.canceled"
	JobNotRunning         Code = "job.not-running"
	JobMismatch           Code = "job.graph-mismatch"
	JobPoisoned           Code = "job.poisoned-record"
	TaskManagerLost       Code = "job.task-manager-lost"
	CheckpointLeftOver    Code = "checkpoint.left-over"
	CheckpointDamaged     Code = "checkpoint.damaged"
	CheckpointNewer       Code = "checkpoint.newer-version"
	CheckpointOtherJob    Code = "checkpoint.other-job"
	CheckpointParallelism Code = "checkpoint.max-parallelism"
	CheckpointDeclined    Code = "checkpoint.declined"
	CheckpointExists      Code = "checkpoint.exists"
	CheckpointInUse       Code = "checkpoint.in-use"
	CheckpointNotFound    Code = "checkpoint.not-found"
	CheckpointTimeout     Code = "checkpoint.timeout"
	CheckpointNotStored   Code = "checkpoint.not-stored"
	CheckpointSubsumed    Code = "checkpoint.subsumed"
	CheckpointFailures    Code = "checkpoint.too-many-failures"
	CheckpointRequests    Code = "checkpoint.too-many-requests"
	CheckpointStopFailed  Code = "checkpoint.stop-failed"
	StateSchema           Code = "state.schema-incompatible"
	StateSchemaDamaged    Code = "state.schema-damaged"
	StateMemory           Code = "state.memory"
	StateRefused          Code = "state.memory-refused"
	StateDeclared         Code = "state.declared"
	StateNoKey            Code = "state.no-key"
	StateDisk             Code = "state.disk"
	StateDamaged          Code = "state.damaged"
	StateTimerNoKey       Code = "state.timer-no-key"
	StateReadOnly         Code = "state.read-only"
	StateQuery            Code = "state.query"
	TimeNoTimestamp       Code = "time.no-timestamp"
	StorageURL            Code = "storage.url"
	StorageName           Code = "storage.name"
	StorageExists         Code = "storage.exists"
	StorageNotFound       Code = "storage.not-found"
	StorageGone           Code = "storage.gone"
	StorageNotDirectory   Code = "storage.not-directory"
	StorageDenied         Code = "storage.denied"
	StorageFull           Code = "storage.full"
	StorageFailed         Code = "storage.failed"
	SQLSyntax             Code = "sql.syntax"
	SQLUnsupported        Code = "sql.unsupported"
	SQLTooDeep            Code = "sql.too-deep"
	SQLUnknownTable       Code = "sql.unknown-table"
	SQLUnknownColumn      Code = "sql.unknown-column"
	SQLUnknownFunction    Code = "sql.unknown-function"
	SQLUnknownObject      Code = "sql.unknown-object"
	SQLAmbiguous          Code = "sql.ambiguous-column"
	SQLType               Code = "sql.type-mismatch"
	SQLNotGrouped         Code = "sql.not-grouped"
	SQLInvalid            Code = "sql.invalid"
	SQLSchema             Code = "sql.table-definition"
	SQLSink               Code = "sql.sink-schema"
	SQLConflict           Code = "sql.conflict"
	SQLExists             Code = "sql.exists"
	SQLCatalog            Code = "sql.catalog"
	SQLChangelog          Code = "sql.changelog"
	SQLTable              Code = "sql.table"
	SQLUnbounded          Code = "sql.unbounded"
	SQLJobChanged         Code = "sql.job-changed"
	SQLUnknownJob         Code = "sql.unknown-job"
	SQLPlanNotFound       Code = "sql.plan-not-found"
	SQLPlanExists         Code = "sql.plan-exists"
	SQLPlanNewer          Code = "sql.plan-newer-version"
	SQLPlanDamaged        Code = "sql.plan-damaged"
	SQLPlanMismatch       Code = "sql.plan-mismatch"
	RowtimeNull           Code = "sql.rowtime-null"
	ExpressionValue       Code = "sql.value"
	InternalInvariant     Code = "internal.invariant"
)

var codes = []Info{
	{GraphInvalid, User, false, "The program builds a graph that cannot run.", ""},
	{GraphDuplicateUID, User, false, "Two operators have the same uid.", "give each operator its own uid"},
	{GraphInvalidUID, User, false, "A uid is empty or holds a character that is not allowed.", "use 1 to 255 letters, digits, '-', '_', '.', ':' or '/'"},
	{GraphCycle, User, false, "The graph has a cycle.", "a dataflow has no way back: remove the edge that returns"},
	{GraphNoSink, User, false, "A stream leads to no sink, so its work would be thrown away.", "end it with a sink such as Print, Discard or SinkTo"},
	{GraphEmpty, User, false, "The environment has no operators.", "add a source and a sink before Execute"},
	{GraphForward, User, false, "A forward edge joins operators of different parallelism.", "use Rebalance or Rescale, or set the same parallelism on both sides"},
	{GraphParallelism, User, false, "A parallelism is out of range.", "parallelism is at least 1"},
	{GraphMaxParallelism, User, false, "A maximum parallelism is below the parallelism, or out of range.", "set it between the parallelism and 32768; it cannot be changed later without losing state"},
	{GraphNonParallel, User, false, "An operator that can only run with parallelism 1 was given a higher one.", "leave its parallelism unset, or add Rebalance behind it"},
	{GraphNilFunction, User, false, "A function given to an operator is nil.", "pass a function"},
	{GraphForeignStream, User, false, "Streams of two environments were joined in one operator.", "build one job in one environment"},
	{GraphUsed, User, false, "An environment was executed or changed after it had been executed.", "one environment is one job: make a new environment"},
	{GraphUnbounded, User, false, "A source has no end, but the job is to run in batch mode.", "bound the source, or set Options.RuntimeMode to Streaming or Automatic"},
	{TypeUnsupported, User, false, "A type that must travel between tasks cannot be encoded.", "use exported or unexported fields of basic types, structs, slices, arrays, maps, time.Time, pointers to these, or implement encoding.BinaryMarshaler and BinaryUnmarshaler"},
	{TypeKey, User, false, "A type cannot be a key.", "key by booleans, numbers, strings, arrays, time.Time or structs of these"},
	{TypeDecode, Weir, false, "Encoded data does not have the form that its type says.", "the data is damaged or was written with another type"},
	{TypeTag, User, false, "The weir tag of a struct's field is not understood, or contradicts another field.", "use weir:\"-\" for a field that is not stored, weir:\"name=Stored\" for its stored name, weir:\"was=Old\" for one it had before"},
	{OptionInvalid, User, false, "An option has a value that is not allowed.", ""},
	{MemoryTooSmall, User, false, "The memory setting is too small for the job to start.", "raise Options.Memory, or lower Options.ChannelBytes or the parallelism"},
	{WindowSize, User, false, "The size of a window is not positive.", "sizes are whole milliseconds, at least 1"},
	{WindowSlide, User, false, "The slide of a sliding window is not positive, or so small that a record would belong to more than 10,000,000 windows.", "slides are whole milliseconds, at least 1 and at least a ten-millionth of the size"},
	{WindowOffset, User, false, "The offset of a window reaches as far as its slide.", "choose an offset between minus the slide and the slide, both excluded; for tumbling windows the slide is the size"},
	{WindowGap, User, false, "The gap of a session window is not positive.", "gaps are whole milliseconds, at least 1; a gap function must return such a gap for every record"},
	{WindowCount, User, false, "A count of elements is not positive.", "counts of windows, triggers and evictors are at least 1"},
	{WindowInterval, User, false, "The interval or timeout of a trigger, or the time that an evictor keeps, is not positive.", "intervals are whole milliseconds, at least 1"},
	{WindowLateness, User, false, "The allowed lateness is negative.", "set it to 0 to drop every late record, or to how late a record may be"},
	{WindowTriggerMerge, User, false, "Windows that merge have a trigger that cannot merge.", "use the default trigger of session windows, or a trigger whose CanMerge returns true"},
	{WindowMerge, User, false, "Windows merge, and the aggregator cannot merge accumulators.", "set Aggregator.Merge"},
	{WindowEvictor, User, false, "A window with an evictor has an incremental aggregate, which keeps no elements that could be evicted.", "use a process function, which sees all elements of the window"},
	{WindowState, User, false, "A function uses state per window with windows that merge.", "use the state per key instead: windows that merge have no lasting identity"},
	{WindowNoTimestamp, User, false, "A record without a timestamp reached an event-time window.", "give the source a watermark strategy with a timestamp assigner, call WithTimestamps in front of the window, or use a processing-time window"},
	{WindowTime, User, false, "A timestamp is more than a hundred million years away from 1970, where sliding windows with a slice of one millisecond cannot go.", "choose a size and a slide that share a divisor above one millisecond, or correct the timestamps"},
	{FunctionPanic, User, false, "User code panicked.", "the stack is in the job's failure"},
	{FunctionExit, User, false, "User code called runtime.Goexit.", "return instead; t.FailNow and t.Fatal must not be called inside a job"},
	{FunctionError, User, false, "User code returned an error.", ""},
	{FunctionStuck, User, true, "User code did not return after the job was canceled, or after its call had timed out.", "a function that waits must end when Context.Done, or the Done of the context it was given, is closed"},
	{FunctionTimeout, External, true, "An asynchronous call did not complete in time.", "raise AsyncOptions.Timeout, or set OnTimeout to give results in its place"},
	{PartitionRange, User, false, "A custom partitioner chose a channel that does not exist.", "return a number from 0 to channels-1"},
	{SourceFileMissing, User, true, "A file or directory does not exist, or a glob matches nothing.", "check the path"},
	{SourceFileUnreadable, External, true, "A file cannot be read.", "check its permissions and the disk"},
	{SourceFileCorrupt, User, false, "A compressed file or one of Parquet is damaged or cut short.", "write it again, or remove it"},
	{SourceGlob, User, false, "A glob pattern is malformed.", "see path/filepath.Match for the syntax"},
	{SourceLineTooLong, User, false, "A line is longer than the limit.", "raise MaxLineBytes, or check that the file is text"},
	{SourceSocketRefused, External, true, "A connection to a socket source cannot be made.", "start the server first, for instance nc -lk 9999, or set Reconnect"},
	{SourceSocketClosed, External, true, "The server closed the connection of a socket source.", "set Reconnect to connect again"},
	{SourceFailed, External, true, "A source failed.", ""},
	{SourceUnaligned, User, false, "A source in a watermark alignment group reads several splits and cannot pause one of them.", "use a reader with connector.SplitPauser, one split a reader, or set Options.AllowUnalignedSourceSplits"},
	{SourceMalformed, User, false, "A record of the input does not have the form that its format says.", "correct the input, or let the format skip such records with its option ignore-parse-errors"},
	{SinkFileWrite, External, true, "A file sink cannot write.", "check the disk's free space and the folder's permissions; no final file was touched"},
	{SinkFileCommit, External, true, "A file sink cannot move a finished file to its final name.", "check the folder's permissions; the pending file is kept"},
	{SinkFileLost, External, false, "A finished file of a file sink was removed or changed before it could be committed, or its final name was taken.", "keep other programs off the sink's hidden files; restore an earlier checkpoint or savepoint to write the file again"},
	{SinkFailed, External, true, "A sink failed.", ""},
	{JobCanceled, User, true, "The job was canceled.", ""},
	{JobNotRunning, User, false, "The job is not running.", ""},
	{JobMismatch, User, false, "A worker built another graph than the one that was submitted.", "a program must build the same graph each time; compute values that vary with weir.Const"},
	{JobPoisoned, User, false, "The job fails at the same record again and again.", "look at the record that the error names: mend or remove it, or let the function handle it, then go on from the latest checkpoint"},
	{TaskManagerLost, External, true, "A task manager that ran tasks of the job is gone.", "see its own log for why it ended"},
	{CheckpointLeftOver, User, false, "A checkpoint has state that the program has no place for.", "give the operator the uid that it had, see the job's Explain, or allow state to be left behind with Checkpoints.AllowNonRestoredState"},
	{CheckpointDamaged, External, false, "A file of a checkpoint is cut short, changed or missing.", "restore the checkpoint before it; check the storage"},
	{CheckpointNewer, User, false, "A checkpoint was written by a newer version of Weir.", "restore it with that version or a later one"},
	{CheckpointOtherJob, User, false, "A checkpoint belongs to another job.", "check the directory: no operator of this program has state in it"},
	{CheckpointParallelism, User, false, "The maximum parallelism of an operator is not that of the checkpoint.", "set the MaxParallelism that the job had: it is the number of key groups that its state is cut into"},
	{CheckpointDeclined, External, true, "A task could not take or write its part of a checkpoint.", "see the cause; the job goes on, and tries again at the next checkpoint"},
	{CheckpointExists, User, false, "A job that is to begin anew finds checkpoints of another run where it would keep its own.", "set Checkpoints.Resume to go on where that run was, or give another directory, or remove it"},
	{CheckpointInUse, User, false, "Another run that has not ended keeps its checkpoints in the same directory.", "wait for the end of that run, or stop it, or give this one a directory of its own; when a process has ended, in whatever way, nothing need be removed"},
	{CheckpointNotFound, User, false, "There is no checkpoint to restore.", "check the path; it must lead to a checkpoint or savepoint, or to a directory that has some"},
	{CheckpointTimeout, User, true, "A checkpoint was not complete in time.", "the tasks that are named are slow or stand still: look for backpressure or a call that blocks, set unaligned checkpoints, or raise the timeout of checkpoints"},
	{CheckpointNotStored, External, true, "A checkpoint cannot be written to its storage.", "check the free space, permissions and reachability of the checkpoint directory"},
	{CheckpointSubsumed, User, true, "A checkpoint was given up, because a later one was complete before it.", "nothing is lost: the later one holds more"},
	{CheckpointFailures, External, true, "More checkpoints failed, one after another, than the job tolerates.", "see the cause, which is that of the last one; the number is the setting for tolerable failures of checkpoints"},
	{CheckpointRequests, User, true, "Too many checkpoints and savepoints have been asked for and wait.", "wait for those under way"},
	{CheckpointStopFailed, External, true, "A job failed while it ended behind its savepoint, which is complete.", "nothing is lost: if the job was restarted it goes on from that savepoint, so stop it again; if not, begin it with the savepoint"},
	{StateSchema, User, false, "Stored data cannot be read as the type that the program has now.", "change the type back, or give the changed field a new name: then what was stored of it is dropped, and it starts at zero"},
	{StateSchemaDamaged, External, false, "The stored description of a type cannot be read.", "the stored state is damaged, or a newer version of Weir wrote it: restore another one"},
	{StateMemory, User, false, "State does not fit into the memory that is set.", "raise Options.Memory, give the state a time to live, or set Options.StateBackend to that of package backends/lsm, which keeps on disk what does not fit"},
	{StateRefused, External, true, "The operating system refuses memory for state.", "lower Options.Memory, or raise the limits of the process, container or machine"},
	{StateDeclared, User, false, "The states that an operator declares cannot be: two of one name, a type that cannot be kept, keyed state without a key.", "give each state of an operator its own name and one type, and declare keyed state on a keyed stream"},
	{StateNoKey, User, false, "Keyed state is used where there is no key.", "use it while a record or a timer of a key is processed, from the function that declared it"},
	{StateDisk, External, true, "State that does not fit in memory cannot be written to disk, or not be read back.", "check the disk's free space and health and the permissions of the directory, or give state another one"},
	{StateDamaged, Weir, false, "Kept state cannot be read.", "it was damaged, or written with another type"},
	{StateTimerNoKey, User, false, "A timer is set by an operator without keys.", "timers belong to keys: use KeyBy before the function"},
	{StateReadOnly, User, false, "State is written where it may only be read.", "broadcast state is changed only by the function of the broadcast stream, so that it is the same in all subtasks"},
	{StateQuery, User, false, "A query of a running job's state asks for what is not there.", "name an operator and a state of the job, with the types they were declared with"},
	{TimeNoTimestamp, User, false, "A record without a timestamp came to an operator of event time.", "assign timestamps with AssignTimestampsAndWatermarks before it, or a strategy at the source"},
	{StorageURL, User, false, "The location of a storage is not understood.", "write a path, file:///path, or s3://bucket/prefix?endpoint=host:port"},
	{StorageName, User, false, "A name leaves its storage, or cannot be that of an object.", "names are relative paths with slashes, without '..'; what a damaged or foreign file names may not be one"},
	{StorageExists, User, false, "An object that must be new exists.", "something else writes to the same place: give each job its own directory or prefix"},
	{StorageNotFound, User, false, "An object of a storage does not exist.", "check the location; it may have been removed"},
	{StorageGone, External, true, "The directory or bucket of a storage does not exist, or was removed while it was used.", "mount or make it again, or set another one"},
	{StorageNotDirectory, User, false, "The path of a storage, or a part of it, is not a directory.", "set another path, or remove the file"},
	{StorageDenied, External, true, "A storage may not be read or written.", "check permissions and credentials, and whether it is read-only"},
	{StorageFull, External, true, "A storage is full.", "free space or raise the quota; old checkpoints and savepoints may be removed"},
	{StorageFailed, External, true, "A read or write of a storage failed.", "check the disk, the server and the network"},
	{SQLSyntax, User, false, "A text is not SQL as Weir reads it.", ""},
	{SQLUnsupported, User, false, "A text is SQL that Weir does not support.", ""},
	{SQLTable, User, false, "A table cannot be read or written as its definition says.", "mend the WITH options of its CREATE TABLE"},
	{SQLChangelog, User, false, "A query changes or deletes rows where only added ones, or others, can be taken.", "write to a table that takes updates, or aggregate in windows, whose results are final"},
	{SQLUnbounded, User, false, "A query would have to wait for the end of an input that has none, or keep all of it.", "bound it by a time attribute, a window or LIMIT, or run it in batch mode on bounded tables"},
	{SQLJobChanged, User, false, "A statement is not the one whose state is to go on.", "write the statement as it was, give the new one a directory of its own, or go on with the state that fits: weir run --keep-state"},
	{SQLPlanNotFound, User, false, "There is no file of a compiled plan where a statement names one.", "COMPILE PLAN 'file' FOR INSERT .. writes it"},
	{SQLPlanExists, User, false, "A compiled plan is to be written to a file that is there already.", "remove the file, write IF NOT EXISTS behind its name to leave it as it is, or SET 'table.plan.force-recompile' = 'true' to write it anew"},
	{SQLPlanNewer, User, false, "A compiled plan was written by a later version of Weir.", "run it with that version, or compile the statement again"},
	{SQLPlanDamaged, User, false, "A text is not a compiled plan as Weir writes it.", "compile the statement again"},
	{SQLPlanMismatch, User, false, "A compiled plan needs a table or function that is gone, or is not what it was.", "define it as it was, or compile the statement again"},
	{SQLUnknownJob, User, false, "A statement names a job that there is not.", "SHOW JOBS lists those of the session"},
	{RowtimeNull, User, false, "The time of a row is null, so it has no place in event time.", "filter such rows out before the watermark, or give them a time with COALESCE"},
	{SQLTooDeep, User, false, "A statement nests or chains its parts deeper than Weir allows.", "split it into several statements or views"},
	{SQLUnknownTable, User, false, "A statement names a table or view that does not exist.", ""},
	{SQLUnknownColumn, User, false, "An expression names a column, or a field of a row, that is not there.", ""},
	{SQLUnknownFunction, User, false, "A statement calls a function that does not exist.", ""},
	{SQLUnknownObject, User, false, "A statement names a catalog, a database or another object that does not exist.", ""},
	{SQLAmbiguous, User, false, "A name means several columns.", "write the name or alias of the table before it"},
	{SQLType, User, false, "An argument has a type that the function or operator does not take, or two types do not go together.", ""},
	{SQLNotGrouped, User, false, "A query with aggregates uses a column that is not one of its groups.", "add it to GROUP BY, or aggregate it, for instance with MAX"},
	{SQLInvalid, User, false, "A statement is well formed, but does not mean anything.", ""},
	{SQLSchema, User, false, "The definition of a table contradicts itself.", ""},
	{SQLSink, User, false, "What a query returns does not fit the table that it is written to.", ""},
	{SQLConflict, User, false, "Several rows of a query have the same primary key of the table that they are written to, and ON CONFLICT DO ERROR stands there.", "make the key of the query's rows that of the table, or write ON CONFLICT DO NOTHING or DO DEDUPLICATE"},
	{SQLExists, User, false, "A statement creates what is there already.", "drop it first, choose another name, or write IF NOT EXISTS"},
	{SQLCatalog, External, true, "A catalog cannot be read or written.", ""},
	{ExpressionValue, User, false, "An expression of SQL cannot be computed for a value: a text that is no number, a division by zero, a number out of range.", "correct the data, filter such rows before, or use TRY_CAST, which gives NULL"},
	{InternalInvariant, Weir, false, "An invariant of the engine does not hold.", "this is a defect of Weir: please report it with the text above"},
}

// Describe returns what is known of a code. An unknown code is described as a defect of Weir.
func Describe(c Code) Info {
	for _, i := range codes {
		if i.Code == c {
			return i
		}
	}
	return Info{Code: c, Blame: Weir, Title: "Unknown code."}
}

// All returns every code in the order of the list, for the documentation.
func All() []Info { return slices.Clone(codes) }
