package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// A generation is what the three files of one side hold.
type generation struct {
	bundle []byte
	pair   *certtest.Pair
}

// newGeneration is a pair and the bundle of one CA.
func newGeneration(ca *certtest.CA, pair *certtest.Pair) generation {
	return generation{ca.PEM(), pair}
}

// secret is it as cert-manager writes it into a Secret.
func (g generation) secret(t *testing.T) map[string][]byte {
	return map[string][]byte{"tls.crt": g.pair.CertPEM(), "tls.key": g.pair.KeyPEM(t), "ca.crt": g.bundle}
}

// A keeping is where the files of one side lie on disk, and how they are replaced.
type keeping struct {
	files certtest.Files
	// publish puts another generation in the place of all three.
	publish func(generation)
}

// The ways of it that contour and Envoy follow.
const (
	swapped = "a mounted Secret whose ..data link is swapped"
	renamed = "files of one folder that are renamed one by one"
	apart   = "files of three folders that are renamed one by one"
)

// keepings start each way with a first generation.
var keepings = map[string]func(*testing.T, generation) keeping{
	swapped: func(t *testing.T, g generation) keeping {
		dir := t.TempDir()
		secret := mount(t, dir, g.secret(t))
		return keeping{
			certtest.Files{CA: dir + "/ca.crt", Cert: dir + "/tls.crt", Key: dir + "/tls.key"},
			func(g generation) { secret.swap(g.secret(t)) },
		}
	},
	renamed: func(t *testing.T, g generation) keeping {
		dir := t.TempDir()
		return renaming(t, certtest.Files{CA: dir + "/ca.pem", Cert: dir + "/tls.crt", Key: dir + "/tls.key"}, g)
	},
	apart: func(t *testing.T, g generation) keeping {
		return renaming(t, certtest.Files{CA: t.TempDir() + "/ca.pem", Cert: t.TempDir() + "/tls.crt", Key: t.TempDir() + "/tls.key"}, g)
	},
}

func renaming(t *testing.T, files certtest.Files, g generation) keeping {
	t.Helper()
	k := keeping{files, func(g generation) {
		move(t, files.CA, g.bundle)
		move(t, files.Key, g.pair.KeyPEM(t))
		move(t, files.Cert, g.pair.CertPEM())
	}}
	k.publish(g)
	return k
}

// move renames a file with that content over path.
func move(t *testing.T, path string, data []byte) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), ".next")
	certtest.WriteFile(t, next, data)
	must(t, os.Rename(next, path))
}

// mountedSecret is a folder as kubelet lays out a Secret that is mounted.
type mountedSecret struct {
	t           *testing.T
	dir         string
	generations int
}

// mount lays out a Secret with these files.
func mount(t *testing.T, dir string, files map[string][]byte) *mountedSecret {
	t.Helper()
	m := &mountedSecret{t: t, dir: dir}
	must(t, os.MkdirAll(dir, 0o755))
	m.swap(files)
	for name := range files {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	return m
}

// swap publishes other files: a new folder, then a rename over the link. The folder of
// before goes.
func (m *mountedSecret) swap(files map[string][]byte) {
	m.t.Helper()
	m.generations++
	name := func(n int) string { return "..generation-" + strconv.Itoa(n) }
	must(m.t, os.Mkdir(filepath.Join(m.dir, name(m.generations)), 0o755))
	for file, data := range files {
		must(m.t, os.WriteFile(filepath.Join(m.dir, name(m.generations), file), data, 0o600))
	}
	next := filepath.Join(m.dir, "..data_tmp")
	must(m.t, os.Symlink(name(m.generations), next))
	must(m.t, os.Rename(next, filepath.Join(m.dir, "..data")))
	must(m.t, os.RemoveAll(filepath.Join(m.dir, name(m.generations-1))))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
