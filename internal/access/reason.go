package access

import "strings"

// A Reason is why somebody was denied something, from a closed set: no peer can make a
// new series of metrics.
type Reason string

// The reasons: those of a connection first, which is refused or closed, and then those
// of what a client asks for on it.
const (
	OwnCertificate    Reason = "own_certificate"
	Revoked           Reason = "revoked"
	RevocationUnknown Reason = "revocation_unknown"
	NoIdentity        Reason = "no_identity"
	NoRule            Reason = "no_rule"
	GroupForbidden    Reason = "group_forbidden"
	NodeMismatch      Reason = "node_mismatch"
	SecretForbidden   Reason = "secret_forbidden"
	StatusForbidden   Reason = "status_forbidden"
)

// meanings say what each reason means, in the order in which they are documented.
var meanings = []struct {
	reason Reason
	means  string
}{
	{OwnCertificate, "The client's certificate is the server's own, or could pass as it."},
	{Revoked, "A revocation list has the client's certificate, or one of its chain."},
	{RevocationUnknown, "No revocation list in force says whether the client's certificate, or one of its chain, was revoked."},
	{NoIdentity, "The client's certificate names nobody, and there is an access policy."},
	{NoRule, "No rule of the access policy can match the client's identity."},
	{GroupForbidden, "No rule lets the identity join the group that node.cluster names."},
	{NodeMismatch, "A rule demands that node.id is the identity, and it is not."},
	{SecretForbidden, "A client named a secret that exists and that it may not have; it was told that there is none."},
	{StatusForbidden, "Somebody asked for the state of the fleet who may not see it."},
}

// Reasons returns the closed set, in the order in which it is documented.
func Reasons() []Reason {
	reasons := make([]Reason, len(meanings))
	for i, m := range meanings {
		reasons[i] = m.reason
	}
	return reasons
}

func deniedHelp() string {
	var help strings.Builder
	help.WriteString("What clients were denied, by reason.")
	for _, m := range meanings {
		help.WriteString(" " + string(m.reason) + ": " + m.means)
	}
	return help.String()
}
