//go:build defects

package defect

import "os"

var chosen = os.Getenv("WEIR_DEFECT")

// Is reports whether this build has the defect.
func Is(name string) bool { return name == chosen }
