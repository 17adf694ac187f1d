//go:build invariants

package buildtags

// Invariants reports whether the build tag invariants is set.
const Invariants = true
