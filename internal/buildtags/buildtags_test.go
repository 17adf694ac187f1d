package buildtags

import (
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// TestConstants compares the constants with what the go command recorded in the test binary.
func TestConstants(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Skip("the binary carries no build information")
	}
	var race bool
	var tags []string
	for _, s := range info.Settings {
		switch s.Key {
		case "-race":
			race = s.Value == "true"
		case "-tags":
			tags = strings.Split(s.Value, ",")
		}
	}
	if Race != race {
		t.Errorf("Race = %v, but the binary was built with -race=%v", Race, race)
	}
	if want := slices.Contains(tags, "invariants"); Invariants != want {
		t.Errorf("Invariants = %v, but the binary was built with tags %q", Invariants, tags)
	}
}
