package lsm

import (
	"testing"

	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
