// Package statebackend keeps the state of operators, sharded by key group.
//
// A [Store] holds all state of one operator in one subtask. Its keyed state lies in spaces: a [Space] is a table of keys, each with a row of fixed width that holds the
// key and one cell for every state declared on the space. Values without pointers lie in the cell as they are, those with no pointers but strings almost so; all others are encoded. Lists and maps hang on the cell.
// Rows and what hangs on them lie in pages outside Go's heap (package pages), so the collector neither scans nor counts them, and a snapshot copies a page only when it is
// written again.
//
// A [Scope] points at one key of a space. The typed handles ([Value], [List], [Map], [Reducing], [Aggregating]) read and write the state of the key their scope points at.
// [Timers] are kept by key group like the rest.
//
// Both backends share this code. The memory backend is a store without more; a store with a [Spill] keeps only part of its rows here, as a write-back cache of decoded
// values, and the others there (package lsm).
//
// All of a store belongs to one goroutine, its task's. A [Snapshot] may be read and released by another one.
package statebackend
