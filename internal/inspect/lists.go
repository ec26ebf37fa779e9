package inspect

import (
	"bytes"
	"fmt"
	"time"

	"github.com/contour-xds/contour/internal/revocation"
)

// RevocationList is one certificate revocation list in words.
type RevocationList struct {
	Issuer string `json:"issuer"`
	// Number grows with each list of a CA; empty where the CA does not number them.
	Number     string    `json:"number,omitempty"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	// Revoked is how many certificates are listed.
	Revoked int `json:"revoked"`
}

// holdsLists tells a file of revocation lists in PEM from one of credentials, which may
// have some beside them.
func holdsLists(data []byte) bool {
	has := func(text string) bool { return bytes.Contains(data, []byte(text)) }
	return has("-----BEGIN X509 CRL-----") && !has("CERTIFICATE-----") && !has("PRIVATE KEY-----")
}

func (f *File) parseLists(data []byte) {
	lists, err := revocation.Parse(data)
	if err != nil {
		f.Problem = err.Error()
		return
	}
	for _, s := range lists.Summaries() {
		list := RevocationList{Issuer: printable(s.Issuer), ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate, Revoked: s.Revoked}
		if s.Number != nil {
			list.Number = s.Number.String()
		}
		f.Lists = append(f.Lists, list)
	}
}

// verdicts are those of the credential files, of which a group that has revocation lists
// needs none.
func (g Group) verdicts() []Verdict {
	lists := 0
	for _, f := range g.Files {
		if len(f.Lists) > 0 {
			lists++
		}
	}
	if lists > 0 && lists == len(g.Files) {
		return nil
	}
	return g.side.verdicts()
}

// ofLists judges each file of revocation lists. Whose certificates they are about is not
// known here: contour serve has many clients.
func (g Group) ofLists(now time.Time) []Verdict {
	var all []Verdict
	for _, f := range g.Files {
		if len(f.Lists) == 0 {
			continue
		}
		v := Verdict{Who: fmt.Sprintf("contour serve, of the revocation lists %q", f.Path), Accepts: true}
		for _, list := range f.Lists {
			switch {
			case now.After(list.NextUpdate):
				v.Accepts, v.Says = false, append(v.Says, fmt.Sprintf("the list of %q ended at %s; give the CA's current one", list.Issuer, list.NextUpdate.Format(time.RFC3339)))
			case now.Before(list.ThisUpdate):
				v.Accepts, v.Says = false, append(v.Says, fmt.Sprintf("the list of %q begins at %s; check this machine's clock", list.Issuer, list.ThisUpdate.Format(time.RFC3339)))
			}
		}
		all = append(all, v)
	}
	return all
}
