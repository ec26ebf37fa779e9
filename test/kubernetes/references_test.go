package kubernetes

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// channelKeys are what a Secret of type kubernetes.io/tls has, made as the howto
// makes it.
var channelKeys = []string{"tls.crt", "tls.key", "ca.crt"}

// selects fails the test for a selector that Kubernetes would refuse, or one that
// takes everything.
func selects(t *testing.T, selector *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || s.Empty() {
		t.Fatalf("selector %v: %v; it is to select something, and not everything", selector, err)
	}
	return s.Matches(labels.Set(set))
}

func TestSelectorsFindWhatBearsTheirName(t *testing.T) {
	objects := build(t)
	pods := workloads(objects)
	check := func(what, name string, selector *metav1.LabelSelector) {
		for other, w := range pods {
			if got := selects(t, selector, w.template.Labels); got != (other == name) {
				t.Errorf("%s selects the pods of %s: %v", what, other, got)
			}
		}
	}
	for name, w := range pods {
		check("workload "+name, name, w.selector)
		for _, spread := range w.template.Spec.TopologySpreadConstraints {
			check("the spread of "+name, name, spread.LabelSelector)
		}
	}
	for _, s := range all[*corev1.Service](objects) {
		check("Service "+s.Name, s.Name, &metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	}
	for _, b := range all[*policyv1.PodDisruptionBudget](objects) {
		check("PodDisruptionBudget "+b.Name, b.Name, b.Spec.Selector)
	}
}

func TestServicesLeadToPortsThatArePresent(t *testing.T) {
	objects := build(t)
	pods := workloads(objects)
	for _, s := range all[*corev1.Service](objects) {
		for _, p := range s.Spec.Ports {
			if portOf(pods[s.Name].template.Spec.Containers[0], p.TargetPort) == 0 {
				t.Errorf("Service %s: no container has the port %s", s.Name, p.TargetPort.String())
			}
		}
	}
}

// TestTheServiceOfEnvoyIsTheWayIn: type and policy decide who gets in, and whose
// address Envoy sees.
func TestTheServiceOfEnvoyIsTheWayIn(t *testing.T) {
	for _, s := range all[*corev1.Service](build(t)) {
		local := s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
		switch {
		case s.Name != "envoy" && s.Spec.Type != "":
			t.Errorf("Service %s is of type %s, and nobody outside of the cluster may come that way", s.Name, s.Spec.Type)
		case s.Name == "envoy" && (s.Spec.Type != corev1.ServiceTypeLoadBalancer || !local):
			t.Errorf("Service envoy is of type %q and its external traffic policy is %q: nobody finds it, or Envoy sees a node's address for the client's",
				s.Spec.Type, s.Spec.ExternalTrafficPolicy)
		}
	}
}

func TestPrometheusIsToldPortsThatArePresent(t *testing.T) {
	for name, w := range workloads(build(t)) {
		want := portOf(w.template.Spec.Containers[0], w.template.Spec.Containers[0].ReadinessProbe.HTTPGet.Port)
		if got := w.template.Annotations["prometheus.io/port"]; got != strconv.Itoa(int(want)) {
			t.Errorf("%s: metrics are at %d, and Prometheus is told %q", name, want, got)
		}
		if got := w.template.Annotations["prometheus.io/scrape"]; got != "true" {
			t.Errorf("%s: Prometheus is told to scrape: %q", name, got)
		}
	}
}

// TestPathsLieOnMounts follows each path of an argument through the mounts to what
// is there.
func TestPathsLieOnMounts(t *testing.T) {
	for name, w := range workloads(build(t)) {
		written := make(map[string]bool)
		for _, c := range w.containers() {
			for _, m := range c.VolumeMounts {
				if m.SubPath != "" || m.SubPathExpr != "" {
					t.Errorf("%s, %s: %s is mounted by subPath, and never changes", name, c.Name, m.MountPath)
				}
				if v := volume(w, m.Name); v == nil {
					t.Errorf("%s, %s: there is no volume %s", name, c.Name, m.Name)
				} else if v.EmptyDir == nil && !m.ReadOnly {
					t.Errorf("%s, %s: %s is not mounted read-only", name, c.Name, m.MountPath)
				}
			}
			for _, p := range pathsOf(c) {
				checkPath(t, w, c, p, written)
			}
		}
		for _, v := range w.template.Spec.Volumes {
			if !slices.ContainsFunc(w.containers(), func(c corev1.Container) bool { return mounts(c, v.Name) }) {
				t.Errorf("%s: nothing mounts volume %s", name, v.Name)
			}
		}
	}
}

// pathsOf are the arguments, or what stands behind their =, that are paths.
func pathsOf(c corev1.Container) []string {
	var paths []string
	for _, arg := range c.Args {
		if _, value, ok := strings.Cut(arg, "="); ok {
			arg = value
		}
		if path.IsAbs(arg) {
			paths = append(paths, arg)
		}
	}
	return paths
}

func checkPath(t *testing.T, w workload, c corev1.Container, p string, written map[string]bool) {
	t.Helper()
	for _, m := range c.VolumeMounts {
		rest, below := strings.CutPrefix(p, m.MountPath+"/")
		if !below && p != m.MountPath {
			continue
		}
		switch v := volume(w, m.Name); {
		case v.Secret != nil:
			if !slices.Contains(channelKeys, rest) {
				t.Errorf("%s, %s: %s is no key of a kubernetes.io/tls Secret with ca.crt", w.name, c.Name, p)
			}
		case v.Projected != nil:
			if below {
				t.Errorf("%s, %s: %s is to be the folder of resources", w.name, c.Name, p)
			}
		case v.EmptyDir != nil:
			// The first container to name it writes it, and the others read it.
			file := path.Join(v.Name, rest)
			if written[file] != m.ReadOnly {
				t.Errorf("%s, %s: %s: is it there: %v; is the mount read-only: %v", w.name, c.Name, p, written[file], m.ReadOnly)
			}
			written[file] = true
		}
		return
	}
	t.Errorf("%s, %s: %s is on no mount", w.name, c.Name, p)
}

func volume(w workload, name string) *corev1.Volume {
	for i, v := range w.template.Spec.Volumes {
		if v.Name == name {
			return &w.template.Spec.Volumes[i]
		}
	}
	return nil
}

func mounts(c corev1.Container, name string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == name })
}

// TestVolumesAreThere holds the names in volumes against the ConfigMaps of the
// folder and the Secrets that the howto makes.
func TestVolumesAreThere(t *testing.T) {
	objects := build(t)
	howto := string(readFile(t, "../../docs/howto/split-deployment.md"))
	for name, w := range workloads(objects) {
		for _, v := range w.template.Spec.Volumes {
			if v.Secret != nil {
				if !strings.Contains(howto, "create secret generic "+v.Secret.SecretName+" ") {
					t.Errorf("%s: the howto does not make Secret %s", name, v.Secret.SecretName)
				}
				if v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
					t.Errorf("%s: volume %s: others than its owner and its group may read the key", name, v.Name)
				}
			}
			if v.Projected == nil {
				continue
			}
			for _, s := range v.Projected.Sources {
				if s.ConfigMap != nil && !slices.ContainsFunc(all[*corev1.ConfigMap](objects), func(m *corev1.ConfigMap) bool { return m.Name == s.ConfigMap.Name }) {
					t.Errorf("%s: there is no ConfigMap %s", name, s.ConfigMap.Name)
				}
				if s.Secret != nil && !isTrue(s.Secret.Optional) {
					t.Errorf("%s: Secret %s is not made by anybody", name, s.Secret.Name)
				}
			}
		}
	}
}
