package envoy_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"go.uber.org/goleak"

	"github.com/contour-xds/contour/test/envoy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bootstrap = `
node: {id: test, cluster: tests}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: hello
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: hello
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "envoy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRealEnvoyServesAndCanBeAsked(t *testing.T) {
	e := envoy.Start(t, write(t, bootstrap), envoy.Options{ComponentLogLevel: "connection:debug"})
	e.WaitReady(30 * time.Second)

	address, err := e.ListenerAddress("hello")
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, "http://"+address+"/"); got != "hello" {
		t.Errorf("the listener answered %q", got)
	}
	if got, err := e.Stat("http.hello.downstream_rq_completed"); err != nil || got != 1 {
		t.Errorf("requests: got %d, %v; want 1", got, err)
	}
	if stats, err := e.Stats(); err != nil || stats["listener_manager.total_listeners_active"] != 1 {
		t.Errorf("active listeners: got %d, %v; want 1", stats["listener_manager.total_listeners_active"], err)
	}
	if got, err := e.Stat("no.such.stat"); err == nil {
		t.Errorf("a stat that there is not: got %d", got)
	}
	info, err := e.ServerInfo()
	if err != nil || info.GetNode().GetId() != "test" || !strings.Contains(info.GetVersion(), "/"+envoy.Version+"/") {
		t.Errorf("server info: got node %q and version %q, %v", info.GetNode().GetId(), info.GetVersion(), err)
	}
	if dump, err := e.ConfigDump(); err != nil || !hasStaticListener(dump) {
		t.Errorf("config dump: has no static listener, %v", err)
	}
	if log := e.Log(); !strings.Contains(log, "[debug][connection]") {
		t.Error("the log has no line of the component that is to log at debug")
	}

	e.Stop()
	if err := e.Ready(); err == nil {
		t.Error("still ready after Stop")
	}
}

func hasStaticListener(dump *adminv3.ConfigDump) bool {
	for _, config := range dump.GetConfigs() {
		listeners := new(adminv3.ListenersConfigDump)
		if config.UnmarshalTo(listeners) == nil {
			return len(listeners.GetStaticListeners()) == 1
		}
	}
	return false
}

func TestSeveralEnvoysRunSideBySide(t *testing.T) {
	path := write(t, bootstrap)
	first, second := envoy.Start(t, path, envoy.Options{}), envoy.Start(t, path, envoy.Options{})
	first.WaitReady(30 * time.Second)
	second.WaitReady(30 * time.Second)
	first.Kill()
	if err := second.Ready(); err != nil {
		t.Errorf("the second is gone with the first: %v", err)
	}
}

func TestValidateTellsGoodFromBad(t *testing.T) {
	if err := envoy.Validate(t, "", write(t, bootstrap)); err != nil {
		t.Errorf("a good bootstrap: %v", err)
	}
	err := envoy.Validate(t, "", write(t, "no_such_field: 1"))
	if err == nil || !strings.Contains(err.Error(), "no_such_field") {
		t.Errorf("a field that there is not: got %v", err)
	}
}

func TestEnvoyThatEndsByItselfFailsTheTest(t *testing.T) {
	for name, run := range map[string]func(t testing.TB){
		"at its start": func(t testing.TB) { envoy.Start(t, write(t.(*recorder).T, "no_such_field: 1"), envoy.Options{}) },
		"later": func(t testing.TB) {
			e := envoy.Start(t, write(t.(*recorder).T, bootstrap), envoy.Options{})
			if _, err := e.Post("/quitquitquit"); err != nil {
				t.Fatal(err)
			}
			e.WaitEnded(30 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := record(t, run)
			if !r.failed || !strings.Contains(r.output(), "ended by itself") {
				t.Errorf("the test has failed: %v, and says:\n%s", r.failed, r.output())
			}
			if !strings.Contains(r.output(), "the end of Envoy's log:") {
				t.Errorf("the test does not show the log:\n%s", r.output())
			}
		})
	}
}

func TestEventuallyReportsTheLastError(t *testing.T) {
	calls := 0
	r := record(t, func(t testing.TB) {
		envoy.Eventually(t, 200*time.Millisecond, "the sun rises", func() error { calls++; return fmt.Errorf("try %d", calls) })
	})
	if want := fmt.Sprintf("the sun rises: not within 200ms: try %d", calls); !r.failed || !strings.Contains(r.output(), want) || calls < 2 {
		t.Errorf("got %q, want %q", r.output(), want)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
