// Package architecture holds the project to its rooms: which package may import
// which, and where each library may be used, with the reason beside each rule.
package architecture

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/bootstrap"
	"github.com/contour-xds/contour/internal/certgen"
	"github.com/contour-xds/contour/internal/recycle"
	"github.com/contour-xds/contour/internal/resources"
)

const module = "github.com/contour-xds/contour/"

// rooms says what of this project each room may import, and why no more.
var rooms = map[string]struct {
	may []string
	why string
}{
	"cmd/contour": {
		[]string{
			"internal/access", "internal/admin", "internal/bootstrap", "internal/certgen", "internal/credentials", "internal/files", "internal/fleet",
			"internal/handshake", "internal/identity", "internal/inspect", "internal/recycle", "internal/resources", "internal/revocation", "internal/xds",
		},
		"the command line is the one place that knows all rooms",
	},
	"internal/access": {
		[]string{"internal/credentials", "internal/files", "internal/floodlog", "internal/handshake", "internal/identity", "internal/revocation", "internal/xds"},
		"who may have what is joined here from rooms that know nothing of each other: the door and the server ask it by interfaces of their own",
	},
	"internal/admin":              {nil, "metrics and health know nothing of what is measured"},
	"internal/bootstrap":          {[]string{"internal/files"}, "what an Envoy starts with is a pure function of its settings"},
	"internal/certgen":            {[]string{"internal/files", "internal/pemfile"}, "certificates are made without regard to who will present them, and by whom they are loaded"},
	"internal/certtest":           {nil, "throwaway certificates depend on nothing that they test"},
	"internal/credentials":        {[]string{"internal/certgen", "internal/files", "internal/pemfile"}, "a certificate never meets a resource; one provider makes its own"},
	"internal/files":              {nil, "files are read without regard to what they hold"},
	"internal/fleet":              {[]string{"internal/handshake", "internal/xds"}, "the view of the fleet joins connections with their streams, and is told who may see it"},
	"internal/floodlog":           {nil, "a flood is summed up without regard to what it is of"},
	"internal/handshake":          {[]string{"internal/credentials", "internal/floodlog"}, "the door knows of credentials the errors and the roots that live connections stand on, and no stream"},
	"internal/identity":           {nil, "who may have what is decided from a certificate and a policy, without regard to streams and resources"},
	"internal/inspect":            {[]string{"internal/credentials", "internal/files", "internal/pemfile", "internal/revocation"}, "what is explained is what is loaded, whoever made it"},
	"internal/logtest":            {nil, "what tests read of a log is the same for every room"},
	"internal/pemfile":            {nil, "PEM is read without regard to what it is for"},
	"internal/recycle":            {[]string{"internal/identity"}, "an operator's call knows connections as something that has roots and can be closed, and is given its certificate"},
	"internal/resources":          {[]string{"internal/files", "internal/pemfile"}, "the resource side never asks what the channel is made of"},
	"internal/resources/gentypes": {nil, "a generator runs before what it generates"},
	"internal/revocation":         {[]string{"internal/files", "internal/pemfile"}, "whether a certificate is revoked is asked by the door, and is the same for every peer and every CA"},
	"internal/xds":                {[]string{"internal/resources"}, "the server is given its credentials and never builds them"},
	"test/access":                 {nil, "an oracle knows nothing of what it judges: its tests have no more than TestTheOracleKnowsNothingOfWhatItJudges lets them"},
	"test/contour":                {[]string{"test/envoy", "test/process"}, "the tests' contour is the real binary, which has flags and no packages"},
	"test/envoy":                  {[]string{"internal/resources", "test/process"}, "the tests' Envoy is the same for every room; it knows resources by their message types alone"},
	"test/process":                {nil, "how a process ends with its test has nothing to do with what it is"},
}

// libraries says where a library may be used, by the beginning of its path. The
// longest one that fits holds.
var libraries = map[string]struct {
	may []string
	why string
}{
	"github.com/spf13/":                  {[]string{"cmd/contour"}, "settings are unpacked in the command line and nowhere else"},
	"github.com/go-viper/":               {[]string{"cmd/contour"}, "settings are unpacked in the command line and nowhere else"},
	"github.com/fsnotify/":               {[]string{"internal/files"}, "following files is one room's craft"},
	"github.com/google/renameio":         {[]string{"internal/files"}, "replacing files is one room's craft"},
	"github.com/spiffe/":                 {[]string{"internal/identity"}, "who a peer is, is read from its certificate in one room"},
	"google.golang.org/grpc":             {[]string{"internal/xds", "internal/fleet", "internal/recycle"}, "there is one gRPC server, and two calls that are made to it"},
	"google.golang.org/grpc/peer":        {[]string{"internal/xds", "internal/recycle", "internal/access", "internal/fleet"}, "who is at the other end of a stream is asked by who serves it, and by who decides about it"},
	"google.golang.org/grpc/credentials": {[]string{"internal/xds", "internal/fleet", "internal/handshake", "internal/recycle"}, "transport credentials are made at the door and only passed on by the server; an operator is told by them, and calls with its own"},
	"github.com/envoyproxy/":             {[]string{"internal/xds", "internal/resources", "internal/bootstrap", "internal/fleet", "test/envoy"}, "Envoy's messages have no place in the channel; the view of the fleet is in words of Envoy's own"},
	"github.com/cncf/xds":                {[]string{"internal/resources"}, "Envoy's messages have no place in the channel"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

// list returns the packages of the module with what they import, tests left out.
func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestRoomsImportNoMoreThanTheyMay(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		room, known := rooms[name]
		if !known && len(p.Imports) > 0 {
			t.Errorf("%s is no room of the architecture; give it a line here", name)
			continue
		}
		for _, imported := range p.Imports {
			if other, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(room.may, other) {
				t.Errorf("%s imports %s, and must not: %s", name, other, room.why)
			}
		}
	}
}

func TestLibrariesAreUsedWhereTheyBelong(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			rule := ruleFor(imported)
			if rule == "" || slices.Contains(libraries[rule].may, name) {
				continue
			}
			t.Errorf("%s imports %s, and must not: %s", name, imported, libraries[rule].why)
		}
	}
}

// ruleFor returns the longest beginning of path that has a rule, or nothing.
func ruleFor(path string) string {
	longest := ""
	for beginning := range libraries {
		if strings.HasPrefix(path, beginning) && len(beginning) > len(longest) {
			longest = beginning
		}
	}
	return longest
}

// TestTheOracleKnowsNothingOfWhatItJudges lets the matrix of test/access make
// certificates and start the binary, and no more.
func TestTheOracleKnowsNothingOfWhatItJudges(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "long", "-f", `{{join .TestImports "\n"}}`, module+"test/access").Output()
	if err != nil || len(out) == 0 {
		t.Fatalf("got %s, %v", out, err)
	}
	for imported := range strings.FieldsSeq(string(out)) {
		if other, ours := strings.CutPrefix(imported, module); ours && other != "internal/certtest" && other != "test/contour" {
			t.Errorf("test/access imports %s, and must not", other)
		}
	}
}

// TestViperStaysInOneFile keeps the layering of settings in one place: the rules
// above keep it in one package.
func TestViperStaysInOneFile(t *testing.T) {
	files, err := filepath.Glob("../../cmd/contour/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range parsed.Imports {
			if strings.Contains(imported.Path.Value, "spf13/viper") && filepath.Base(file) != "root.go" {
				t.Errorf("%s imports viper; only root.go may", file)
			}
		}
	}
}

// TestServerClusterHasOneName holds both ends of the contract together, since
// neither room may import the other.
func TestServerClusterHasOneName(t *testing.T) {
	if bootstrap.ServerCluster != resources.ServerCluster {
		t.Errorf("bootstrap says %q, resources %q", bootstrap.ServerCluster, resources.ServerCluster)
	}
}

// TestAnOperatorHasOneName holds who issues an operator's certificate to who believes
// it, for neither may import the other.
func TestAnOperatorHasOneName(t *testing.T) {
	if certgen.OperatorURI != recycle.OperatorURI {
		t.Errorf("certgen says %q, recycle %q", certgen.OperatorURI, recycle.OperatorURI)
	}
}
