package backendtest

import (
	"testing"

	"github.com/weirstream/weir/internal/statebackend"
	"github.com/weirstream/weir/internal/testkit/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func openMemory(t testing.TB, cfg statebackend.Config) *statebackend.Store {
	s, err := statebackend.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemory(t *testing.T) { Run(t, openMemory) }

func BenchmarkState(b *testing.B) { Benchmark(b, "memory", openMemory) }
