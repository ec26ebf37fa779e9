package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"

	"github.com/contour-xds/contour/internal/files"
)

// mode lets everyone read a bootstrap, whatever the umask: what starts with it often
// runs under another user id than what writes it, and it holds no secret.
const mode fs.FileMode = 0o644

// Write writes b to the file at path, in the format that Envoy will expect there,
// or as JSON to stdout when path is "-". A file is replaced atomically: an Envoy
// that starts meanwhile reads the old one or the new. On failure it stays as it
// was.
//
// The resources that b refers to are written before it, so that no Envoy finds a
// bootstrap without them; one that runs already takes them over. Their folder is made
// if need be. What can be known to fail does so before any file is written.
func Write(path string, stdout io.Writer, b *bootstrapv3.Bootstrap, resources ...Resource) error {
	format := JSON
	if path != standardOutput {
		var err error
		if format, err = FormatOf(path); err != nil {
			return err
		}
	}
	data, err := Marshal(b, format)
	if err != nil {
		return err
	}
	encoded, err := prepare(resources, path)
	if err != nil {
		return err
	}
	if path != standardOutput {
		if err := replaceable(path); err != nil {
			return fmt.Errorf("writing the bootstrap: %w", err)
		}
	}
	if err := writeResources(resources, encoded); err != nil {
		return err
	}
	return write(path, stdout, data)
}

// WriteGRPC writes what [NewGRPC] returned, as Write does. The name of a file must
// end in .json: gRPC reads nothing else, whatever the name.
func WriteGRPC(path string, stdout io.Writer, data []byte) error {
	if path != standardOutput && path != "" && !strings.EqualFold(filepath.Ext(path), ".json") {
		return fmt.Errorf("choosing a format for %q: gRPC reads JSON alone; give a path that ends in .json, or - for standard output", path)
	}
	return write(path, stdout, data)
}

// standardOutput is the path that stands for it.
const standardOutput = "-"

func write(path string, stdout io.Writer, data []byte) error {
	if path == standardOutput {
		if _, err := stdout.Write(data); err != nil {
			return fmt.Errorf("writing the bootstrap to standard output: %w", err)
		}
		return nil
	}
	if err := replaceable(path); err != nil {
		return fmt.Errorf("writing the bootstrap: %w", err)
	}
	if err := files.WriteAtomic(path, data, mode); err != nil {
		return fmt.Errorf("writing the bootstrap: %w", err)
	}
	return nil
}

// replaceable keeps the rename that ends an atomic write from putting a file in
// place of something else, such as the /dev/stdout that "-" was meant for.
func replaceable(path string) error {
	if path == "" {
		return errors.New("no path is given; give that of a file, or - for standard output")
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return folderOf(path)
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%q is a folder; give the path of a file", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%q is no regular file; give the path of one, or - for standard output", path)
	}
	return nil
}

// folderOf is an error when a new file has no folder to be made in.
func folderOf(path string) error {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("the folder of %q: %w", path, err)
	}
	return nil
}
