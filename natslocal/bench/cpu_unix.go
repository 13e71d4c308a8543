//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpu returns the processor time that this process has taken. Other load on the machine moves it less than
// the time that passes.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
