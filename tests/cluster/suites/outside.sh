#!/usr/bin/env bash
# parts: networking serving serving_tests metallb
# A Knative Service used from outside the cluster, through the address MetalLB gives the gateway.
. "$(dirname "$0")/../lib/suite.sh"
. "$harness/lib/services.sh"

# Serving's job that names the default domain after the gateway's address.
default_domain_is_set() {
    local job=$state/tmp/default-domain.yaml domains
    kubectl --namespace knative-serving patch configmap/config-domain --type merge --patch '{"data": {"example.com": null}}' >/dev/null
    sed 's/-magic-dns=.*"/-magic-dns=sslip.io"/' "$(part serving)/serving/post-install/default-domain.yaml" >"$job"
    apply "$job"
    kubectl --namespace knative-serving wait --for=condition=Complete --timeout=60s job/default-domain >/dev/null
    domains=$(kubectl --namespace knative-serving get configmap/config-domain --output jsonpath='{.data}')
    expect "Serving's default domain" "$address.sslip.io" "$(jq --raw-output 'keys[] | select(endswith("sslip.io"))' <<<"$domains")"
}

make_service() {
    kubectl --namespace knative-serving patch configmap/config-domain --type json \
        --patch "[{\"op\": \"replace\", \"path\": \"/data\", \"value\": {\"$address.nip.io\": \"\"}}]" >/dev/null
    service hello helloworld
    services_are_ready
    expect "the address of the Service" "http://$host" "$(kubectl get ksvc/hello --output jsonpath='{.status.url}')"
}

first_request_is_answered() {
    local answer
    answer=$(outside curl --silent --show-error --max-time 60 --resolve "$host:80:$address" "http://$host/")
    expect "the answer" "Hello World! How about some tasty noodles?" "$answer"
}

load_is_answered() {
    answered_200 outside hey -z 30s -c 50 -host "$host" "http://$address/"
}

once install_metallb
once install_gateway
once install_serving
serving_images helloworld
wait_for 30 "the gateway's address" test_output gateway_address
address=$(gateway_address)
host=hello.default.$address.nip.io
run_steps default_domain_is_set make_service first_request_is_answered load_is_answered
