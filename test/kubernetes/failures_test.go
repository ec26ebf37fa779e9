package kubernetes

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
	"github.com/contour-xds/contour/test/envoy"
)

// TestFailuresLookAsTheHowtoSays makes the mistakes of the howto's table, and finds
// on both sides what it tells people to look for.
func TestFailuresLookAsTheHowtoSays(t *testing.T) {
	howto := string(readFile(t, "../../docs/howto/split-deployment.md"))
	unnamed := certtest.Server()
	unnamed.DNSNames = []string{"contour.contour.svc"}
	for _, test := range []struct {
		wrong  string
		side   string
		leaf   certtest.Leaf
		other  string // what is of another CA: the pair, the bundle or nothing
		reason string
		stat   string
	}{
		{"Envoy's certificate is of another CA than contour's bundle has", "envoy", certtest.Client(), "pair", "unknown_ca", "cluster.contour.ssl.handshake"},
		{"contour's certificate is of another CA than Envoy's bundle has", "envoy", certtest.Client(), "bundle", "peer_alert_unknown_ca", "cluster.contour.ssl.fail_verify_error"},
		{"contour's certificate does not bear the name that Envoy demands", "contour", unnamed, "", "peer_alert_other", "cluster.contour.ssl.fail_verify_san"},
	} {
		t.Run(test.wrong, func(t *testing.T) {
			row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(test.wrong) + ` \|.*$`).FindString(howto)
			if !strings.Contains(row, "reason `"+test.reason+"`") || !strings.Contains(row, "`"+test.stat+"`") {
				t.Errorf("the howto's row is %q", row)
			}
			d := newDeployment(t)
			stranger := certtest.NewCA(t, "other")
			issuer, bundle := d.ca, d.ca.PEM()
			switch test.other {
			case "pair":
				issuer = stranger
			case "bundle":
				bundle = stranger.PEM()
			}
			pair := issuer.Issue(t, test.leaf)
			d.objects["Secret "+test.side+"-channel"] = content{"tls.crt": pair.CertPEM(), "tls.key": pair.KeyPEM(t), "ca.crt": bundle}
			c := d.startContour(d.xds)
			d.startEnvoy()
			wantNonZero(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", c.metrics), `contour_xds_tls_handshake_failures_total{reason="`+test.reason+`"} `)
			wantNonZero(t, fmt.Sprintf("http://127.0.0.1:%d/stats", d.admin), test.stat+": ")
			wantNonZero(t, fmt.Sprintf("http://127.0.0.1:%d/stats", d.admin), "cluster_manager.cds.update_failure: ")
			if err := probe(d.probe["envoy"], d.readiness); err == nil {
				t.Error("Envoy is ready")
			}
		})
	}
}

// wantNonZero waits until a line that begins so ends in another number than zero.
func wantNonZero(t *testing.T, url, beginning string) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(beginning) + `[1-9]`)
	envoy.Eventually(t, deadline, beginning+"is not 0", func() error {
		text, err := fetch(url)
		if err == nil && !line.MatchString(text) {
			err = fmt.Errorf("it is")
		}
		return err
	})
}
