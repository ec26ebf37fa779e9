package certgen

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// The bounds of the SPIFFE-ID standard, section 2.3, in bytes.
const (
	maxSPIFFEID    = 2048
	maxTrustDomain = 255
)

// ParseSPIFFEID takes the SPIFFE ID of a workload as the SPIFFE-ID standard,
// section 2, has it. It needs a path: without one it would name a trust domain,
// which a leaf must not (X509-SVID, section 2).
func ParseSPIFFEID(text string) (*url.URL, error) {
	fail := func(why string) (*url.URL, error) {
		return nil, fmt.Errorf("SPIFFE ID %q %s; write it as spiffe://example.org/ns/contour", shorten(text), why)
	}
	rest, found := strings.CutPrefix(text, "spiffe://")
	if !found {
		return fail("does not begin with spiffe://")
	}
	if len(text) > maxSPIFFEID {
		return fail(fmt.Sprintf("is longer than %d bytes", maxSPIFFEID))
	}
	domain, path, hasPath := strings.Cut(rest, "/")
	switch {
	case domain == "":
		return fail("has no trust domain")
	case len(domain) > maxTrustDomain:
		return fail(fmt.Sprintf("has a trust domain longer than %d bytes", maxTrustDomain))
	case !only(domain, ".-_"):
		return fail("has a trust domain of other characters than small letters, digits, dots, dashes and underscores")
	case !hasPath:
		return fail("has no path, and so names a trust domain and no workload")
	case slices.ContainsFunc(strings.Split(path, "/"), badSegment):
		return fail("has a path whose segments are not of letters, digits, dots, dashes and underscores alone, or are empty, . or ..")
	}
	return &url.URL{Scheme: "spiffe", Host: domain, Path: "/" + path}, nil
}

func badSegment(segment string) bool {
	return segment == "" || segment == "." || segment == ".." || !only(strings.ToLower(segment), ".-_") || !ascii(segment)
}

// ascii keeps out what becomes a letter only in small, as the Kelvin sign does.
func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 0x7e })
}

// shorten bounds what an error repeats.
func shorten(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
