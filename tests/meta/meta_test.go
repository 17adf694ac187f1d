package main

import (
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// TestMeta runs some hundred scripts of each family; `make meta` runs thousands.
func TestMeta(t *testing.T) {
	spillDir = t.TempDir()
	var out strings.Builder
	if !run(&out, 400, 150, 1, false) {
		t.Error(out.String())
	}
	if restored == 0 || spilled == 0 {
		t.Errorf("%d runs were restored, %d keys went to disk", restored, spilled)
	}
	left, err := os.ReadDir(spillDir)
	if err != nil || len(left) > 0 {
		t.Errorf("left on disk: %v, %v", left, err)
	}
}
