package handshake_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/contour-xds/contour/internal/handshake"
)

//go:generate go test -run ^TestReferencePage$ -update .

var update = flag.Bool("update", false, "write the reference page anew")

const referencePage = "../../docs/reference/handshake-failures.md"

const referenceHead = `<!-- Generated from the code by ` + "`make generate`" + `; a test fails when it differs. -->

# Handshake failures

` + "`contour_xds_tls_handshake_failures_total{reason}`" + ` counts each TLS handshake on the xDS port that failed, once, by its reason.
All reasons are there from the start, at zero, and no peer can make another one.
A log line has the peer's address, the reason, the words of whoever found the fault, and what the certificate says of itself if one was presented.
When there are many of one reason, ten of them have lines in a minute, and the rest is summed up in one.

What Envoy shows was measured with Envoy 1.40.0 and 1.36.2 and the bootstrap of ` + "`contour bootstrap`" + `.
With every reason ` + "`cluster_manager.cds.update_failure`" + ` rises; the counter that is named here tells more.
The words of the log come at once with ` + "`--component-log-level connection:debug,config:debug`" + `.
At its ordinary level Envoy says nothing for 30 seconds; within a minute comes a warning ` + "`gRPC config stream to contour closed since ...`" + `, which ends with the reason.
A client's certificate is refused after Envoy's own side of the handshake has ended, so that ` + "`cluster.contour.ssl.handshake`" + ` rises as well.

`

// TestReferencePage holds the page to the table that the metric comes from.
func TestReferencePage(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, e := range handshake.Explanations() {
		fmt.Fprintf(&b, "## `%s`\n\n%s\n\n%s\n\n%s\n\n", e.Reason, lines(e.Means), lines(e.Do), envoySide(e.Envoy))
	}
	want := strings.TrimRight(b.String(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(referencePage, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("the page differs from the code; run make generate:\n%s", diff)
	}
}

// envoySide is what Envoy shows, in sentences.
func envoySide(e handshake.EnvoySide) string {
	var parts []string
	if e.Stat != "" {
		parts = append(parts, fmt.Sprintf("%#q rises.", e.Stat))
	}
	if e.Log != "" {
		parts = append(parts, fmt.Sprintf("The log has %#q.", e.Log))
	}
	return "Envoy's side: " + lines(strings.Join(append(parts, e.Note), " "))
}

// lines puts each sentence on a line of its own, as all pages have it.
func lines(text string) string { return strings.ReplaceAll(text, ". ", ".\n") }
