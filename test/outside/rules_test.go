package outside

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A rule judges the result of one of sslyze's checks.
type rule struct {
	check string
	judge func(json.RawMessage) ([]string, error)
}

// rules are the policy of the channel, in the terms of sslyze.
var rules = []rule{
	{"ssl_2_0_cipher_suites", suites()},
	{"ssl_3_0_cipher_suites", suites()},
	{"tls_1_0_cipher_suites", suites()},
	{"tls_1_1_cipher_suites", suites()},
	{"tls_1_2_cipher_suites", suites()},
	{"tls_1_3_cipher_suites", suites("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")},
	{"elliptic_curves", curves},
	{"certificate_info", deployments},
	{"tls_compression", field("supports_compression", false)},
	{"heartbleed", field("is_vulnerable_to_heartbleed", false)},
	{"openssl_ccs_injection", field("is_vulnerable_to_ccs_injection", false)},
	{"robot", field("robot_result", "NOT_VULNERABLE_RSA_NOT_SUPPORTED")},
	{"session_renegotiation", field("is_vulnerable_to_client_renegotiation_dos", false)},
	{"session_renegotiation", field("supports_secure_renegotiation", true)},
	// No other answer will do, NOT_SUPPORTED least of all: crypto/tls gives out a new
	// ticket with each session that it resumes, and sslyze takes that for a refusal.
	// That no ticket is given out under TLS 1.3 either is asked of openssl.
	{"session_resumption", field("session_id_resumption_result", "SERVER_IS_TLS_1_3_ONLY")},
	{"session_resumption", field("tls_ticket_resumption_result", "SERVER_IS_TLS_1_3_ONLY")},
	{"tls_fallback_scsv", field("supports_fallback_scsv", true)},
	{"tls_extended_master_secret", field("supports_ems_extension", true)},
}

// field holds one field to a value.
func field[T comparable](name string, want T) func(json.RawMessage) ([]string, error) {
	return func(data json.RawMessage) ([]string, error) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(data, &fields); err != nil {
			return nil, err
		}
		value, ok := fields[name]
		if !ok {
			return nil, fmt.Errorf("there is no field %q", name)
		}
		var got T
		if err := json.Unmarshal(value, &got); err != nil {
			return nil, fmt.Errorf("field %q: %w", name, err)
		}
		if got != want {
			return []string{fmt.Sprintf("%s is %v", name, got)}, nil
		}
		return nil, nil
	}
}

// suites holds the cipher suites of a version to a set, all of which must be taken.
func suites(want ...string) func(json.RawMessage) ([]string, error) {
	type suite struct {
		CipherSuite struct{ Name string } `json:"cipher_suite"`
	}
	return func(data json.RawMessage) ([]string, error) {
		var result struct {
			Accepted []suite `json:"accepted_cipher_suites"`
			Rejected []suite `json:"rejected_cipher_suites"`
		}
		if err := json.Unmarshal(data, &result); err != nil {
			return nil, err
		}
		if len(result.Accepted)+len(result.Rejected) == 0 {
			return []string{"no suite was tried"}, nil
		}
		var got []string
		for _, s := range result.Accepted {
			got = append(got, s.CipherSuite.Name)
		}
		return differences(got, want), nil
	}
}

// curves holds the groups of the key exchange to those of crypto/tls that sslyze
// knows, which are all but the hybrid ones.
func curves(data json.RawMessage) ([]string, error) {
	var result struct {
		Supported []struct{ Name string } `json:"supported_curves"`
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, err
	}
	var got []string
	for _, c := range result.Supported {
		got = append(got, c.Name)
	}
	return differences(got, []string{"X25519", "secp256r1", "secp384r1", "secp521r1"}), nil
}

// deployments holds the server to one chain, in order, that the given CA verifies.
func deployments(data json.RawMessage) ([]string, error) {
	type path struct {
		Successful bool                  `json:"was_validation_successful"`
		Store      struct{ Name string } `json:"trust_store"`
	}
	var result struct {
		Deployments []struct {
			Ordered    bool   `json:"received_chain_has_valid_order"`
			WithAnchor bool   `json:"received_chain_contains_anchor_certificate"`
			Paths      []path `json:"path_validation_results"`
		} `json:"certificate_deployments"`
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, err
	}
	if n := len(result.Deployments); n != 1 {
		return []string{fmt.Sprintf("%d chains", n)}, nil
	}
	var findings []string
	d := result.Deployments[0]
	if !d.Ordered {
		findings = append(findings, "the chain is out of order")
	}
	if d.WithAnchor {
		findings = append(findings, "the chain holds its own anchor")
	}
	verified := slices.ContainsFunc(d.Paths, func(p path) bool { return p.Successful && p.Store.Name == suppliedStore })
	if !verified {
		findings = append(findings, "it was not verified by the CA")
	}
	return findings, nil
}

// suppliedStore is what sslyze calls the CA that it was given. The other stores
// are of public CAs.
const suppliedStore = "Supplied CA file"

// differences says what is in one set alone.
func differences(got, want []string) []string {
	var findings []string
	for _, name := range got {
		if !slices.Contains(want, name) {
			findings = append(findings, name+" is accepted")
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			findings = append(findings, name+" is not accepted")
		}
	}
	return findings
}
