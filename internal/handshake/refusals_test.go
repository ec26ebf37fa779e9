package handshake_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
)

// row is a peer that is refused, and why.
type row struct {
	name  string
	knock func(*server)
	want  handshake.Reason
}

func TestEachRefusalIsCountedByItsReason(t *testing.T) {
	t.Parallel()
	for _, rows := range [][]row{certificateRows(), protocolRows(), alertRows(), absenceRows()} {
		for _, row := range rows {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				row.knock(s)
				s.refusedOnceFor(row.want)
			})
		}
	}
}

// leaf is a client's certificate with something changed.
func leaf(change func(*certtest.Leaf)) certtest.Leaf {
	l := certtest.Client()
	change(&l)
	return l
}

// certificateRows are peers whose certificate is not good enough.
func certificateRows() []row {
	expired := leaf(func(l *certtest.Leaf) { l.NotAfter = time.Now().Add(-time.Minute) })
	early := leaf(func(l *certtest.Leaf) { l.NotBefore = time.Now().Add(time.Hour) })
	return []row{
		{"a client without a certificate", func(s *server) {
			c := s.client()
			c.GetClientCertificate = nil
			s.dial(c)
		}, handshake.NoCertificate},
		{"openssl without a certificate", func(s *server) { s.openssl(h2...) }, handshake.NoCertificate},
		{"python without a certificate", func(s *server) { s.python(nil) }, handshake.NoCertificate},
		{"a client of another CA", func(s *server) {
			s.dial(s.clientOf(certtest.NewCA(s.t, "other").Issue(s.t, certtest.Client())))
		}, handshake.UnknownCA},
		{"python of another CA", func(s *server) {
			s.python(certtest.NewCA(s.t, "other").Issue(s.t, certtest.Client()))
		}, handshake.UnknownCA},
		{"a client that leaves out an intermediate", func(s *server) {
			pair := s.ca.Intermediate(s.t, "intermediate").Issue(s.t, certtest.Client())
			pair.Chain = pair.Chain[:1]
			s.dial(s.clientOf(pair))
		}, handshake.UnknownCA},
		{"a client whose certificate ended", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, expired))) }, handshake.Expired},
		{"openssl whose certificate ended", func(s *server) { s.opensslAs(s.ca.Issue(s.t, expired)) }, handshake.Expired},
		{"a client whose CA ended", func(s *server) {
			ca := s.ca.Altered(s.t, "ended", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
			s.dial(s.clientOf(ca.Issue(s.t, certtest.Client())))
		}, handshake.Expired},
		{"a client whose certificate has not begun", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, early))) }, handshake.NotYetValid},
		{"openssl whose certificate has not begun", func(s *server) { s.opensslAs(s.ca.Issue(s.t, early)) }, handshake.NotYetValid},
		{"a client with a server's certificate", func(s *server) { s.dial(s.clientOf(s.ca.Issue(s.t, certtest.Server()))) }, handshake.WrongUsage},
		{"openssl with a server's certificate", func(s *server) { s.opensslAs(s.ca.Issue(s.t, certtest.Server())) }, handshake.WrongUsage},
		{"a client whose issuer may only issue for servers", func(s *server) {
			ca := s.ca.Altered(s.t, "for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
			s.dial(s.clientOf(ca.Issue(s.t, certtest.Client())))
		}, handshake.WrongUsage},
		{"a client whose issuer may not issue for its name", func(s *server) {
			s.dial(s.clientOf(s.ca.Constrained(s.t, "constrained", "elsewhere.example").Issue(s.t, certtest.Client())))
		}, handshake.NameConstraints},
		{"a client whose path is longer than a CA permits", func(s *server) {
			short := s.ca.Altered(s.t, "short", func(c *x509.Certificate) { c.MaxPathLenZero = true })
			s.dial(s.clientOf(short.Intermediate(s.t, "one too many").Issue(s.t, certtest.Client())))
		}, handshake.BadChain},
		{"a client whose issuer demands what nobody knows", func(s *server) {
			ca := s.ca.Altered(s.t, "strange", func(c *x509.Certificate) { c.ExtraExtensions = []pkixExtension{unknownCritical} })
			s.dial(s.clientOf(ca.Issue(s.t, certtest.Client())))
		}, handshake.BadChain},
		{"a client whose certificate is none", func(s *server) {
			s.dial(s.clientWith(func(c *tls.Certificate) { c.Certificate = [][]byte{[]byte("no certificate")} }))
		}, handshake.MalformedCertificate},
		{"a client whose certificate is cut short", func(s *server) {
			s.dial(s.clientWith(func(c *tls.Certificate) { c.Certificate = [][]byte{c.Certificate[0][:200]} }))
		}, handshake.MalformedCertificate},
		{"a client whose key of RSA is smaller than Go takes", func(s *server) {
			pair := &certtest.Pair{Chain: s.ca.Certify(s.t, certtest.Client(), smallRSA{}), Key: smallRSA{}}
			s.dial(s.clientOf(pair))
		}, handshake.MalformedCertificate},
		{"a client that shows a certificate whose key it has not", func(s *server) {
			s.dial(s.clientWith(func(c *tls.Certificate) {
				c.PrivateKey = impostor{c.Leaf.PublicKey, certtest.NewKey(s.t, certtest.ECDSA)}
			}))
		}, handshake.BadSignature},
	}
}

// protocolRows are peers that speak another protocol, or TLS in another way.
func protocolRows() []row {
	return []row{
		{"plaintext HTTP/2", func(s *server) { s.raw([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), false) }, handshake.NotTLS},
		{"plaintext HTTP/1.1", func(s *server) { s.raw([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), false) }, handshake.NotTLS},
		{"a hello of SSL 2", func(s *server) { s.raw([]byte{0x80, 0x2e, 1, 0, 2, 0, 21, 0, 0, 0, 16}, false) }, handshake.MalformedRecord},
		{"a ClientHello that is none", func(s *server) { s.raw([]byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}, false) }, handshake.MalformedRecord},
		{"a record that is longer than TLS permits", func(s *server) { s.raw(append(hello(s), 0x16, 3, 3, 0xff, 0xff), false) }, handshake.MalformedRecord},
		{"a message that is longer than TLS permits", func(s *server) { s.raw([]byte{0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff}, false) }, handshake.MalformedRecord},
		{"a ServerHello of a client", func(s *server) {
			s.raw(mutated(hello(s), func(b []byte) { b[5] = 2 }), false)
		}, handshake.MalformedRecord},
		{"a ClientHello that wants compression", func(s *server) {
			s.raw(mutated(hello(s), func(b []byte) { b[compressionAt(b)] = 1 }), false)
		}, handshake.MalformedRecord},
		{"a client with a byte flipped on its way", func(s *server) { s.dialThrough(s.client(), flipAfterHello) }, handshake.MalformedRecord},
		{"a client that speaks TLS 1.2 at most", func(s *server) {
			c := s.client()
			c.MaxVersion = tls.VersionTLS12
			s.dial(c)
		}, handshake.ProtocolVersion},
		{"openssl that speaks TLS 1.2 at most", func(s *server) { s.openssl("-tls1_2", "-alpn", "h2") }, handshake.ProtocolVersion},
		{"a client without ALPN", func(s *server) {
			c := s.client()
			c.NextProtos = nil
			s.dial(c)
		}, handshake.NoALPN},
		{"a client that wants HTTP/1.1", func(s *server) {
			c := s.client()
			c.NextProtos = []string{"http/1.1"}
			s.dial(c)
		}, handshake.NoALPN},
		{"openssl that wants HTTP/1.1", func(s *server) {
			s.opensslAs(s.ca.Issue(s.t, certtest.Client()), "-alpn", "http/1.1")
		}, handshake.NoALPN},
		{"a client that knows only RSA signatures, of an ECDSA server", func(s *server) {
			s.openssl("-tls1_3", "-alpn", "h2", "-sigalgs", "RSA-PSS+SHA256")
		}, handshake.NoSharedParameters},
		{"a client that knows no group of ours", func(s *server) {
			s.openssl("-tls1_3", "-alpn", "h2", "-groups", "X448")
		}, handshake.NoSharedParameters},
		{"a client that knows no cipher suite of ours", func(s *server) {
			s.openssl("-tls1_3", "-alpn", "h2", "-ciphersuites", "TLS_AES_128_CCM_SHA256")
		}, handshake.NoSharedParameters},
	}
}

// alertRows are peers that refuse the server.
func alertRows() []row {
	return []row{
		{"openssl that does not trust us", func(s *server) {
			s.opensslTrusting(s.write("other.pem", certtest.NewCA(s.t, "other").PEM()))
		}, handshake.PeerAlertUnknownCA},
		{"python that does not trust us", func(s *server) {
			s.pythonTrusting(certtest.NewCA(s.t, "other"), certtest.ServerName)
		}, handshake.PeerAlertUnknownCA},
		{"a client that does not trust us", func(s *server) {
			c := s.client()
			c.RootCAs = certtest.NewCA(s.t, "other").Pool()
			s.dial(c)
		}, handshake.PeerAlertOther}, // Go says "bad certificate" whatever is wrong with it
		{"a client that expects another name", func(s *server) {
			c := s.client()
			c.ServerName = "elsewhere.example"
			s.dial(c)
		}, handshake.PeerAlertOther},
		{"python that expects another name", func(s *server) { s.pythonTrusting(s.ca, "elsewhere.example") }, handshake.PeerAlertOther},
	}
}

// absenceRows are peers that don't do their part.
func absenceRows() []row {
	return []row{
		{"a client that says nothing", func(s *server) { s.raw(nil, false) }, handshake.Timeout},
		{"a client that stops in the midst", func(s *server) { s.raw(helloRecord, false) }, handshake.Timeout},
		{"a client that stops after its hello", func(s *server) { s.raw(hello(s), false) }, handshake.Timeout},
		{"a probe of the port", func(s *server) { s.raw(nil, true) }, handshake.Probe},
		{"a probe that resets", func(s *server) { s.reset(nil) }, handshake.Probe},
		{"a client that goes in the midst", func(s *server) { s.raw(helloRecord, true) }, handshake.ClosedMidway},
		{"a client that says goodbye after its hello", func(s *server) {
			s.dialThrough(s.client(), sayGoodbyeAfterHello)
		}, handshake.ClosedMidway},
		{"a client that resets in the midst", func(s *server) { s.reset(helloRecord) }, handshake.ClosedMidway},
		{"a client that goes after its hello", func(s *server) { s.dialThrough(s.client(), cutAfterHello) }, handshake.ClosedMidway},
	}
}

func TestAServerWhoseCertificateEndedIsToldByItsPeer(t *testing.T) {
	ca := certtest.NewCA(t, "root")
	ended := certtest.Server()
	ended.NotAfter = time.Now().Add(-time.Minute)
	pair := ca.Issue(t, ended)
	s := serve(t, ca, provider{material: credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now())})
	s.opensslTrusting(s.write("ca.pem", ca.PEM()))
	s.refusedOnceFor(handshake.PeerAlertExpired)
}

func TestAHandshakeWithoutCredentialsIsRefused(t *testing.T) {
	s := serve(t, certtest.NewCA(t, "root"), provider{err: errUnavailable})
	s.dial(s.client())
	s.refusedOnceFor(handshake.CredentialsUnavailable)
}

func TestWhatNobodyForesawIsOther(t *testing.T) {
	s := newServer(t, func(cfg *handshake.Config) {
		cfg.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("news to us") }}
	})
	s.dial(s.client())
	s.refusedOnceFor(handshake.Other)
}

// TestEveryReasonIsProduced holds the tables to the closed set: the limits' reasons
// are produced in limits_test.go.
func TestEveryReasonIsProduced(t *testing.T) {
	produced := map[handshake.Reason]bool{
		handshake.PeerAlertExpired: true, handshake.CredentialsUnavailable: true, handshake.Other: true,
		handshake.Shed: true, handshake.SourceLimit: true, handshake.ConnectionLimit: true, handshake.Overload: true, handshake.Shutdown: true,
	}
	for _, reason := range guardReasons { // in guard_test.go
		produced[reason] = true
	}
	for _, rows := range [][]row{certificateRows(), protocolRows(), alertRows(), absenceRows()} {
		for _, row := range rows {
			produced[row.want] = true
		}
	}
	for _, reason := range handshake.Reasons() {
		if !produced[reason] {
			t.Errorf("no test produces %s", reason)
		}
	}
}

func TestTheTableIsWhole(t *testing.T) {
	seen := make(map[handshake.Reason]bool)
	for _, e := range handshake.Explanations() {
		if seen[e.Reason] || e.Means == "" || e.Do == "" || (e.Envoy == handshake.EnvoySide{}) {
			t.Errorf("the row of %s is there twice or says too little: %+v", e.Reason, e)
		}
		seen[e.Reason] = true
	}
}

// TestGoStillSaysWhatIsLookedFor fails on a Go whose crypto/tls words an error in
// another way, before an operator finds it under other.
func TestGoStillSaysWhatIsLookedFor(t *testing.T) {
	source := cryptoTLS(t)
	for _, text := range handshake.Texts() {
		if !bytes.Contains(source, []byte(text)) {
			t.Errorf("crypto/tls no longer has the error text %q", text)
		}
	}
	if len(handshake.Texts()) == 0 {
		t.Error("no text is looked for")
	}
	for _, op := range []string{"remote error", "local error"} {
		if !bytes.Contains(source, fmt.Appendf(nil, "Op: %q", op)) {
			t.Errorf("crypto/tls no longer has errors of the operation %q", op)
		}
	}
}
