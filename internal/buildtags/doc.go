// Package buildtags turns the build tags of Weir into constants, so that code can say if buildtags.Race { ... } and have the
// branch removed by the compiler where the tag is absent.
//
// Two tags are known here: race, which the go command sets for -race, and invariants, which is set by hand with
// -tags invariants. A third, synctests, belongs to [github.com/weirstream/weir/internal/xsync] alone.
package buildtags
