// Package statebackend keeps the state of operators, sharded by key group.
//
// [Table] is the typed table of rolling aggregations: one row per key. Snapshots, restore and the choice of backends are not here yet.
package statebackend
