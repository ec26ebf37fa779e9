package handshake_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

func TestARefusalIsLoggedWithTheCertificateThatWasPresented(t *testing.T) {
	s := newServer(t)
	spiffe := &url.URL{Scheme: "spiffe", Host: "fleet.example", Path: "/envoy/7"}
	pair := certtest.NewCA(t, "other").Issue(t, leaf(func(l *certtest.Leaf) {
		l.CommonName, l.DNSNames, l.URIs, l.IPs = "envoy-7", []string{"envoy-7.example"}, []*url.URL{spiffe}, []net.IP{net.IPv4(192, 0, 2, 7)}
	}))
	s.dial(s.clientOf(pair))
	s.refusedOnceFor(handshake.UnknownCA)
	cert := pair.Chain[0]
	for _, want := range []string{
		"remote=127.0.0.1:", "subject=CN=envoy-7", "issuer=CN=other",
		`sans="URI:spiffe://fleet.example/envoy/7, DNS:envoy-7.example, IP:192.0.2.7"`,
		"serial=" + cert.SerialNumber.Text(16),
		"not_before=" + cert.NotBefore.Format(time.RFC3339), "not_after=" + cert.NotAfter.Format(time.RFC3339),
	} {
		if !strings.Contains(s.quotedLog(), want) {
			t.Errorf("the line lacks %s: %s", want, s.log)
		}
	}
}

// quotedLog is the log without the quotes that a name with an equals sign gets.
func (s *server) quotedLog() string {
	return strings.NewReplacer(`subject="CN=envoy-7"`, "subject=CN=envoy-7", `issuer="CN=other"`, "issuer=CN=other").Replace(s.log.String())
}

func TestACertificateThatWasVerifiedIsLoggedToo(t *testing.T) {
	s := newServer(t)
	pair := s.ca.Issue(t, certtest.Client())
	cert := pair.TLS()
	cert.PrivateKey = impostor{cert.Leaf.PublicKey, certtest.NewKey(t, certtest.ECDSA)}
	s.dial(s.config(cert))
	s.refusedOnceFor(handshake.BadSignature)
	if want := "serial=" + pair.Chain[0].SerialNumber.Text(16); !strings.Contains(s.log.String(), want) {
		t.Errorf("the line lacks %s: %s", want, s.log)
	}
}

func TestAnAlertInTheClearIsNamed(t *testing.T) {
	s := newServer(t)
	s.opensslTrusting(s.write("other.pem", certtest.NewCA(t, "other").PEM()))
	s.refusedOnceFor(handshake.PeerAlertUnknownCA)
	if want := "unknown certificate authority"; !strings.Contains(s.log.String(), want) {
		t.Errorf("the line lacks %q: %s", want, s.log)
	}
}

func TestAFloodIsSummedUp(t *testing.T) {
	const knocks = 25
	s := newServer(t, func(cfg *handshake.Config) { cfg.LogInterval = 2 * time.Second })
	for range knocks {
		s.raw([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	}
	s.raw(nil, true) // another reason has lines of its own
	s.eventually("a summary", func() bool { return strings.Contains(s.log.String(), "refused more TLS handshakes") })
	log := s.log.String()
	if lines := strings.Count(log, "reason=not_tls error"); lines != 10 {
		t.Errorf("%d lines of one reason", lines)
	}
	if want := fmt.Sprintf("reason=not_tls count=%d interval=2s last_remote=127.0.0.1:", knocks-10); !strings.Contains(log, want) {
		t.Errorf("the summary lacks %q: %s", want, log)
	}
	if !strings.Contains(log, "reason=probe error") {
		t.Errorf("the flood hides another reason: %s", log)
	}
	s.raw([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	s.eventually("a line again, once the flood is over", func() bool { return strings.Count(s.log.String(), "reason=not_tls error") == 11 })
}

func TestWhatIsToBeSummedUpIsLoggedAtTheEnd(t *testing.T) {
	s := newServer(t)
	for range 12 {
		s.raw([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	}
	s.eventually("all are counted", func() bool { return s.values("contour_xds_tls_handshake_failures_total")["not_tls"] == 12 })
	if err := s.door.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "reason=not_tls count=2 "; !strings.Contains(s.log.String(), want) {
		t.Errorf("no %q: %s", want, s.log)
	}
}

func TestALogLineIsBoundedWhateverThePeerSends(t *testing.T) {
	s := newServer(t)
	long := certtest.NewCA(t, strings.Repeat("a very long name\n", 100))
	s.dial(s.clientOf(long.Issue(t, leaf(func(l *certtest.Leaf) {
		l.CommonName = strings.Repeat("x", 3000)
		for i := range 200 {
			l.DNSNames = append(l.DNSNames, fmt.Sprintf("name-%d.example", i))
		}
	}))))
	s.refusedOnceFor(handshake.UnknownCA)
	if n := len(s.log.String()); n > 2000 {
		t.Errorf("a line of %d bytes", n)
	}
}

func TestSuccessesCountVersionAndGroup(t *testing.T) {
	s := newServer(t)
	s.serves()
	if n := s.values("contour_xds_tls_versions_total")["TLS 1.3"]; n != 1 {
		t.Errorf("TLS 1.3: %v", n)
	}
	if n := s.values("contour_xds_tls_key_exchanges_total")["X25519MLKEM768"]; n != 1 {
		t.Errorf("key exchanges: %v", s.values("contour_xds_tls_key_exchanges_total"))
	}
	c := s.client()
	c.CurvePreferences = []tls.CurveID{tls.CurveP384}
	conn, err := tls.Dial("tcp", s.addr, c)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s.eventually("a group of NIST's", func() bool { return s.values("contour_xds_tls_key_exchanges_total")["secp384r1"] == 1 })
}

func TestTheTimeOfEachHandshakeIsKeptByResult(t *testing.T) {
	s := newServer(t)
	s.serves()
	s.raw([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	for _, result := range []string{"success", "failure"} {
		s.eventually("one "+result, func() bool { return s.values("contour_xds_tls_handshake_duration_seconds")[result] == 1 })
	}
}
