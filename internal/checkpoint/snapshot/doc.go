// Package snapshot writes the keyed state of a task's operators into one file of a checkpoint, and restores it.
//
// A data file begins with "WEIRDATA" and a version. Then come segments: the entries that a key group has in one space. The manifest tells where each lies, and its checksum. An entry is the
// length of the key as uvarint, the key, the length of the payload as uvarint, and the payload, both as package statebackend writes them. In a segment of changes an entry begins with a byte: 0 puts a
// key, 1 deletes it and has no payload. A segment is compressed as a whole, in one or more frames of zstd, or not.
//
// All segments of a task lie in one file, so that many small states do not make many small files; what is smaller than [Options.Inline] altogether makes none, and goes with the manifest.
package snapshot
