//go:build long

package release

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// imageBinary builds it as the Dockerfile does: from no more than what is copied
// there, by its very commands, and with an empty build cache.
func imageBinary(t *testing.T) string {
	t.Helper()
	dir, cache := t.TempDir(), t.TempDir()
	build, _ := dockerfile(t)
	copySource(t, dir, copied(build)...)
	for _, command := range build.all("RUN") {
		cmd := exec.Command("sh", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(),
			"GOCACHE="+cache, "VERSION="+version, "COMMIT="+commit, "TARGETOS=linux", "TARGETARCH=amd64")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	return filepath.Join(dir, "bin", "contour")
}

// checkAlone runs a server as the image's user, in a file system of root's that
// holds the binary and the resources that a pod mounts, and nothing else.
func checkAlone(t *testing.T, binary string) {
	if os.Getuid() != 0 {
		t.Skip("only root can give a process another root folder")
	}
	_, image := dockerfile(t)
	var user syscall.Credential
	if _, err := fmt.Sscanf(image.all("USER")[0], "%d:%d", &user.Uid, &user.Gid); err != nil {
		t.Fatal(err)
	}
	dir := imageRoot(t, binary)
	cmd := exec.Command("/contour", "serve", "--insecure", "--resources", "/resources", "--log-format", "json", "--xds-port", "0", "--metrics-port", "0")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &user}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // which a process that ended does not mind
	lines := bufio.NewReader(log)
	wantReady(t, lines)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(t.Output(), lines); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// imageRoot is a folder that another user may enter and not change. Those above
// it do not matter: the process leaves them before it becomes that user.
func imageRoot(t *testing.T, binary string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "contour"), read(t, binary), 0o755); err != nil {
		t.Fatal(err)
	}
	resources := os.DirFS(filepath.Join(root, "examples", "resources"))
	if err := os.CopyFS(filepath.Join(dir, "resources"), resources); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantReady(t *testing.T, log *bufio.Reader) {
	t.Helper()
	resp, err := http.Get("http://" + metricsAddress(t, log) + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz answers %s", resp.Status)
	}
}

// metricsAddress takes it from the line that says that contour serves.
func metricsAddress(t *testing.T, log *bufio.Reader) string {
	t.Helper()
	for {
		text, err := log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("%v after %s", err, text)
		}
		var line struct{ Msg, Metrics string }
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if line.Msg == "serving" {
			return line.Metrics
		}
		t.Logf("%s", text)
	}
}
