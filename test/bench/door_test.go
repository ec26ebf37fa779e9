package bench

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/handshake"
)

const (
	// doorTurns is how many handshakes of each side a round is of.
	doorTurns = 400
	// aloneTurns is how many connections a round is of when nothing is computed.
	aloneTurns = 20_000
)

// BenchmarkDoor compares the time that a server works on one handshake, with the
// door and without, both by gRPC's own credentials. The two alternate handshake by
// handshake, since they differ by less than what a machine drifts by in a second,
// and what a round comes to is the median.
//
// Work is the time from an accepted connection until it is let in and closed, but
// for the time in the Read and Write of the connection below: that is the wait for
// the client, and the kernel's part. The connections are pipes, which keep the
// kernel out of it altogether. How far a difference can be trusted shows in a second
// series without the door, which should be as the first.
//
// What the door spends on a connection whose peer takes no time, and with no
// cryptography at all, is measured by itself as well: its bookkeeping, as often as
// a handshake reads and writes. It is exact where the difference of two large numbers
// is not, but has nothing of what the door adds to the TLS config, nor its metrics.
func BenchmarkDoor(b *testing.B) {
	for _, key := range keyTypes {
		b.Run(key.name, func(b *testing.B) {
			server, client := configs(b, key.kind)
			without := newSide(grpccredentials.NewTLS(server), asItIs)
			door := newDoor(b, server)
			with := newSide(door, door.Listener)
			work := comparison{unit: "ns/handshake", baseline: "undecorated", goal: atMost(1.01)}
			own := comparison{unit: "own-ns/handshake", baseline: "undecorated", goal: atMost(0.01)}
			var noise []float64
			inRounds(b, func(round int) {
				base, again, ours, conn := takeTurns(b, without, with, client)
				alone := bookkeeping(b, conn)
				if round != warmUp {
					work.add(base, ours)
					own.add(base, alone)
					noise = append(noise, again/base)
				}
			})
			own.report(b)
			work.report(b)
			b.ReportMetric(median(noise), "ratio-of-undecorated-to-itself")
		})
	}
}

// configs are a server's, as contour makes it, and that of its client.
func configs(b testing.TB, key certtest.KeyType) (server, client *tls.Config) {
	b.Helper()
	ca := certtest.NewCA(b, "root")
	of, by := certtest.Server(), certtest.Client()
	of.Key, by.Key = key, key
	pair := ca.Issue(b, of)
	material := credentials.NewMaterial(pair.Chain, pair.Key, []*x509.Certificate{ca.Cert}, time.Now())
	return credentials.ServerTLS(fixed{material}), clientConfig(ca, ca.Issue(b, by))
}

// fixed gives the same material always.
type fixed struct{ material *credentials.Material }

func (f fixed) Material() (*credentials.Material, error) { return f.material, nil }
func (fixed) Close() error                               { return nil }

// newDoor is a door with the limits, the log and the metrics that contour has by
// default.
func newDoor(b testing.TB, config *tls.Config) *handshake.Door {
	b.Helper()
	door := handshake.New(handshake.Config{
		TLS: config, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	b.Cleanup(func() { _ = door.Close() })
	return door
}

// takeTurns returns the medians of a round in nanoseconds, of the side without
// the door twice, and one of the connections that went through the door.
func takeTurns(b testing.TB, without, with side, client *tls.Config) (base, again, ours float64, conn *metered) {
	b.Helper()
	var took [3][]float64
	for range doorTurns {
		for _, which := range rand.Perm(len(took)) { // none has always the same before it
			s := without
			if which == 2 {
				s = with
			}
			worked, used, err := s.work(client)
			must(b, err)
			took[which] = append(took[which], float64(worked))
			if which == 2 {
				conn = used
			}
		}
	}
	return median(took[0]), median(took[1]), median(took[2]), conn
}

// bookkeeping returns how much longer, in nanoseconds, a connection takes through a
// door than without one, if its peer takes no time and nothing is encrypted. It
// reads and writes as often as like did in its handshake.
func bookkeeping(b testing.TB, like *metered) float64 {
	b.Helper()
	without := newSide(insecure.NewCredentials(), asItIs)
	door := handshake.New(handshake.Config{})
	defer door.Close()
	with := newSide(door, door.Listener)
	return float64(pass(b, with, like)-pass(b, without, like)) / aloneTurns
}

// pass lets connections in by that side, one after the other, and returns how long
// all of them took.
func pass(b testing.TB, s side, like *metered) time.Duration {
	b.Helper()
	buf := make([]byte, 1)
	begin := time.Now()
	for range aloneTurns {
		s.arriving <- instant{}
		conn, err := s.listener.Accept()
		must(b, err)
		_ = conn.SetDeadline(begin)
		for range like.reads {
			_, err = conn.Read(buf)
			must(b, err)
		}
		for range like.writes {
			_, err = conn.Write(buf)
			must(b, err)
		}
		_, _, err = s.creds.ServerHandshake(conn)
		must(b, err)
		_ = conn.SetDeadline(time.Time{})
		_ = conn.Close()
	}
	return time.Since(begin)
}
