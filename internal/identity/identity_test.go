package identity_test

import (
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func parseURI(t testing.TB, text string) *url.URL {
	t.Helper()
	uri, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return uri
}

// TestOf has each certificate issued and parsed, as a peer presents it.
func TestOf(t *testing.T) {
	long := "spiffe://example.org/" + strings.Repeat("x", 2048-len("spiffe://example.org/"))
	rows := []struct {
		name string
		uris []string
		dns  []string
		want string
	}{
		{"an SVID is its SPIFFE ID", []string{"spiffe://example.org/ns/edge/sa/envoy"}, nil, "spiffe://example.org/ns/edge/sa/envoy"},
		{"an SVID is its SPIFFE ID, whatever its DNS names are", []string{"spiffe://example.org/edge"}, []string{"web.example.org"}, "spiffe://example.org/edge"},
		{"a path keeps its case", []string{"spiffe://example.org/Edge"}, nil, "spiffe://example.org/Edge"},
		{"an ID of 2,048 bytes is one", []string{long}, nil, long},
		{"a longer one is nobody", []string{long + "x"}, []string{"edge"}, "nobody"},
		{"two SPIFFE IDs are nobody", []string{"spiffe://example.org/a", "spiffe://example.org/b"}, []string{"edge"}, "nobody"},
		{"the same SPIFFE ID twice is nobody", []string{"spiffe://example.org/a", "spiffe://example.org/a"}, nil, "nobody"},
		{"a SPIFFE ID beside another URI is nobody", []string{"https://example.org/a", "spiffe://example.org/a"}, []string{"edge"}, "nobody"},
		{"a trust domain alone is nobody", []string{"spiffe://example.org"}, []string{"edge"}, "nobody"},
		{"a root path is nobody", []string{"spiffe://example.org/"}, []string{"edge"}, "nobody"},
		{"a trust domain in capitals is nobody", []string{"spiffe://Example.org/a"}, []string{"edge"}, "nobody"},
		{"a trust domain of 256 bytes is nobody", []string{"spiffe://" + strings.Repeat("x", 256) + "/a"}, nil, "nobody"},
		{"a path that leads up is nobody", []string{"spiffe://example.org/a/../b"}, []string{"edge"}, "nobody"},
		{"a path with an escape is nobody", []string{"spiffe://example.org/%61"}, []string{"edge"}, "nobody"},
		{"an empty segment is nobody", []string{"spiffe://example.org//a"}, []string{"edge"}, "nobody"},
		{"a port is nobody", []string{"spiffe://example.org:443/a"}, []string{"edge"}, "nobody"},
		{"a user is nobody", []string{"spiffe://edge@example.org/a"}, []string{"edge"}, "nobody"},
		{"a query is nobody", []string{"spiffe://example.org/a?b"}, []string{"edge"}, "nobody"},
		{"a SPIFFE URI without a domain is nobody", []string{"spiffe:example.org/a"}, []string{"edge"}, "nobody"},
		{"a wildcard in an ID is nobody", []string{"spiffe://example.org/*"}, nil, "nobody"},
		{"a URI of another scheme changes nothing", []string{"https://example.org/a"}, []string{"edge"}, "edge"},
		{"an operator of contour alone is nobody", []string{"urn:contour:operator"}, nil, "nobody"},
		{"a DNS name", nil, []string{"edge.example.org"}, "edge.example.org"},
		{"DNS names are in lower case, sorted, and each once", nil, []string{"WEB.example.org", "edge", "web.Example.ORG"}, "edge, web.example.org"},
		{"a wildcard is left out", nil, []string{"*.example.org", "edge.example.org"}, "edge.example.org"},
		{"a wildcard alone is nobody", nil, []string{"*.example.org"}, "nobody"},
		{"a name with a line break is left out", nil, []string{"edge\nadmin", "edge"}, "edge"},
		{"a name with a space is left out", nil, []string{"edge admin"}, "nobody"},
		{"many names are told in part", nil, []string{"a", "b", "c", "d", "e", "f"}, "a, b, c, d and 2 more"},
		{"no name is nobody, whatever the common name is", nil, nil, "nobody"},
	}
	ca := certtest.NewCA(t, "root")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			leaf := certtest.Leaf{CommonName: "edge", DNSNames: row.dns}
			for _, text := range row.uris {
				leaf.URIs = append(leaf.URIs, parseURI(t, text))
			}
			got := identity.Of(ca.Issue(t, leaf).Chain[0])
			if got.String() != row.want || got.Known() != (row.want != "nobody") {
				t.Errorf("got %q, known %v; want %q", got, got.Known(), row.want)
			}
		})
	}
}

func TestOfLeavesOutNamesThatNoHostHas(t *testing.T) {
	for _, name := range []string{
		"", ".", "edge.", ".edge", "a..b", "edge/admin", "edge:443", "é", strings.Repeat("x", 64), strings.Repeat("x.", 126) + "xx", "\u212aube",
	} {
		if got := of(nil, name); got.Known() {
			t.Errorf("%q is %q", name, got)
		}
	}
}

func TestIdentitiesAreEqualWhenTheySayTheSame(t *testing.T) {
	if of(nil, "b", "A", "*.c") != of(nil, "a", "b", "B") {
		t.Error("the same names are two identities")
	}
	if of(nil, "a") == of(nil, "a", "b") || of(nil, "nobody") == of(nil) {
		t.Error("other names are the same identity")
	}
}

func TestStringIsBounded(t *testing.T) {
	var names []string
	for c := 'a'; c <= 'z'; c++ {
		names = append(names, string(c)+strings.Repeat("."+strings.Repeat("x", 62), 3)+"."+strings.Repeat("y", 59))
	}
	if n := len(of(nil, names...).String()); n > 2100 || n < 4*250 {
		t.Errorf("it has %d bytes", n)
	}
}

// of is the identity of a certificate with these names.
func of(uri *url.URL, names ...string) identity.Identity {
	leaf := &x509.Certificate{DNSNames: names}
	if uri != nil {
		leaf.URIs = []*url.URL{uri}
	}
	return identity.Of(leaf)
}

// who is the identity of a SPIFFE ID, or of DNS names with a space between them.
func who(t testing.TB, text string) identity.Identity {
	t.Helper()
	if strings.HasPrefix(text, "spiffe:") {
		return of(parseURI(t, text))
	}
	return of(nil, strings.Fields(text)...)
}

// parseQuietly is the URI of a SPIFFE ID, and an error for what is none.
func parseQuietly(text string) (*url.URL, error) {
	if !strings.HasPrefix(text, "spiffe:") {
		return nil, errors.New("no SPIFFE ID")
	}
	return url.Parse(text)
}
