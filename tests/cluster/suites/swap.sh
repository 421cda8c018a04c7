#!/usr/bin/env bash
# parts: networking serving serving_tests
# The commands of docs/activator.md, there and back, under load: no request is lost.
. "$(dirname "$0")/../lib/suite.sh"

host=hello.default.example.com

make_service() {
    import_images $images/serving-tests $tag "$(part serving_tests)/images/helloworld"
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
}

# At a port of the node: requests find the pods that are ready.
gateway_port() {
    kubectl --namespace knative-serving get service/net-pingora --output jsonpath='{.spec.ports[?(@.name=="http2")].nodePort}'
}

activators() {
    kubectl --namespace knative-serving get endpoints/activator-service --output jsonpath='{.subsets[*].addresses[*].targetRef.name}'
}

only_ours_are_activators() {
    [[ $(activators) == net-pingora-* && $(activators) != *" "* ]]
}

only_servings_are_activators() {
    [[ $(activators) == activator-* && $(activators) != *" "* ]]
}

there() {
    kubectl apply -k "$repository/deploy/knative-activator" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    kubectl -n knative-serving scale deployment/activator --replicas=0 >/dev/null
    wait_for 60 "activators of ours alone" only_ours_are_activators
}

back() {
    kubectl -n knative-serving scale deployment/activator --replicas=1 >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/activator >/dev/null
    kubectl apply -k "$repository/deploy/knative" >/dev/null
    kubectl -n knative-serving rollout status --timeout=120s deployment/net-pingora >/dev/null
    wait_for 60 "activators of Serving's alone" only_servings_are_activators
}

no_request_is_lost_on_the_way_there_and_back() {
    local report load url
    url=http://$node_address:$(gateway_port)/
    hey -z 100s -c 10 -q 10 -disable-keepalive -host "$host" "$url" >"$state/tmp/hey.txt" &
    load=$!
    sleep 5
    there
    sleep 15
    back
    wait $load
    report=$(cat "$state/tmp/hey.txt")
    grep --extended-regexp 'Requests/sec|99% in|responses|Error' <<<"$report"
    expect "the statuses of all answers" "[200]" "$(sed -n '/^Status code/,$ s/^ *\(\[[0-9]*\]\).*/\1/p' <<<"$report" | paste --serial --delimiters=' ')"
    ! grep --quiet 'Error distribution' <<<"$report" || fail "hey saw errors"
}

once install_serving
once install_gateway
make_service
run_steps no_request_is_lost_on_the_way_there_and_back
