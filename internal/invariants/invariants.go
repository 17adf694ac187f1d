// Package invariants holds assertions that exist only in builds that look for defects.
//
// [Enabled] is a constant: true under the build tag invariants and under the race detector, false in production, where [Check]
// and [CloseChecker] compile to nothing. So an assertion may be placed on a hot path, but its arguments must be free of
// side effects, since a program must behave the same without them. An argument that is costly to compute belongs under
// if invariants.Enabled { ... }.
//
// A check here says that Weir itself is wrong. What a user, a disk or a peer can cause is an error of package fault, in every
// build.
package invariants

import "github.com/weirstream/weir/internal/buildtags"

// Enabled reports whether assertions are checked in this build.
const Enabled = buildtags.Invariants || buildtags.Race
