// Package base holds the identifiers of the engine, key groups, and the stable hash of keys.
//
// Everything here is fixed for good: key groups decide where state lives, so golden tests hold every function.
package base

import (
	"fmt"
	"strconv"
)

// JobID names one submission of a job.
type JobID string

// OperatorUID is the stable identity of an operator: given by the user, or derived from the graph.
type OperatorUID string

// CheckpointID numbers the barriers of a job, from 1.
type CheckpointID int64

// SubtaskID names one subtask of a vertex of a job's plan. Index counts from 0.
type SubtaskID struct {
	Vertex int
	Index  int
}

// String returns "v2/0".
func (s SubtaskID) String() string { return "v" + strconv.Itoa(s.Vertex) + "/" + strconv.Itoa(s.Index) }

// AttemptID names one execution of a subtask. Attempt counts from 1.
type AttemptID struct {
	Subtask SubtaskID
	Attempt int
}

// String returns "v2/0#1".
func (a AttemptID) String() string { return fmt.Sprintf("%v#%d", a.Subtask, a.Attempt) }
