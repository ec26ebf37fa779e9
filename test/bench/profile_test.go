package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
)

// profile is the profiles of one server's process: of its processor time from begin
// to end, and of its heap when it was last asked for its usage. A nil one does
// nothing.
type profile struct{ cpuFile, heapFile *os.File }

// profile begins to profile this process, if there is a folder for that.
func (s serverSpec) profile() (*profile, error) {
	if s.Profiles == "" {
		return nil, nil //nolint:nilnil // no profile is what no folder means
	}
	runtime.MemProfileRate = 4 << 10 // connections are few, and the default would miss most of their parts
	name := filepath.Join(s.Profiles, fmt.Sprintf("%s-%d", s.Kind, os.Getpid()))
	cpuFile, err := os.Create(name + ".cpu")
	if err != nil {
		return nil, err
	}
	heapFile, err := os.Create(name + ".heap")
	if err != nil {
		return nil, errors.Join(err, cpuFile.Close())
	}
	return &profile{cpuFile: cpuFile, heapFile: heapFile}, pprof.StartCPUProfile(cpuFile)
}

// heap writes the heap's profile over the one before.
func (p *profile) heap() {
	if p == nil {
		return
	}
	runtime.GC()
	_ = p.heapFile.Truncate(0)
	_, _ = p.heapFile.Seek(0, 0)
	_ = pprof.Lookup("heap").WriteTo(p.heapFile, 0)
}

func (p *profile) close() error {
	if p == nil {
		return nil
	}
	pprof.StopCPUProfile()
	return errors.Join(p.cpuFile.Close(), p.heapFile.Close())
}
