package revocation_test

import (
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/internal/files"
	"github.com/contour-xds/contour/internal/logtest"
	"github.com/contour-xds/contour/internal/revocation"
)

// followed is a checker of a file, with a peer to check.
type followed struct {
	*revocation.Checker
	ca   *certtest.CA
	leaf *x509.Certificate
	path string
	log  *logtest.Buffer
}

func follow(t *testing.T, choice revocation.Choice, list func(*followed) []byte) *followed {
	t.Helper()
	f := &followed{ca: certtest.NewCA(t, "root"), path: filepath.Join(t.TempDir(), "crl.pem"), log: new(logtest.Buffer)}
	f.leaf = f.ca.Issue(t, certtest.Client()).Chain[0]
	f.put(t, list(f))
	f.open(t, choice)
	return f
}

func (f *followed) open(t *testing.T, choice revocation.Choice) {
	t.Helper()
	var err error
	f.Checker, err = revocation.New(revocation.Config{
		Path: f.path, Unavailable: choice, Logger: slog.New(slog.NewTextHandler(f.log, nil)),
		Poll: 10 * time.Millisecond, Settle: time.Millisecond, Patience: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
}

// put replaces the file as an operator should.
func (f *followed) put(t *testing.T, data []byte) {
	t.Helper()
	if err := files.WriteAtomic(f.path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *followed) empty(t *testing.T) []byte { return f.ca.RevocationList(t, certtest.List{}) }

func (f *followed) revoking(t *testing.T) []byte {
	return f.ca.RevocationList(t, revoking(certtest.List{}, f.leaf))
}

func (f *followed) verdict() string {
	return verdict(f.Check([][]*x509.Certificate{{f.leaf, f.ca.Cert}}))
}

func awaited(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing changed")
	}
}

func TestANewListTakesEffectAndABadOneDoesNot(t *testing.T) {
	f := follow(t, revocation.Refuse, func(f *followed) []byte { return f.empty(t) })
	if got := f.verdict(); got != "good" {
		t.Fatalf("at first: %s", got)
	}
	changed := f.Changed()
	f.put(t, f.revoking(t))
	awaited(t, changed)
	if got := f.verdict(); got != "revoked" {
		t.Errorf("after the new list: %s", got)
	}
	f.put(t, f.ca.KeyPEM(t))
	until(t, "the key is refused", func() bool { return strings.Contains(f.log.String(), "is no certificate revocation list") })
	if got := f.verdict(); got != "revoked" {
		t.Errorf("after a bad file: %s", got)
	}
	logtest.Silent(t, f.log.String(), der(t, f.ca.KeyPEM(t)))
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	until(t, "the missing file is told", func() bool { return strings.Contains(f.log.String(), "does not exist") })
	changed = f.Changed()
	f.put(t, f.empty(t))
	awaited(t, changed)
	if got := f.verdict(); got != "good" {
		t.Errorf("when it is taken back: %s", got)
	}
}

// TestASwapOfKubernetesTakesEffect has the list in a mounted ConfigMap.
func TestASwapOfKubernetesTakesEffect(t *testing.T) {
	f := follow(t, revocation.Refuse, func(f *followed) []byte { return f.empty(t) })
	mounted := filepath.Join(t.TempDir(), "mounted")
	swap := func(data []byte) {
		if err := files.WriteSet(mounted, map[string][]byte{"crl.pem": data}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	swap(f.empty(t))
	f.path = filepath.Join(mounted, "crl.pem")
	f.open(t, revocation.Refuse)
	changed := f.Changed()
	swap(f.revoking(t))
	awaited(t, changed)
	if got := f.verdict(); got != "revoked" {
		t.Errorf("after the swap: %s", got)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

func TestAListThatIsWrongAtTheStartIsAnError(t *testing.T) {
	for name, says := range map[string]string{"missing": "does not exist", "a certificate": "keep nothing but lists in this file"} {
		path := filepath.Join(t.TempDir(), "crl.pem")
		if name != "missing" {
			certtest.WriteFile(t, path, certtest.NewCA(t, "root").PEM())
		}
		_, err := revocation.New(revocation.Config{Path: path})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "--contour-crlfile \"") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatIsNotKnownIsRefusedOrLetInWithAWord(t *testing.T) {
	ofOther := func(*followed) []byte { return certtest.NewCA(t, "other").RevocationList(t, certtest.List{}) }
	if got := follow(t, revocation.Refuse, ofOther).verdict(); got != "missing" {
		t.Errorf("refuse: %s", got)
	}
	f := follow(t, revocation.Warn, ofOther)
	for range 50 {
		if got := f.verdict(); got != "good" {
			t.Errorf("warn: %s", got)
		}
	}
	told := func() int { return strings.Count(f.log.String(), "nobody can say") }
	if told() != 1 || !strings.Contains(f.log.String(), `issuer="CN=root" why=missing`) {
		t.Errorf("it says:\n%s", f.log)
	}
	changed := f.Changed()
	f.put(t, f.ca.RevocationList(t, ended))
	awaited(t, changed)
	f.verdict()
	f.verdict()
	if told() != 2 || !strings.Contains(f.log.String(), "why=expired") {
		t.Errorf("of the new list it says:\n%s", f.log)
	}
	changed = f.Changed()
	f.put(t, f.ca.RevocationList(t, ended)) // no better than the one before
	awaited(t, changed)
	f.verdict()
	if told() != 3 {
		t.Errorf("of one more that is no better it says:\n%s", f.log)
	}
	f.put(t, f.revoking(t))
	until(t, "the revoked peer is refused", func() bool { return f.verdict() == "revoked" })
	if err := f.Check(nil); err == nil {
		t.Error("a peer without a chain is let in")
	}
}

func TestWhatIsNotKnownIsToldAgainAfterAMinute(t *testing.T) {
	f := follow(t, revocation.Warn, func(f *followed) []byte { return f.empty(t) })
	now, log := time.Now().Add(2*time.Hour), new(logtest.Buffer)
	checker, err := revocation.New(revocation.Config{
		Path: f.path, Unavailable: revocation.Warn, Logger: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	for range 180 { // a handshake each second
		if err := checker.Check([][]*x509.Certificate{{f.leaf, f.ca.Cert}}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if got := strings.Count(log.String(), "nobody can say"); got != 3 {
		t.Errorf("in three minutes it said so %d times:\n%s", got, log)
	}
	if !strings.Contains(log.String(), "a revocation list has ended") {
		t.Errorf("it starts without a word:\n%s", log)
	}
}

func TestMetrics(t *testing.T) {
	f := follow(t, revocation.Warn, func(f *followed) []byte { return f.ca.RevocationList(t, ended) })
	f.verdict()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(f.Checker); err != nil {
		t.Fatal(err)
	}
	const want = `# HELP contour_crl_unknown_total Times that nobody could say whether a peer's certificate is revoked, by why. With --contour-crl-unavailable warn it was let in, or stayed.
# TYPE contour_crl_unknown_total counter
contour_crl_unknown_total{why="expired"} 1
contour_crl_unknown_total{why="missing"} 0
contour_crl_unknown_total{why="not_permitted"} 0
contour_crl_unknown_total{why="not_yet_valid"} 0
contour_crl_unknown_total{why="wrong_signature"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "contour_crl_unknown_total"); err != nil {
		t.Error(err)
	}
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range gathered {
		if family.GetName() == "contour_crl_next_update_timestamp_seconds" {
			if got := family.GetMetric()[0].GetGauge().GetValue(); got != float64(ended.NextUpdate.Unix()) {
				t.Errorf("the next update is at %v", got)
			}
			return
		}
	}
	t.Error("there is no metric of the next update")
}

func TestChoicesAreWhatTheySay(t *testing.T) {
	for _, choice := range []revocation.Choice{revocation.Refuse, revocation.Warn} {
		if got, err := revocation.ParseChoice(choice.String()); err != nil || got != choice {
			t.Errorf("%s: got %s, %v", choice, got, err)
		}
	}
	if _, err := revocation.ParseChoice("open"); err == nil || !strings.Contains(err.Error(), "give refuse or warn") {
		t.Errorf("got %v", err)
	}
}
