package e2e

import (
	"path/filepath"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

func TestEnvoyTakesNewCredentialsWithoutARestart(t *testing.T) {
	t.Parallel()
	for how := range keepings {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			takesNewCredentials(t, envoy.Version, how)
		})
	}
}

// takesNewCredentials replaces all three files by those of another CA. The connection
// that is open stays, and the next one is to a contour that would refuse the old pair,
// and that Envoy would not have known by the old bundle.
func takesNewCredentials(t *testing.T, version, how string) {
	r := startRotation(t, version, how)
	connections := r.stat("cluster.contour.upstream_cx_total")
	r.publish(newGeneration(r.next, r.second))
	r.wantInUse(r.second)
	r.wantConnected("over the connection of before")
	if n := r.stat("cluster.contour.upstream_cx_total"); n != connections {
		t.Errorf("Envoy made %d connections", n-connections)
	}

	r.restartTrusting(r.next, certtest.Server())
	r.wantConnected("over a connection with the new pair")
	r.wantNoFailure()
}

func TestEnvoyKeepsItsPairUntilTheOtherFileComes(t *testing.T) {
	t.Parallel()
	keepsItsPair(t, envoy.Version)
}

// keepsItsPair replaces the certificate, and the key only after Envoy has connected
// anew meanwhile.
func keepsItsPair(t *testing.T, version string) {
	r := startRotation(t, version, renamed)
	second := r.f.ca.Issue(t, certtest.Client())
	move(t, r.files.Cert, second.CertPEM())
	r.wantAtLeast(1, "sds.xds-certificate.key_rotation_failed")
	r.wantInUse(r.first)
	r.restartTrusting(r.f.ca, certtest.Server())
	r.wantConnected("with the pair of before")

	move(t, r.files.Key, second.KeyPEM(t))
	r.wantInUse(second)
	r.restartTrusting(r.f.ca, certtest.Server())
	r.wantConnected("with the new pair")
	r.wantNoFailure()
}

func TestEnvoyKeepsItsBundleUntilThereIsAGoodOne(t *testing.T) {
	t.Parallel()
	keepsItsBundle(t, envoy.Version)
}

// keepsItsBundle also takes what is wrong back: to Envoy, the bundle is then as it was,
// and it takes no other secret either until a bundle comes that differs. That is what
// the howto tells an operator to do.
func keepsItsBundle(t *testing.T, version string) {
	r := startRotation(t, version, renamed)
	for i, bad := range []string{"", "no bundle"} {
		move(t, r.files.CA, []byte(bad))
		r.wantAtLeast(i+1, "sds.xds-trust.key_rotation_failed")
	}
	move(t, r.files.CA, r.f.ca.PEM())
	second := r.f.ca.Issue(t, certtest.Client())
	move(t, r.files.Cert, second.CertPEM())
	move(t, r.files.Key, second.KeyPEM(t))
	r.wantAtLeast(1, "sds.xds-certificate.key_rotation_failed")
	r.wantInUse(r.first)
	r.restartTrusting(r.f.ca, certtest.Server())
	r.wantConnected("with what was good last")

	move(t, r.files.CA, append(r.f.ca.PEM(), '\n'))
	r.wantInUse(second)
	r.wantNoFailure()
}

func TestEnvoyDemandsTheServersNameWhateverBundleComes(t *testing.T) {
	t.Parallel()
	demandsTheServersName(t, envoy.Version)
}

func demandsTheServersName(t *testing.T, version string) {
	r := startRotation(t, version, swapped)
	r.publish(newGeneration(r.next, r.second))
	r.wantInUse(r.second)
	impostor := certtest.Server()
	impostor.DNSNames = []string{"impostor"}
	r.restartTrusting(r.next, impostor)
	r.f.writeRoute("from an impostor")
	r.wantAtLeast(3, "cluster.contour.ssl.fail_verify_san")
	r.c.wantMetric(0, "contour_xds_streams", "service", "ads", "protocol", "delta")
	r.f.wantAnswer(r.e, "https", "/", "hello")

	r.restartTrusting(r.next, certtest.Server())
	r.wantConnected("from the server")
	r.wantNoFailure()
}

func TestABootstrapWrittenAnewGivesARunningEnvoyOtherFiles(t *testing.T) {
	t.Parallel()
	givesOtherFiles(t, envoy.Version)
}

// givesOtherFiles has an Envoy follow files elsewhere, and those alone from then on.
func givesOtherFiles(t *testing.T, version string) {
	r := startRotation(t, version, swapped)
	old, third := r.keeping, r.next.Issue(t, certtest.Client())
	r.keeping = keepings[apart](t, newGeneration(r.next, r.second))
	r.bootstrap(r.files)
	r.wantInUse(r.second)
	old.publish(newGeneration(r.f.ca, r.f.ca.Issue(t, certtest.Client())))
	r.publish(newGeneration(r.next, third))
	r.wantInUse(third)
	r.restartTrusting(r.next, certtest.Server())
	r.wantConnected("with files from elsewhere")
	r.wantNoFailure()
}

// TestAnEnvoyThatStartedWithoutItsFilesIsMendedByItsBootstrap is not for the oldest
// Envoy, which ends when the files come.
func TestAnEnvoyThatStartedWithoutItsFilesIsMendedByItsBootstrap(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.writeAll(overADS, newUpstream(t))
	dir := t.TempDir()
	r := &rotation{t: t, f: f, c: f.serve(), sds: filepath.Join(t.TempDir(), "sds")}
	files := certtest.Files{CA: dir + "/ca.pem", Cert: dir + "/tls.crt", Key: dir + "/tls.key"}
	r.e = envoy.Start(t, r.bootstrap(files), envoy.Options{})
	for _, secret := range []string{"xds-certificate", "xds-trust"} {
		r.wantAtLeast(1, "sds."+secret+".update_rejected")
	}
	if err := r.e.Ready(); err == nil {
		t.Error("it calls itself ready")
	}
	// Each attempt of an Envoy without secrets is a connection on which nothing comes.
	r.wantSome("contour_xds_tls_handshake_failures_total", "reason", "probe")
	renaming(t, files, newGeneration(f.ca, f.ca.Issue(t, certtest.Client())))
	r.bootstrap(files)
	f.wantAnswer(r.e, "https", "/", "hello")
}
