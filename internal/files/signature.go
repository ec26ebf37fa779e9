package files

import (
	"fmt"
	"os"
	"path/filepath"
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
		signFile(&b, path)
	}
	return signature(b.String())
}

// signDir signs dir's visible entries; it fails when dir can't be listed.
func signDir(dir string) (signature, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	signLink(&b, dir)
	for _, e := range entries {
		if !hidden(e.Name()) {
			signFile(&b, filepath.Join(dir, e.Name()))
		}
	}
	return signature(b.String()), nil
}

func signLink(b *strings.Builder, dir string) {
	if target, err := os.Readlink(filepath.Join(dir, dataLink)); err == nil {
		fmt.Fprintf(b, "%s->%s\n", dir, target)
	}
}

func signFile(b *strings.Builder, path string) {
	info, err := os.Stat(path)
	if err != nil {
		fmt.Fprintf(b, "%v\n", err)
		return
	}
	fmt.Fprintf(b, "%s %d %d %d %o\n", path, inode(info), info.Size(), info.ModTime().UnixNano(), info.Mode())
}
