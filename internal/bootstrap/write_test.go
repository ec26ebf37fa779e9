package bootstrap_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/test/envoy"
)

func TestEveryUserCanReadTheFileWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "envoy.json")
	for _, state := range []string{"made", "replaced"} {
		mustWrite(t, path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o644 {
			t.Errorf("%s: mode %o, want 644", state, got)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDashIsStandardOutputInJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	message := mustNew(t)
	want, err := bootstrap.Marshal(message, bootstrap.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := bootstrap.Write("-", &got, message); err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) || !strings.HasPrefix(got.String(), "{\n") {
		t.Errorf("got %q, want %q", got.String(), want)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("a file was written: %v, %v", entries, err)
	}
}

func TestWriteReportsThatStandardOutputIsClosed(t *testing.T) {
	closed := errors.New("closed")
	err := bootstrap.Write("-", failing{closed}, mustNew(t))
	if !errors.Is(err, closed) || !strings.Contains(err.Error(), "standard output") {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/null", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		want []string
	}{
		"no path":                           {"", []string{"no path is given", "- for standard output"}},
		"a folder":                          {dir, []string{dir, "is a folder", "path of a file"}},
		"a path in a folder that is not":    {filepath.Join(dir, "no", "envoy.json"), []string{"envoy.json", "folder", "no such file"}},
		"a path in what is no folder":       {filepath.Join(dir, "file", "envoy.json"), []string{"envoy.json", "not a directory"}},
		"a link":                            {filepath.Join(dir, "link"), []string{"link", "no regular file", "- for standard output"}},
		"a device":                          {os.DevNull, []string{os.DevNull, "no regular file"}},
		"binary protobuf":                   {filepath.Join(dir, "envoy.pb"), []string{"envoy.pb", "protobuf", ".json or .yaml"}},
		"text protobuf, also in capitals":   {filepath.Join(dir, "envoy.PB_TEXT"), []string{"protobuf", ".json or .yaml"}},
		"a folder that has a file's ending": {mkdir(t, dir, "d.json"), []string{"is a folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := bootstrap.Write(test.path, nil, mustNew(t))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q does not say %q", err, want)
				}
			}
		})
	}
	if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != os.DevNull {
		t.Errorf("the link leads to %q now: %v", target, err)
	}
}

// TestRealEnvoyReadsTheFormatThatThePathAsksFor holds FormatOf to what Envoy does
// with such a name.
func TestRealEnvoyReadsTheFormatThatThePathAsksFor(t *testing.T) {
	for _, name := range []string{"envoy.json", "envoy.JSON", "envoy.yaml", "envoy.yml", "envoy.YAML", "envoy.conf", "envoy", "envoy.pb.yaml", ".yaml"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			mustWrite(t, path)
			if err := envoy.Validate(t, envoy.Version, path); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMarshalIsTheSameEveryTime(t *testing.T) {
	for _, format := range []bootstrap.Format{bootstrap.JSON, bootstrap.YAML} {
		var first []byte
		for range 20 {
			message, err := bootstrap.New(secure(layer("tuning")))
			if err != nil {
				t.Fatal(err)
			}
			got, err := bootstrap.Marshal(message, format)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = got
			}
			if !bytes.Equal(first, got) {
				t.Fatalf("differs from before:\n%s\n%s", first, got)
			}
		}
	}
}

func mkdir(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustWrite(t *testing.T, path string) {
	t.Helper()
	if err := bootstrap.Write(path, nil, mustNew(t)); err != nil {
		t.Fatal(err)
	}
}

func mustNew(t *testing.T) *bootstrapv3.Bootstrap {
	t.Helper()
	message, err := bootstrap.New(plaintext())
	if err != nil {
		t.Fatal(err)
	}
	return message
}
