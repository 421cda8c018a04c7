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

# domains: the keys of config-domain
domains() {
    kubectl --namespace knative-serving get configmap/config-domain --output json | jq --raw-output '.data // {} | keys | join(" ")'
}

magic_dns_gives_a_default_domain_and_gives_way() {
    local domain=${address//./-}.sslip.io
    kubectl apply --kustomize "$repository/deploy/magic-dns" >/dev/null
    kubectl --namespace knative-serving rollout status --timeout=60s deployment/net-pingora >/dev/null
    sleep 10
    expect "beside another default" "$address.nip.io" "$(domains)"
    kubectl --namespace knative-serving patch configmap/config-domain --type json \
        --patch '[{"op": "replace", "path": "/data", "value": {"shop.example.com": "selector: {app: shop}"}}]' >/dev/null
    wait_for 20 "our key" eval "[ \"\$(domains)\" = '$domain shop.example.com' ]"
    wait_for 20 "Serving to take it" eval "[ \"\$(kubectl get ksvc/hello --output jsonpath='{.status.url}')\" = http://hello.default.$domain ]"
    wait_for 20 "an answer" eval "outside curl --silent --fail --max-time 5 --resolve hello.default.$domain:80:$address http://hello.default.$domain/"
    set_config config-domain example.com=
    wait_for 20 "our key to give way" eval "[ \"\$(domains)\" = 'example.com shop.example.com' ]"
}

once install_metallb
once install_gateway
once install_serving
serving_images helloworld
wait_for 30 "the gateway's address" test_output gateway_address
address=$(gateway_address)
host=hello.default.$address.nip.io
run_steps default_domain_is_set make_service first_request_is_answered load_is_answered \
    magic_dns_gives_a_default_domain_and_gives_way
