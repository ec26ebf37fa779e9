package outside

import (
	"encoding/json"
	"testing"

	"github.com/contour-xds/contour/internal/certtest"
)

// spoilt is a report that differs from a clean one in a single check.
type spoilt struct {
	check string
	spoil func(map[string]any)
	// want are the findings, all of that check.
	want []string
}

// TestEachRuleCanFail spoils a clean report in one place at a time, since no
// server of today has the faults that most rules are about.
func TestEachRuleCanFail(t *testing.T) {
	clean := newFixture(t, certtest.ECDSA).scanAsClient()
	wantFindings(t, nil, clientsFindings, clean)
	// What a row spoils: a field of the check's result, or of the one chain in it.
	chain := func(c map[string]any) map[string]any {
		return c["result"].(map[string]any)["certificate_deployments"].([]any)[0].(map[string]any)
	}
	result := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c["result"].(map[string]any)[name] = value }
	}
	taken := []any{map[string]any{"cipher_suite": map[string]any{"name": "OLD"}}}
	rows := []spoilt{
		{"ssl_2_0_cipher_suites", result("accepted_cipher_suites", taken), []string{"OLD is accepted"}},
		{"ssl_3_0_cipher_suites", result("accepted_cipher_suites", taken), []string{"OLD is accepted"}},
		{"tls_1_0_cipher_suites", result("accepted_cipher_suites", taken), []string{"OLD is accepted"}},
		{"tls_1_1_cipher_suites", result("accepted_cipher_suites", taken), []string{"OLD is accepted"}},
		{"tls_1_2_cipher_suites", result("accepted_cipher_suites", taken), []string{"OLD is accepted"}},
		{"tls_1_2_cipher_suites", result("rejected_cipher_suites", nil), []string{"no suite was tried"}},
		{"tls_1_3_cipher_suites", result("accepted_cipher_suites", taken), []string{
			"OLD is accepted", "TLS_AES_128_GCM_SHA256 is not accepted",
			"TLS_AES_256_GCM_SHA384 is not accepted", "TLS_CHACHA20_POLY1305_SHA256 is not accepted",
		}},
		{"elliptic_curves", result("supported_curves", []any{map[string]any{"name": "secp192r1"}}), []string{
			"secp192r1 is accepted", "X25519 is not accepted", "secp256r1 is not accepted", "secp384r1 is not accepted", "secp521r1 is not accepted",
		}},
		{"certificate_info", result("certificate_deployments", nil), []string{"0 chains"}},
		{"certificate_info", func(c map[string]any) { chain(c)["received_chain_has_valid_order"] = false }, []string{"the chain is out of order"}},
		{"certificate_info", func(c map[string]any) { chain(c)["received_chain_contains_anchor_certificate"] = true }, []string{"the chain holds its own anchor"}},
		{"certificate_info", func(c map[string]any) { chain(c)["path_validation_results"] = nil }, []string{"it was not verified by the CA"}},
		{"tls_compression", result("supports_compression", true), []string{"supports_compression is true"}},
		{"heartbleed", result("is_vulnerable_to_heartbleed", true), []string{"is_vulnerable_to_heartbleed is true"}},
		{"heartbleed", func(c map[string]any) { c["status"], c["error_reason"] = "ERROR", "BUG_IN_SSLYZE" }, []string{"ERROR BUG_IN_SSLYZE"}},
		{"openssl_ccs_injection", result("is_vulnerable_to_ccs_injection", true), []string{"is_vulnerable_to_ccs_injection is true"}},
		{"robot", result("robot_result", "VULNERABLE_STRONG_ORACLE"), []string{"robot_result is VULNERABLE_STRONG_ORACLE"}},
		{"session_renegotiation", result("is_vulnerable_to_client_renegotiation_dos", true), []string{"is_vulnerable_to_client_renegotiation_dos is true"}},
		{"session_renegotiation", result("supports_secure_renegotiation", false), []string{"supports_secure_renegotiation is false"}},
		{"session_resumption", result("session_id_resumption_result", "NOT_SUPPORTED"), []string{"session_id_resumption_result is NOT_SUPPORTED"}},
		{"session_resumption", result("tls_ticket_resumption_result", "PARTIALLY_SUPPORTED"), []string{"tls_ticket_resumption_result is PARTIALLY_SUPPORTED"}},
		{"tls_fallback_scsv", result("supports_fallback_scsv", false), []string{"supports_fallback_scsv is false"}},
		{"tls_extended_master_secret", result("supports_ems_extension", false), []string{"supports_ems_extension is false"}},
	}
	seen := make(map[string]bool)
	for _, row := range rows {
		seen[row.check] = true
		t.Run(row.check+": "+row.want[0], func(t *testing.T) {
			var want []string
			for _, words := range row.want {
				want = append(want, row.check+": "+words)
			}
			wantFindings(t, want, clientsFindings, spoil(t, clean, row.check, row.spoil))
		})
	}
	for _, rule := range rules {
		if !seen[rule.check] {
			t.Errorf("no row spoils %s", rule.check)
		}
	}
}

// spoil returns a report whose result of one check is changed.
func spoil(t *testing.T, data []byte, check string, change func(map[string]any)) []byte {
	t.Helper()
	var report struct {
		InvalidServerStrings []any            `json:"invalid_server_strings"`
		ServerScanResults    []map[string]any `json:"server_scan_results"`
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	checks := report.ServerScanResults[0]["scan_result"].(map[string]any)
	change(checks[check].(map[string]any))
	out, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
