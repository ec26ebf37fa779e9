//go:build long

package kubernetes

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// apiserver is a real Kubernetes API server with its store. There are no
// controllers and no nodes: what is applied is checked and kept, and never run.
type apiserver struct {
	t     *testing.T
	tools string
	// config is the kubeconfig file of an administrator.
	config string
}

// startAPIServer returns when the API server is ready.
func startAPIServer(t *testing.T) *apiserver {
	t.Helper()
	a := &apiserver{t: t, tools: installTools(t), config: filepath.Join(t.TempDir(), "kubeconfig")}
	ca := certtest.NewCA(t, "kubernetes")
	serving := certtest.WriteFiles(t, t.TempDir(), ca, ca.Issue(t, certtest.Server()))
	token, tokens := rand.Text(), filepath.Join(t.TempDir(), "tokens.csv")
	certtest.WriteFile(t, tokens, []byte(token+",admin,admin,system:masters\n"))
	etcd, port := a.startEtcd(), freePort(t)
	server := a.start("kube-apiserver",
		"--etcd-servers="+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file="+serving.Cert, "--tls-private-key-file="+serving.Key,
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+serving.Cert, "--service-account-signing-key-file="+serving.Key,
	)
	url := fmt.Sprintf("https://127.0.0.1:%d", port)
	a.writeConfig(url, serving.CA, token)
	a.waitReady(server, url, ca)
	return a
}

func installTools(t *testing.T) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command("./install")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("installing kube-apiserver: %v\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}

func (a *apiserver) start(name string, args ...string) *process {
	a.t.Helper()
	return startProcess(a.t, name, nil, []string{"HOME=" + a.t.TempDir()}, filepath.Join(a.tools, name), args...)
}

func (a *apiserver) startEtcd() (url string) {
	a.t.Helper()
	url = fmt.Sprintf("http://127.0.0.1:%d", freePort(a.t))
	peer := fmt.Sprintf("http://127.0.0.1:%d", freePort(a.t))
	server := a.start("etcd", "--data-dir="+a.t.TempDir(), "--unsafe-no-fsync", "--log-level=warn", "--name=only",
		"--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=only="+peer)
	envoy.Eventually(a.t, deadline, "etcd is ready", func() error {
		a.running(server)
		return getOK(url + "/health")
	})
	return url
}

func (a *apiserver) running(p *process) {
	a.t.Helper()
	select {
	case <-p.ended:
		a.t.Fatalf("%s ended by itself: %v", p.name, p.waitErr)
	default:
	}
}

func (a *apiserver) waitReady(server *process, url string, ca *certtest.CA) {
	a.t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: ca.Pool()},
	}}
	envoy.Eventually(a.t, 2*deadline, "kube-apiserver is ready", func() error {
		a.running(server)
		resp, err := client.Get(url + "/readyz")
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", resp.Status)
		}
		return nil
	})
}

func (a *apiserver) writeConfig(url, caFile, token string) {
	a.t.Helper()
	certtest.WriteFile(a.t, a.config, fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin}}]
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
`, url, caFile, token))
}

// kubectl runs kubectl, whose warnings are errors, with input, and returns what it
// prints.
func (a *apiserver) kubectl(input string, args ...string) (string, error) {
	a.t.Helper()
	cmd := exec.Command(filepath.Join(a.tools, "kubectl"), append([]string{"--warnings-as-errors"}, args...)...)
	cmd.Env = []string{"KUBECONFIG=" + a.config, "HOME=" + a.t.TempDir(), "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return string(out), nil
}
