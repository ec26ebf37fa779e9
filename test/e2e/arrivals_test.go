package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/handshake"
)

// arrival is an Envoy that contour refuses.
type arrival struct {
	name   string
	reason handshake.Reason
	// arrange starts contour, and returns it with the bootstrap of the Envoy.
	arrange func(*fixture) (*contour, string)
	// then is what happens while that Envoy is in its handshake. Optional.
	then func(*contour)
}

// arrivals are all reasons that a real Envoy can arrive with.
func arrivals() []arrival {
	var all []arrival
	all = append(all, arrivalsByCertificate()...)
	all = append(all, arrivalsOfTheKnown()...)
	all = append(all, arrivalsByProtocol()...)
	all = append(all, arrivalsThatRefuse()...)
	return append(all, arrivalsThatEndEarly()...)
}

func arrivalsByCertificate() []arrival {
	return []arrival{
		{"an Envoy without a certificate", handshake.NoCertificate, talking(func(c *tlsv3.CommonTlsContext) {
			c.TlsCertificates = nil
		}), nil},
		{"an Envoy of another CA", handshake.UnknownCA, showing(func(f *fixture) *certtest.Pair {
			return certtest.NewCA(f.t, "other").Issue(f.t, certtest.Client())
		}), nil},
		{"an Envoy whose certificate ended", handshake.Expired, showing(func(f *fixture) *certtest.Pair {
			leaf := certtest.Client()
			leaf.NotAfter = time.Now().Add(-time.Minute)
			return f.ca.Issue(f.t, leaf)
		}), nil},
		{"an Envoy whose certificate has not begun", handshake.NotYetValid, showing(func(f *fixture) *certtest.Pair {
			leaf := certtest.Client()
			leaf.NotBefore = time.Now().Add(time.Hour)
			return f.ca.Issue(f.t, leaf)
		}), nil},
		{"an Envoy with a server's certificate", handshake.WrongUsage, showing(func(f *fixture) *certtest.Pair {
			return f.ca.Issue(f.t, certtest.Server())
		}), nil},
		{"an Envoy whose issuer may not issue for its name", handshake.NameConstraints, showing(func(f *fixture) *certtest.Pair {
			return f.ca.Constrained(f.t, "constrained", "elsewhere.example").Issue(f.t, certtest.Client())
		}), nil},
		{"an Envoy whose path is longer than a CA permits", handshake.BadChain, showing(func(f *fixture) *certtest.Pair {
			last := f.ca.Altered(f.t, "last", func(c *x509.Certificate) { c.MaxPathLenZero = true })
			return last.Intermediate(f.t, "one too many").Issue(f.t, certtest.Client())
		}), nil},
		{"an Envoy whose certificate Envoy can read and Go can not", handshake.MalformedCertificate, showing(func(f *fixture) *certtest.Pair {
			pair := f.ca.Issue(f.t, certtest.Client())
			pair.Chain[0] = withNegativeSerial(f.t, pair.Chain[0])
			return pair
		}), nil},
	}
}

func arrivalsByProtocol() []arrival {
	return []arrival{
		{"an Envoy that speaks plaintext", handshake.NotTLS, func(f *fixture) (*contour, string) {
			c := f.serve()
			return c, contourBootstrap(f.t, "--insecure", "--xds-port", c.xdsPort())
		}, nil},
		{"an Envoy whose bytes are changed on their way", handshake.MalformedRecord, through(flipsABit), nil},
		{"an Envoy left to its own versions of TLS", handshake.ProtocolVersion, talking(func(c *tlsv3.CommonTlsContext) {
			c.GetTlsParams().TlsMinimumProtocolVersion = tlsv3.TlsParameters_TLS_AUTO
			c.GetTlsParams().TlsMaximumProtocolVersion = tlsv3.TlsParameters_TLS_AUTO
		}), nil},
		{"an Envoy that wants HTTP/1.1", handshake.NoALPN, talking(func(c *tlsv3.CommonTlsContext) {
			c.AlpnProtocols = []string{"http/1.1"}
		}), nil},
		{"an Envoy left to its own signature algorithms, of a server with Ed25519", handshake.NoSharedParameters, func(f *fixture) (*contour, string) {
			leaf := certtest.Server()
			leaf.Key = certtest.Ed25519
			f.server = f.credentials(f.ca, leaf)
			return talking(func(c *tlsv3.CommonTlsContext) { c.GetTlsParams().SignatureAlgorithms = nil })(f)
		}, nil},
	}
}

func arrivalsThatRefuse() []arrival {
	return []arrival{
		{"an Envoy that trusts another CA", handshake.PeerAlertUnknownCA, func(f *fixture) (*contour, string) {
			f.server = f.credentials(certtest.NewCA(f.t, "other"), certtest.Server())
			c := f.serve()
			return c, f.bootstrap(c, f.client)
		}, nil},
		{"an Envoy that comes after the server's certificate has ended", handshake.PeerAlertExpired, func(f *fixture) (*contour, string) {
			// contour does not start with a certificate that has ended.
			leaf := certtest.Server()
			leaf.NotAfter = time.Now().Add(5 * time.Second)
			f.server = f.credentials(f.ca, leaf)
			c := f.serve()
			time.Sleep(time.Until(leaf.NotAfter) + time.Second) // certificates know whole seconds
			return c, f.bootstrap(c, f.client)
		}, nil},
		{"an Envoy that demands another name", handshake.PeerAlertOther, func(f *fixture) (*contour, string) {
			leaf := certtest.Server()
			leaf.DNSNames = []string{"impostor"}
			f.server = f.credentials(f.ca, leaf)
			c := f.serve()
			return c, f.bootstrap(c, f.client)
		}, nil},
	}
}

func arrivalsThatEndEarly() []arrival {
	return []arrival{
		{"an Envoy whose bytes do not arrive", handshake.Timeout, through(passesNothing, "--handshake-timeout", "2s"), nil},
		{"an Envoy that is cut off before its first byte", handshake.Probe, through(cutsAtOnce), nil},
		{"an Envoy that is cut off in its ClientHello", handshake.ClosedMidway, through(cutsMidway), nil},
		{"an Envoy that stalls in the last place for a handshake", handshake.Shed, through(holdsBack, "--max-handshakes", "1"), othersKnock},
		{"an Envoy that stalls in the last place for its address", handshake.SourceLimit, through(holdsBack, "--max-handshakes-per-source", "1"), othersKnock},
		{"an Envoy that comes when the last connection is taken", handshake.ConnectionLimit, func(f *fixture) (*contour, string) {
			c := f.serve("--max-connections", "1")
			f.stay(c)
			c.wantConnections(1)
			return c, f.bootstrap(c, f.client)
		}, nil},
		{"an Envoy in its handshake when contour ends", handshake.Shutdown, func(f *fixture) (*contour, string) {
			c, path := through(holdsBack)(f)
			f.stay(c) // or contour would be gone before it can be asked what it counted
			return c, path
		}, func(c *contour) {
			c.wantMetric(1, "contour_xds_tls_handshakes_pending", "state", "peer")
			c.terminate()
		}},
	}
}

// showing is an Envoy that has nothing wrong but its certificate.
func showing(pair func(*fixture) *certtest.Pair) func(*fixture) (*contour, string) {
	return func(f *fixture) (*contour, string) {
		c := f.serve()
		return c, f.bootstrap(c, certtest.WriteFiles(f.t, f.t.TempDir(), f.ca, pair(f)))
	}
}

// talking is an Envoy with what contour bootstrap would never write.
func talking(edit func(*tlsv3.CommonTlsContext)) func(*fixture) (*contour, string) {
	return func(f *fixture) (*contour, string) {
		c := f.serve()
		path := f.bootstrap(c, f.client)
		editTLS(f.t, path, func(ctx *tlsv3.UpstreamTlsContext) { edit(ctx.GetCommonTlsContext()) })
		return c, path
	}
}

// through is an Envoy with nothing wrong at all, and a relay before contour.
func through(p plan, args ...string) func(*fixture) (*contour, string) {
	return func(f *fixture) (*contour, string) {
		c := f.serve(args...)
		return c, f.bootstrap(c, f.client, "--xds-port", newRelay(f.t, c.xds, p))
	}
}

// othersKnock connects beside an Envoy, again and again until the test ends. contour
// spares whoever has only begun to wait, and so it may take more than one.
func othersKnock(c *contour) {
	c.t.Helper()
	ctx := c.t.Context()
	var knocking sync.WaitGroup
	c.t.Cleanup(knocking.Wait)
	knocking.Go(func() {
		for ctx.Err() == nil {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.xds)
			if err != nil {
				return // contour would have to be gone, and the test fails by that
			}
			knocking.Go(func() {
				<-ctx.Done()
				_ = conn.Close()
			})
			select {
			case <-ctx.Done():
			case <-time.After(400 * time.Millisecond):
			}
		}
	})
}

// stay keeps a connection open until the test ends, with a call on it that
// holds up the end of the server.
func (f *fixture) stay(c *contour) {
	f.t.Helper()
	conn, err := grpc.NewClient(c.xds, grpc.WithTransportCredentials(f.secure(f.ca.Issue(f.t, certtest.Client()))))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = conn.Close() })
	watch, err := healthpb.NewHealthClient(conn).Watch(f.t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		f.t.Fatal(err)
	}
	wantHealth(f.t, watch, healthpb.HealthCheckResponse_SERVING)
}

// withNegativeSerial is a certificate with a serial number below zero, which RFC 5280
// section 4.1.2.2 forbids, Go refuses to read and Envoy does not mind.
func withNegativeSerial(t *testing.T, cert *x509.Certificate) *x509.Certificate {
	t.Helper()
	serial, err := asn1.Marshal(cert.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(cert.Raw)
	changed[bytes.Index(changed, serial)+2] = 0x80 // the first byte after tag and length
	return &x509.Certificate{Raw: changed}
}

// editBootstrap changes a bootstrap in its file, for what contour bootstrap would
// never write.
func editBootstrap(t *testing.T, path string, edit func(*bootstrapv3.Bootstrap)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bootstrapv3.Bootstrap
	if err := protojson.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	edit(&b)
	if data, err = protojson.Marshal(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// editTLS changes the TLS context of a bootstrap's cluster in its file.
func editTLS(t *testing.T, path string, edit func(*tlsv3.UpstreamTlsContext)) {
	t.Helper()
	editBootstrap(t, path, func(b *bootstrapv3.Bootstrap) {
		socket := b.GetStaticResources().GetClusters()[0].GetTransportSocket()
		var context tlsv3.UpstreamTlsContext
		if err := socket.GetTypedConfig().UnmarshalTo(&context); err != nil {
			t.Fatal(err)
		}
		edit(&context)
		packed, err := anypb.New(&context)
		if err != nil {
			t.Fatal(err)
		}
		socket.ConfigType = &corev3.TransportSocket_TypedConfig{TypedConfig: packed}
	})
}

// retryQuickly has Envoy try again at once, where in the end it would wait for half
// a minute, so that a few attempts take no longer than one.
func retryQuickly(t *testing.T, path string) {
	t.Helper()
	editBootstrap(t, path, func(b *bootstrapv3.Bootstrap) {
		for _, service := range b.GetDynamicResources().GetAdsConfig().GetGrpcServices() {
			service.GetEnvoyGrpc().RetryPolicy = &corev3.RetryPolicy{RetryBackOff: &corev3.BackoffStrategy{
				BaseInterval: durationpb.New(100 * time.Millisecond), MaxInterval: durationpb.New(500 * time.Millisecond),
			}}
		}
	})
}
