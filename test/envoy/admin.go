package envoy

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	// A dump holds messages of any type that an Envoy can be sent, and every one of
	// them must be known to be read.
	_ "github.com/contour-xds/contour/internal/resources"
)

// Admin asks an Envoy's admin interface. Its methods return errors, for
// [Eventually] to try again, and are safe for concurrent use.
type Admin struct {
	// Address is where the interface listens, as host:port.
	Address string

	client *http.Client
}

func newAdmin(address string) *Admin {
	return &Admin{Address: address, client: &http.Client{
		Timeout: 10 * time.Second,
		// No connection, and no goroutine of one, outlives its request.
		Transport: &http.Transport{DisableKeepAlives: true},
	}}
}

// Get returns what Envoy answers to a path such as /clusters. An answer other than
// 200 is an error, which has the beginning of the answer.
func (a *Admin) Get(path string) ([]byte, error) { return a.do(http.MethodGet, path) }

// Post is Get for the paths that change something, such as /drain_listeners.
func (a *Admin) Post(path string) ([]byte, error) { return a.do(http.MethodPost, path) }

func (a *Admin) do(method, path string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+a.Address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s: %s: %s", path, response.Status, redact(body[:min(len(body), 1000)]))
	}
	return body, nil
}

// Ready returns nil when Envoy says that it is.
func (a *Admin) Ready() error {
	_, err := a.Get("/ready")
	return err
}

// ServerInfo returns Envoy's state, version and command line.
func (a *Admin) ServerInfo() (*adminv3.ServerInfo, error) {
	info := new(adminv3.ServerInfo)
	return info, a.message("/server_info", info)
}

// ConfigDump returns all configuration that Envoy has, endpoints included. Private
// keys are left out of it by Envoy.
func (a *Admin) ConfigDump() (*adminv3.ConfigDump, error) {
	dump := new(adminv3.ConfigDump)
	return dump, a.message("/config_dump?include_eds", dump)
}

// ListenerAddress returns where the listener of that name is bound, as host:port:
// the real port when its configuration says 0.
func (a *Admin) ListenerAddress(name string) (string, error) {
	listeners := new(adminv3.Listeners)
	if err := a.message("/listeners?format=json", listeners); err != nil {
		return "", err
	}
	for _, status := range listeners.GetListenerStatuses() {
		if socket := status.GetLocalAddress().GetSocketAddress(); status.GetName() == name && socket.GetPortValue() != 0 {
			return net.JoinHostPort(socket.GetAddress(), strconv.Itoa(int(socket.GetPortValue()))), nil
		}
	}
	return "", fmt.Errorf("asking /listeners: none named %q is bound", name)
}

func (a *Admin) message(path string, into proto.Message) error {
	body, err := a.Get(path)
	if err != nil {
		return err
	}
	// Another Envoy than the one whose messages are known here may have more fields.
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding %s: %w", path, err)
	}
	return nil
}

// Stats returns all counters and gauges by name, those that were never touched
// included.
func (a *Admin) Stats() (map[string]int, error) { return a.stats("/stats") }

// Stat returns one counter or gauge. One that Envoy does not have (yet) is an
// error.
func (a *Admin) Stat(name string) (int, error) {
	stats, err := a.stats("/stats?filter=" + url.QueryEscape("^"+regexp.QuoteMeta(name)+"$"))
	if err != nil {
		return 0, err
	}
	value, ok := stats[name]
	if !ok {
		return 0, fmt.Errorf("asking /stats: there is no %q", name)
	}
	return value, nil
}

// Text returns a stat that is text, such as cluster_manager.cds.version_text. One
// that was never set is an error.
func (a *Admin) Text(name string) (string, error) {
	body, err := a.Get("/stats?type=TextReadouts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), name+": "); ok {
			if value, err := strconv.Unquote(text); err == nil && value != "" {
				return value, nil
			}
		}
	}
	return "", fmt.Errorf("asking /stats: there is no text in %q", name)
}

// stats leaves out histograms and text, which are no numbers.
func (a *Admin) stats(path string) (map[string]int, error) {
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	body, err := a.Get(path + separator + "format=json")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", path, err)
	}
	stats := make(map[string]int, len(answer.Stats))
	for _, stat := range answer.Stats {
		if value, err := strconv.Atoi(string(stat.Value)); err == nil {
			stats[stat.Name] = value
		}
	}
	return stats, nil
}
