//go:build !race

package buildtags

// Race reports whether the build tag race is set.
const Race = false
