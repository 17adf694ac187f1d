//go:build !unix

package backendtest

func cpuTime() int64 { return 0 }
