package revocation

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Revoked says that a certificate is on a list of its issuer.
type Revoked struct { //nolint:errname // it says what the certificate is
	// Serial is its serial number in hexadecimal digits.
	Serial string
	// Subject and Issuer are names, as certificates have them.
	Subject, Issuer string
	// Since is when it was revoked, as the list has it.
	Since time.Time
	// Reason is a number of RFC 5280 section 5.3.1. Zero means that none is told.
	// A certificate that is on hold is revoked as long as it is.
	Reason int
}

// Error says which certificate it is.
func (r *Revoked) Error() string {
	return fmt.Sprintf("the certificate %q with serial number %s was revoked by %q at %s (%s)",
		r.Subject, r.Serial, r.Issuer, r.Since.Format(time.RFC3339), ReasonName(r.Reason))
}

// Why is a reason for which nobody can say whether a certificate is revoked, from a
// closed set.
type Why int

// The reasons, the later of which say more.
const (
	// Missing is an issuer of which there is no list.
	Missing Why = iota + 1
	// WrongSignature is a list in the issuer's name that its key did not sign.
	WrongSignature
	// NotPermitted is a list of an issuer that may sign certificates and no lists.
	NotPermitted
	// Expired is a list after whose end the CA should have signed another one.
	Expired
	// NotYetValid is a list that is of the future, or a clock that is behind.
	NotYetValid
)

// whys has the name of each reason in metrics and logs, and what to say of it.
var whys = map[Why]struct{ name, text string }{
	Missing:        {"missing", "there is no list of it; add its list to the file"},
	WrongSignature: {"wrong_signature", "the list in its name is not signed by its key; give the list of this very CA"},
	NotPermitted:   {"not_permitted", "its certificate does not let it sign lists (key usage cRLSign); issue it with that usage"},
	Expired:        {"expired", "its list has ended (nextUpdate); give its current one"},
	NotYetValid:    {"not_yet_valid", "its list begins in the future (thisUpdate); check this machine's clock"},
}

// String is the reason as logs and metrics have it, such as "not_yet_valid".
func (w Why) String() string { return whys[w].name }

// Unknown says that nobody can say whether a certificate is revoked.
type Unknown struct { //nolint:errname // it says what the certificate is
	// Issuer is the name of the CA that issued it.
	Issuer string
	// Why is what is wrong with the CA's list.
	Why Why
}

// Error says what to do.
func (u *Unknown) Error() string {
	return fmt.Sprintf("it is not known whether %q has revoked the certificate: %s", u.Issuer, whys[u.Why].text)
}

// removeFromCRL takes an entry back, in a delta list.
const removeFromCRL = 8

// reasons are the names of RFC 5280 section 5.3.1; 7 is not used.
var reasons = map[int]string{
	0: "unspecified", 1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
	5: "cessationOfOperation", 6: "certificateHold", 9: "privilegeWithdrawn", 10: "aACompromise",
}

// ReasonName is the name of a reason, as RFC 5280 section 5.3.1 and openssl spell it.
func ReasonName(reason int) string {
	if name, known := reasons[reason]; known {
		return name
	}
	return reasons[0]
}

// knownReason keeps a reason that nobody knows from hiding that a certificate is
// revoked.
func knownReason(reason int) uint8 {
	if _, known := reasons[reason]; known && reason >= 0 {
		return uint8(reason) //nolint:gosec // the known ones are 10 at most
	}
	return 0
}

// serial is a serial number as openssl prints it.
func serial(n *big.Int) string { return strings.ToUpper(n.Text(16)) }
