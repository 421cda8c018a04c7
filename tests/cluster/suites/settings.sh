#!/usr/bin/env bash
# parts: networking
# ConfigMap config-pingora: in effect without a restart; what is wrong in it is told on it and ignored; what a site would
# take for protection is refused.
. "$(dirname "$0")/../lib/suite.sh"

set_pingora() {
    kubectl create configmap config-pingora --namespace knative-serving "${@/#/--from-literal=}" --dry-run=client --output yaml |
        kubectl apply --filename - >/dev/null
}

# answer_to PATH: the status of an answer at the gateway's public listener
answer_to() {
    curl --silent --output /dev/null --write-out '%{http_code}' --header "Host: $host" "http://$gateway:8080$1" || true
}

# condition TYPE
condition() {
    kubectl --namespace settings get kingress/app-0 --output json |
        jq --raw-output ".status.conditions[] | select(.type == \"$1\") | .status + \" \" + (.reason // \"\")"
}

# is WANTED COMMAND...: whether it prints that
is() {
    [ "$("${@:2}")" = "$1" ]
}

events() {
    kubectl --namespace knative-serving get events --field-selector involvedObject.name=config-pingora,reason=InvalidSetting \
        --output jsonpath='{range .items[*]}{.message}{"\n"}{end}'
}

told() {
    events | grep --quiet --fixed-strings "$1"
}

a_setting_is_in_effect_at_once() {
    expect "a long target" 200 "$(answer_to /a-target-of-some-length)"
    set_pingora max-uri-bytes=10
    wait_for 5 "the new bound" is 414 answer_to /a-target-of-some-length
    expect "a short target" 200 "$(answer_to /short)"
}

a_wrong_key_is_told_and_ignored() {
    set_pingora max-uri-bytes=10 max-uri-byts=5 head-timeout=soon threads=3
    for key in max-uri-byts head-timeout threads; do
        wait_for 20 "an event about $key" told "data[\"$key\"]"
    done
    expect "a long target" 414 "$(answer_to /a-target-of-some-length)"
}

external_authorization_is_refused() {
    set_pingora extauthz-host=auth.default:6000
    wait_for 10 "a KIngress that is not Ready" is "False AuthorizationNotSupported" condition Ready
    wait_for 20 "an event about it" told 'data["extauthz-host"]'
}

without_the_config_map_all_is_as_before() {
    kubectl --namespace knative-serving delete configmap/config-pingora >/dev/null
    wait_for 10 "a KIngress that is Ready" is "True " condition Ready
    wait_for 5 "the old bound" is 200 answer_to /a-target-of-some-length
}

# over_tls [FLAGS]: the status of an answer at the gateway's public HTTPS listener, 000 for a handshake that failed
over_tls() {
    curl --silent --output /dev/null --write-out '%{http_code}' --cacert "$state/pki/ca.crt" --resolve "$host:8443:$gateway" "$@" \
        "https://$host:8443/" || true
}

# The cluster's authority vouches for the gateway, and for one client of two.
clients_show_certificates() {
    (cd "$state/pki" && certificate front /CN=front "DNS:$host" && certificate known /CN=known DNS:known) 2>/dev/null
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$state/pki/unknown.key" \
        -out "$state/pki/unknown.crt" -subj /CN=unknown -days 1 2>/dev/null
    kubectl create secret tls front --namespace knative-serving --cert "$state/pki/front.crt" --key "$state/pki/front.key" >/dev/null
    set_pingora default-certificate=front
    wait_for 5 "the default certificate" is 200 over_tls
    set_pingora default-certificate=front client-certificates=required
    wait_for 5 "no client without an authority" is 000 over_tls --cert "$state/pki/known.crt" --key "$state/pki/known.key"
    kubectl create configmap clients --namespace knative-serving --from-file "$state/pki/ca.crt" >/dev/null
    kubectl label configmap/clients --namespace knative-serving pingora.networking.knative.dev/client-authorities= >/dev/null
    wait_for 5 "a known client" is 200 over_tls --cert "$state/pki/known.crt" --key "$state/pki/known.key"
    expect "an unknown client" 000 "$(over_tls --cert "$state/pki/unknown.crt" --key "$state/pki/unknown.key")"
    expect "a client without a certificate" 000 "$(over_tls)"
}

a_load_balancer_tells_its_client() {
    set_pingora "proxy-protocol=$node_address/32"
    wait_for 5 "a connection without the header to be refused" is 000 answer_to /short
    expect "a connection with it" 200 "$(curl --silent --output /dev/null --write-out '%{http_code}' --haproxy-protocol \
        --header "Host: $host" "http://$gateway:8080/")"
    set_pingora
    wait_for 5 "a connection without it" is 200 answer_to /short
}

without_an_authority_no_pod_is_believed() {
    set_config config-network system-internal-tls=Enabled
    wait_for 10 "a KIngress that is not Ready" is "False NoTrustedAuthority" condition Ready
    expect "an answer" 503 "$(answer_to /short)"
    set_config config-network system-internal-tls=Disabled
}

nothing_was_restarted() {
    expect restarts 0 "$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[0].status.containerStatuses[0].restartCount}')"
}

once install_networking_images
once install_gateway
gateway=$(kubectl --namespace knative-serving get pods --selector app.kubernetes.io/name=net-pingora --output jsonpath='{.items[0].status.podIP}')
scale -namespace settings -kingresses 1 -changes 0 >/dev/null
host=app-0.settings.example.com
run_steps a_setting_is_in_effect_at_once a_wrong_key_is_told_and_ignored external_authorization_is_refused \
    without_the_config_map_all_is_as_before clients_show_certificates a_load_balancer_tells_its_client \
    without_an_authority_no_pod_is_believed nothing_was_restarted
