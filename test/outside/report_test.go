package outside

import (
	"encoding/json"
	"fmt"
	"strings"
)

// report is the part of sslyze's JSON that is judged.
type report struct {
	InvalidServerStrings []json.RawMessage `json:"invalid_server_strings"`
	ServerScanResults    []struct {
		ConnectivityStatus string `json:"connectivity_status"`
		ConnectivityResult struct {
			HighestVersion string `json:"highest_tls_version_supported"`
			ClientAuth     string `json:"client_auth_requirement"`
		} `json:"connectivity_result"`
		ScanStatus string           `json:"scan_status"`
		ScanResult map[string]check `json:"scan_result"`
	} `json:"server_scan_results"`
}

// check is what came of one scan command.
type check struct {
	Status      string          `json:"status"`
	ErrorReason string          `json:"error_reason"`
	Result      json.RawMessage `json:"result"`
}

// parse reads a report of one server that could be reached.
func parse(data []byte) (report, error) {
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("parsing sslyze's report: %w", err)
	}
	if len(r.InvalidServerStrings) > 0 || len(r.ServerScanResults) != 1 {
		return r, fmt.Errorf("parsing sslyze's report: it is of %d servers", len(r.ServerScanResults))
	}
	if s := r.ServerScanResults[0]; s.ConnectivityStatus != "COMPLETED" || s.ScanStatus != "COMPLETED" {
		return r, fmt.Errorf("parsing sslyze's report: connectivity is %s, the scan is %s", s.ConnectivityStatus, s.ScanStatus)
	}
	return r, nil
}

// strangersFindings are what is wrong with a server by the report of a scan
// without a client certificate, which gets no further than the door.
func strangersFindings(data []byte) ([]string, error) {
	r, err := parse(data)
	if err != nil {
		return nil, err
	}
	var findings []string
	c := r.ServerScanResults[0].ConnectivityResult
	if c.ClientAuth != "REQUIRED" {
		findings = append(findings, "client authentication is "+c.ClientAuth)
	}
	if c.HighestVersion != "TLS_1_3" {
		findings = append(findings, "the highest version is "+c.HighestVersion)
	}
	return findings, nil
}

// clientsFindings are what is wrong with a server by the report of a scan with a
// client certificate, for which every check must have run to its end: one that did
// not proves nothing.
func clientsFindings(data []byte) ([]string, error) {
	r, err := parse(data)
	if err != nil {
		return nil, err
	}
	var findings []string
	for _, rule := range rules {
		c := r.ServerScanResults[0].ScanResult[rule.check]
		if c.Status != "COMPLETED" {
			findings = append(findings, strings.TrimSpace(fmt.Sprintf("%s: %s %s", rule.check, c.Status, c.ErrorReason)))
			continue
		}
		found, err := rule.judge(c.Result)
		if err != nil {
			return nil, fmt.Errorf("judging %s: %w", rule.check, err)
		}
		for _, f := range found {
			findings = append(findings, rule.check+": "+f)
		}
	}
	return findings, nil
}
