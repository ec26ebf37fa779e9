package outside

import (
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"strconv"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// pythonOptions are those of client.py.
type pythonOptions struct {
	Host       string   `json:"host"`
	Port       int      `json:"port"`
	CAFile     string   `json:"cafile,omitempty"`
	ServerName string   `json:"server_name,omitempty"`
	Cert       string   `json:"cert,omitempty"`
	Key        string   `json:"key,omitempty"`
	ALPN       []string `json:"alpn,omitempty"`
	TLS12      bool     `json:"tls_1_2,omitempty"`
}

// presentingInPython are a client that is fine when its credentials are.
func presentingInPython(files certtest.Files) pythonOptions {
	return pythonOptions{CAFile: files.CA, ServerName: certtest.ServerName, Cert: files.Cert, Key: files.Key, ALPN: []string{"h2"}}
}

// python connects with Python's ssl until the server hangs up or speaks, and
// returns what it printed.
func (f *fixture) python(options pythonOptions) string {
	f.t.Helper()
	host, port, err := net.SplitHostPort(f.XDS)
	if err != nil {
		f.t.Fatal(err)
	}
	options.Host = host
	if options.Port, err = strconv.Atoi(port); err != nil {
		f.t.Fatal(err)
	}
	argument, err := json.Marshal(options)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, "python3", "client.py", string(argument)).CombinedOutput()
	if err != nil {
		f.t.Fatalf("python3 client.py: %v\n%s", err, out)
	}
	return string(out)
}

func TestAPythonThatIsNotOursIsRefusedForItsReason(t *testing.T) {
	rows := []struct {
		name    string
		options func(*fixture) pythonOptions
		reason  string
	}{
		{"without a certificate", butFor(func(_ *fixture, o *pythonOptions) { o.Cert = "" }), "no_certificate"},
		{"of another CA", func(f *fixture) pythonOptions { return presentingInPython(f.ofAnotherCA()) }, "unknown_ca"},
		{"whose certificate ended", func(f *fixture) pythonOptions { return presentingInPython(f.issued(ended)) }, "expired"},
		{"with a server's certificate", func(f *fixture) pythonOptions {
			return presentingInPython(f.files(f.ca.Issue(f.t, certtest.Server())))
		}, "wrong_usage"},
		{"that speaks TLS 1.2 at most", butFor(func(_ *fixture, o *pythonOptions) { o.TLS12 = true }), "protocol_version"},
		{"without ALPN", butFor(func(_ *fixture, o *pythonOptions) { o.ALPN = nil }), "no_alpn"},
		{"that speaks HTTP/1.1 by ALPN", butFor(func(_ *fixture, o *pythonOptions) { o.ALPN = []string{"http/1.1"} }), "no_alpn"},
		{"that does not trust our CA", butFor(func(f *fixture, o *pythonOptions) { o.CAFile = f.strangersCA() }), "peer_alert_unknown_ca"},
		{"that demands another name of us", butFor(func(_ *fixture, o *pythonOptions) { o.ServerName = "elsewhere.example" }), "peer_alert_other"},
	}
	for _, row := range rows {
		t.Run("a client "+row.name, func(t *testing.T) {
			f := newFixture(t, certtest.ECDSA)
			f.python(row.options(f))
			f.wantRefusedOnce(row.reason)
		})
	}
}

// butFor is a client that is fine but for one option.
func butFor(spoil func(*fixture, *pythonOptions)) func(*fixture) pythonOptions {
	return func(f *fixture) pythonOptions {
		options := presentingInPython(f.client())
		spoil(f, &options)
		return options
	}
}

func TestAPythonOfOursIsWelcome(t *testing.T) {
	f := newFixture(t, certtest.ECDSA)
	const want = `{"version": "TLSv1.3", "alpn": "h2"}` + "\n"
	if got := f.python(presentingInPython(f.client())); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	f.WantMetric(1, handshakes, "result", "success")
	f.WantMetric(0, handshakes, "result", "failure")
}
