package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Reasons for which a file is refused before its content is looked at. Like the
// reasons of the operating system (a missing file is [fs.ErrNotExist], one that
// may not be read [fs.ErrPermission]) they come in an [*fs.PathError].
var (
	// ErrNotRegular says that the path names a folder, a pipe or a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge says that the file is larger than the caller's limit.
	ErrTooLarge = errors.New("larger than the limit")
	// ErrUnstable says that the set kept changing while it was read.
	ErrUnstable = errors.New("files keep changing while they are read")
)

const (
	// attempts and pause bound how long a read waits for a writer to finish: a
	// symbolic link is swapped in microseconds, so that even one retry is rare.
	attempts = 5
	pause    = 20 * time.Millisecond
)

// File is one file that was read. The receiver owns Data.
type File struct {
	// Path is the path as the caller named it, symbolic links unresolved.
	Path string
	// Data is the whole content.
	Data []byte
}

// Read returns the files at paths, in that order, as one consistent set: none
// of them changed, and no ..data link beside them was swapped, from before the
// first was read until after the last. Each may hold limit bytes at most.
//
// It fails on the first file that can't be read, naming it, and with
// [ErrUnstable] when the set would not hold still.
func Read(paths []string, limit int64) ([]File, error) {
	return readStable(func() (signature, error) { return signFiles(paths), nil },
		func() ([]File, error) { return readAll(paths, limit) })
}

// readStable reads until the signature before is the signature after.
func readStable[T any](sign func() (signature, error), read func() ([]T, error)) ([]T, error) {
	before, err := sign()
	if err != nil {
		return nil, err
	}
	for range attempts {
		got, readErr := read()
		after, err := sign()
		if err != nil {
			return nil, err
		}
		if before == after {
			return got, readErr
		}
		before = after
		time.Sleep(pause)
	}
	return nil, ErrUnstable
}

func readAll(paths []string, limit int64) ([]File, error) {
	set := make([]File, 0, len(paths))
	for _, path := range paths {
		data, err := readOne(path, limit)
		if err != nil {
			return nil, err
		}
		set = append(set, File{Path: path, Data: data})
	}
	return set, nil
}

// readOne looks before it opens, since opening a pipe would wait for a writer.
func readOne(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The size that Stat told can be outdated: what is read is what is bounded.
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrTooLarge}
	}
	return data, nil
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }
