// Package manifest is what a checkpoint consists of, as messages generated from manifest.proto; how a manifest is written and read, with a version and a checksum; and how the state
// that former subtasks left is dealt out to the subtasks that take their place, at the same or another parallelism. It does no input or output.
package manifest

//go:generate go -C ../../../tools/genwire run . -dir ../../internal/checkpoint/manifest -proto manifest.proto
