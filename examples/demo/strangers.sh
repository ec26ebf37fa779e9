# shellcheck shell=bash disable=SC2154
# The steps that show strangers refused and counted. Sourced by run.

# knock CURL_ARGUMENTS...: makes a connection to contour's xDS port, and prints the HTTP status that it got.
knock() {
    fetch --http2 --cacert state/envoy/ca.pem --resolve "contour:$xds_port:127.0.0.1" \
        --output /dev/null --write-out '%{http_code}' "$@" "https://contour:$xds_port/" 2>/dev/null
}

refuse_strangers() {
    step "Knocking at contour's door with curl, which speaks no gRPC but can show whom TLS lets in"
    "$contour" certgen stranger >stranger.log 2>&1 || fail "making a stranger's CA and certificates failed: $(<stranger.log)"
    local status
    status=$(knock --cert state/envoy/envoy.pem --key state/envoy/envoy-key.pem) || true
    [[ $status == 4* ]] || fail "a client with Envoy's certificate got HTTP status \"$status\", not one that asks for gRPC"
    saw "a client with Envoy's key pair is let in, to be told that this is no gRPC (HTTP $status)"
    expect_refusal "a client with no certificate" no_certificate
    expect_refusal "a client with a certificate of another CA" unknown_ca \
        --cert stranger/envoy/envoy.pem --key stranger/envoy/envoy-key.pem
}

# failures REASON: the series that counts the handshakes that contour refused for a reason.
failures() {
    printf 'contour_xds_tls_handshake_failures_total{reason="%s"}' "$1"
}

# expect_refusal CLIENT REASON CURL_ARGUMENTS...: in TLS 1.3 a client is done before the server has looked at its
# certificate, so that what the client sees varies; contour's own count is what tells.
expect_refusal() {
    local client=$1 reason=$2
    shift 2
    local before
    before=$(metric "$(failures "$reason")")
    if knock "$@" >/dev/null; then
        fail "$client was let in"
    fi
    eventually metric_is "$(failures "$reason")" "$((before + 1))" || fail "$client was not counted as \"$reason\""
    saw "$client is refused, and counted as \"$reason\""
}

show_counts() {
    step "Reading the counts on $metrics_url"
    fetch --fail "$metrics_url" | awk '/^contour_xds_tls_handshake.*_total\{/ && $2 > 0 { print "   " $0 }'
    metric_is "$(failures no_certificate)" 1 || fail "one client had no certificate, which is not what /metrics says"
    metric_is "$(failures unknown_ca)" 1 || fail "one client was of another CA, which is not what /metrics says"
    saw "one client with no certificate and one of another CA"
}
