package certgen

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/pemfile"
)

// Reasons are the reasons that can be given for a revocation, by the names that RFC 5280
// section 5.3.1 and openssl have for them.
var reasons = map[string]int{
	"unspecified": 0, "keyCompromise": 1, "affiliationChanged": 3, "superseded": 4, "cessationOfOperation": 5,
}

// ReasonNames are the reasons that [ParseReason] takes, the most common first.
func ReasonNames() []string {
	return []string{"keyCompromise", "superseded", "cessationOfOperation", "affiliationChanged", "unspecified"}
}

// ParseReason returns the number of a reason.
func ParseReason(name string) (int, error) {
	reason, known := reasons[name]
	if !known {
		return 0, fmt.Errorf("%q is no reason; give one of %s", name, strings.Join(ReasonNames(), ", "))
	}
	return reason, nil
}

// maxSerial is the most octets that a serial number may have (RFC 5280 section 4.1.2.2).
const maxSerial = 20

// ParseSerial takes a serial number in hexadecimal digits, as contour's log and openssl
// print it, with colons or without.
func ParseSerial(text string) (*big.Int, error) {
	serial, ok := new(big.Int).SetString(strings.ReplaceAll(strings.TrimPrefix(text, "0x"), ":", ""), 16)
	if !ok || serial.Sign() <= 0 || len(serial.Bytes()) > maxSerial {
		return nil, fmt.Errorf("%q is no serial number; give its hexadecimal digits, as openssl x509 -noout -serial prints them behind serial=", shorten(text))
	}
	return serial, nil
}

// FormatSerial is a serial number as [ParseSerial] takes it, and openssl prints it.
func FormatSerial(serial *big.Int) string { return strings.ToUpper(serial.Text(16)) }

// ReadCertificate reads the certificate that a file of PEM begins with: of a chain, the
// leaf.
func ReadCertificate(path string) (*x509.Certificate, error) {
	read, err := files.Read([]string{path}, maxFileSize)
	if err != nil {
		return nil, err
	}
	certs, err := pemfile.Certificates(read[0].Data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return certs[0], nil
}

// RevokeConfig says what to revoke. Nothing at all has the lists made, or signed anew.
type RevokeConfig struct {
	// Optional. Names of identities of the folder, whose certificates of now are revoked.
	Names []string
	// Optional. Certificates that the folder's CA issued, wherever they are.
	Certificates []*x509.Certificate
	// Optional. Serial numbers. Each is listed by every CA of the bundle, since a number
	// does not say whose it is.
	Serials []*big.Int
	// Optional. The number of a reason, as [ParseReason] returns it.
	Reason int
	// Optional. How long from now the lists are good for; unset means as long as those
	// before, or else [DefaultListLifetime].
	Lifetime time.Duration
}

// Revocation is one certificate that was revoked.
type Revocation struct {
	// Name is the identity's; empty for one that was given otherwise.
	Name   string
	Serial *big.Int
	// Server tells that it is known to be a server's.
	Server bool
	// Since is from when it was listed already; zero for one that is new.
	Since time.Time

	cert *x509.Certificate
}

// Revoke lists certificates as revoked, in the file [ListName] of the folder, which has
// one list of each CA in the bundle from then on, kept up by [Folder.Renew] and
// [Folder.Rotate]. All lists are replaced at one moment, or none. What is listed stays
// so for good.
func (f *Folder) Revoke(cfg RevokeConfig) ([]Revocation, Change, error) {
	c, err := f.custody()
	if err != nil {
		return nil, Change{}, err
	}
	all, _, err := f.ledgers(c)
	if err != nil {
		return nil, Change{}, err
	}
	wanted, err := f.wanted(cfg)
	if err != nil {
		return nil, Change{}, err
	}
	more := make([][]x509.RevocationListEntry, len(all))
	for i := range wanted {
		if err := wanted[i].enter(all, more, cfg.Reason, orNow(f.now())); err != nil {
			return nil, Change{}, err
		}
	}
	for i, l := range all {
		if err := l.mute(); err != nil {
			if c.signing.cert.Equal(l.ca) { // all clients of now would be without a list
				return nil, Change{}, fmt.Errorf("making the revocation list: %w", err)
			}
			continue
		}
		if err := l.sign(more[i], orNow(f.now()), cfg.Lifetime); err != nil {
			return nil, Change{}, err
		}
	}
	change, err := f.writeLists(all)
	return wanted, change, err
}

// wanted is what is to be revoked.
func (f *Folder) wanted(cfg RevokeConfig) ([]Revocation, error) {
	var wanted []Revocation
	add := func(name string, cert *x509.Certificate) {
		server := (&Identity{Chain: []*x509.Certificate{cert}}).Usage() == ServerAuth
		wanted = append(wanted, Revocation{Name: name, Serial: cert.SerialNumber, Server: server, cert: cert})
	}
	for _, name := range cfg.Names {
		identity, err := f.Identity(name)
		if err != nil {
			return nil, err
		}
		add(name, identity.Chain[0])
	}
	for _, cert := range cfg.Certificates {
		add("", cert)
	}
	for _, serial := range cfg.Serials {
		wanted = append(wanted, Revocation{Serial: serial})
	}
	return wanted, nil
}

// enter adds a revocation to what its CA is to list; more has that by CA. One that is
// listed already is left as it is.
func (r *Revocation) enter(all []*ledger, more [][]x509.RevocationListEntry, reason int, now time.Time) error {
	found := false
	var mute error
	for i, l := range all {
		switch {
		case r.cert != nil && r.cert.Equal(l.ca):
			return fmt.Errorf("revoking %s: it is the CA's own certificate, which no list of its own can revoke; contour certgen ca rotate replaces it", FormatSerial(r.Serial))
		case r.cert != nil && r.cert.CheckSignatureFrom(l.ca) != nil:
			continue
		}
		if before := l.entry(r.Serial); before != nil {
			found, r.Since = true, before.RevocationTime
			continue
		}
		if err := l.mute(); err != nil {
			mute = err
			continue
		}
		found = true
		if slices.ContainsFunc(more[i], func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(r.Serial) == 0 }) {
			continue // given twice
		}
		more[i] = append(more[i], x509.RevocationListEntry{SerialNumber: r.Serial, RevocationTime: now, ReasonCode: reason})
	}
	switch {
	case found:
		return nil
	case mute != nil:
		return fmt.Errorf("revoking %s: %w", FormatSerial(r.Serial), mute)
	}
	return fmt.Errorf("revoking %s: %w", FormatSerial(r.Serial), errors.New("no CA of this folder issued the certificate; give one that it did, or have its own CA revoke it"))
}

// RenewLists signs the revocation lists anew when one of them is due, as they are and
// for as long. Without a file of lists it does nothing.
func (f *Folder) RenewLists() ([]Change, error) {
	c, err := f.custody()
	if err != nil {
		return nil, err
	}
	return f.renewLists(c, true)
}

func (f *Folder) renewLists(c *custody, dueOnly bool) ([]Change, error) {
	if !f.hasLists() {
		return nil, nil
	}
	all, strange, err := f.ledgers(c)
	if err != nil {
		return nil, err
	}
	due := strange || !dueOnly
	for _, l := range all {
		due = due || l.due(f.now())
	}
	if !due {
		return nil, nil
	}
	for _, l := range all {
		if l.mute() != nil {
			continue
		}
		if err := l.sign(nil, orNow(f.now()), 0); err != nil {
			return nil, err
		}
	}
	change, err := f.writeLists(all)
	return []Change{change}, err
}

// listsFit tells whether the lists are those of the CAs in the bundle, as far as they
// can be.
func (f *Folder) listsFit(c *custody) (bool, error) {
	if !f.hasLists() {
		return true, nil
	}
	all, strange, err := f.ledgers(c)
	if err != nil {
		return false, err
	}
	for _, l := range all {
		if l.list == nil && l.mute() == nil {
			return false, nil
		}
	}
	return !strange, nil
}
