package credentials_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/credentials"
	"github.com/contour-xds/contour/internal/logtest"
)

func newFile(t *testing.T, f *fixture) (*credentials.File, *logtest.Buffer) {
	t.Helper()
	log := &logtest.Buffer{}
	provider, err := credentials.NewFile(credentials.FileConfig{
		Files: f.set(), Logger: slog.New(slog.NewTextHandler(log, nil)), Poll: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := provider.Close(); err != nil {
			t.Error(err)
		}
	})
	return provider, log
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never came: %s", what)
}

func restartRequired(f *credentials.File) float64 { return testutil.ToFloat64(f) }

func TestFileSaysThatARestartIsDueAndServesOnWhatItLoaded(t *testing.T) {
	f := newFixture(t, certtest.Server())
	provider, log := newFile(t, f)
	loaded, _ := provider.Material()
	if restartRequired(provider) != 0 {
		t.Fatal("a restart is due from the start")
	}
	old := *f

	f.reissue(func(*certtest.Leaf) {})
	eventually(t, "restart required", func() bool { return restartRequired(provider) == 1 })
	eventually(t, "a line that names what changed", func() bool {
		return strings.Contains(log.String(), "--contour-mtls-cert "+f.files.Cert) &&
			strings.Contains(log.String(), "--contour-mtls-key "+f.files.Key)
	})
	if strings.Contains(log.String(), "--contour-cafile") {
		t.Errorf("the CA file did not change, yet: %s", log)
	}
	if now, _ := provider.Material(); now != loaded {
		t.Error("the material changed without a restart")
	}

	certtest.WriteFiles(t, t.TempDir(), f.ca, f.pair) // elsewhere: of no concern
	f.write(f.files.Cert, old.pair.CertPEM())
	f.write(f.files.Key, old.pair.KeyPEM(t))
	eventually(t, "no restart required after the old files came back", func() bool { return restartRequired(provider) == 0 })
	f.keepsTheKey(log.String())
	old.keepsTheKey(log.String())
}

func TestFileCountsARemovedFileAsAChange(t *testing.T) {
	f := newFixture(t, certtest.Server())
	provider, _ := newFile(t, f)
	f.remove(f.files.CA)
	eventually(t, "restart required", func() bool { return restartRequired(provider) == 1 })
}

func TestFileIsSilentWhenTheSameContentIsWrittenAgain(t *testing.T) {
	f := newFixture(t, certtest.Server())
	provider, log := newFile(t, f)
	f.write(f.files.Key, f.pair.KeyPEM(t))
	time.Sleep(300 * time.Millisecond) // long enough for poll and settling to have seen it
	if restartRequired(provider) != 0 || log.String() != "" {
		t.Errorf("gauge %v, log %q", restartRequired(provider), log)
	}
}

func TestFileCloseMayBeCalledAgainAndKeepsTheMaterial(t *testing.T) {
	provider, _ := newFile(t, newFixture(t, certtest.Server()))
	for range 2 {
		if err := provider.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := provider.Material(); m == nil || err != nil {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestCollectorReportsDates(t *testing.T) {
	f := newFixture(t, certtest.Server())
	provider, _ := newFile(t, f)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(credentials.NewCollector(provider), provider)
	m, _ := provider.Material()
	want := fmt.Sprintf(`# HELP contour_credentials_loaded_timestamp_seconds When the credentials in force were loaded, in Unix time.
# TYPE contour_credentials_loaded_timestamp_seconds gauge
contour_credentials_loaded_timestamp_seconds %d
# HELP contour_credentials_not_after_timestamp_seconds When the channel's certificates end, in Unix time: the server's own leaf, and of its intermediates and of the CA bundle the one that ends first.
# TYPE contour_credentials_not_after_timestamp_seconds gauge
contour_credentials_not_after_timestamp_seconds{certificate="ca"} %d
contour_credentials_not_after_timestamp_seconds{certificate="leaf"} %d
`, m.Loaded().Unix(), f.ca.Cert.NotAfter.Unix(), f.pair.Chain[0].NotAfter.Unix())
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"contour_credentials_loaded_timestamp_seconds", "contour_credentials_not_after_timestamp_seconds")
	if err != nil {
		t.Error(err)
	}
}
