// Package lsm keeps state that is larger than memory: below the pages of a [statebackend.Store] lies a log-structured merge tree on disk (Pebble), to which
// keys go that were not used lately, and from which they come back when they are looked up.
//
// # Units
//
// The unit is a key of a space with all its cells: it is in memory, in decoded form, or on disk as one payload, or both, and then the one in memory counts. When the store's account
// is over its limit, the store's clock hand picks keys that were not looked up since it last came by; those that differ from what is stored are written, in batches sorted by key, and
// all are dropped from memory. Timers and the entries of maps are not keys of their own: the former stay in memory, the latter go with their key.
//
// A payload of more than 32 KiB is stored in parts, of which only those are written again that differ. Loading a key reads all its parts, and encoding one takes time in proportion to
// its size, so a list or map of many megabytes under one key works, but is slow when memory is short. All state of one key has to fit into memory, and into 1 GiB.
//
// # On disk
//
// A stored key is
//
//	space       2 bytes
//	key group   2 bytes, counted from the store's first
//	hash        8 bytes, all high byte first
//	key         as Space.AppendKey writes it, which tells where it ends
//	part        4 bytes, for parts only, from 1
//
// and its value one byte, 0, and the payload; or 1 and the payload's length as uvarint, where parts follow. The hash comes first so that a lookup of a key that is not there ends at a Bloom
// filter over the first 12 bytes, and so that a snapshot reads keys in the order in which an index is rebuilt best.
//
// # One tree for each store
//
// Each store has a tree of its own, opened when the first key has to go: state that fits in memory costs neither files nor goroutines. So a subtask's files are its own: dropping state is removing a
// directory, a checkpoint will upload what the subtask wrote and nothing else, and a store that fails does not stall others. All trees of a process share a block cache and the table of open files.
//
// What is on disk is not meant to outlive the process: there is no log, nothing is synced, and the manifest, which Pebble cannot go on without, is kept in memory. Checkpoints
// are what outlives it.
//
// # Restored stores
//
// A store that is restored from files on a local disk leaves its keys there: statebackend has a layer of these files below the spill; what the tree has of a key hides it. So a tree holds only what was written since, and a key that the tree does not have
// may still be stored.
//
// # Memory
//
// Three eighths of the memory account's limit are set aside when the first store is made: a third of them is the block cache, from which the memtables are taken, the rest is room for the collector, as
// Pebble without cgo keeps both on Go's heap, which grows to twice what lives on it. The others are left to pages. A filter of 13 to 26 bits for each stored key, by which keys that are
// seen for the first time need no look-up, is counted among these.
//
// # Trouble
//
// Whatever the disk refuses is an error with the code state.disk that names the operator and the directory; what it returns damaged has the code state.damaged. Pebble retries a failed write for ever and
// makes writers wait meanwhile, so this package watches how far writes are behind by itself, and gives up at the first failure.
package lsm
