package identity

// Reason is why an identity may not join, of a closed set: it can be the label of a
// metric.
type Reason string

// The reasons, from what concerns the certificate to what concerns one claim.
const (
	// NoIdentity: the certificate names nobody.
	NoIdentity Reason = "no_identity"
	// NoRule: no rule matches the identity.
	NoRule Reason = "no_rule"
	// GroupForbidden: rules match, and none lists the group.
	GroupForbidden Reason = "group_forbidden"
	// NodeMismatch: a rule lists the group, and demands another node.id.
	NodeMismatch Reason = "node_mismatch"
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{NoIdentity, NoRule, GroupForbidden, NodeMismatch} }

// Denial is the error that an identity may not join a group.
type Denial struct { //nolint:errname // it is a decision, and stands beside a Grant
	Reason Reason
	// Rule is the first one that matched and did not suffice, "" where none matched. It
	// is for the log: the client is not told.
	Rule string
}

// Error is what the client may be told: what is missing, in words that are the same
// whatever groups, rules and identities there are.
func (d *Denial) Error() string { return explanations[d.Reason] }

var explanations = map[Reason]string{
	NoIdentity:     "the client's certificate has no identity: it needs one URI alone, which is a valid SPIFFE ID with a path, or no SPIFFE ID and a DNS name without a wildcard",
	NoRule:         "the access policy has no rule for the identity of the client's certificate; have one added",
	GroupForbidden: "the certificate's identity may not join the group that node.cluster names; correct node.cluster, or have the group added to a rule of the access policy for this identity",
	NodeMismatch:   "node.id is not the certificate's identity, which the access policy demands for the group that node.cluster names; set node.id to the certificate's SPIFFE ID, or without one to one of its DNS names in lower case",
}
