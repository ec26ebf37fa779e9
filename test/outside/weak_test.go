package outside

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// TestSSLyzeFindsWhatIsWeak has the same judges look at servers that break the
// policy in what crypto/tls can still be told to break.
func TestSSLyzeFindsWhatIsWeak(t *testing.T) {
	rows := []struct {
		name   string
		config *tls.Config
		// scan is what it is scanned for, and want what must be among the findings.
		scan, want []string
	}{
		{
			"old versions, RSA key exchange and one curve, open to all",
			&tls.Config{
				MinVersion:       tls.VersionTLS10,
				CipherSuites:     []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
				CurvePreferences: []tls.CurveID{tls.CurveP256},
			},
			checks,
			[]string{
				"client authentication is DISABLED",
				"tls_1_0_cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA is accepted",
				"tls_1_1_cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA is accepted",
				"tls_1_2_cipher_suites: TLS_RSA_WITH_AES_128_CBC_SHA is accepted",
				"elliptic_curves: X25519 is not accepted",
				"certificate_info: it was not verified by the CA",
				"robot: robot_result is NOT_VULNERABLE_NO_ORACLE",
			},
		},
		{
			"TLS 1.2 at most, with tickets",
			&tls.Config{MaxVersion: tls.VersionTLS12},
			[]string{"--resum", "--tlsv1_2", "--tlsv1_3"},
			[]string{
				"the highest version is TLS_1_2",
				"tls_1_3_cipher_suites: TLS_AES_128_GCM_SHA256 is not accepted",
				"session_resumption: session_id_resumption_result is NOT_SUPPORTED",
				"session_resumption: tls_ticket_resumption_result is NOT_SUPPORTED",
				"heartbleed: NOT_SCHEDULED",
			},
		},
		{
			"TLS 1.3 alone, and no need for a client certificate",
			&tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert},
			[]string{"--tlsv1_3"},
			[]string{"client authentication is OPTIONAL"},
		},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			found := findings(t, scan(t, startGo(t, row.config), row.scan...))
			for _, want := range row.want {
				if !slices.Contains(found, want) {
					t.Errorf("it does not find: %s\nit finds:\n%s", want, strings.Join(found, "\n"))
				}
			}
		})
	}
}

// findings are those of both judges.
func findings(t *testing.T, report []byte) []string {
	t.Helper()
	var all []string
	for _, judge := range []func([]byte) ([]string, error){strangersFindings, clientsFindings} {
		found, err := judge(report)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// startGo starts a server of crypto/tls with a certificate of its own, and returns
// its address.
func startGo(t *testing.T, config *tls.Config) string {
	t.Helper()
	leaf := certtest.Server()
	leaf.Key = certtest.RSA // for cipher suites of every age
	config.Certificates = []tls.Certificate{certtest.NewCA(t, "weak").Issue(t, leaf).TLS()}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { hear(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	return listener.Addr().String()
}

// hear shakes hands, greets the client, which would wait for that, and hears it out.
func hear(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(deadline))
	if _, err := conn.Write([]byte("hello\n")); err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, conn)
}
