# shellcheck shell=bash disable=SC2154
# The steps that lead to a real Envoy that serves what is on disk. Sourced by run, which sets the names and ports used here
# and works in the scratch folder.

usage_of() {
    openssl x509 -in "$1" -noout -text | awk '/Extended Key Usage/ { getline; sub(/^ +/, ""); print }'
}

make_resources() {
    step "Copying examples/resources, and adding the HTTPS listener and its secret from examples/https"
    mkdir resources https
    (cd https && run_document "$https_readme" "## Make the secret") >https.log || fail "making the secret failed"
    local file
    for file in "$root"/examples/resources/*.yaml "$root"/examples/https/listener.yaml; do
        # Their ports are 10000, 10443 and 8080, which may be taken here.
        sed -e "s/port_value: 10000\$/port_value: $http_port/" \
            -e "s/port_value: 10443\$/port_value: $https_port/" \
            -e "s/port_value: 8080\$/port_value: $upstream_port/" "$file" >"resources/$(resource_name "$file")"
    done
    mv https/secret.yaml resources/

    "$contour" validate resources >validate.log 2>&1 || fail "the resources are not valid: $(<validate.log)"
    saw "contour validate finds no fault with $(printf '%s ' resources/*)"
}

# resource_name FILE: both folders are copied into one, and https/listener.yaml is called https.yaml there.
resource_name() {
    if [[ $1 == */https/listener.yaml ]]; then
        echo https.yaml
    else
        basename "$1"
    fi
}

start_upstream() {
    step "Starting an upstream, a web server on 127.0.0.1:$upstream_port"
    mkdir upstream
    echo "hello from the upstream" >upstream/index.html
    start upstream python3 -m http.server --bind 127.0.0.1 --directory upstream "$upstream_port"
    expect_answer "hello from the upstream" "http://127.0.0.1:$upstream_port/"
}

start_contour() {
    step "Starting contour serve on 127.0.0.1:$xds_port, which is told nothing of TLS"
    # The folder is one of the demo's own, so that a contour of this machine keeps its.
    start contour "$contour" serve --state-dir state \
        --xds-port "$xds_port" --metrics-port "$metrics_port" \
        --resources resources
    eventually fetch --fail --output /dev/null "http://127.0.0.1:$metrics_port/readyz" || fail "contour did not get ready"
    saw "contour is ready, and has made a CA of its own"
    saw "a key pair for itself: $(usage_of state/contour/contour.pem)"
    saw "a key pair for Envoy: $(usage_of state/envoy/envoy.pem)"
}

start_envoy() {
    step "Writing Envoy's start configuration with contour bootstrap, and starting Envoy"
    "$contour" bootstrap envoy.yaml --state-dir state \
        --xds-port "$xds_port" --admin-port "$admin_port" \
        --node-id demo --node-cluster demo
    start envoy "$envoy" --config-path envoy.yaml --use-dynamic-base-id
    eventually took_listeners || fail "Envoy took no listeners from contour"
    saw "Envoy took its listeners from contour: $(listeners)"
    metric_is 'contour_xds_tls_handshakes_total{result="success"}' 1 || fail "contour did not count one TLS handshake that succeeded"
    saw "contour counted one TLS handshake that succeeded, which was Envoy's"
}

listeners() {
    fetch --fail "http://127.0.0.1:$admin_port/listeners" | tr '\n' ' '
}

took_listeners() {
    [[ $(listeners) == *http::* && $(listeners) == *https::* ]]
}

send_requests() {
    step "Sending requests through Envoy"
    expect_answer "hello from contour" "http://127.0.0.1:$http_port/hello"
    expect_answer "hello from the upstream" "http://127.0.0.1:$http_port/"
    expect_answer "hello from contour" --cacert https/web.pem "https://localhost:$https_port/hello"
    fetch "http://127.0.0.1:$admin_port/config_dump?resource=dynamic_active_secrets" | grep --quiet '"name": "web"' ||
        fail "Envoy's own config_dump knows no secret \"web\" that came over SDS"
    saw "the certificate of that HTTPS listener is in Envoy's config_dump as a secret that came over SDS"
}

change_a_route() {
    step "Changing a route in resources/routes.yaml"
    sed 's/hello from contour/hello again, from another route/' resources/routes.yaml >routes.new
    mv routes.new resources/routes.yaml
    expect_answer "hello again, from another route" "http://127.0.0.1:$http_port/hello"
}
