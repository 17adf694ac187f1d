package statebackend

import (
	"iter"
	"slices"

	"github.com/weirstream/weir/internal/codec"
)

// Redistribution says how an operator list is dealt out when the parallelism changes.
type Redistribution uint8

const (
	// Split deals the elements of all subtasks out anew, evenly.
	Split Redistribution = iota
	// Union gives every subtask all elements of all subtasks.
	Union
	// Broadcast gives every subtask what the first had: it is the same in all.
	Broadcast
)

// String returns the name of the redistribution.
func (r Redistribution) String() string {
	switch r {
	case Union:
		return "union"
	case Broadcast:
		return "broadcast"
	}
	return "split"
}

// RedistributionOf is the inverse of String.
func RedistributionOf(name string) (Redistribution, bool) {
	for r := Split; r <= Broadcast; r++ {
		if r.String() == name {
			return r, true
		}
	}
	return Split, false
}

// OperatorList is state of an operator that belongs to no key: encoded elements, gathered when a snapshot is taken and dealt out when one is restored.
type OperatorList struct {
	Name   string
	Mode   Redistribution
	Schema string
	// gather returns the elements.
	gather func() ([][]byte, error)
	// restore is given elements, before the operator opens.
	restore func([][]byte) error
}

// ListSnapshot is what a snapshot has of an operator list.
type ListSnapshot struct {
	Name     string
	Mode     Redistribution
	Schema   string
	Elements [][]byte
	Err      error
}

// AddList declares an operator list: gather returns what it holds, restore takes what it held, before the operator opens.
func AddList[V any](s *Store, name string, mode Redistribution, gather func() iter.Seq[V], restore func([]V) error) {
	cd, err := codec.For[V]()
	if err != nil {
		panic(err)
	}
	s.lists = append(s.lists, &OperatorList{Name: name, Mode: mode, Schema: cd.Schema(),
		gather: func() (all [][]byte, err error) {
			for v := range gather() {
				b, err := cd.Encode(nil, &v)
				if err != nil {
					return nil, err
				}
				all = append(all, b)
			}
			return all, nil
		},
		restore: func(all [][]byte) error {
			vs := make([]V, len(all))
			for i, b := range all {
				if _, err := cd.Decode(b, &vs[i]); err != nil {
					return err
				}
			}
			return restore(vs)
		},
	})
}

func (l *OperatorList) snapshot() ListSnapshot {
	all, err := l.gather()
	return ListSnapshot{Name: l.Name, Mode: l.Mode, Schema: l.Schema, Elements: all, Err: err}
}

// Lists returns the operator lists in the order in which they were declared.
func (s *Store) Lists() []*OperatorList { return s.lists }

// Restore gives the list elements that were taken in snapshots.
func (l *OperatorList) Restore(elements [][]byte) error { return l.restore(elements) }

// Deal returns what each of n subtasks gets of the elements of the former subtasks.
func (r Redistribution) Deal(former [][][]byte, n int) [][][]byte {
	dealt := make([][][]byte, n)
	switch r {
	case Union:
		for i := range dealt {
			dealt[i] = slices.Concat(former...)
		}
	case Broadcast:
		for i := range dealt {
			for _, f := range former { // the first may be of a subtask that had come to its end
				if dealt[i] = f; len(f) > 0 {
					break
				}
			}
		}
	default:
		all := slices.Concat(former...)
		for i := range dealt {
			dealt[i] = all[i*len(all)/n : (i+1)*len(all)/n]
		}
	}
	return dealt
}
