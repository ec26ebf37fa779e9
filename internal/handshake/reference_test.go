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
A log line has the peer's address, the reason and the words of whoever found the fault.

`

// TestReferencePage holds the page to the table that the metric comes from.
func TestReferencePage(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, e := range handshake.Explanations() {
		fmt.Fprintf(&b, "## `%s`\n\n%s\n\n%s\n\n", e.Reason, lines(e.Means), lines(e.Do))
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

// lines puts each sentence on a line of its own, as all pages have it.
func lines(text string) string { return strings.ReplaceAll(text, ". ", ".\n") }
