package kubernetes

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/contour-xds/contour/test/envoy"
)

// deadline is how long an event may take that needs a second at most. It is
// generous: the machine may be busy, and nothing is measured here.
const deadline = 60 * time.Second

// kubelet runs pods of the manifests on this machine: their volumes laid out as the
// real one does it, under the user and the group that they name if the test is
// root, without anything that they do not name. What can't be as in a cluster is
// where things are: paths are below a folder of the test, and addresses and ports
// those of loopback that happen to be free.
type kubelet struct {
	t   *testing.T
	dir string
	// objects are the Secrets and ConfigMaps, by kind and name.
	objects map[string]content
	// programs are what images start, by the last part of their name.
	programs map[string]string
	pods     int
}

func newKubelet(t *testing.T) *kubelet {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // which is closed to other users
	k := &kubelet{t: t, dir: dir, objects: make(map[string]content), programs: map[string]string{"contour": contourBinary}}
	k.programs["envoy"] = filepath.Join(dir, "envoy")
	copyProgram(t, envoy.Binary(t, ""), k.programs["envoy"])
	return k
}

// pod is one pod, whose containers have root for their root, one after the other.
type pod struct {
	workload

	k    *kubelet
	root string
	// at is where each volume is: below root if the container that was started last
	// mounts it, and out of its sight if not.
	at map[string]string
	// changed are the values of flags that differ on this machine.
	changed map[string]string
	user    *syscall.Credential
	id      string
}

// newPod mounts the volumes of a workload's pod.
func (k *kubelet) newPod(w workload, changed map[string]string) *pod {
	k.t.Helper()
	k.pods++
	id := fmt.Sprintf("%s-%d", w.name, k.pods)
	p := &pod{workload: w, k: k, root: filepath.Join(k.dir, id), at: make(map[string]string), changed: changed, id: id}
	security := w.template.Spec.SecurityContext
	if isRoot() {
		p.user = &syscall.Credential{
			Uid: uint32(*security.RunAsUser), Gid: uint32(*security.RunAsGroup), Groups: []uint32{uint32(*security.FSGroup)},
		}
	}
	for _, v := range w.template.Spec.Volumes {
		p.at[v.Name] = p.unseen(v.Name)
		p.mount(v)
	}
	return p
}

func (p *pod) unseen(volume string) string { return filepath.Join(p.root+"-volumes", volume) }

// mount makes a volume. Mounting it again brings it up to date.
func (p *pod) mount(v corev1.Volume) {
	p.k.t.Helper()
	group := int(*p.template.Spec.SecurityContext.FSGroup)
	dir := p.at[v.Name]
	must(p.k.t, os.MkdirAll(dir, 0o755))
	if v.EmptyDir != nil {
		own(p.k.t, dir, group, os.ModeSetgid|0o777)
		return
	}
	files, mode := p.k.contents(v)
	layOut(p.k.t, dir, files, os.FileMode(*mode), group)
}

// show puts the volumes that a container mounts where it expects them, and takes the
// others away. The paths in what one container writes for the next are those of the
// manifests below root, and so hold in both.
func (p *pod) show(c corev1.Container) {
	p.k.t.Helper()
	for _, v := range p.template.Spec.Volumes {
		to := p.unseen(v.Name)
		if mounts(c, v.Name) {
			to = filepath.Join(p.root, p.mountPath(v.Name))
		}
		if to == p.at[v.Name] {
			continue
		}
		must(p.k.t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(p.k.t, os.Rename(p.at[v.Name], to))
		p.at[v.Name] = to
	}
}

// mountPath is where the containers that have a volume expect it, which has to be
// one place.
func (p *pod) mountPath(name string) string {
	p.k.t.Helper()
	found := ""
	for _, c := range p.containers() {
		for _, m := range c.VolumeMounts {
			if m.Name != name {
				continue
			}
			if found != "" && found != m.MountPath {
				p.k.t.Fatalf("volume %s is at %s in one container and at %s in another", name, found, m.MountPath)
			}
			found = m.MountPath
		}
	}
	return found
}

// refresh brings all volumes up to date, as happens some time after a Secret or a
// ConfigMap changed.
func (p *pod) refresh() {
	p.k.t.Helper()
	for _, v := range p.template.Spec.Volumes {
		if v.EmptyDir == nil {
			p.mount(v)
		}
	}
}

// start starts a container, as its manifest says.
func (p *pod) start(c corev1.Container) *process {
	p.k.t.Helper()
	p.show(c)
	program, known := p.k.programs[imageName(c.Image)]
	if !known {
		p.k.t.Fatalf("%s: image %s is not one of those that the tests have", c.Name, c.Image)
	}
	if len(c.Command) > 0 && path.Base(c.Command[0]) != path.Base(program) {
		p.k.t.Fatalf("%s: command %q is not in image %s", c.Name, c.Command, c.Image)
	}
	var args []string
	for _, arg := range c.Args {
		args = append(args, p.local(c, arg))
	}
	// In a read-only root there is no folder for what is temporary.
	env := []string{"TMPDIR=" + filepath.Join(p.root, "tmp")}
	for _, e := range c.Env {
		value := e.Value
		if e.ValueFrom != nil && e.ValueFrom.FieldRef.FieldPath == "metadata.name" {
			value = p.id
		}
		env = append(env, e.Name+"="+value)
	}
	return startProcess(p.k.t, p.id+"/"+c.Name, p.user, env, program, args...)
}

// local is an argument as it is on this machine.
func (p *pod) local(c corev1.Container, arg string) string {
	flag, value, isSetting := strings.Cut(arg, "=")
	if changed, ok := p.changed[flag]; ok && isSetting {
		return flag + "=" + changed
	}
	if !isSetting {
		flag, value = "", arg
	}
	for _, m := range c.VolumeMounts {
		if value == m.MountPath || strings.HasPrefix(value, m.MountPath+"/") {
			value = p.root + value
		}
	}
	if isSetting {
		return flag + "=" + value
	}
	return value
}

// probe asks what the kubelet would ask, at a port of this machine. A redirection is
// a success for the kubelet and none here.
func probe(p *corev1.Probe, port int) error {
	return getOK(fmt.Sprintf("http://127.0.0.1:%d%s", port, p.HTTPGet.Path))
}

func getOK(url string) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %s", url, resp.Status)
	}
	return nil
}

// freePort is one that nobody has at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	n, err := strconv.Atoi(port)
	must(t, err)
	return n
}
