// Package files reads lines from files, and writes files.
//
// # Source
//
// [Lines] reads a file, the files that a glob matches, or a directory with all below it. Plain text, gzip and zstd are told apart by their
// first bytes, whatever their name; a name that ends in .gz or .zst and holds something else is an error. A line ends with "\n" or "\r\n", which is not
// part of it; the last line needs no end; empty lines are lines.
//
// In a directory, and where a glob does not ask for them, files and directories whose names start with "." or "_" are skipped, as are
// pipes and devices. A symbolic link to a file is read, one to a directory is not followed.
//
// Without Watch the source is bounded: files are listed once, sorted by path, and it ends when all are read. With Watch it never ends: the path is listed
// again and again, and each file whose name was not seen yet is read once. A file must therefore be complete when it appears: write it elsewhere, or
// under a name that is skipped, and rename it. Changes to a file that was seen are ignored.
//
// Files are handed to readers one by one, as they ask; plain files larger than SplitBytes are cut into ranges of that size, and a line belongs to the range
// in which it starts. The order of lines is kept within a range.
//
// The source is replayable: a position is the offset behind the last line emitted (of the decompressed text, for compressed files, which are read again
// from the start and skipped). With checkpoints every line therefore counts exactly once, provided that files do not change.
//
// A line is a substring of a block of BlockBytes: keeping one keeps the block. Code that stores lines, or parts of them, for long should use strings.Clone.
//
// # Sink
//
// [Sink] writes one encoded record after the other into files of its directory. A file being written is hidden, and begins with ".": it appears under its final name
// only when it is complete, by a rename, and never in place of another file. See [SinkOptions] for when a file is complete.
//
// With checkpoints the sink is exactly once. At a checkpoint the file being written is completed, written through to the disk, and prepared; it gets its final name
// when the checkpoint is complete. Committing it again does nothing, also when who reads the output has changed the file since. If the file is then in neither place, a
// process that has prepared it itself fails with sink.file-lost; one that was restored cannot know, takes the file to be committed and then taken away, and logs a warning.
// Without checkpoints all files appear when the job ends.
//
// The names of each writer's files are a series of its own, which is in the writer's state: names never meet, whatever the parallelism, and a restored writer goes on with a series of
// before. It first removes the hidden files that came after the checkpoint, unless their writer lives, which a lock on a hidden file tells (where there is flock; elsewhere nothing is removed).
// Going back to a checkpoint thus gives up what later ones have prepared and not committed. What is left of a writer that ended before its first checkpoint, or that is not restored,
// stays as hidden files, which nobody reads and which may be removed when no job writes in the directory.
//
// # Table
//
// [Table] is the connector 'filesystem' of SQL on top of both: rows in a format, and a directory for each partition.
package files
