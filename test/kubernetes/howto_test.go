package kubernetes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// howto is the page that the tests follow.
const howto = "split-deployment.md"

// commandsOf returns the commands of a page, or of one section of it. It uses the
// demo's own way of taking them out.
func commandsOf(t *testing.T, page, heading string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", `source ../../examples/demo/commands.sh; commands_of "../../docs/howto/$1" "$2"`, "bash", page, heading)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s has no commands under %q: %v", page, heading, err)
	}
	return string(out)
}

// run runs commands in dir, with variables in the environment that go before those
// of the test, stops at the first that fails, and returns what they print.
func run(t *testing.T, dir, commands string, env ...string) string {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v, running\n%s\n%s", err, commands, out)
	}
	return string(out)
}

// program puts a shell script on a path of programs of its own, which it returns.
func program(t *testing.T, dir, name, script string) (path string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700))
	return "PATH=" + dir + ":" + os.Getenv("PATH")
}

// copyOfFolder is a folder in which the page's commands find the manifests where
// the repository's root has them.
func copyOfFolder(t *testing.T) (root, manifests string) {
	t.Helper()
	root = t.TempDir()
	manifests = filepath.Join(root, "examples", "kubernetes")
	must(t, os.MkdirAll(manifests, 0o755))
	must(t, os.CopyFS(manifests, os.DirFS(folder)))
	return root, manifests
}

// TestTheImageThatIsMadeIsTheOneThatRuns follows the section for either way of
// bringing an image to the nodes, with names other than the page's. Docker itself is
// not there: what stands for it keeps the name that it is given.
func TestTheImageThatIsMadeIsTheOneThatRuns(t *testing.T) {
	for _, test := range []struct {
		name, heading string
		rename        *strings.Replacer
		want          string
	}{
		{"a registry", "### By a registry", strings.NewReplacer("registry.example.com", "localhost:5001/team", "TAG=v0.1.0", "TAG=1234567"), "localhost:5001/team/contour:1234567"},
		{"kind", "### Into kind", strings.NewReplacer("TAG=dev", "TAG=v9"), "contour:v9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root, manifests := copyOfFolder(t)
			programs := t.TempDir()
			script := "printf '%s\\n' \"$@\" >>\"" + filepath.Join(programs, "arguments") + "\"\n"
			program(t, programs, "docker", script)
			path := program(t, programs, "kind", script)
			commands := commandsOf(t, howto, test.heading) + commandsOf(t, howto, "### Say which one it is")
			run(t, root, test.rename.Replace(commands), path)

			arguments := string(readFile(t, filepath.Join(programs, "arguments")))
			if !strings.Contains(arguments, "--tag\n"+test.want+"\n") {
				t.Errorf("docker is to make another image than %s:\n%s", test.want, arguments)
			}
			got := make(map[string]string)
			for _, w := range workloads(buildIn(t, manifests)) {
				for _, c := range w.containers() {
					if _, ok := runsContour(c); ok {
						got[c.Name] = c.Image
					}
				}
			}
			if diff := cmp.Diff(map[string]string{"contour": test.want, "bootstrap": test.want}, got); diff != "" {
				t.Errorf("the images of containers (-made +run):\n%s", diff)
			}
			if entries, err := os.ReadDir(manifests); err != nil || len(entries) != 6 {
				t.Errorf("the folder has %v, %v", entries, err)
			}
		})
	}
}

// TestTheWayBackFromCertificates makes new key pairs, then a new CA's first two
// rounds, and wants the files of before each time.
func TestTheWayBackFromCertificates(t *testing.T) {
	root := t.TempDir()
	certificates := filepath.Join(root, "certificates")
	run(t, root, commandsOf(t, "certificates-with-openssl.md", ""))
	for _, heading := range []string{"### Contour's", "### Envoy's", "### Round 1: the new CA into every bundle", "### Round 2: new key pairs"} {
		before := filesOf(t, certificates)
		run(t, root, commandsOf(t, howto, "### Keep the old files"))
		run(t, certificates, commandsOf(t, "replacing-certificates.md", heading))
		after := filesOf(t, certificates)
		if cmp.Equal(before, after) {
			t.Fatalf("%s: nothing is new", heading)
		}
		run(t, root, commandsOf(t, howto, "### From certificates that are wrong"))
		if diff := cmp.Diff(before, filesOf(t, certificates)); diff != "" {
			t.Errorf("%s: the way back leads elsewhere", heading) // the difference is keys
		}
		run(t, certificates, commandsOf(t, "replacing-certificates.md", heading))
	}
}

// filesOf are the files of both sides, and the copies beside their folders that the
// page on replacing them works with.
func filesOf(t *testing.T, certificates string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for _, pattern := range []string{"contour*.pem", "envoy*.pem", "contour/*", "envoy/*"} {
		paths, err := filepath.Glob(filepath.Join(certificates, pattern))
		must(t, err)
		for _, path := range paths {
			files[strings.TrimPrefix(path, certificates)] = string(readFile(t, path))
		}
	}
	if len(files) != 10 {
		t.Fatalf("%s has %d files of both sides, want 10", certificates, len(files))
	}
	return files
}

// TestEveryPodIsLookedAt runs the loops over pods. What stands for kubectl names two
// of each side, and forwards nothing: the ports are those of both sides here.
func TestEveryPodIsLookedAt(t *testing.T) {
	d := newDeployment(t)
	c := d.startContour(d.xds)
	_, e := d.startEnvoy()
	d.waitReady("envoy", e, d.readiness)
	wantMetric(t, c.metrics, "contour_credentials_reload_pending", "0")

	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "certificates", "envoy"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "certificates", "envoy", "envoy.pem"), d.objects["Secret envoy-channel"]["tls.crt"], 0o600))
	path := program(t, t.TempDir(), "kubectl", "case $1 in get) echo pod/one pod/two ;; *) exec sleep 60 ;; esac\n")
	here := strings.NewReplacer("127.0.0.1:8000/", fmt.Sprintf("127.0.0.1:%d/", c.metrics), "127.0.0.1:9901/", fmt.Sprintf("127.0.0.1:%d/", d.admin), "sleep 2", "sleep 0.1")
	out := run(t, root, here.Replace(commandsOf(t, howto, "### Look at every pod")), path)

	_, serial, _ := strings.Cut(out, "serial=")
	serial = strings.ToLower(before(serial, "\n"))
	for _, want := range []struct {
		words string
		times int
	}{
		{"pod/one\n", 2},
		{"pod/two\n", 2},
		{"\ncontour_credentials_reload_pending 0\n", 2},
		{"\ncontour_credentials_loaded_timestamp_seconds ", 2},
		{"\ncontour_xds_connections{root=", 2},
		{`"ca_cert"`, 2},
		{`"cert_chain"`, 2},
		{`"serial_number": "` + serial + `"`, 2},
		{"control_plane.connected_state: 1\n", 2},
		{"no answer", 0},
	} {
		if got := strings.Count(out, want.words); got != want.times {
			t.Errorf("%q is printed %d times, want %d", want.words, got, want.times)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestCommandsAreShell: those that need nodes and pods are run by nobody here.
func TestCommandsAreShell(t *testing.T) {
	cmd := exec.Command("bash", "-n")
	cmd.Stdin = strings.NewReader(commandsOf(t, howto, ""))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
