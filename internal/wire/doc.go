// Package wire holds the control messages between job manager and task managers, generated from wire.proto, and the conversions between
// them and the engine's own types: attempts and failures.
//
// A message belongs to whoever received it; the sender does not change it after the call that sent it, so that links inside one process
// may hand over the pointer.
package wire

//go:generate go -C ../../tools/genwire run . -dir ../../internal/wire -proto wire.proto
