package kubernetes

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// content is what a Secret or a ConfigMap holds, by key.
type content map[string][]byte

// contents returns the files of a volume, those of every source of a projected
// one together, and whether the volume is of files.
func (k *kubelet) contents(v corev1.Volume) (files content, mode *int32) {
	k.t.Helper()
	switch {
	case v.Secret != nil:
		return k.content("Secret "+v.Secret.SecretName, false), v.Secret.DefaultMode
	case v.ConfigMap != nil:
		return k.content("ConfigMap "+v.ConfigMap.Name, isTrue(v.ConfigMap.Optional)), v.ConfigMap.DefaultMode
	case v.Projected != nil:
		files = make(content)
		for _, s := range v.Projected.Sources {
			name, optional := "", false
			switch {
			case s.ConfigMap != nil:
				name = "ConfigMap " + s.ConfigMap.Name
			case s.Secret != nil:
				name, optional = "Secret "+s.Secret.Name, isTrue(s.Secret.Optional)
			}
			for key, data := range k.content(name, optional) {
				if _, twice := files[key]; twice {
					k.t.Fatalf("volume %s has %s from two sources", v.Name, key)
				}
				files[key] = data
			}
		}
		return files, v.Projected.DefaultMode
	}
	return nil, nil
}

func (k *kubelet) content(name string, optional bool) content {
	k.t.Helper()
	files, ok := k.objects[name]
	if !ok && !optional {
		k.t.Fatalf("the pod waits for %s, which is not there", name)
	}
	return files
}

// layOut makes a volume's folder, or replaces what is in it, as the kubelet does:
// files in a folder of their own, a link ..data to that, and links through it.
// A replacement swaps the one link.
func layOut(t *testing.T, dir string, files content, mode os.FileMode, group int) {
	t.Helper()
	generation := filepath.Join(dir, fmt.Sprintf("..2026_01_01_00_00_00.%d", generations.Add(1)))
	must(t, os.MkdirAll(generation, 0o755))
	for name, data := range files {
		path := filepath.Join(generation, name)
		must(t, os.WriteFile(path, data, 0o600))
		own(t, path, group, mode)
		link := filepath.Join(dir, name)
		if _, err := os.Lstat(link); err != nil {
			must(t, os.Symlink(filepath.Join("..data", name), link))
		}
	}
	for _, d := range []string{dir, generation} {
		own(t, d, group, os.ModeSetgid|0o755)
	}
	old, _ := os.Readlink(filepath.Join(dir, "..data"))
	temporary := filepath.Join(dir, "..data_tmp")
	must(t, os.Symlink(filepath.Base(generation), temporary))
	must(t, os.Rename(temporary, filepath.Join(dir, "..data")))
	if old != "" {
		must(t, os.RemoveAll(filepath.Join(dir, old)))
	}
}

var generations atomic.Int64

// own gives a path to root and the group of the pod, if this test is root. If not,
// it stays this user's, who then is the pod's user as well.
func own(t *testing.T, path string, group int, mode os.FileMode) {
	t.Helper()
	if isRoot() {
		must(t, os.Chown(path, 0, group))
	}
	must(t, os.Chmod(path, mode))
}

func isRoot() bool { return os.Geteuid() == 0 }

// copyProgram makes a copy that every user may run: the folder that the original is
// in may be closed to others.
func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	must(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	must(t, err)
	_, err = io.Copy(out, in)
	must(t, err)
	must(t, out.Close())
	must(t, os.Chmod(to, 0o755))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
