package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/resources"
	"github.com/contour-xds/contour/test/envoy"
)

// deployment is both sides on this machine.
type deployment struct {
	*kubelet

	ca    *certtest.CA
	pods  map[string]workload
	probe map[string]*corev1.Probe
	// Where things are instead of where the manifests have them.
	xds, admin, http, readiness int
}

// newDeployment prepares what kubectl apply brings, with credentials of a new CA.
func newDeployment(t *testing.T) *deployment {
	t.Helper()
	objects := build(t)
	d := &deployment{
		kubelet: newKubelet(t), ca: certtest.NewCA(t, "channel"), pods: workloads(objects), probe: make(map[string]*corev1.Probe),
		xds: freePort(t), admin: freePort(t), http: freePort(t), readiness: freePort(t),
	}
	for name, w := range d.pods {
		d.probe[name] = w.template.Spec.Containers[0].ReadinessProbe
	}
	for _, m := range all[*corev1.ConfigMap](objects) {
		files := make(content)
		for key, text := range m.Data {
			files[key] = []byte(text)
		}
		d.objects["ConfigMap "+m.Name] = files
	}
	d.replace("contour-resources", "listeners.yaml", "address: 0.0.0.0", "address: 127.0.0.1")
	d.replace("contour-resources", "listeners.yaml", "port_value: 8080", fmt.Sprintf("port_value: %d", d.http))
	d.replace("contour-readiness", "readiness.yaml", "address: 0.0.0.0", "address: 127.0.0.1")
	d.replace("contour-readiness", "readiness.yaml", "port_value: 8002", fmt.Sprintf("port_value: %d", d.readiness))
	d.replace("contour-readiness", "readiness.yaml", "port_value: 9901", fmt.Sprintf("port_value: %d", d.admin))
	d.issue(d.ca, d.ca.PEM())
	return d
}

// replace changes what has to be in a file exactly once.
func (d *deployment) replace(configMap, file, was, is string) {
	d.t.Helper()
	files := d.objects["ConfigMap "+configMap]
	if n := strings.Count(string(files[file]), was); n != 1 {
		d.t.Fatalf("%q is %d times in %s", was, n, file)
	}
	files[file] = []byte(strings.Replace(string(files[file]), was, is, 1))
}

// issue replaces both Secrets: key pairs of ca, and bundle as what to trust.
func (d *deployment) issue(ca *certtest.CA, bundle []byte) {
	d.t.Helper()
	for name, leaf := range map[string]certtest.Leaf{"contour": certtest.Server(), "envoy": certtest.Client()} {
		pair := ca.Issue(d.t, leaf)
		d.objects["Secret "+name+"-channel"] = content{"tls.crt": pair.CertPEM(), "tls.key": pair.KeyPEM(d.t), "ca.crt": bundle}
	}
}

// contour is a running replica of contour.
type contour struct {
	*process

	pod          *pod
	xds, metrics int
}

// startContour starts a replica that serves Envoys at a port, and returns when it
// is ready.
func (d *deployment) startContour(port int) *contour {
	d.t.Helper()
	c := &contour{xds: port, metrics: freePort(d.t)}
	c.pod = d.newPod(d.pods["contour"], map[string]string{
		"--xds-address": "127.0.0.1", "--xds-port": strconv.Itoa(c.xds),
		"--metrics-address": "127.0.0.1", "--metrics-port": strconv.Itoa(c.metrics),
	})
	c.process = c.pod.start(c.pod.template.Spec.Containers[0])
	d.waitReady("contour", c.process, c.metrics)
	return c
}

func (d *deployment) waitReady(name string, p *process, port int) {
	d.t.Helper()
	envoy.Eventually(d.t, deadline, name+" is ready", func() error {
		select {
		case <-p.ended:
			d.t.Fatalf("%s ended by itself: %v", name, p.waitErr)
		default:
		}
		return probe(d.probe[name], port)
	})
}

// startEnvoy runs the init container and then Envoy, which need not become ready.
func (d *deployment) startEnvoy() (*pod, *process) {
	d.t.Helper()
	p := d.newPod(d.pods["envoy"], map[string]string{
		"--xds-address": "localhost", "--xds-port": strconv.Itoa(d.xds), "--admin-port": strconv.Itoa(d.admin),
	})
	for _, c := range p.template.Spec.InitContainers {
		if err := p.start(c).wait(); err != nil {
			d.t.Fatalf("init container %s: %v", c.Name, err)
		}
	}
	return p, p.start(p.template.Spec.Containers[0])
}

// listeners are those of the folder's resources, which are read as contour reads
// them, and so are valid.
func listeners(t *testing.T, objects []object) []*listenerv3.Listener {
	t.Helper()
	dir := t.TempDir()
	for _, m := range all[*corev1.ConfigMap](objects) {
		for name, text := range m.Data {
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
	}
	snapshots, err := resources.Read(resources.Config{Dir: dir})
	must(t, err)
	var found []*listenerv3.Listener
	for _, typ := range resources.Types() {
		for _, r := range snapshots.For("").Resources(typ.URL) {
			if l, ok := r.Message.(*listenerv3.Listener); ok {
				found = append(found, l)
			}
		}
	}
	return found
}
