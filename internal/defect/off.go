//go:build !defects

package defect

// Is reports whether this build has the defect.
func Is(string) bool { return false }
