package dataflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirstream/weir/fault"
)

var partitionerNames = [...]string{
	Forward:   "forward",
	Hash:      "hash",
	Rebalance: "rebalance",
	Rescale:   "rescale",
	Broadcast: "broadcast",
	Global:    "global",
	Shuffle:   "shuffle",
	Custom:    "custom",
}

var chainingNames = [...]string{
	ChainAlways: "always",
	ChainHead:   "head",
	ChainNever:  "never",
}

// String returns the partitioner's name in lower case, as "rebalance".
func (p Partitioner) String() string {
	if p.valid() {
		return partitionerNames[p]
	}
	return fmt.Sprintf("partitioner(%d)", uint8(p))
}

// Pointwise reports whether a producer subtask has channels to some consumer subtasks only, chosen by position.
func (p Partitioner) Pointwise() bool { return p == Forward || p == Rescale }

func (p Partitioner) valid() bool { return int(p) < len(partitionerNames) }

// ParsePartitioner is the inverse of [Partitioner.String]. It ignores case; an unknown name is an option.invalid error.
func ParsePartitioner(name string) (Partitioner, error) {
	if i := slices.Index(partitionerNames[:], strings.ToLower(name)); i >= 0 {
		return Partitioner(i), nil
	}
	return 0, fault.New(fault.OptionInvalid, "unknown partitioner %q: use %s", name, strings.Join(partitionerNames[:], ", "))
}

// String returns "always", "head" or "never".
func (s ChainingStrategy) String() string {
	if s.valid() {
		return chainingNames[s]
	}
	return fmt.Sprintf("chaining(%d)", uint8(s))
}

func (s ChainingStrategy) valid() bool { return int(s) < len(chainingNames) }

// ParseChainingStrategy is the inverse of [ChainingStrategy.String]. It ignores case; an unknown name is an option.invalid error.
func ParseChainingStrategy(name string) (ChainingStrategy, error) {
	if i := slices.Index(chainingNames[:], strings.ToLower(name)); i >= 0 {
		return ChainingStrategy(i), nil
	}
	return 0, fault.New(fault.OptionInvalid, "unknown chaining strategy %q: use %s", name, strings.Join(chainingNames[:], ", "))
}
