package kubernetes

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// caller is a pod that opens a connection, or one that is called.
type caller struct{ namespace, name string }

// admits tells whether a policy lets a caller in at a port. It knows as much of
// policies as the folder uses, and fails the test for more.
func admits(t *testing.T, p *networkingv1.NetworkPolicy, from caller, port string) bool {
	t.Helper()
	if len(p.Spec.PolicyTypes) == 0 {
		t.Fatalf("policy %s leaves it to Kubernetes to guess its types", p.Name)
	}
	if !slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
		return true
	}
	return slices.ContainsFunc(p.Spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
		return opens(t, rule.Ports, corev1.ProtocolTCP, port) && arePeers(t, rule.From, p.Namespace, from)
	})
}

// lets tells whether a policy lets its pods call a port, like admits. A called pod
// that is not known is one of which the policy is to say nothing.
func lets(t *testing.T, p *networkingv1.NetworkPolicy, to caller, protocol corev1.Protocol, port string) bool {
	t.Helper()
	if !slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		return true
	}
	return slices.ContainsFunc(p.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
		return opens(t, rule.Ports, protocol, port) && (to == caller{} || arePeers(t, rule.To, p.Namespace, to))
	})
}

// opens tells whether the ports of a rule include one. None are all.
func opens(t *testing.T, ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, port string) bool {
	t.Helper()
	return len(ports) == 0 || slices.ContainsFunc(ports, func(q networkingv1.NetworkPolicyPort) bool {
		if q.EndPort != nil {
			t.Fatal("this test does not know ranges of ports")
		}
		is := corev1.ProtocolTCP
		if q.Protocol != nil {
			is = *q.Protocol
		}
		return is == protocol && (q.Port == nil || q.Port.String() == port)
	})
}

// arePeers tells whether the peers of a rule include a pod. None are everybody.
func arePeers(t *testing.T, peers []networkingv1.NetworkPolicyPeer, own string, pod caller) bool {
	t.Helper()
	return len(peers) == 0 || slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		return isPeer(t, peer, own, pod)
	})
}

func isPeer(t *testing.T, peer networkingv1.NetworkPolicyPeer, own string, from caller) bool {
	t.Helper()
	if peer.IPBlock != nil || peer.PodSelector == nil && peer.NamespaceSelector == nil {
		t.Fatal("this test does not know such a peer")
	}
	inNamespace := from.namespace == own
	if peer.NamespaceSelector != nil {
		inNamespace = selects(t, peer.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": from.namespace})
	}
	return inNamespace && (peer.PodSelector == nil || selects(t, peer.PodSelector, map[string]string{"app.kubernetes.io/name": from.name}))
}

func TestNetworkPoliciesLetInWhoBelongs(t *testing.T) {
	policies := make(map[string]*networkingv1.NetworkPolicy)
	objects := build(t)
	pods := workloads(objects)
	for _, p := range all[*networkingv1.NetworkPolicy](objects) {
		policies[p.Name] = p
		for other, w := range pods {
			if got := selects(t, &p.Spec.PodSelector, w.template.Labels); got != (other == p.Name) {
				t.Errorf("policy %s is for the pods of %s: %v", p.Name, other, got)
			}
		}
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if port.Port == nil {
					t.Errorf("policy %s: a rule opens every port of a protocol", p.Name)
				} else if portOf(pods[p.Name].template.Spec.Containers[0], *port.Port) == 0 {
					t.Errorf("policy %s: no container has the port %s", p.Name, port.Port)
				}
			}
		}
	}
	for _, test := range []struct {
		name     string
		from     caller
		to, port string
		want     bool
	}{
		{"Envoy may ask contour", caller{"contour", "envoy"}, "contour", "xds", true},
		{"another pod of the namespace may not", caller{"contour", "stranger"}, "contour", "xds", false},
		{"a pod that calls itself envoy elsewhere may not", caller{"default", "envoy"}, "contour", "xds", false},
		{"Prometheus may not", caller{"monitoring", "prometheus"}, "contour", "xds", false},
		{"Prometheus may see contour's metrics", caller{"monitoring", "prometheus"}, "contour", "metrics", true},
		{"Envoy may not", caller{"contour", "envoy"}, "contour", "metrics", false},
		{"others may not", caller{"default", "prometheus"}, "contour", "metrics", false},
		{"everyone may send Envoy requests", caller{"default", "client"}, "envoy", "http", true},
		{"Prometheus may see Envoy's metrics", caller{"monitoring", "prometheus"}, "envoy", "readiness", true},
		{"others may not", caller{"default", "client"}, "envoy", "readiness", false},
	} {
		if got := admits(t, policies[test.to], test.from, test.port); got != test.want {
			t.Errorf("%s: %v at port %s of %s: got %v", test.name, test.from, test.port, test.to, got)
		}
	}
	if spec := policies["contour"].Spec; !slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeEgress) || len(spec.Egress) != 0 {
		t.Error("contour may call others, and has nobody to call")
	}
}

// TestNetworkPoliciesLetEnvoyOut: a policy for what Envoy calls that leaves out
// contour or DNS is an outage of all that it serves, as soon as it starts anew.
func TestNetworkPoliciesLetEnvoyOut(t *testing.T) {
	for _, p := range all[*networkingv1.NetworkPolicy](build(t)) {
		if p.Name != "envoy" {
			continue
		}
		for name, may := range map[string]bool{
			"ask contour":     lets(t, p, caller{"contour", "contour"}, corev1.ProtocolTCP, "xds") || lets(t, p, caller{"contour", "contour"}, corev1.ProtocolTCP, "8001"),
			"ask DNS":         lets(t, p, caller{}, corev1.ProtocolUDP, "53"),
			"ask DNS by TCP":  lets(t, p, caller{}, corev1.ProtocolTCP, "53"),
			"be asked at all": len(p.Spec.Ingress) > 0,
		} {
			if !may {
				t.Errorf("the policy of Envoy's pods does not let them %s", name)
			}
		}
	}
}

// TestPodSecurityIsTheStrictest: TestLong has a real API server judge the pods.
func TestPodSecurityIsTheStrictest(t *testing.T) {
	var namespace metav1.Object
	for _, o := range build(t) {
		if o.GetObjectKind().GroupVersionKind().Kind == "Namespace" {
			namespace = o
		}
	}
	for _, mode := range []string{"enforce", "audit", "warn"} {
		if got := namespace.GetLabels()["pod-security.kubernetes.io/"+mode]; got != "restricted" {
			t.Errorf("the namespace says %s: %q", mode, got)
		}
	}
}
