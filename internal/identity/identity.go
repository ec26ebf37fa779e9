// Package identity says who a peer is, from its certificate, and what it may have,
// from the access policy.
//
// An [Identity] is what a certificate says of its owner, and nothing that the peer
// claims besides. A [Policy] is a list of rules; it decides what groups an identity may
// join, with which secrets, and who may see the fleet. Both are values that never
// change, and may be used by any number of goroutines at once. The package knows no
// stream and no resource: whoever holds them asks here and acts on the answer.
package identity

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Identity is who a peer is: a SPIFFE ID, or DNS names, or nothing, which is the zero
// value. Two are equal (==) when they say the same, so that one can be the key of a map.
type Identity struct {
	// spiffe is the SPIFFE ID, "" for none.
	spiffe string
	// names are DNS names in lower case, sorted, with a space between each two. They are
	// "" where there is a SPIFFE ID.
	names string
}

// Of returns the identity of a peer whose certificate is leaf. It verifies nothing: the
// caller has verified the chain.
//
// A certificate with a URI of the scheme spiffe means to be an X509-SVID. If it isn't
// one, because the URI is malformed, has no path or is not the only URI (X509-SVID,
// sections 2 and 3.1), it has no identity at all, not even by its DNS names: the standard
// has such a certificate rejected, and to fall back would let whoever can have an ID
// spoiled choose between two identities of one certificate. URIs of other schemes are no
// identity and change none.
func Of(leaf *x509.Certificate) Identity {
	if slices.ContainsFunc(leaf.URIs, isSPIFFE) {
		return ofSVID(leaf.URIs)
	}
	return ofNames(leaf.DNSNames)
}

func isSPIFFE(uri *url.URL) bool { return strings.EqualFold(uri.Scheme, "spiffe") }

func ofSVID(uris []*url.URL) Identity {
	if len(uris) != 1 || len(uris[0].String()) > maxSPIFFEID {
		return Identity{}
	}
	id, err := spiffeid.FromURI(uris[0])
	if err != nil || id.Path() == "" || len(id.TrustDomain().Name()) > maxTrustDomain {
		return Identity{}
	}
	return Identity{spiffe: id.String()}
}

// maxSPIFFEID and maxTrustDomain are the bounds of the SPIFFE-ID standard, section 2.3,
// in bytes.
const (
	maxSPIFFEID    = 2048
	maxTrustDomain = 255
)

// ofNames leaves out what is no host's name: a certificate for *.example.org is of no
// one host, and what is malformed, such as a name with a line break, could pass for
// another in a log. To leave a name out takes rights from the peer, and never gives any.
func ofNames(names []string) Identity {
	hosts := make([]string, 0, len(names))
	for _, name := range names {
		if name = lower(name); isHost(name) {
			hosts = append(hosts, name)
		}
	}
	slices.Sort(hosts)
	return Identity{names: strings.Join(slices.Compact(hosts), " ")}
}

// Known reports whether there is an identity.
func (i Identity) Known() bool { return i != Identity{} }

// maxShown is how many DNS names String tells.
const maxShown = 4

// String is the identity for a log line: a SPIFFE ID or DNS names, of 2,100 bytes at
// most and without characters that a terminal or a log would take for its own. It is
// "nobody" for nothing, which is also what a host can be called: ask
// [Identity.Known], not this, and compare identities, not their texts.
func (i Identity) String() string {
	if !i.Known() {
		return "nobody"
	}
	if i.spiffe != "" {
		return i.spiffe
	}
	names := strings.Split(i.names, " ")
	if more := len(names) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxShown], ", "), more)
	}
	return strings.Join(names, ", ")
}

// bears reports whether the identity, which is known, has this name, whole: its SPIFFE ID, or one of its
// DNS names in lower case.
func (i Identity) bears(name string) bool {
	if i.spiffe != "" {
		return i.spiffe == name
	}
	for host := range strings.SplitSeq(i.names, " ") {
		if host == name {
			return true
		}
	}
	return false
}
