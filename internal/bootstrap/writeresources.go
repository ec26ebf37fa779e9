package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/contour-xds/contour/internal/files"
)

// folderMode lets everyone list the folder of the resources, whatever the umask, for
// the reasons of mode.
const folderMode fs.FileMode = 0o755

// prepare encodes the resources, makes their folder, though not the one that is to
// hold it, and sees that each can be written. None may be the bootstrap itself, which
// would then be written over it.
func prepare(resources []Resource, bootstrap string) ([][]byte, error) {
	var encoded [][]byte
	for _, resource := range resources {
		if filepath.Clean(bootstrap) == filepath.Clean(resource.Path) {
			return nil, fmt.Errorf("writing the bootstrap: %q is a file of --resources-dir; give another path", bootstrap)
		}
		data, err := marshal(resource.Response, JSON)
		if err != nil {
			return nil, err
		}
		if err := makeFolder(filepath.Dir(resource.Path)); err != nil {
			return nil, fmt.Errorf("making --resources-dir: %w", err)
		}
		if err := replaceable(resource.Path); err != nil {
			return nil, fmt.Errorf("writing into --resources-dir: %w", err)
		}
		encoded = append(encoded, data)
	}
	return encoded, nil
}

// writeResources replaces the files one after the other, each atomically.
func writeResources(resources []Resource, encoded [][]byte) error {
	for i, resource := range resources {
		if err := files.WriteAtomic(resource.Path, encoded[i], mode); err != nil {
			return fmt.Errorf("writing into --resources-dir: %w", err)
		}
	}
	return nil
}

// makeFolder leaves one that is there as it is.
func makeFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%q is no folder; give the path of one, or one that is not there yet", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Mkdir(path, folderMode); err != nil {
		return err
	}
	return os.Chmod(path, folderMode)
}
