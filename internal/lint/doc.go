// Package lint holds the house rules of Weir as tests; it has no other code.
//
//   - layers_test.go: imports point downward. layers.txt gives each package its floor, and sideways exceptions with a reason.
//   - pkgdoc_test.go: each package has exactly one package comment.
//   - bans_test.go: calls that have a better replacement here, which the message names. goroutines.txt lists the packages that
//     may start goroutines, with a reason.
//   - paths_test.go: each path that a guide or a doc.go names exists.
//   - format_test.go: Go files are formatted, and no file names a directory of the machine it was written on.
//   - deps_test.go: deps/weir.txt is the reviewed list of the modules that Weir depends on; go test ./internal/lint -rewrite
//     brings it up to date.
//
// Each rule is a function from source to complaints, so that a test can show on a deliberately bad example that the rule has
// teeth.
package lint
