package statebackend

import "slices"

// Form is another form of a space: an operator that keeps the same state in two ways, one for each kind of backend, restores either.
type Form struct {
	// Space is the name that it has in that form; "" for the same.
	Space string
	// Layout is that of its keys there. Without Convert keys are the same.
	Layout KeyLayout
	// Convert, unless nil, makes the words of a key of this space from those of the other form. It returns an error for a key that cannot be one of this space.
	Convert func(to, from []uint64) error
	// Restored, unless nil, is told each key that was converted, with its hash; before its state is there.
	Restored func(keyHash uint64, words []uint64, bytes []byte)
	// Leaves are cells of the other form that are not needed.
	Leaves []string
}

// AlsoFrom says that the space is restored from another form, too. It is called before anything is restored.
func (sp *Space) AlsoFrom(f Form) {
	if f.Space == "" {
		f.Space = sp.name
	}
	sp.form = &f
}

// Leaves says that what a checkpoint has in spaces of these names is not needed, where there are none.
func (s *Store) Leaves(names ...string) { s.leaves = append(s.leaves, names...) }

// Restored returns the space that a checkpoint's space of the given name goes to, nil if there is none; unneeded tells that it may be left out.
func (s *Store) Restored(name string) (sp *Space, unneeded bool) {
	for _, sp := range s.spaces {
		if sp.name == name {
			return sp, false
		}
	}
	for _, sp := range s.spaces {
		if sp.form != nil && sp.form.Space == name {
			return sp, false
		}
	}
	return nil, slices.Contains(s.leaves, name)
}
