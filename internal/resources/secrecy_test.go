package resources

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// leakRun is how much of a key may be seen: a run this long is too much.
const leakRun = 8

// keyPEM makes a private key.
func keyPEM(t testing.TB, algorithm string) string {
	t.Helper()
	var key any
	var err error
	if algorithm == "RSA" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// body is the base64 of a PEM on one line.
func body(key string) string {
	lines := strings.Split(strings.TrimSpace(key), "\n")
	return strings.Join(lines[1:len(lines)-1], "")
}

// der is a PEM's content.
func der(key string) []byte {
	block, _ := pem.Decode([]byte(key))
	return block.Bytes
}

// forms are the ways in which a key can stand in a file.
func forms(key string) map[string]string {
	return map[string]string{
		"base64":      body(key),
		"URL base64":  base64.RawURLEncoding.EncodeToString(der(key)),
		"hexadecimal": hex.EncodeToString(der(key)),
		"colons":      strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf("% x", der(key))), " ", ":"),
	}
}

// leaked returns a part of the key that the text shows in any form, or "".
func leaked(text, key string) string {
	text = strings.ToLower(strings.NewReplacer(`\n`, "", "\n", "", `\`, "").Replace(text))
	for _, secret := range forms(key) {
		secret = strings.ToLower(secret)
		for i := 0; i+leakRun <= len(secret); i++ {
			if run := secret[i : i+leakRun]; strings.Contains(text, run) {
				return run
			}
		}
	}
	return ""
}

// misplaced is a file with a key in it where none belongs, and the file's name.
type misplaced struct{ name, file, content string }

// misplacements are the wrong places that a key can come to.
func misplacements(key string) []misplaced {
	deep := func(by int) string {
		return strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n"+strings.Repeat(" ", by))
	}
	one, first, quoted := body(key), strings.Split(key, "\n")[1], string(must(json.Marshal(key)))
	last := one[len(one)-len(one)%64-64*b2i(len(one)%64 == 0):]
	secret := func(fields string) string {
		return "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: s\n" + fields
	}
	all := []misplaced{
		{"bytes that are not base64", "a.yaml", secret("  tls_certificate:\n    private_key:\n      inline_bytes: |\n        " + deep(8) + "\n")},
		{"a field that there is not", "a.yaml", secret("  tls_certificate:\n    privat_key:\n      inline_string: |\n        " + deep(8) + "\n")},
		{"a message", "a.yaml", secret("  tls_certificate:\n    private_key: |\n      " + deep(6) + "\n")},
		{"an indentation too far to the left", "a.yaml", secret("  tls_certificate:\n    private_key:\n      inline_string: |\n" + deep(0) + "\n")},
		{"a text without a mark", "a.yaml", secret("  tls_certificate:\n    private_key:\n      inline_string: " + deep(0) + "\n")},
		{"lines in a mapping", "a.yaml", secret("  tls_certificate:\n    private_key:\n      " + deep(6) + "\n")},
		{"lines as keys", "a.yaml", secret("  " + strings.ReplaceAll(deep(2), "\n", ":\n") + ":\n")},
		{"a flow mapping", "a.yaml", secret("  tls_certificate: {" + strings.ReplaceAll(strings.TrimSpace(key), "\n", ",\n") + "}\n")},
		{"an @type", "a.yaml", "resources:\n- \"@type\": " + quoted + "\n"},
		{"an @type with a prefix", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/" + one + "\n"},
		{"an @type like a name", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.X" + strings.NewReplacer("+", "", "/", "", "=", "").Replace(one[:100]) + "\n"},
		{"an @type deeper down", "a.yaml", clusterWith("typed_extension_protocol_options: {x: {\"@type\": " + quoted + "}}")},
		{"a key at the top", "a.yaml", quoted + ": []\n"},
		{"a last line at the top", "a.yaml", last + ": []\n"},
		{"a name", "a.yaml", resourcesOf(strings.Replace(cluster(quoted), "STATIC", "X", 1))},
		{"a name of one line", "a.yaml", resourcesOf(strings.Replace(cluster(`"`+one+`"`), "STATIC", "X", 1))},
		{"a name of the first line", "a.yaml", resourcesOf(strings.Replace(cluster(`"`+first+`"`), "STATIC", "X", 1))},
		{"a name twice", "a.yaml", resourcesOf(cluster(quoted), cluster(quoted))},
		{"a name that is referred to", "a.yaml", resourcesOf(strings.Replace(routeAway, "away", quoted, 1))},
		{"a secret's name that is referred to", "a.yaml", resourcesOf(listener("l", strings.Replace(rds, "name: r", "name: "+quoted, 1)))},
		{"an anchor", "a.yaml", "resources:\n- &" + first + " a\n- *" + first + "x\n"},
		{"an alias of nothing", "a.yaml", "resources:\n- *" + first + "\n"},
		{"a tag", "a.yaml", "resources:\n- !<" + one + "> a\n"},
		{"a tag's handle", "a.yaml", "resources:\n- !" + strings.NewReplacer("+", "", "/", "", "=", "").Replace(first) + "!x a\n"},
		{"a directive", "a.yaml", "%" + first + " x\n---\nresources: []\n"},
		{"a version of YAML", "a.yaml", "%YAML " + first + "\n---\nresources: []\n"},
		{"a key twice", "a.yaml", "resources:\n- " + quoted + ": 1\n  " + quoted + ": 2\n"},
		{"a second document", "a.yaml", "resources: []\n---\n" + key},
		{"a file of its own", "a.yaml", key},
		{"JSON of its own", "a.json", key},
		{"JSON cut off within a text", "a.json", `{"resources": [{"name": ` + quoted[:len(quoted)-20]},
		{"JSON without quotes", "a.json", `{"resources": [{"name": ` + one},
		{"a key of JSON twice", "a.json", `{"resources": [{` + quoted + `: 1, ` + quoted + `: 2}]}`},
		{"a key of JSON", "a.json", `{` + quoted + `: []}`},
		{"a wrong escape in JSON", "a.json", `{"resources": ["` + one + `\x"]}`},
		{"half a surrogate in JSON", "a.json", `{"resources": ["` + one + `\ud800"]}`},
		{"bytes that are not UTF-8", "a.yaml", key + "\xff"},
		{"a wrapper's name", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  name: " + quoted + "\n  resource: {\"@type\": " + clusterURL + ", name: x, type: STATIC}\n"},
		{"a wrapper's field", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.service.discovery.v3.Resource\n  " + quoted + ": x\n"},
		{"a TypedStruct", "a.yaml", clusterWith(`typed_extension_protocol_options: {x: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, value: {max_request_bytes: ` + quoted + `, ` + quoted + `: x}}}`)},
		{"a header that may hold no line break", "a.yaml", resourcesOf(strings.Replace(routeEmpty, "name: r\n", "name: r\n  request_headers_to_add: [{header: {key: "+quoted+", value: x}}]\n", 1))},
		{"a header to remove", "a.yaml", resourcesOf(strings.Replace(routeEmpty, "name: r\n", "name: r\n  request_headers_to_remove: ["+quoted+"]\n", 1))},
		{"a map's key under a constraint", "a.yaml", clusterWith("typed_extension_protocol_options: {" + quoted + `: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions}}`)},
		{"a map's key with a wrong value", "a.yaml", clusterWith("typed_extension_protocol_options: {" + quoted + ": x}")},
	}
	scalar := der(key)[:32]
	for name, form := range map[string]string{
		"hexadecimal": hex.EncodeToString(scalar), "hexadecimal in capitals": strings.ToUpper(hex.EncodeToString(scalar)),
		"bytes with colons": forms(key)["colons"][:44], "a JSON Web Key": base64.RawURLEncoding.EncodeToString(scalar),
	} {
		all = append(all,
			misplaced{name + " as a name", "a.yaml", resourcesOf(strings.Replace(cluster(`"`+form+`"`), "STATIC", "X", 1))},
			misplaced{name + " as a name that is referred to", "a.yaml", resourcesOf(strings.Replace(routeAway, "away", `"`+form+`"`, 1))},
			misplaced{name + " as a field", "a.yaml", clusterWith(`"` + form + `": x`)},
			misplaced{name + " as a map's key", "a.yaml", clusterWith(`typed_extension_protocol_options: {"` + form + `": x}`)},
			misplaced{name + " as a type", "a.yaml", "resources:\n- \"@type\": type.googleapis.com/envoy.X" + strings.ReplaceAll(form, "-", "") + "\n"},
		)
	}
	for _, field := range []string{
		"connect_timeout", "type", "per_connection_buffer_limit_bytes", "ignore_health_on_host_removal", "health_checks",
		"load_assignment", "typed_extension_protocol_options", "metadata", "respect_dns_ttl", "conect_timeout", "lb_policy",
		"max_requests_per_connection", "transport_socket", "cleanup_interval",
	} {
		all = append(all,
			misplaced{"the field " + field, "a.yaml", clusterWith(field + ": " + quoted)},
			misplaced{"the first line in " + field, "a.yaml", clusterWith(field + ": " + first)},
			misplaced{"the field " + field + " in JSON", "a.json", `{"resources": [{"@type": "` + clusterURL + `", "name": "x", "` + field + `": ` + quoted + `}]}`},
		)
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestNoKeyIsEverShown(t *testing.T) {
	for _, algorithm := range []string{"RSA", "ECDSA"} {
		key := keyPEM(t, algorithm)
		for _, c := range misplacements(key) {
			t.Run(algorithm+" in "+c.name, func(t *testing.T) {
				dir := folderOf(t, map[string]string{c.file: c.content})
				_, err := Read(Config{Dir: dir})
				if err == nil {
					t.Fatal("a key in a wrong place was accepted")
				}
				if run := leaked(err.Error(), key); run != "" {
					t.Errorf("the error shows %d characters of the key", len(run))
				}
				if strings.Contains(err.Error(), "PRIVATE KEY") {
					t.Error("the error quotes the PEM")
				}
			})
		}
	}
}

func TestNoKeyIsEverLogged(t *testing.T) {
	key := keyPEM(t, "ECDSA")
	dir := folderOf(t, map[string]string{"good.yaml": resourcesOf(cluster("x"))})
	var log bytes.Buffer
	f, err := Open(Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range misplacements(key) {
		bad := filepath.Join(dir, c.file)
		write(t, bad, c.content)
		f.reload(func(*Snapshots) { t.Errorf("%s: published", c.name) })
		write(t, filepath.Join(dir, "a.yaml"), "resources: []\n")
		write(t, filepath.Join(dir, "a.json"), `{"resources": []}`)
		f.reload(func(*Snapshots) { t.Errorf("%s: published what had not changed", c.name) })
	}
	if !strings.Contains(log.String(), "refusing changed resources") {
		t.Fatal("nothing was logged")
	}
	if run := leaked(log.String(), key); run != "" {
		t.Error("the log shows a part of the key")
	}
}

// TestAResourceIsLoggedByItsName is for the line of debugging that someone writes
// one day.
func TestAResourceIsLoggedByItsName(t *testing.T) {
	key := keyPEM(t, "ECDSA")
	s, problem := readYAML(t, "resources:\n- \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n  name: s\n  generic_secret: {secret: {inline_string: "+string(must(json.Marshal(key)))+"}}\n")
	if problem != "" {
		t.Fatal(problem)
	}
	secret := s.Resources("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret")[0]
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "resource", secret)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "resource", secret, "snapshot", s)
	fmt.Fprintf(&log, "%v %+v %s %v %+v", secret, secret, secret, s, s)
	if !strings.Contains(log.String(), secret.Version) || leaked(log.String(), key) != "" {
		t.Error("a resource is not logged by its name and version alone")
	}
}

func TestWhatALeakIs(t *testing.T) {
	key := keyPEM(t, "ECDSA")
	if leaked("x"+body(key)[60:70]+"y", key) == "" || leaked(body(key)[3:9], key) != "" {
		t.Error("leaked does not find what it is there for")
	}
	for name, form := range forms(key) {
		if leaked("x"+form[60:70]+"y", key) == "" {
			t.Errorf("leaked does not find %s", name)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	for _, c := range misplacements(keyPEM(f, "ECDSA")) {
		f.Add(c.content, c.file == "a.json")
	}
	f.Add(resourcesOf(listener("l", "http_filters: ["+odcds+"]\n"+rds), routeAway, cluster("away")), false)
	f.Add("a: &a {? !ignore x : *a, <<: *a}\n", false)
	f.Fuzz(func(t *testing.T, content string, isJSON bool) {
		name := "a.yaml"
		if isJSON {
			name = "a.json"
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		snapshot, err := Read(Config{Dir: folderOf(t, map[string]string{name: content})})
		if (snapshot == nil) == (err == nil) {
			t.Error("neither a snapshot nor an error, or both")
		}
		if ctx.Err() != nil {
			t.Error("a small file took too long")
		}
	})
}
