//go:build unix

package main

import (
	"math"
	"syscall"
)

// openFiles is how many files this process may have open. Go raises the soft
// limit to the hard one when a process starts.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(min(limit.Cur, math.MaxInt))
}
