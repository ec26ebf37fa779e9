package handshake_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/contour-xds/contour/internal/certtest"
)

// client is a config that the server lets in, for a row to spoil. It presents
// its certificate whatever CAs the server names.
func (s *server) client() *tls.Config {
	return s.clientOf(s.ca.Issue(s.t, certtest.Client()))
}

func (s *server) clientOf(pair *certtest.Pair) *tls.Config { return s.config(pair.TLS()) }

// clientWith is client with its certificate changed.
func (s *server) clientWith(change func(*tls.Certificate)) *tls.Config {
	cert := s.ca.Issue(s.t, certtest.Client()).TLS()
	change(&cert)
	return s.config(cert)
}

func (s *server) config(cert tls.Certificate) *tls.Config {
	return &tls.Config{
		RootCAs: s.ca.Pool(), ServerName: certtest.ServerName, NextProtos: []string{"h2"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	}
}

// impostor shows one public key and signs with the private key of another.
type impostor struct {
	public crypto.PublicKey
	crypto.Signer
}

func (i impostor) Public() crypto.PublicKey { return i.public }

// smallRSA shows a key of RSA of 768 bits. Go makes none and signs with none, so that
// what it signs is nothing.
type smallRSA struct{}

func (smallRSA) Public() crypto.PublicKey {
	const bits = 768
	n := big.NewInt(1)
	return &rsa.PublicKey{N: n.SetBit(n, bits-1, 1), E: 65537}
}

func (smallRSA) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 96), nil
}

type pkixExtension = pkix.Extension

// unknownCritical is an extension that no verifier may pass over and none knows.
var unknownCritical = pkixExtension{Id: asn1.ObjectIdentifier{2, 999, 1}, Critical: true, Value: []byte{5, 0}}

// dial shakes hands and waits for the server's word, which in TLS 1.3 comes after
// the client believes itself done. Whatever the client is told, it is the server
// that the test asks.
func (s *server) dial(config *tls.Config) { dialTo(s.addr, config) }

func dialTo(addr string, config *tls.Config) {
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
}

func (s *server) connect() *net.TCPConn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// raw connects, sends bytes, and reads until the server hangs up, or hangs up
// itself.
func (s *server) raw(data []byte, hangUp bool) {
	s.t.Helper()
	conn := s.connect()
	defer conn.Close()
	if _, err := conn.Write(data); err != nil {
		s.t.Fatal(err)
	}
	if !hangUp {
		_, _ = io.Copy(io.Discard, conn)
	}
}

// reset sends bytes and ends the connection by a reset.
func (s *server) reset(data []byte) {
	s.t.Helper()
	conn := s.connect()
	if _, err := conn.Write(data); err != nil {
		s.t.Fatal(err)
	}
	// What was sent is to be read before the reset, which would take it back.
	s.eventually("the connection is accepted", func() bool { return s.values("contour_xds_tls_handshakes_pending")["peer"] == 1 })
	if err := errors.Join(conn.SetLinger(0), conn.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// dialThrough connects through a relay that may change what the client sends.
func (s *server) dialThrough(config *tls.Config, relay func(client, server net.Conn)) {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		server, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		defer server.Close()
		relay(client, server)
	}()
	dialTo(listener.Addr().String(), config)
	<-done
}

// flipAfterHello passes everything on, but for one bit of the client's answer to
// the server's flight.
func flipAfterHello(client, server net.Conn) {
	if !passHello(client, server) {
		return
	}
	answer := make([]byte, 1<<16)
	n, err := client.Read(answer)
	if err != nil {
		return
	}
	answer[n-1] ^= 1
	_, _ = server.Write(answer[:n])
	_, _ = io.Copy(client, server)
}

// cutAfterHello passes the hello and the server's flight on, and hangs up.
func cutAfterHello(client, server net.Conn) { passHello(client, server) }

// sayGoodbyeAfterHello ends the connection by an alert in the clear, as TLS has it.
func sayGoodbyeAfterHello(client, server net.Conn) {
	if passHello(client, server) {
		_, _ = server.Write([]byte{21, 3, 3, 0, 2, 1, 0})
		_, _ = io.Copy(io.Discard, server)
	}
}

// passHello passes on one flight of each side, and tells whether it could.
func passHello(client, server net.Conn) bool {
	flight := make([]byte, 1<<16)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		n, err := way[0].Read(flight)
		if err != nil {
			return false
		}
		if _, err := way[1].Write(flight[:n]); err != nil {
			return false
		}
	}
	return true
}

// helloRecord begins a ClientHello of TLS and holds none of it.
var helloRecord = []byte{0x16, 3, 1, 1, 0, 1, 0, 0}

// hello is the whole first flight of a good client.
func hello(s *server) []byte {
	s.t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	client := tls.Client(theirs, s.client())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = client.Handshake() // ends when the pipe does
	}()
	flight := make([]byte, 1<<16)
	n, err := ours.Read(flight)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = ours.Close()
	<-done
	return flight[:n]
}

func mutated(flight []byte, change func([]byte)) []byte {
	changed := bytes.Clone(flight)
	change(changed)
	return changed
}

// compressionAt is where a ClientHello names its one compression method
// (RFC 8446, section 4.1.2): after the record's and the message's heads, version,
// random, session and cipher suites.
func compressionAt(flight []byte) int {
	at := 5 + 4 + 2 + 32
	at += 1 + int(flight[at])
	at += 2 + int(flight[at])<<8 + int(flight[at+1])
	return at + 1
}

// write puts data into a file of the test.
func (s *server) write(name string, data []byte) string {
	path := filepath.Join(s.t.TempDir(), name)
	certtest.WriteFile(s.t, path, data)
	return path
}

// h2 is what openssl needs to speak as Envoy does.
var h2 = []string{"-tls1_3", "-alpn", "h2"}

// openssl connects with openssl's own client. How it ends is of no interest: the
// server is asked. In TLS 1.3 it believes itself done before the server has
// decided, and would hang up at the end of its standard input, so that stays open
// until the server hangs up.
func (s *server) openssl(args ...string) {
	s.t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", s.addr}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer stdin.Close()
	var exit *exec.ExitError
	if out, err := cmd.CombinedOutput(); err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("openssl: %v\n%s", err, out)
	}
}

// opensslAs connects with a certificate.
func (s *server) opensslAs(pair *certtest.Pair, args ...string) {
	s.t.Helper()
	files := certtest.WriteFiles(s.t, s.t.TempDir(), s.ca, pair)
	s.openssl(slices.Concat(h2, []string{"-cert", files.Cert, "-key", files.Key}, args)...)
}

// opensslTrusting connects with trust in the bundle, and refuses a server that it
// does not verify.
func (s *server) opensslTrusting(bundle string) {
	s.t.Helper()
	s.openssl(slices.Concat(h2, []string{"-verify_return_error", "-CAfile", bundle})...)
}

// pythonClient connects by Python's ssl module, and waits until the server hangs
// up: arguments are port, bundle, name, and certificate and key if it has any.
const pythonClient = `
import socket, ssl, sys
port, bundle, name, *pair = sys.argv[1:]
context = ssl.create_default_context(cafile=bundle)
context.set_alpn_protocols(["h2"])
if pair:
    context.load_cert_chain(*pair)
try:
    with socket.create_connection(("127.0.0.1", int(port))) as raw:
        with context.wrap_socket(raw, server_hostname=name) as tls:
            while tls.recv(4096):
                pass
except OSError:
    pass
`

// python connects with a certificate, or without one.
func (s *server) python(pair *certtest.Pair) {
	s.t.Helper()
	args := []string{s.write("ca.pem", s.ca.PEM()), certtest.ServerName}
	if pair != nil {
		files := certtest.WriteFiles(s.t, s.t.TempDir(), s.ca, pair)
		args = append(args, files.Cert, files.Key)
	}
	s.runPython(args...)
}

// pythonTrusting connects with trust in ca, expecting name.
func (s *server) pythonTrusting(ca *certtest.CA, name string) {
	s.t.Helper()
	s.runPython(s.write("ca.pem", ca.PEM()), name)
}

func (s *server) runPython(args ...string) {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.Command("python3", append([]string{"-c", pythonClient, port}, args...)...).CombinedOutput(); err != nil {
		s.t.Fatalf("python3: %v\n%s", err, out)
	}
}

// cryptoTLS is the source of crypto/tls in the Go that builds this.
func cryptoTLS(t *testing.T) []byte {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(string(bytes.TrimSpace(root)), "src", "crypto", "tls", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of crypto/tls of %s: %v", runtime.Version(), err)
	}
	var source []byte
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue // tests may quote what the code no longer says
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, data...)
	}
	return source
}
