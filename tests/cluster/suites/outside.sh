#!/usr/bin/env bash
# parts: networking serving serving_tests metallb
# A Knative Service used from outside the cluster, through the address MetalLB gives the gateway.
. "$(dirname "$0")/../lib/suite.sh"

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
    kubectl apply --filename - >/dev/null <<YAML
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: hello, namespace: default}
spec:
  template:
    spec:
      containers: [{image: "$images/serving-tests/helloworld:$tag"}]
YAML
    kubectl wait --for=condition=Ready --timeout=120s ksvc/hello >/dev/null
    expect "the address of the Service" "http://$host" "$(kubectl get ksvc/hello --output jsonpath='{.status.url}')"
}

first_request_is_answered() {
    local answer
    answer=$(outside curl --silent --show-error --max-time 60 --resolve "$host:80:$address" "http://$host/")
    expect "the answer" "Hello World! How about some tasty noodles?" "$answer"
}

load_is_answered() {
    local report
    report=$(outside hey -z 30s -c 50 -host "$host" "http://$address/")
    grep --extended-regexp 'Requests/sec|99% in|\[[0-9]+\]|Error' <<<"$report"
    expect "the statuses of all answers" "[200]" "$(sed -n '/^Status code/,$ s/^ *\(\[[0-9]*\]\).*/\1/p' <<<"$report" | paste --serial --delimiters=' ')"
    ! grep --quiet 'Error distribution' <<<"$report" || fail "hey saw errors"
}

once install_metallb
once install_gateway
once install_serving
import_images $images/serving-tests $tag "$(part serving_tests)/images/helloworld"
wait_for 30 "the gateway's address" test_output gateway_address
address=$(gateway_address)
host=hello.default.$address.nip.io
run_steps default_domain_is_set make_service first_request_is_answered load_is_answered
