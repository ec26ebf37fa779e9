package identity

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

const spiffeScheme = "spiffe://"

// maxText bounds each text of a policy, in bytes: none is longer than a SPIFFE ID.
const maxText = maxSPIFFEID

// forIdentities and forGroups say, behind what is wrong, which there are.
const (
	forIdentities = "write * for a part of one segment of a SPIFFE ID's path or for all of it, ** for all that follows, and *. before a domain for one label of a DNS name"
	forGroups     = "write * for any characters of a group's name"
)

// plain refuses what only makes sense in another language of patterns, where it would
// never match what its writer means: a regular expression, or a shell's glob.
func plain(text, wildcards string) error {
	if i := strings.IndexAny(text, `^$()[]{}+?|\`); i >= 0 {
		return fmt.Errorf("has a %q, and patterns are no regular expressions; %s", text[i], wildcards)
	}
	if strings.Contains(text, ".*") {
		return fmt.Errorf(`has ".*", and patterns are no regular expressions; %s`, wildcards)
	}
	return printable(text)
}

func printable(text string) error {
	switch {
	case len(text) > maxText:
		return fmt.Errorf("is longer than %d bytes; shorten it", maxText)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("has a character that can't be seen; take it out")
	}
	return nil
}

// checkIdentity takes one of a rule's identities, and returns it as it is matched.
func checkIdentity(text string) (string, error) {
	if err := plain(text, forIdentities); err != nil {
		return "", err
	}
	if len(text) >= len("spiffe:") && strings.EqualFold(text[:len("spiffe:")], "spiffe:") {
		return text, checkSPIFFE(text)
	}
	name := lower(text)
	return name, checkHost(name)
}

// checkSPIFFE holds a pattern to what the SPIFFE-ID standard, section 2, says of IDs, with
// a letter in each wildcard's place.
func checkSPIFFE(text string) error {
	domain, path, _ := strings.Cut(strings.TrimPrefix(text, spiffeScheme), "/")
	if strings.Contains(domain, "*") {
		return errors.New("has a wildcard in the trust domain, which is no name below another one; list each trust domain")
	}
	beginning, last := "", path
	if i := strings.LastIndex(path, "/"); i >= 0 {
		beginning, last = path[:i], path[i+1:]
	}
	if strings.Contains(beginning, "**") || last != "**" && strings.Contains(last, "**") {
		return errors.New("has a ** that is not the last whole segment; " + forIdentities)
	}
	id, err := spiffeid.FromString(strings.ReplaceAll(text, "*", "x"))
	switch {
	case err != nil:
		return fmt.Errorf("is no SPIFFE ID: %w; write it as spiffe://example.org/ns/edge", err)
	case id.Path() == "":
		return errors.New("names a trust domain and no workload; put a path behind it, or /** for all of its workloads")
	case len(domain) > maxTrustDomain:
		return fmt.Errorf("has a trust domain longer than %d bytes, which no certificate has; shorten it", maxTrustDomain)
	}
	return nil
}

// checkHost takes a name in lower case. A wildcard is the whole leftmost label and stands
// for one label, as RFC 6125, section 6.4.3, has it.
func checkHost(name string) error {
	host := strings.TrimPrefix(name, "*.")
	switch {
	case strings.Contains(host, "*"):
		return errors.New("has a wildcard that is not the whole first label of a DNS name; " + forIdentities)
	case !isHost(host):
		return errors.New("is neither a SPIFFE ID nor a DNS name; write it as spiffe://example.org/ns/edge or as edge.example.org")
	}
	return nil
}

func checkGroup(text string) (string, error) {
	if err := plain(text, forGroups); err != nil {
		return "", err
	}
	if strings.Contains(text, "**") {
		return "", errors.New("has **, which says no more than *; " + forGroups)
	}
	return text, nil
}

func checkSecret(text string) (string, error) {
	switch {
	case text == "":
		return "", errors.New("is empty; write a secret's name, or take it out")
	case strings.Contains(text, "*"):
		return "", errors.New("has a wildcard, which secrets do not take; list the name of each")
	}
	return text, printable(text)
}

// checkName bounds what stands in logs and metrics.
func checkName(text string) error {
	const most = 63
	odd := func(r rune) bool { return notInLabel(r) && r != '.' && (r < 'A' || r > 'Z') }
	if text == "" || len(text) > most || strings.ContainsFunc(text, odd) {
		return fmt.Errorf("is not of 1 to %d letters, digits, dots, dashes and underscores; rename the rule", most)
	}
	return nil
}
