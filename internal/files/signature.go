package files

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// dataLink is the symbolic link that kubelet swaps to publish a new generation
// of a mounted Secret, ConfigMap or projected volume.
const dataLink = "..data"

// A signature tells two states of a set of files apart without reading them: by
// name, inode, size, time of modification and the targets of ..data links. That
// misses only a rewrite in place of equal size within one tick of the file
// system's clock.
type signature string

// signFiles signs the files at paths. A path that can't be looked at is part of
// the signature too: its coming and going are changes.
func signFiles(paths []string) signature {
	var b strings.Builder
	seen := make(map[string]bool)
	for _, path := range paths {
		if dir := filepath.Dir(path); !seen[dir] {
			seen[dir] = true
			signLink(&b, dir)
		}
		info, err := os.Stat(path)
		if err != nil {
			signError(&b, err)
			continue
		}
		signInfo(&b, path, info)
	}
	return signature(b.String())
}

func signLink(b *strings.Builder, dir string) {
	if target, err := os.Readlink(filepath.Join(dir, dataLink)); err == nil {
		b.WriteString(dir + "->" + target + "\n")
	}
}

func signError(b *strings.Builder, err error) { b.WriteString(err.Error() + "\n") }

func signInfo(b *strings.Builder, path string, info fs.FileInfo) {
	signFolder(b, path, info)
	b.WriteString(strconv.FormatInt(info.Size(), 10) + " " + strconv.FormatInt(info.ModTime().UnixNano(), 10) + "\n")
}

// signFolder signs what tells a folder from another one in its place.
func signFolder(b *strings.Builder, path string, info fs.FileInfo) {
	b.WriteString(path + " " + strconv.FormatUint(inode(info), 10) + " " + strconv.FormatUint(uint64(info.Mode()), 8) + "\n")
}
