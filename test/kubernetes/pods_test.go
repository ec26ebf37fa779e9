package kubernetes

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/contour-xds/contour/test/envoy"
)

func isFalse(b *bool) bool { return b != nil && !*b }
func isTrue(b *bool) bool  { return b != nil && *b }

func TestPodsAreConfined(t *testing.T) {
	for name, w := range workloads(build(t)) {
		spec := w.template.Spec
		pod := spec.SecurityContext
		if pod == nil {
			t.Fatalf("%s: the pod has no securityContext", name)
		}
		for what, holds := range map[string]bool{
			"it has no service-account token":       isFalse(spec.AutomountServiceAccountToken),
			"it has no service links":               isFalse(spec.EnableServiceLinks),
			"it does not run as root":               isTrue(pod.RunAsNonRoot) && pod.RunAsUser != nil && *pod.RunAsUser > 0 && pod.RunAsGroup != nil && *pod.RunAsGroup > 0,
			"its group may read the key":            pod.FSGroup != nil && *pod.FSGroup > 0,
			"its system calls are filtered":         pod.SeccompProfile != nil && pod.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
			"it shares nothing with its node":       !spec.HostNetwork && !spec.HostPID && !spec.HostIPC,
			"it has time to drain":                  spec.TerminationGracePeriodSeconds != nil,
			"it has containers for the tests below": len(w.containers()) > 0,
		} {
			if !holds {
				t.Errorf("%s: it is not so that %s", name, what)
			}
		}
	}
}

func TestContainersAreConfined(t *testing.T) {
	for name, w := range workloads(build(t)) {
		for _, c := range w.containers() {
			security := c.SecurityContext
			if security == nil {
				t.Errorf("%s, %s: it has no securityContext", name, c.Name)
				continue
			}
			for what, holds := range map[string]bool{
				"it can't gain privileges":       isFalse(security.AllowPrivilegeEscalation) && security.Privileged == nil,
				"its root is read-only":          isTrue(security.ReadOnlyRootFilesystem),
				"it has no capabilities":         security.Capabilities != nil && slices.Equal(security.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(security.Capabilities.Add) == 0,
				"the user is that of the pod":    security.RunAsUser == nil && security.RunAsGroup == nil && security.RunAsNonRoot == nil && security.SeccompProfile == nil,
				"it asks for CPU and memory":     !c.Resources.Requests.Cpu().IsZero() && !c.Resources.Requests.Memory().IsZero(),
				"its memory is bounded":          c.Resources.Limits.Memory().Cmp(*c.Resources.Requests.Memory()) >= 0,
				"it takes no port of its node":   !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }),
				"its environment is spelled out": len(c.EnvFrom) == 0,
			} {
				if !holds {
					t.Errorf("%s, %s: it is not so that %s", name, c.Name, what)
				}
			}
		}
	}
}

// TestImagesAreThoseThatAreTested: one contour on both sides, and the Envoy that
// all other tests run.
func TestImagesAreThoseThatAreTested(t *testing.T) {
	contour := ""
	for _, w := range workloads(build(t)) {
		for _, c := range w.containers() {
			tag := imageTag(c.Image)
			switch {
			case imageName(c.Image) == "envoy":
				if tag != "distroless-v"+envoy.Version {
					t.Errorf("%s runs %s, and the tests Envoy %s", c.Name, c.Image, envoy.Version)
				}
			case imageName(c.Image) != "contour":
				t.Errorf("%s runs %s, which no test has", c.Name, c.Image)
			case contour == "":
				contour = c.Image
			case contour != c.Image:
				t.Errorf("one container runs %s, another %s", contour, c.Image)
			}
			if tag == "" || tag == "latest" {
				t.Errorf("%s runs %s, which is another one with each pull", c.Name, c.Image)
			}
		}
	}
	if contour == "" {
		t.Error("nothing runs contour")
	}
}

// probesOf are the probes that a container has, by their kind.
func probesOf(c corev1.Container) map[string]*corev1.Probe {
	probes := map[string]*corev1.Probe{"readiness": c.ReadinessProbe, "liveness": c.LivenessProbe, "startup": c.StartupProbe}
	maps.DeleteFunc(probes, func(_ string, p *corev1.Probe) bool { return p == nil })
	return probes
}

// TestProbesNeverTouchTheXDSPort, where each would be a failed handshake. What they
// ask is pinned: a replica of contour that is not ready, or that drains, is alive,
// and a liveness probe that asks for more than that would have it killed.
func TestProbesNeverTouchTheXDSPort(t *testing.T) {
	asked := make(map[string]string)
	for name, w := range workloads(build(t)) {
		for _, c := range w.template.Spec.Containers {
			for kind, probe := range probesOf(c) {
				switch {
				case probe.HTTPGet == nil || probe.HTTPGet.Host != "" || probe.HTTPGet.Scheme != "":
					t.Errorf("%s, %s: the %s probe is not plain HTTP to the pod", name, c.Name, kind)
				case portOf(c, probe.HTTPGet.Port) == 0 || probe.HTTPGet.Port.StrVal == "xds":
					t.Errorf("%s, %s: the %s probe goes to port %s", name, c.Name, kind, probe.HTTPGet.Port.String())
				}
				if probe.HTTPGet != nil {
					asked[c.Name+", "+kind] = probe.HTTPGet.Path
				}
			}
		}
	}
	want := map[string]string{"contour, readiness": "/readyz", "contour, liveness": "/healthz", "envoy, readiness": "/ready"}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("what probes ask (-want +got):\n%s", diff)
	}
}

// propagation is how long the Service's removal of a pod may take to reach every
// node, in seconds.
const propagation = 5

// portOf resolves a port by its name, which every reference uses. Zero is one that
// the container does not have.
func portOf(c corev1.Container, port intstr.IntOrString) int32 {
	for _, p := range c.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			return p.ContainerPort
		}
	}
	return 0
}

func TestRolloutsLeaveNoGap(t *testing.T) {
	objects := build(t)
	contour := all[*appsv1.Deployment](objects)[0].Spec
	if rolling := contour.Strategy.RollingUpdate; contour.Replicas == nil || *contour.Replicas < 2 || rolling == nil || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxSurge.IntValue() < 1 {
		t.Error("contour: a rollout has fewer replicas serve than there are")
	}
	if rolling := all[*appsv1.DaemonSet](objects)[0].Spec.UpdateStrategy.RollingUpdate; rolling == nil || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxSurge.IntValue() < 1 {
		t.Error("envoy: a rollout leaves a node without Envoy")
	}
	budget := all[*policyv1.PodDisruptionBudget](objects)[0].Spec
	if budget.MinAvailable == nil || budget.MinAvailable.IntValue() < 1 || budget.MinAvailable.IntValue() >= int(*contour.Replicas) {
		t.Error("contour: the budget lets all replicas be evicted, or none ever")
	}
	for name, w := range workloads(objects) {
		c := w.template.Spec.Containers[0]
		if c.Lifecycle == nil || c.Lifecycle.PreStop == nil || c.Lifecycle.PreStop.Sleep == nil {
			t.Errorf("%s: it is ended before anybody knows, or by a program that a distroless image does not have", name)
			continue
		}
		if c.Lifecycle.PreStop.Sleep.Seconds < propagation {
			t.Errorf("%s: preStop waits %d s, and new connections may arrive for %d", name, c.Lifecycle.PreStop.Sleep.Seconds, propagation)
		}
		if after := *w.template.Spec.TerminationGracePeriodSeconds - c.Lifecycle.PreStop.Sleep.Seconds; after < 10 {
			t.Errorf("%s: after preStop %d s are left to end in", name, after)
		}
	}
}
