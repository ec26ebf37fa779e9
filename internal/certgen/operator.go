package certgen

import (
	"fmt"
	"net/url"
	"time"
)

// OperatorURI is the name of whoever may have Envoys come back, as internal/recycle
// has it. No name that a person asks for may be it: see [ParseNames].
const OperatorURI = "urn:contour:operator"

// operatorLifetime is how long an operator's certificate lives: longer than asking a
// large fleet takes, and too short to be worth a theft.
const operatorLifetime = 15 * time.Minute

// Operator issues the certificate of an operator by the CA that signs. It is in memory
// alone, and nothing of it is written anywhere.
func (f *Folder) Operator() (*Issued, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	uri, err := url.Parse(OperatorURI)
	if err != nil {
		return nil, fmt.Errorf("naming the operator: %w", err)
	}
	return c.signing.Issue(Leaf{
		Name: "contour certgen", Usage: ClientAuth, Names: Names{URIs: []*url.URL{uri}},
		Lifetime: operatorLifetime, Now: f.now(), EndWithAuthority: true,
	})
}
