// Package storage is where checkpoints and savepoints are kept: named objects in a directory of a disk, or under a prefix of a bucket.
//
// [Open] takes a path or a URL:
//
//	/var/lib/job/checkpoints                                  a directory, made when something is first written
//	file:///var/lib/job/checkpoints?sync=false                the same; sync=false leaves out fsync, for tests
//	file:///var/lib/job/checkpoints?direct=false              the same; direct=false writes large files through the page cache, too
//	s3://bucket/prefix?endpoint=localhost:9000&insecure=true  a bucket, once package internal/checkpoint/storage/s3 has been registered
//
// [NewMemory] is a storage in memory and [NewFaulty] wraps a storage with the faults of real ones, both for tests and simulation: no clock, no goroutine, no randomness.
// Package internal/checkpoint/storage/storagetest has the suite that every storage passes.
//
// # What a storage promises
//
//   - S1. An object is visible under its name only when it is complete and durable. A reader never sees part of one.
//   - S2. Replacing an object is atomic: at each moment the name has all of the old object or all of the new one.
//   - S3. Of several writers that [Storage.CreateNew] began under one name, exactly one succeeds. This is what fencing rests on.
//   - S4. A writer that fails, is aborted or dies before Close leaves nothing under the name. What it may leave beside it (a temporary file, an upload that was not completed) is never
//     listed, and [Clean] removes it.
//   - S5. When Close fails, nothing is known: the object may be there, if only the answer was lost. So what is committed must be looked up or written again, never assumed.
//
// What lies in an object is not checked: checksums belong to the format of what is stored.
package storage
