package kubernetes

import (
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// settings are what a command can be told: its flags, and their environment names.
type settings struct{ flags, env []string }

var (
	flagInHelp = regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z-]+)`)
	envInHelp  = regexp.MustCompile(`\[((?:CONTOUR|ENVOY)_[A-Z_]+)\]`)
)

// settingsOf asks the real command.
func settingsOf(t *testing.T, command string) settings {
	t.Helper()
	help, err := exec.Command(contourBinary, command, "--help").Output()
	if err != nil {
		t.Fatalf("contour %s --help: %v", command, err)
	}
	var s settings
	for _, m := range flagInHelp.FindAllStringSubmatch(string(help), -1) {
		s.flags = append(s.flags, m[1])
	}
	for _, m := range envInHelp.FindAllStringSubmatch(strings.Join(strings.Fields(string(help)), " "), -1) {
		s.env = append(s.env, m[1])
	}
	if len(s.env) < 5 || len(s.flags) < len(s.env) {
		t.Fatalf("contour %s --help has the flags %q and the environment names %q, which can't be all", command, s.flags, s.env)
	}
	return s
}

// runsContour tells which command of contour a container runs, if it does.
func runsContour(c corev1.Container) (command string, ok bool) {
	if imageName(c.Image) != "contour" {
		return "", false
	}
	return c.Args[0], true
}

func TestArgumentsAreFlags(t *testing.T) {
	commands := 0
	for name, w := range workloads(build(t)) {
		for _, c := range w.containers() {
			command, ok := runsContour(c)
			if !ok {
				continue
			}
			commands++
			known := settingsOf(t, command)
			for _, arg := range c.Args[1:] {
				if flag, isFlag := strings.CutPrefix(arg, "--"); isFlag && !slices.Contains(known.flags, before(flag, "=")) {
					t.Errorf("%s, %s: contour %s has no flag %s", name, c.Name, command, arg)
				}
			}
			for _, e := range c.Env {
				if !slices.Contains(known.env, e.Name) {
					t.Errorf("%s, %s: contour %s does not look at %s", name, c.Name, command, e.Name)
				}
			}
		}
	}
	if commands != 2 {
		t.Errorf("%d containers run contour, want one that serves and one that writes the bootstrap", commands)
	}
}

func before(s, separator string) string { part, _, _ := strings.Cut(s, separator); return part }

// TestServiceLinksMeetNoSetting: the pods have none, and in others that people put
// beside them the names are to be safe as well.
func TestServiceLinksMeetNoSetting(t *testing.T) {
	known := slices.Concat(settingsOf(t, "serve").env, settingsOf(t, "bootstrap").env)
	for _, s := range all[*corev1.Service](build(t)) {
		prefix := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		link := regexp.MustCompile("^" + prefix + `_(SERVICE_.*|PORT(_\d.*)?)$`)
		if i := slices.IndexFunc(known, link.MatchString); i >= 0 {
			t.Errorf("Service %s sets %s, which is a setting of contour", s.Name, known[i])
		}
	}
}

// argument returns the value of a flag of a container.
func argument(t *testing.T, c corev1.Container, flag string) string {
	t.Helper()
	for _, arg := range c.Args {
		if value, ok := strings.CutPrefix(arg, flag+"="); ok {
			return value
		}
	}
	t.Fatalf("%s has no %s", c.Name, flag)
	return ""
}

func TestBothSidesSpeakOfTheSamePorts(t *testing.T) {
	objects := build(t)
	serve := workloads(objects)["contour"].template.Spec.Containers[0]
	bootstrap := workloads(objects)["envoy"].template.Spec.InitContainers[0]
	service := all[*corev1.Service](objects)[0]

	for _, test := range []struct{ name, got, want string }{
		{"contour serves Envoys where the kubelet routes them", argument(t, serve, "--xds-address"), "0.0.0.0"},
		{"contour answers probes where the kubelet comes from", argument(t, serve, "--metrics-address"), "0.0.0.0"},
		{"the port xds is that of the flag", argument(t, serve, "--xds-port"), strconv.Itoa(int(portOf(serve, intstr.FromString("xds"))))},
		{"the port metrics is that of the flag", argument(t, serve, "--metrics-port"), strconv.Itoa(int(portOf(serve, intstr.FromString("metrics"))))},
		{"Envoy dials the Service", argument(t, bootstrap, "--xds-address"), service.Name},
		{"Envoy dials the Service's port", argument(t, bootstrap, "--xds-port"), strconv.Itoa(int(service.Spec.Ports[0].Port))},
		{"Envoy's admin interface is its own", argument(t, bootstrap, "--admin-address"), "127.0.0.1"},
	} {
		if test.got != test.want {
			t.Errorf("it is not so that %s: got %q, want %q", test.name, test.got, test.want)
		}
	}
}

// withdrawal is how long a Service and a load balancer may take to send new
// connections elsewhere.
const withdrawal = 25 * time.Second

// routeTimeout is how long Envoy lets a request take whose route does not say.
const routeTimeout = 15 * time.Second

// TestEnvoyHasTimeToDrain adds up what preStop has to wait for.
func TestEnvoyHasTimeToDrain(t *testing.T) {
	objects := build(t)
	c := workloads(objects)["envoy"].template.Spec.Containers[0]
	wait := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	checked := 0
	for _, l := range listeners(t, objects) {
		port := l.GetAddress().GetSocketAddress()
		if port.GetAddress() != "0.0.0.0" || !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == l.GetName() && p.ContainerPort == int32(port.GetPortValue())
		}) {
			t.Errorf("listener %s is at %s:%d, and no port of the container", l.GetName(), port.GetAddress(), port.GetPortValue())
		}
		if l.GetName() == "readiness" {
			continue
		}
		checked++
		http := manager(t, l)
		age, drain := http.GetCommonHttpProtocolOptions().GetMaxConnectionDuration(), http.GetDrainTimeout()
		if need := withdrawal + age.AsDuration() + drain.AsDuration() + routeTimeout; age == nil || drain == nil || wait < need {
			t.Errorf("listener %s takes %v to be rid of its connections, and preStop waits %v", l.GetName(), need, wait)
		}
	}
	if checked == 0 {
		t.Error("no listener was looked at")
	}
}

func manager(t *testing.T, l *listenerv3.Listener) *hcmv3.HttpConnectionManager {
	t.Helper()
	m := new(hcmv3.HttpConnectionManager)
	if err := l.GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(m); err != nil {
		t.Fatal(err)
	}
	return m
}
