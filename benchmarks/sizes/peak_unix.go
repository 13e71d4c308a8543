//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory returns the resident memory, in bytes, of the largest among a process and the children
// that it waited for.
func peakMemory(s *os.ProcessState) int64 {
	r, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(r.Maxrss) // in bytes there
	}
	return int64(r.Maxrss) * 1024
}
