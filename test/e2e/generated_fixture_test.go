package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/pemfile"
	"github.com/contour-xds/contour/test/envoy"
)

// generated is a contour that makes its own credentials, an Envoy that has its own from
// the same folder, and traffic through it.
type generated struct {
	*traffic
	t *testing.T
	f *fixture
	c *contour
	e *envoy.Envoy
	// state is the folder, and args are what contour is started with besides.
	state string
	args  []string
}

// startGenerated starts both with no more than they need: no setting is about TLS.
func startGenerated(t *testing.T, state string, args ...string) *generated {
	t.Helper()
	g := &generated{t: t, f: newFixture(t), state: state, args: args}
	g.f.writeAll(overADS, newUpstream(t))
	g.c = g.serve()
	path := contourBootstrap(t, "--state-dir", state, "--xds-port", g.c.xdsPort())
	retryQuickly(t, path)
	g.e = envoy.Start(t, path, envoy.Options{})
	g.f.wantAnswer(g.e, "https", "/", "hello")
	var urls []string
	for _, scheme := range []string{"http", "https"} {
		address, err := g.e.ListenerAddress(scheme)
		must(t, err)
		urls = append(urls, scheme+"://"+address)
	}
	g.traffic = startTraffic(t, g.f, urls...)
	return g
}

func (g *generated) serve(args ...string) *contour {
	g.t.Helper()
	return serve(g.t, append(append([]string{"--resources", g.f.resources, "--state-dir", g.state}, g.args...), args...)...)
}

// restart kills contour and starts it again, to which Envoy has to connect anew.
func (g *generated) restart() {
	g.t.Helper()
	port := g.c.xdsPort()
	g.c.kill()
	wantDisconnected(g.t, g.e)
	g.c = g.serve("--xds-port", port)
}

// wantConnected waits for a change to arrive, over a connection that was made at the
// first attempt.
func (g *generated) wantConnected(words string) {
	g.t.Helper()
	r := &rotation{t: g.t, f: g.f, c: g.c, e: g.e}
	r.wantConnected(words)
}

// leaf is the serial number of what is on disk for one side.
func (g *generated) leaf(name string) string {
	g.t.Helper()
	return certificatesIn(g.t, madeBy(g.state, name).Cert)[0]
}

// roots are the serial numbers of the CAs that a side trusts.
func (g *generated) roots(name string) []string {
	g.t.Helper()
	return certificatesIn(g.t, madeBy(g.state, name).CA)
}

// issuer is the serial number of the CA that issued a side's certificate; "" while it is
// none of those that the side trusts.
func (g *generated) issuer(name string) string {
	g.t.Helper()
	read := func(path string) []*x509.Certificate {
		data, err := os.ReadFile(path)
		must(g.t, err)
		certs, err := pemfile.Certificates(data)
		must(g.t, err)
		return certs
	}
	leaf := read(madeBy(g.state, name).Cert)[0]
	for _, root := range read(madeBy(g.state, name).CA) {
		if leaf.CheckSignatureFrom(root) == nil {
			return fmt.Sprintf("%x", root.SerialNumber)
		}
	}
	return ""
}

// wantRenewed waits until the certificates of both sides are others than those of
// before, and Envoy has its own in use.
func (g *generated) wantRenewed() {
	g.t.Helper()
	before := map[string]string{"contour": g.leaf("contour"), "envoy": g.leaf("envoy")}
	envoy.Eventually(g.t, deadline, "both certificates are renewed", func() error {
		for name, serial := range before {
			if g.leaf(name) == serial {
				return errors.New(name + "'s is the one of before")
			}
		}
		return nil
	})
	g.wantInUse()
}

// wantInUse waits until Envoy has its certificate of now in use, and asks contour for
// its own, as a newcomer with Envoy's.
func (g *generated) wantInUse() {
	g.t.Helper()
	envoy.Eventually(g.t, deadline, "Envoy has its certificate in use", func() error {
		certs, err := g.e.Get("/certs")
		if err != nil {
			return err
		}
		if !strings.Contains(string(certs), g.leaf("envoy")) {
			return fmt.Errorf("it has %s", certs)
		}
		return nil
	})
	envoy.Eventually(g.t, deadline, "contour serves its certificate", func() error {
		own := madeBy(g.state, "envoy")
		pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
		if err != nil {
			return err
		}
		// Whether it is trusted, Envoy tells.
		conn, err := tls.Dial("tcp", g.c.xds, &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			return err
		}
		defer conn.Close()
		if served := fmt.Sprintf("%x", conn.ConnectionState().PeerCertificates[0].SerialNumber); served != g.leaf("contour") {
			return fmt.Errorf("it serves %s", served)
		}
		return nil
	})
}

// certificatesIn are the serial numbers of what is in a file.
func certificatesIn(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	certs, err := pemfile.Certificates(data)
	must(t, err)
	var serials []string
	for _, cert := range certs {
		serials = append(serials, fmt.Sprintf("%x", cert.SerialNumber))
	}
	return serials
}

// stateDir is where a folder of state may come.
func stateDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state")
}
